"""The folder of learned announcements: read, changed, undone, refused."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli
from announced import RATE, learned, noisy, sound_of

from recognizer.base.data_files import TomlFile, read_toml
from recognizer.base.errors import AnnouncementError
from recognizer.model import Audio, CallOutcome
from recognizer.recognition.announcements import store as store_module
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.files import from_files, to_files
from recognizer.recognition.announcements.following import FollowedLibrary
from recognizer.recognition.announcements.learning import learn
from recognizer.recognition.announcements.store import AnnouncementStore

NAME = "temporarily-blocked-number.wav"
OTHER = "does-not-exist.wav"


@pytest.fixture
def store(tmp_path: Path) -> AnnouncementStore:
    return AnnouncementStore(tmp_path / "announcements")


def ids(store: AnnouncementStore) -> list[str]:
    return [announcement.id for announcement in store.load()]


def test_what_is_kept_is_read_as_it_was(store: AnnouncementStore) -> None:
    kept = replace(learned(NAME), text='«номер» = \\ "так"', keywords=((0.5, 1.25),))
    store.add([kept], by="Anna")
    (read,) = store.load()
    assert np.array_equal(read.bands, kept.bands)
    assert (read.id, read.outcome, read.text, read.carrier) == (
        kept.id,
        CallOutcome.TEMPORARILY_BLOCKED,
        kept.text,
        "a carrier",
    )
    assert (read.confirmed_by, read.confirmed_at) == ("a test", kept.confirmed_at)
    assert read.keywords == ((0.5, 1.25),)


def test_every_change_can_be_taken_back_in_turn(store: AnnouncementStore) -> None:
    store.add([learned(NAME)], by="Anna")
    store.add([learned(OTHER)], by="Anna")
    store.forget("does-not-exist", by="Boris")
    assert ids(store) == ["temporarily-blocked-number"]
    store.undo(by="Anna")
    assert ids(store) == ["does-not-exist", "temporarily-blocked-number"]
    store.undo(by="Anna")
    assert ids(store) == ["temporarily-blocked-number"]
    store.undo(by="Anna")
    assert ids(store) == []
    with pytest.raises(AnnouncementError, match="no change to take back"):
        store.undo(by="Anna")
    assert [c.action for c in store.changes()] == [
        "learn", "learn", "forget", "undo", "undo", "undo",
    ]  # fmt: skip
    assert store.version() == "6"


@pytest.mark.parametrize(
    "text",
    [
        "номер 8 (916) 123-45-67",
        "79161234567",
        "абонент 12-34-5",
        "8.916.123.45.67",
        "8 916 – 123 – 45 – 67",
        "8_916_123_45_67",
        "8\u200b9\u200b1\u200b6\u200b1",
    ],
)
def test_a_telephone_number_is_not_kept(store: AnnouncementStore, text: str) -> None:
    known = learned(NAME)
    keyed = replace(known, id="a-79161234567")
    for named in (replace(known, text=text), replace(known, carrier=text), keyed):
        with pytest.raises(AnnouncementError, match="telephone number"):
            store.add([named], by="Anna")
    assert ids(store) == []


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "А", "a--b", "-a", "x" * 81])
def test_an_id_is_no_path(store: AnnouncementStore, name: str) -> None:
    with pytest.raises(AnnouncementError, match="id of an announcement"):
        store.add([replace(learned(NAME), id=name)], by="Anna")
    with pytest.raises(AnnouncementError, match="id of an announcement"):
        store.forget(name, by="Anna")


def test_an_id_that_is_taken_is_refused(store: AnnouncementStore) -> None:
    store.add([learned(NAME)], by="Anna")
    with pytest.raises(AnnouncementError, match="known already"):
        store.add([learned(OTHER), learned(NAME)], by="Anna")
    assert ids(store) == ["temporarily-blocked-number"]


def test_damaged_files_are_named_with_their_line(store: AnnouncementStore) -> None:
    store.add([learned(NAME)], by="Anna")
    toml = store.folder / "temporarily-blocked-number.toml"
    whole = toml.read_text("utf-8")
    toml.write_text(whole.replace("temporarily_blocked", "blokked"), "utf-8")
    with pytest.raises(AnnouncementError, match=r"temporarily-blocked-number\.toml, line 1"):
        store.load()
    toml.write_text(whole, "utf-8")
    features = toml.with_suffix(".npy")
    content = bytearray(features.read_bytes())
    content[-1] ^= 1
    features.write_bytes(content)
    with pytest.raises(AnnouncementError, match="features beside it are others"):
        store.load()
    features.unlink()
    with pytest.raises(AnnouncementError, match="cannot be read"):
        store.load()


def test_a_running_program_takes_changes_over(store: AnnouncementStore) -> None:
    followed = FollowedLibrary(store)
    assert len(followed.library) == 0
    store.add([learned(NAME)], by="Anna")
    followed.refresh()
    assert (len(followed.library), followed.version) == (1, "1")
    store.undo(by="Anna")
    followed.refresh()
    assert (len(followed.library), followed.version) == (0, "2")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_another_program_forgets_while_the_folder_is_read_is_no_damage(
    store: AnnouncementStore, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    store.add([learned(NAME), learned(OTHER)], by="Anna")

    def forgotten(path: Path, error: Any) -> TomlFile:
        file = None if moment == "before" else read_toml(path, error)
        if path.stem == learned(OTHER).id:
            store.forget(path.stem, by="Boris")
        return read_toml(path, error) if file is None else file

    monkeypatch.setattr(store_module, "read_toml", forgotten)
    assert ids(store) == [learned(NAME).id]


def test_a_change_that_is_wrong_leaves_the_old_in_force(
    store: AnnouncementStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.add([learned(NAME)], by="Anna")
    followed = FollowedLibrary(store)
    (store.folder / "broken.toml").write_text("outcome = 1\n")
    followed.refresh()
    assert len(followed.library) == 1
    assert "broken.toml" in caplog.text


# -- packs that lie, and two who learn at once ----------------------------------------------------


def test_of_two_who_learn_one_recording_as_two_outcomes_the_second_is_refused(
    tmp_path: Path,
) -> None:
    twin = replace(learned(NAME, CallOutcome.BLOCKED), id="twin")
    refused: list[AnnouncementError] = []

    def learn_it(announcement: Announcement) -> None:
        try:
            AnnouncementStore(tmp_path).add([announcement], by="somebody")
        except AnnouncementError as problem:
            refused.append(problem)

    threads = [threading.Thread(target=learn_it, args=[one]) for one in (learned(NAME), twin)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(AnnouncementStore(tmp_path).load()), len(refused)) == (1, 1)


@pytest.mark.parametrize("action", ["learn", "import"])
def test_a_recording_that_was_learned_meanwhile_is_not_kept_once_more_under_another_id(
    store: AnnouncementStore, action: Any
) -> None:
    store.add([learned(NAME)], by="Anna")
    twin = replace(learned(NAME), id="twin")
    with pytest.raises(AnnouncementError, match=f"known already, as '{learned(NAME).id}'"):
        store.add([learned(OTHER), twin], by="Boris", action=action)
    assert ids(store) == [learned(NAME).id]
    store.forget(learned(NAME).id, by="Anna")
    store.add([twin], by="Boris")
    assert ids(store) == ["twin"]


def test_what_was_learned_in_noise_is_known_as_itself(store: AnnouncementStore) -> None:
    name = "connection-impossible.sln"  # in one breath: it holds no pause in which noise is heard
    noise = learn(
        Audio(noisy(sound_of(name), 20), RATE, name),
        announcement_id="noisy",
        outcome=CallOutcome.BLOCKED,
        text="номер заблокирован",
        carrier="",
        confirmed_by="a test",
        overrule=True,
    )
    store.add([noise], by="Anna")
    with pytest.raises(AnnouncementError, match="known already"):
        store.add([replace(noise, id="twin")], by="Anna")


def test_what_was_forgotten_comes_not_back_beside_what_contradicts_it(tmp_path: Path) -> None:
    store = AnnouncementStore(tmp_path)
    store.add([learned(NAME)], by="Anna")
    store.forget(learned(NAME).id, by="Anna")
    store.add([replace(learned(NAME, CallOutcome.BLOCKED), id="twin")], by="Boris")
    store.undo(by="Anna")  # of the second
    store.add([replace(learned(NAME, CallOutcome.BLOCKED), id="twin-2")], by="Boris")
    (tmp_path / "changes.jsonl").write_bytes(
        b"\n".join((tmp_path / "changes.jsonl").read_bytes().splitlines()[:2]) + b"\n"
    )
    with pytest.raises(AnnouncementError, match="find out which is right"):
        store.undo(by="Anna")
    assert [one.id for one in store.load()] == ["twin-2"]


# -- programs killed, disks full, files of others -------------------------------------------------


@pytest.mark.parametrize("sign", ["\x7f", "\x00", "\x85", "\udcff", "\x1b[31m"])
@pytest.mark.parametrize("field", ["text", "carrier", "confirmed_by"])
def test_what_no_toml_file_can_hold_is_refused_and_the_rest_stays_readable(
    store: AnnouncementStore, field: str, sign: str
) -> None:
    store.add([learned(OTHER)], by="Anna")
    with pytest.raises(AnnouncementError, match="control character"):
        store.add([replace(learned(NAME), **{field: f"Номер{sign}"})], by="Anna")  # type: ignore[arg-type]
    with pytest.raises(AnnouncementError, match="control character"):
        store.forget("does-not-exist", by=f"Anna{sign}")
    assert (ids(store), store.version()) == (["does-not-exist"], "1")


@pytest.mark.parametrize("n_lost", [1, 9, 60])
def test_a_line_of_the_history_that_was_broken_off_is_left_out(
    store: AnnouncementStore, n_lost: int
) -> None:
    store.add([learned(OTHER)], by="Anna")
    store.forget("does-not-exist", by="Anna")
    history = store.folder / "changes.jsonl"
    history.write_bytes(history.read_bytes()[:-n_lost])
    n_whole = 2 if n_lost == 1 else 1  # without its newline a line is whole
    assert store.version() == str(n_whole)
    store.add([learned(NAME)], by="Boris")
    assert [c.number for c in store.changes()] == list(range(1, n_whole + 2))
    store.undo(by="Boris")
    assert ids(store) == []


@pytest.mark.parametrize(("old", "new"), [(b"{", b"x{"), (b"blocked", b"bl\xffcked")])
def test_a_damaged_line_in_the_midst_of_the_history_is_named(
    store: AnnouncementStore, old: bytes, new: bytes
) -> None:
    store.add([learned(NAME)], by="Anna")
    store.forget("temporarily-blocked-number", by="Anna")
    history = store.folder / "changes.jsonl"
    history.write_bytes(history.read_bytes().replace(old, new, 1))
    with pytest.raises(AnnouncementError, match=r"changes\.jsonl, line 1"):
        store.changes()


def test_of_two_recordings_under_one_id_each_comes_back_as_itself(store: AnnouncementStore) -> None:
    first, second = learned(NAME), replace(learned(OTHER), id=learned(NAME).id)
    for one in (first, second):
        store.add([one], by="Anna")
        store.forget(one.id, by="Anna")
    for expected in (second, None, first, None):
        store.undo(by="Anna")
        assert [one.outcome for one in store.load()] == ([expected.outcome] if expected else [])


@pytest.mark.parametrize("n_written", range(6))
def test_where_the_disk_is_full_nothing_is_learned_and_nothing_lost(
    store: AnnouncementStore, monkeypatch: pytest.MonkeyPatch, n_written: int
) -> None:
    store.add([replace(learned(NAME), id="a")], by="Anna")
    put, left = store_module._put, [n_written]

    def put_while_there_is_room(path: Path, content: bytes) -> None:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        put(path, content)

    monkeypatch.setattr(store_module, "_put", put_while_there_is_room)
    two = [learned(OTHER), replace(learned("voicemail.ulaw"), id="c")]
    with contextlib.suppress(AnnouncementError):
        store.add(two, by="Anna", action="import")
    learned_all = n_written >= 4
    n_known = 3 if learned_all else 1
    assert (len(store.load()), store.version()) == (n_known, "2" if learned_all else "1")
    with contextlib.suppress(AnnouncementError):
        store.forget("a", by="Anna")
    monkeypatch.undo()
    while len({c.undoes for c in store.changes()} - {None}) * 2 < len(store.changes()):
        store.undo(by="Anna")
    assert ids(store) == []


class KilledError(BaseException):
    """Nothing is cleaned up after it."""


def _act(store: AnnouncementStore, action: str) -> None:
    if action == "import":
        store.add([learned(NAME), learned(OTHER)], by="Anna", action="import")
    elif action == "forget":
        store.forget("does-not-exist", by="Anna")
    else:
        store.undo(by="Anna")


def _killed(store: AnnouncementStore, action: str, patch: pytest.MonkeyPatch, n_steps: int) -> bool:
    """Return whether the program was killed before its write number `n_steps`."""
    left = [n_steps]
    for owner, name in ((store_module, "_put"), (Path, "unlink"), (os, "truncate")):
        original = getattr(owner, name)

        def step(*args: Any, original: Any = original, **named: Any) -> Any:
            if left[0] <= 0:
                raise KilledError
            left[0] -= 1
            return original(*args, **named)

        patch.setattr(owner, name, step)
    try:
        _act(store, action)
    except KilledError:
        return True
    return False


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ([], "import"),
        (["import"], "forget"),
        (["import"], "undo"),
        (["import", "forget"], "undo"),
    ],
)
def test_a_program_killed_at_any_write_leaves_what_can_be_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: list[str], action: str
) -> None:
    n_steps, was_killed = 0, True
    while was_killed:
        store = AnnouncementStore(tmp_path / str(n_steps))
        for one in before:
            _act(store, one)
        with monkeypatch.context() as patch:
            was_killed = _killed(store, action, patch, n_steps)
        assert len(store.load()) <= 2
        if store.changes() and store.changes()[-1].action == "forget":
            store.undo(by="Boris")
            assert ids(store) == ["does-not-exist", "temporarily-blocked-number"]
        while {c.number for c in store.changes() if c.action != "undo"} - {
            c.undoes for c in store.changes()
        }:
            store.undo(by="Boris")
        assert ids(store) == []
        n_steps += 1
    assert n_steps >= 3


def _head(shape: str) -> bytes:
    head = f"{{'descr':'<f2','fortran_order':False,'shape':{shape}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + bytes(4800)


@pytest.mark.parametrize(
    "features",
    [
        _head("(-100,24)}"), _head("(1000000000000,24)}"), _head("(99999999999999999999999,24)}"),
        _head("(True,24)}"), _head("(100,24"), _head("((((((("), b"PK\x05\x06" + bytes(18), b"",
    ],
)  # fmt: skip
def test_features_that_are_none_are_refused(features: bytes) -> None:
    said, whole = to_files(learned(NAME))
    said = said.replace(hashlib.sha256(whole).hexdigest(), hashlib.sha256(features).hexdigest())
    file = TomlFile(Path("x.toml"), tomli.loads(said), ())
    with pytest.raises(AnnouncementError, match="its features cannot be read"):
        from_files("x", file, features)
