"""Packs of announcements: carried to another office, and what damaged or lying ones do."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from announced import RATE, judge, learned

from recognizer.base.errors import AnnouncementError
from recognizer.base.settings import PhraseSettings
from recognizer.model import Audio, CallOutcome
from recognizer.phrases.loading import load_phrases
from recognizer.recognition.announcements.announcement import LEARNABLE
from recognizer.recognition.announcements.features import N_BANDS, log_mel
from recognizer.recognition.announcements.files import to_files
from recognizer.recognition.announcements.packs import read_pack, write_pack
from recognizer.recognition.announcements.store import AnnouncementStore
from recognizer.recognition.announcements.wordings import check_text
from recognizer.recognition.precedence import is_mark

NAME = "temporarily-blocked-number.wav"
OTHER = "does-not-exist.wav"


@pytest.fixture
def store(tmp_path: Path) -> AnnouncementStore:
    return AnnouncementStore(tmp_path / "announcements")


def test_a_pack_carries_what_is_known_and_not_who_said_so(
    store: AnnouncementStore, tmp_path: Path
) -> None:
    pack = tmp_path / "pack.zip"
    write_pack(pack, [learned(NAME), learned(OTHER)])
    assert b"a test" not in pack.read_bytes()
    taken = read_pack(pack, known=[learned(NAME)], confirmed_by="Boris", judge=judge)
    assert [(a.id, a.confirmed_by) for a in taken.new] == [("does-not-exist", "Boris")]
    assert [a.id for a in taken.known] == ["temporarily-blocked-number"]


def test_a_pack_that_contradicts_what_is_known_is_refused(tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    write_pack(pack, [learned(NAME, CallOutcome.BLOCKED)])
    with pytest.raises(AnnouncementError, match="find out which is right"):
        read_pack(pack, known=[learned(NAME)], confirmed_by="Boris", judge=judge)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a pack"])
def test_what_is_no_pack_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(content)
    with pytest.raises(AnnouncementError, match="expected a pack"):
        read_pack(path, known=[], confirmed_by="Boris", judge=judge)


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
        read_pack(lying, known=[], confirmed_by="Boris", judge=judge)


def test_a_pack_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    twin = replace(learned(NAME, CallOutcome.BLOCKED), id="twin")
    write_pack(pack, [learned(NAME), twin])
    with pytest.raises(AnnouncementError, match="find out which is right"):
        read_pack(pack, known=[], confirmed_by="Boris", judge=judge)


@pytest.mark.parametrize("name", ["../up.toml", "/root.toml", "a/../../up.toml", "UP.toml"])
def test_a_pack_writes_nowhere_but_under_an_id(tmp_path: Path, name: str) -> None:
    write_pack(tmp_path / "pack.zip", [learned(NAME)])
    folder = tmp_path / "deep" / "store"

    def change(old: str, content: bytes) -> tuple[str, bytes]:
        return name.removesuffix(".toml") + Path(old).suffix, content

    lying = rewritten(tmp_path / "pack.zip", tmp_path / "lying.zip", change)
    before = {*tmp_path.rglob("*"), folder, folder.parent}
    with contextlib.suppress(AnnouncementError):
        taken = read_pack(lying, known=[], confirmed_by="Boris", judge=judge)
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
            read_pack(path, known=[], confirmed_by="Boris", judge=judge)


def test_a_number_in_a_pack_is_not_kept(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack.zip", [replace(learned(NAME), text="a text")])

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        return name, content.replace(b"a text", b"8 916 123 45 67")

    lying = rewritten(tmp_path / "pack.zip", tmp_path / "lying.zip", change)
    taken = read_pack(lying, known=[], confirmed_by="Boris", judge=judge)
    store = AnnouncementStore(tmp_path / "store")
    with pytest.raises(AnnouncementError, match="telephone number"):
        store.add(taken.new, by="Boris", action="import")
    assert store.load() == ()


@pytest.mark.parametrize("n_frames", [0, 1, 60, 7000])
def test_features_of_no_possible_length_are_refused(tmp_path: Path, n_frames: int) -> None:
    bands = np.zeros((n_frames, learned(NAME).bands.shape[1]), np.float16)
    write_pack(tmp_path / "pack.zip", [replace(learned(NAME), bands=bands)])
    with pytest.raises(AnnouncementError, match="expected features of 1 to 60 s"):
        read_pack(tmp_path / "pack.zip", known=[], confirmed_by="Boris", judge=judge)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            "does-not-exist.toml",
            "does-not-exist.tomm",
            "'does-not-exist.toml', 'does-not-exist.tomm'",
        ),
        ("does-not-exist", "does-not-exisT", "does-not-exisT.npy"),
        ("does-not-exist.npy", "x/does-not-exist.npy", "x/does-not-exist.npy"),
    ],
)
def test_a_pack_that_holds_other_files_than_it_says_is_refused_with_how_many_it_should_hold(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    write_pack(tmp_path / "a.zip", [learned(NAME), learned(OTHER)])
    lying = rewritten(
        tmp_path / "a.zip", tmp_path / "b.zip", lambda name, said: (name.replace(old, new), said)
    )
    with pytest.raises(AnnouncementError, match="expected 2 announcements") as refused:
        read_pack(lying, known=[], confirmed_by="Boris", judge=judge)
    assert named in str(refused.value)


def without(pack: Path, to: Path, *lost: str) -> Path:
    """Return a copy of a pack that has lost files."""
    with zipfile.ZipFile(pack) as old, zipfile.ZipFile(to, "w") as new:
        for name in set(old.namelist()) - set(lost):
            new.writestr(name, old.read(name))
    return to


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (["does-not-exist.toml", "does-not-exist.npy"], "expected 2 announcements in two files"),
        (["does-not-exist.npy"], "found 3 files; .*does-not-exist.npy"),
        (["contents.json"], "export it anew"),
    ],
)
def test_a_pack_that_lost_an_announcement_is_not_taken_for_whole(
    tmp_path: Path, lost: list[str], said: str
) -> None:
    write_pack(tmp_path / "a.zip", [learned(NAME), learned(OTHER)])
    less = without(tmp_path / "a.zip", tmp_path / "b.zip", *lost)
    with pytest.raises(AnnouncementError, match=said):
        read_pack(less, known=[], confirmed_by="Boris", judge=judge)


@pytest.mark.parametrize("flag", [0x800, 0])
def test_a_name_in_a_pack_that_is_no_utf_8_is_refused_in_a_sentence(
    tmp_path: Path, flag: int
) -> None:
    write_pack(tmp_path / "a.zip", [learned(NAME)])
    content = bytearray((tmp_path / "a.zip").read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 8 : entry + 10] = flag.to_bytes(2, "little")
    content[entry + 46] = 0xFF
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(AnnouncementError, match="expected"):
        read_pack(tmp_path / "a.zip", known=[], confirmed_by="Boris", judge=judge)


# -- no mark by what a pack says alone ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("номер временно заблокирован", "read as 'temporarily_blocked'"),
        ("номер заблокирован до понедельника", "read as 'temporarily_blocked'"),
        ("номер не заблокирован", "read as 'undetermined'"),
        ("алло, номер заблокирован", "read as 'live_person'"),
        ("набранный номер не существует", "read as 'does_not_exist'"),
        ("номер заблокирован. The number is temporarily blocked", "read as 'temporarily_blocked'"),
        ("номер заблокирован. Subscriber is TEMPORARILY blocked", "for a while only"),
        ("номер заблокирован. This number is blocked for the time being", "for a while only"),
        ("номер заблокирован. Please call again later", "for a while only"),
        ("The number is currently not in service", "for a while only"),
        ("абонент уехал в отпуск", "do not know"),
        ("The number you have dialed does not exist", "do not know"),
        ("", "found none"),
        ("  ", "found none"),
    ],
)
def test_of_a_pack_what_would_mark_with_another_text_is_left_out_and_the_rest_is_taken(
    tmp_path: Path, text: str, why: str
) -> None:
    marking = replace(learned(NAME, CallOutcome.BLOCKED), id="marking", text=text)
    write_pack(tmp_path / "pack.zip", [marking, learned(OTHER)])
    taken = read_pack(tmp_path / "pack.zip", known=[], confirmed_by="Boris", judge=judge)
    assert [one.id for one in taken.new] == ["does-not-exist"]
    (said,) = taken.refused
    assert "pack.zip/marking.toml: expected a text that says 'blocked'" in said
    assert why in said


@pytest.mark.parametrize(
    "english",
    [
        "The number you have dialled does not exist",
        "This number is no longer in service",
        "The subscriber is blocked",
    ],
)
def test_an_english_half_that_says_it_for_good_is_no_hindrance(english: str) -> None:
    text = f"номер заблокирован. {english}"
    check_text(replace(learned(NAME, CallOutcome.BLOCKED), text=text), "here", judge)


def test_of_a_pack_what_marks_nothing_needs_no_text(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack.zip", [replace(learned(NAME), text="")])
    taken = read_pack(tmp_path / "pack.zip", known=[], confirmed_by="Boris", judge=judge)
    assert (len(taken.new), taken.refused) == (1, ())


@pytest.mark.parametrize("outcome", [o for o in LEARNABLE if is_mark(o)])
def test_every_listed_wording_of_a_mark_may_be_the_text_of_its_announcement(
    outcome: CallOutcome,
) -> None:
    for phrase in load_phrases(PhraseSettings(office_dir=Path("none"))).phrases:
        if phrase.outcome is outcome and phrase.language == "ru":
            one = replace(learned(NAME), outcome=outcome, text=phrase.text)
            check_text(one, "here", judge)


@pytest.mark.parametrize("sound", ["silence", "hum", "noise"])
def test_a_pack_with_features_that_are_no_speech_is_refused(tmp_path: Path, sound: str) -> None:
    bands = np.full(learned(NAME).bands.shape, -40.0, np.float32)
    if sound == "hum":
        bands = bands + np.linspace(0, 30, N_BANDS, dtype=np.float32)
    elif sound == "noise":
        samples = np.random.default_rng(1).standard_normal(3 * RATE) / 10
        bands = log_mel(Audio(samples.astype(np.float32), RATE))
    lying = replace(learned(NAME), bands=bands.astype(np.float16))
    write_pack(tmp_path / "pack.zip", [lying])
    with pytest.raises(AnnouncementError, match="expected features of speech"):
        read_pack(tmp_path / "pack.zip", known=[], confirmed_by="Boris", judge=judge)
    with pytest.raises(AnnouncementError, match="expected features of speech"):
        AnnouncementStore(tmp_path / "store").add([lying], by="Boris")


@pytest.mark.parametrize("level_db", [65504.0, -65504.0, 300.0, -101.0])
def test_features_that_are_no_levels_of_sound_are_refused(tmp_path: Path, level_db: float) -> None:
    bands = learned(NAME).bands.copy()
    bands[7, 3] = level_db
    write_pack(tmp_path / "pack.zip", [replace(learned(NAME), bands=bands)])
    with pytest.raises(AnnouncementError, match="no levels of sound"):
        read_pack(tmp_path / "pack.zip", known=[], confirmed_by="Boris", judge=judge)


@pytest.mark.parametrize("said", ["a = " + "[" * 5000, "a = 1" + "0" * 5000])
def test_toml_that_nothing_can_read_is_refused_in_a_pack_and_in_the_folder(
    store: AnnouncementStore, tmp_path: Path, said: str
) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr("a.toml", said)
        archive.writestr("a.npy", b"")
        archive.writestr("contents.json", '{"format": 1, "ids": ["a"]}')
    with pytest.raises(AnnouncementError, match="not valid TOML"):
        read_pack(tmp_path / "pack.zip", known=[], confirmed_by="Boris", judge=judge)
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
        archive.writestr("contents.json", '{"format": 1, "ids": ["a"]}')
    whole = path.read_bytes()
    for place in np.random.default_rng(1).integers(len(whole), size=60).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 255
        path.write_bytes(damaged)
        try:
            taken = read_pack(path, known=[], confirmed_by="Boris", judge=judge).new
        except AnnouncementError:
            continue
        assert [one.outcome for one in taken] == [learned(NAME).outcome]
        assert np.array_equal(taken[0].bands, learned(NAME).bands)
