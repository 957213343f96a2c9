"""Legs of one call, and lines that are cut: what nothing tells is unknown, never a neighbour's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from recognizer.batch.call_facts import CallFacts
from recognizer.batch.call_records import CallRecords, read_call_records

HEADING = "uniqueid,recordingfile,dst,calldate,hangupcause\n"
ONE = "89265550102"
OTHER = "89265550103"


def records(tmp_path: Path, *lines: str, heading: str = HEADING, end: str = "\n") -> CallRecords:
    path = tmp_path / "cdr.csv"
    path.write_text(heading + "\n".join(lines) + end, "utf-8")
    return read_call_records(path)


def facts(tmp_path: Path, *lines: str, heading: str = HEADING, end: str = "\n") -> CallFacts:
    return records(tmp_path, *lines, heading=heading, end=end).facts("a.wav", CallFacts())


def leg(number: str, at: str, code: str) -> str:
    return f"1,a.wav,{number},2026-11-20{at},{code}"


def codes(found: CallFacts) -> list[int]:
    return [code.code for code in found.codes]


def test_the_code_at_the_end_of_a_file_that_is_still_written_is_unknown(tmp_path: Path) -> None:
    line = leg(ONE, " 10:00:00", "1")  # «16» may be on its way
    assert codes(facts(tmp_path, line)) == [1]
    found = facts(tmp_path, line, end="")
    assert (found.number, codes(found)) == (ONE, [])


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_number_that_is_cut_is_none(tmp_path: Path, end: str) -> None:
    assert facts(tmp_path, "1,a.wav,8926555", end=end).number is None
    whole = leg(ONE, " 10:00:00", "16")
    found = facts(tmp_path, whole, "1,a.wav,8926", end=end)
    assert (found.number, codes(found)) == (ONE, [])


@pytest.mark.parametrize(("first", "last"), [(ONE, OTHER), (OTHER, ONE)])
def test_legs_that_called_two_people_are_nobody_s(tmp_path: Path, first: str, last: str) -> None:
    lines = [leg(first, " 10:00:00", "16"), leg(last, " 10:00:05", "1")]
    assert facts(tmp_path, *lines).number is None
    assert facts(tmp_path, *lines, leg(first, " 10:00:09", "16")).number is None


@pytest.mark.parametrize("spelling", [ONE, "+79265550102", "9265550102"])
def test_legs_to_one_number_and_to_an_extension_are_the_number_s(
    tmp_path: Path, spelling: str
) -> None:
    lines = [leg(ONE, " 10:00:00", "16"), leg(spelling, " 10:00:05", "17")]
    found = facts(tmp_path, *lines, leg("201", " 10:00:09", "16"))
    assert found.number in {ONE, spelling}
    assert codes(found) == [16]


def test_legs_whose_order_nothing_tells_have_no_code(tmp_path: Path) -> None:
    found = facts(tmp_path, leg(ONE, "T10:00:00+03:00", "1"), leg(ONE, " 10:00:05", "16"))
    assert (found.number, codes(found)) == (ONE, [])


@pytest.mark.parametrize("is_first", [True, False])
def test_a_leg_that_cannot_be_read_leaves_no_code_wherever_it_stands(
    tmp_path: Path, is_first: bool
) -> None:
    bad, good = leg(ONE, " 99:00:00", "16"), leg(ONE, " 10:00:00", "1")
    found = facts(tmp_path, *([bad, good] if is_first else [good, bad]))
    assert (found.number, codes(found)) == (ONE, [])


def test_recordings_of_two_folders_under_one_name_are_not_told_apart(tmp_path: Path) -> None:
    lines = [f"1,/rec/20/a.wav,{ONE},,1", f"2,/rec/21/a.wav,{OTHER},,16"]
    read = records(tmp_path, *lines)
    assert read.facts("a.wav", CallFacts()) == CallFacts()
    assert read.facts("a.wav", CallFacts(call_id="2")).number == OTHER


def test_a_recording_named_as_windows_does_is_found(tmp_path: Path) -> None:
    found = facts(tmp_path, rf"1,C:\rec\a.wav,{ONE},2026-11-20 10:00:00,17")
    assert (found.number, found.called_at) == (ONE, dt.datetime(2026, 11, 20, 10))  # noqa: DTZ001
