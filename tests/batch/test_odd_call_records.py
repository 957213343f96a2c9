"""Call records as telephone systems, databases and spreadsheets write them."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import pytest

from recognizer.base.errors import RecognizerError
from recognizer.batch.call_records import parse_moment, read_call_records
from recognizer.batch.recordings import FactFinder, Recording

MOSCOW = dt.timezone(dt.timedelta(hours=3))
ID = "1763793015.42"
MASTER = (
    '"","201","89265550102","from-internal","""Anna"" <201>","SIP/201-0001","SIP/tr-0002","Dial",'
    '"SIP/tr/89265550102","2025-11-22 09:30:15",,"2025-11-22 09:30:45",30,0,"NO ANSWER",'
    f'"DOCUMENTATION","{ID}",""\n'
)
HEADING = "uniqueid;calldate;dst;hangupcause\n"
ROW = f"{ID};2025-11-22 09:30:15;89265550102;17\n"


def joined(tmp_path: Path, text: str | bytes) -> tuple[Recording, list[str]]:
    path = tmp_path / "cdr.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    records = read_call_records(path)
    name = f"{ID}.wav"
    return FactFinder((), records, MOSCOW).recording(Path(name), name), records.problems


def known(recording: Recording) -> tuple[str | None, str | None, list[int]]:
    moment = recording.called_at
    at = None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
    return recording.facts.number, at, [code.code for code in recording.facts.codes]


ALL = ("89265550102", "2025-11-22 09:30:15", [17])


@pytest.mark.parametrize(
    "text",
    [
        MASTER,
        MASTER.removesuffix(',""\n') + "\n",
        MASTER.rstrip("\n") + f',"","{ID}",7\n',
        "\n" + MASTER,
        MASTER.replace("\n", "\r\n"),
        MASTER.replace("Anna", "An\nna"),
        MASTER.replace('""Anna""', '\\"Anna\\"'),
        MASTER.replace("09:30:15", "09:30:15.123"),
        MASTER.replace("2025-11-22 09:30:15", "1763793015"),
        MASTER.replace("2025-11-22 09:30:15", "2025-11-22T06:30:15Z"),
    ],
)
def test_lines_of_asterisks_master_csv_join(tmp_path: Path, text: str) -> None:
    found, problems = joined(tmp_path, text)
    assert known(found) == ("89265550102", "2025-11-22 09:30:15", [])
    assert problems == []


@pytest.mark.parametrize(
    "text",
    [
        HEADING + ROW,
        (HEADING + ROW).replace(";", "\t"),
        (HEADING + ROW).replace(";", "|"),
        (HEADING + ROW).replace(";", ","),
        "sep=\t\n" + (HEADING + ROW).replace(";", "\t"),
        (HEADING + ROW).encode("utf-8-sig"),
        (HEADING + ROW).encode("utf-16"),
        HEADING.upper() + ROW,
        HEADING.replace(";", " ; ") + ROW,
        (HEADING.strip() + ";Примечание\n" + ROW.strip() + ";Анна\n").encode("cp1251"),
        "Уникальный идентификатор;Дата и время;Набранный номер;Q850\n" + ROW,
        HEADING + ROW.replace("2025-11-22", "22.11.2025").replace("09:30", "9:30"),
        HEADING + ROW.replace("2025-11-22 09:30:15", "2025-11-22T09:30:15+0300"),
        HEADING + ROW.replace("2025-11-22 09:30:15", "2025-11-22 16:30:15 +10:00"),
        HEADING + ROW.replace("2025-11-22 09:30:15", "1763793015123"),
        f"uuid,start_uepoch,dst,hangup_cause_q850\n{ID},1763793015123456,89265550102,17\n",
        HEADING + '"1.1;2025-11-22 09:00:00;1;1\n' + ROW + ROW.replace(".42", ".43"),
        HEADING + "x" * 200_000 + ";;;\n" + ROW,
        HEADING + ROW + "\0\0\0\n",
    ],
)
def test_records_with_a_heading_join(tmp_path: Path, text: str | bytes) -> None:
    found, problems = joined(tmp_path, text)
    assert known(found) == ALL
    assert problems == []


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (r"\N;89265550102;17", ("89265550102", None, [17])),
        ("2025-11-22 09:30:15;NULL;17", (None, "2025-11-22 09:30:15", [17])),
        ("2025-11-22 09:30:15;89265550102;NULL", ("89265550102", "2025-11-22 09:30:15", [])),
        ("2025-11-22 09:30:15;89265550102;USER_BUSY", ("89265550102", "2025-11-22 09:30:15", [])),
        ("2025-11-22 09:30:15;8,92656E+10;17", (None, "2025-11-22 09:30:15", [17])),
    ],
)
def test_what_a_record_does_not_say_costs_nothing_else(
    tmp_path: Path, cells: str, expected: tuple[str | None, str | None, list[int]]
) -> None:
    found, problems = joined(tmp_path, f"{HEADING}{ID};{cells}\n")
    assert known(found) == expected
    assert problems == []


@pytest.mark.parametrize("date", ["11/22/2025 9:30 AM", "03/04/2025 09:30", "2025-11-22 09:30 MSK"])
def test_a_date_that_can_be_read_two_ways_costs_its_line(tmp_path: Path, date: str) -> None:
    found, problems = joined(tmp_path, f"{HEADING}{ID};{date};89265550102;17\n")
    assert known(found) == (None, None, [])
    assert len(problems) == 1


@pytest.mark.parametrize(
    "text",
    [
        ",".join(MASTER.split(",")[:-2]) + "\n",  # without loguniqueid
        "Оператор;Клиент\nАнна;Иван\n",
        gzip.compress(MASTER.encode()),
    ],
)
def test_a_file_that_names_no_call_is_refused(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(RecognizerError, match="expected the id of the call or the name of its rec"):
        joined(tmp_path, text)


@pytest.mark.parametrize("text", ["", "\n", HEADING])
def test_a_file_without_records_joins_nothing(tmp_path: Path, text: str) -> None:
    assert known(joined(tmp_path, text)[0]) == (None, None, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22.11.2025", "2025-11-22T00:00:00"),
        ("2.1.2025 7:05", "2025-01-02T07:05:00"),
        ("2025-11-22", "2025-11-22T00:00:00"),
        ("1763793015.5", "2025-11-22T06:30:15.500000+00:00"),
        ("", None),
    ],
)
def test_a_moment_is_what_it_says(text: str, expected: str | None) -> None:
    moment = parse_moment(text)
    assert (None if moment is None else moment.isoformat()) == expected


@pytest.mark.parametrize("text", ["32.01.2025", "22.13.2025 9:30", "22.11.25", "9:30", "12345"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_moment(text)
