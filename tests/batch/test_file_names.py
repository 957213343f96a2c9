"""What file names and call records say."""

import dataclasses
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.base.errors import DataFileError, RecognizerError
from recognizer.batch.file_names import (
    CallFacts,
    compile_pattern,
    facts_from_name,
    load_name_patterns,
    read_call_records,
)
from recognizer.model import SignallingCode

HALF_PAST_NINE = dt.datetime(2026, 11, 22, 9, 30, 15)  # noqa: DTZ001  a wall clock


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        (
            "in/out-79990000000-201-20261122-093015-1763793015.42.wav",
            CallFacts(number="79990000000", called_at=HALF_PAST_NINE, call_id="1763793015.42"),
        ),
        (
            "20261122-093015_+79990000000_1763793015.42_a2.WAV",
            CallFacts(
                number="+79990000000",
                called_at=HALF_PAST_NINE,
                call_id="1763793015.42",
                attempt=2,
            ),
        ),
        (
            "2026-11-22-09-30-15_79990000000_0f2a6c1e-5b7d-4a39-8f0e-3d1c2b4a5968_1.opus",
            CallFacts(
                number="79990000000",
                called_at=HALF_PAST_NINE,
                call_id="0f2a6c1e-5b7d-4a39-8f0e-3d1c2b4a5968",
                attempt=1,
            ),
        ),
        (
            "20261122-093015_79990000000-all.mp3",
            CallFacts(number="79990000000", called_at=HALF_PAST_NINE),
        ),
        # the thirteenth month is no month: better no fact than a wrong one
        ("20261322-093015_79990000000_1763793015.42.wav", CallFacts()),
        ("20261122-093015_79990000000_1763793015.42_a0.wav", CallFacts()),
        ("voice message.wav", CallFacts()),
        ("", CallFacts()),
    ],
)
def test_the_shipped_patterns_read_what_telephone_systems_write(
    path: str, facts: CallFacts
) -> None:
    assert facts_from_name(path, load_name_patterns()) == facts


def test_an_offices_own_pattern_is_read() -> None:
    pattern = compile_pattern("rec {date} {time} to {number} try {attempt}")
    facts = facts_from_name("rec 22.11.2026 09_30_15 to 89990000000 try 3.wav", [pattern])
    assert facts == CallFacts(number="89990000000", called_at=HALF_PAST_NINE, attempt=3)


@pytest.mark.parametrize("call_id", ["7", "a", "42"])
def test_a_call_id_too_short_to_be_one_is_none_and_costs_nothing_else_of_a_name(
    call_id: str,
) -> None:
    notes: list[str] = []
    name = f"20261122-093015_79990000000_{call_id}.wav"
    facts = facts_from_name(name, load_name_patterns(), notes.append)
    assert facts == CallFacts(number="79990000000", called_at=HALF_PAST_NINE)
    assert len(notes) == 1
    assert name.removesuffix(".wav") in notes[0]
    assert "three characters" in notes[0]


def test_an_id_of_three_characters_is_read_without_a_note() -> None:
    notes: list[str] = []
    name = "20261122-093015_79990000000_7.1.wav"
    facts = facts_from_name(name, load_name_patterns(), notes.append)
    assert (facts.call_id, notes) == ("7.1", [])


def test_epoch_seconds_are_utc() -> None:
    facts = facts_from_name("1763793015.42.wav", [compile_pattern("{unix}")])
    assert facts.called_at == dt.datetime(2025, 11, 22, 6, 30, 15, 420000, dt.UTC)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("{phone}", "unknown field {phone}"), ("{number}_{number}", "used twice")],
)
def test_a_wrong_pattern_says_what_is_wrong(pattern: str, words: str) -> None:
    with pytest.raises(DataFileError, match=words):
        compile_pattern(pattern)


def test_a_pattern_file_whose_example_does_not_fit_is_refused_with_its_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "names.toml"
    path.write_text('[[pattern]]\nname = "x"\npattern = "{number}"\nexample = "none"\n')
    with pytest.raises(DataFileError, match="line 4: 'none' does not fit"):
        load_name_patterns(path)


@pytest.mark.property
@given(st.text(max_size=60))
def test_any_name_is_read_without_an_error(name: str) -> None:
    facts_from_name(name, load_name_patterns())


@pytest.mark.property
@given(
    number=st.from_regex(r"\+?[0-9]{5,15}", fullmatch=True),
    moment=st.datetimes(),
    attempt=st.integers(1, 999),
)
def test_what_is_written_by_a_pattern_is_read_by_it(
    number: str, moment: dt.datetime, attempt: int
) -> None:
    name = f"{moment:%d.%m.}{moment.year:04}-{moment:%H%M%S}-{number}-{attempt}"
    facts = facts_from_name(name, [compile_pattern("{date}-{time}-{number}-{attempt}")])
    moment = moment.replace(microsecond=0)
    assert facts == CallFacts(number=number, called_at=moment, attempt=attempt)


MASTER = (
    '"","201","79990000000","out","""Desk"" <201>","PJSIP/201-1","PJSIP/trunk-2","Dial","x",'
    '"2026-11-22 09:30:15",,"2026-11-22 09:30:40",25,0,"NO ANSWER","DOCUMENTATION",'
    '"1763793015.42",""\n'
)


