"""The folder of learned announcements: read, changed, undone, refused."""

from __future__ import annotations

import contextlib
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from announced import learned

from recognizer.base.errors import AnnouncementError
from recognizer.model import CallOutcome
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.following import FollowedLibrary
from recognizer.recognition.announcements.packs import read_pack, write_pack
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
