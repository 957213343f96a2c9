"""The folder of learned announcements: read, changed, undone, refused."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli
from announced import learned

from recognizer.base.data_files import TomlFile
from recognizer.base.errors import AnnouncementError
from recognizer.model import CallOutcome
from recognizer.recognition.announcements import store as store_module
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.following import FollowedLibrary
from recognizer.recognition.announcements.packs import read_pack, write_pack
from recognizer.recognition.announcements.store import AnnouncementStore, from_files, to_files

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


@pytest.mark.parametrize("text", ["номер 8 (916) 123-45-67", "79161234567", "абонент 12-34-5"])
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


def test_a_change_that_is_wrong_leaves_the_old_in_force(
    store: AnnouncementStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.add([learned(NAME)], by="Anna")
    followed = FollowedLibrary(store)
    (store.folder / "broken.toml").write_text("outcome = 1\n")
    followed.refresh()
    assert len(followed.library) == 1
    assert "broken.toml" in caplog.text


def test_a_pack_carries_what_is_known_and_not_who_said_so(
    store: AnnouncementStore, tmp_path: Path
) -> None:
    pack = tmp_path / "pack.zip"
    write_pack(pack, [learned(NAME), learned(OTHER)])
    assert b"a test" not in pack.read_bytes()
    taken = read_pack(pack, known=[learned(NAME)], confirmed_by="Boris")
    assert [(a.id, a.confirmed_by) for a in taken.new] == [("does-not-exist", "Boris")]
    assert [a.id for a in taken.known] == ["temporarily-blocked-number"]


def test_a_pack_that_contradicts_what_is_known_is_refused(tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    write_pack(pack, [learned(NAME, CallOutcome.BLOCKED)])
    with pytest.raises(AnnouncementError, match="find out which is right"):
        read_pack(pack, known=[learned(NAME)], confirmed_by="Boris")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a pack"])
def test_what_is_no_pack_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(content)
    with pytest.raises(AnnouncementError, match="expected a pack"):
        read_pack(path, known=[], confirmed_by="Boris")


# -- packs that lie, and two who learn at once ----------------------------------------------------


def rewritten(pack: Path, to: Path, change: Callable[[str, bytes], tuple[str, bytes]]) -> Path:
    """Return a copy of a pack with every file changed."""
    with zipfile.ZipFile(pack) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return to


@pytest.mark.parametrize("outcome", ["live_person", "company_ivr", "busy_tone", "undetermined"])
def test_a_pack_with_what_no_carrier_plays_is_refused(tmp_path: Path, outcome: str) -> None:
    write_pack(tmp_path / "pack.zip", [learned(NAME)])

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        said = f'outcome = "{learned(NAME).outcome}"'.encode()
        return name, content.replace(said, f'outcome = "{outcome}"'.encode())

    lying = rewritten(tmp_path / "pack.zip", tmp_path / "lying.zip", change)
    with pytest.raises(AnnouncementError, match="expected one of"):
        read_pack(lying, known=[], confirmed_by="Boris")


def test_a_pack_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    twin = replace(learned(NAME, CallOutcome.BLOCKED), id="twin")
    write_pack(pack, [learned(NAME), twin])
    with pytest.raises(AnnouncementError, match="find out which is right"):
        read_pack(pack, known=[], confirmed_by="Boris")


@pytest.mark.parametrize("name", ["../up.toml", "/root.toml", "a/../../up.toml", "UP.toml"])
def test_a_pack_writes_nowhere_but_under_an_id(tmp_path: Path, name: str) -> None:
    write_pack(tmp_path / "pack.zip", [learned(NAME)])
    folder = tmp_path / "deep" / "store"

    def change(old: str, content: bytes) -> tuple[str, bytes]:
        return name.removesuffix(".toml") + Path(old).suffix, content

    lying = rewritten(tmp_path / "pack.zip", tmp_path / "lying.zip", change)
    before = {*tmp_path.rglob("*"), folder, folder.parent}
    with contextlib.suppress(AnnouncementError):
        taken = read_pack(lying, known=[], confirmed_by="Boris")
        AnnouncementStore(folder).add(taken.new, by="Boris", action="import")
    assert all(folder in path.parents for path in set(tmp_path.rglob("*")) - before)


@pytest.mark.slow
def test_a_pack_that_swells_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb, many = tmp_path / "bomb.zip", tmp_path / "many.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.toml", b"#" * 100_000_000)
    with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(150):
            archive.writestr(f"a-{number}.npy", bytes(2_900_000))
    for path in (bomb, many):
        with pytest.raises(AnnouncementError, match="too large"):
            read_pack(path, known=[], confirmed_by="Boris")


def test_a_number_in_a_pack_is_not_kept(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack.zip", [replace(learned(NAME), text="a text")])

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        return name, content.replace(b"a text", b"8 916 123 45 67")

    lying = rewritten(tmp_path / "pack.zip", tmp_path / "lying.zip", change)
    taken = read_pack(lying, known=[], confirmed_by="Boris")
    store = AnnouncementStore(tmp_path / "store")
    with pytest.raises(AnnouncementError, match="telephone number"):
        store.add(taken.new, by="Boris", action="import")
    assert store.load() == ()


@pytest.mark.parametrize("n_frames", [0, 1, 60, 7000])
def test_features_of_no_possible_length_are_refused(tmp_path: Path, n_frames: int) -> None:
    bands = np.zeros((n_frames, learned(NAME).bands.shape[1]), np.float16)
    write_pack(tmp_path / "pack.zip", [replace(learned(NAME), bands=bands)])
    with pytest.raises(AnnouncementError, match="expected features of 1 to 60 s"):
        read_pack(tmp_path / "pack.zip", known=[], confirmed_by="Boris")


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


def test_a_pack_with_two_announcements_of_one_id_or_features_alone_is_refused(
    tmp_path: Path,
) -> None:
    write_pack(tmp_path / "a.zip", [learned(NAME), learned(OTHER)])
    for name, (old, new), words in (
        ("two.zip", ("", ""), "expected each announcement once"),
        ("alone.zip", ("exist.toml", "exist.tomm"), "expected a .toml beside"),
    ):

        def change(
            path: str, content: bytes, name: str = name, old: str = old, new: str = new
        ) -> tuple[str, bytes]:
            if name == "two.zip":
                return f"{Path(path).stem}/x{Path(path).suffix}", content
            return path.replace(old, new), content

        lying = rewritten(tmp_path / "a.zip", tmp_path / name, change)
        with pytest.raises(AnnouncementError, match=words):
            read_pack(lying, known=[], confirmed_by="Boris")


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


@pytest.mark.parametrize("level_db", [65504.0, -65504.0, 300.0, -101.0])
def test_features_that_are_no_levels_of_sound_are_refused(tmp_path: Path, level_db: float) -> None:
    bands = learned(NAME).bands.copy()
    bands[7, 3] = level_db
    write_pack(tmp_path / "pack.zip", [replace(learned(NAME), bands=bands)])
    with pytest.raises(AnnouncementError, match="no levels of sound"):
        read_pack(tmp_path / "pack.zip", known=[], confirmed_by="Boris")


@pytest.mark.parametrize("said", ["a = " + "[" * 5000, "a = 1" + "0" * 5000])
def test_toml_that_nothing_can_read_is_refused_in_a_pack_and_in_the_folder(
    store: AnnouncementStore, tmp_path: Path, said: str
) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr("a.toml", said)
    with pytest.raises(AnnouncementError, match="not valid TOML"):
        read_pack(tmp_path / "pack.zip", known=[], confirmed_by="Boris")
    store.folder.mkdir()
    (store.folder / "a.toml").write_text(said)
    with pytest.raises(AnnouncementError, match="not valid TOML"):
        store.load()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_pack_damaged_anywhere_is_refused_or_read_as_it_was(tmp_path: Path, method: int) -> None:
    said, features = to_files(learned(NAME))
    path = tmp_path / "pack.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.toml", said)
        archive.writestr("a.npy", features)
    whole = path.read_bytes()
    for place in np.random.default_rng(1).integers(len(whole), size=60).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 255
        path.write_bytes(damaged)
        try:
            taken = read_pack(path, known=[], confirmed_by="Boris").new
        except AnnouncementError:
            continue
        assert [one.outcome for one in taken] == [learned(NAME).outcome]
        assert np.array_equal(taken[0].bands, learned(NAME).bands)