def test_asterisks_master_csv_without_a_heading_is_read(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(MASTER)
    facts = read_call_records(path).facts("calls/1763793015.42.wav", CallFacts(attempt=2))
    assert facts == CallFacts(
        number="79990000000", called_at=HALF_PAST_NINE, call_id="1763793015.42", attempt=2
    )


def test_a_cdr_with_a_heading_gives_codes_and_is_found_by_the_recordings_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cdr.csv"
    path.write_bytes(
        "uniqueid;dst;calldate;recordingfile;hangupcause;SIP_Code;Оператор\n"
        "1.1;79990000000;2026-11-22 09:30:15;/var/spool/a.wav;Q.850;cause=1\n"
        "1.2;79990000001;2026-11-22 09:30:15;b.wav;17;SIP 486 Busy Here;Мария\n".replace(
            "Q.850;cause=1", "1;404;Иван"
        ).encode("cp1251")
    )
    records = read_call_records(path)
    assert records.facts("x/a.wav", CallFacts()).codes == (
        SignallingCode("sip", 404),
        SignallingCode("q850", 1),
    )
    assert records.facts("b.wav", CallFacts()).codes == (
        SignallingCode("sip", 486),
        SignallingCode("q850", 17),
    )
    assert records.facts("c.wav", CallFacts()) == CallFacts()


def test_what_the_file_name_says_outranks_the_record(tmp_path: Path) -> None:
    path = tmp_path / "cdr.csv"
    path.write_text("uniqueid,dst\n1.1,79990000000\n")
    known = CallFacts(number="79990000009", call_id="1.1")
    assert read_call_records(path).facts("a.wav", known).number == "79990000009"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("uniqueid,sip_code\n1.1,abc\n", "line 2: sip code: expected a number, got 'abc'"),
        ("uniqueid,sip_code\n1.1,42\n", "line 2: sip code: SIP 42: expected"),
        ("uniqueid,start\n1.1,yesterday\n", "line 2"),
        ("uniqueid,start\n1.1,0000-00-00 00:00:00\n", "line 2"),
        ("uniqueid,start\n1.1,2026-11", "line 2"),
        ("uniqueid,attempt\n1.1,0\n", "line 2: attempt"),
        ("sep=;\nuniqueid;attempt\n1.1;0\n", "line 3: attempt"),
    ],
)
def test_a_wrong_record_costs_itself_and_is_named(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "cdr.csv"
    path.write_text(content)
    records = read_call_records(path)
    (problem,) = records.problems
    assert words in problem
    found = records.facts("1.1.wav", CallFacts())
    assert dataclasses.replace(found, call_id=None) == CallFacts()


def test_the_other_lines_are_joined_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "cdr.csv"
    path.write_text("sep=;\nuniqueid;dst;calldate\n1.1;79990000000;\n1.2;7999;2026-11\n")
    records = read_call_records(path)
    assert records.facts("x/1.1.wav", CallFacts()).number == "79990000000"
    records.facts("x/9.9.wav", CallFacts())
    assert records.joined == {"x/1.1.wav"}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_several_legs_the_last_decides(tmp_path: Path, order: tuple[int, int]) -> None:
    legs = ["1.1,2026-11-22 09:30:15,1\n", "1.1,2026-11-22 09:30:20,38\n"]
    path = tmp_path / "cdr.csv"
    path.write_text("uniqueid,calldate,hangupcause\n" + "".join(legs[index] for index in order))
    facts = read_call_records(path).facts("1.1.wav", CallFacts())
    assert facts.codes == (SignallingCode("q850", 38),)
    assert facts.called_at == HALF_PAST_NINE


def test_a_leg_that_cannot_be_read_leaves_no_code_of_another(tmp_path: Path) -> None:
    path = tmp_path / "cdr.csv"
    path.write_text("uniqueid,calldate,hangupcause\n1.1,2026-11-22 09:30:15,1\n1.1,2026-11,3\n")
    assert read_call_records(path).facts("1.1.wav", CallFacts()).codes == ()


@pytest.mark.parametrize("dst", ["s", "h", "s-NOANSWER", "i", "t", "s-BUSY"])
def test_a_dialplan_extension_is_no_number(tmp_path: Path, dst: str) -> None:
    path = tmp_path / "cdr.csv"
    path.write_text(f"uniqueid,dst\n1.1,{dst}\n")
    assert read_call_records(path).facts("1.1.wav", CallFacts()).number is None


@pytest.mark.parametrize(
    ("content", "column", "words"),
    [("uniqueid,dst\n1.1,2\n", "cause", "no column 'cause'; there are: uniqueid, dst")],
)
def test_a_column_that_is_not_there_is_refused(
    tmp_path: Path, content: str, column: str | None, words: str
) -> None:
    path = tmp_path / "cdr.csv"
    path.write_text(content)
    with pytest.raises(RecognizerError, match=words):
        read_call_records(path, sip_column=column)


def test_a_missing_cdr_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecognizerError, match=r"nowhere\.csv: cannot be read"):
        read_call_records(tmp_path / "nowhere.csv")
