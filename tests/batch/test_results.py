"""The result log holds whole lines whatever is killed; tables hold no formulas."""

import csv
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.base.errors import RecognizerError
from recognizer.base.whole_files import write_whole
from recognizer.batch.recordings import FileIdentity
from recognizer.batch.results import ResultLog, read_results, write_csv, write_xlsx


def line(name: str, *, error: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "recording": name,
        "outcome": None if error else "silence",
        "confidence": 0.5,
        "error": {"kind": error, "message": f"{name}: broken"} if error else None,
        "file": {"path": f"/calls/{name}", "size_bytes": 7, "modified_ns": 11, "sha256": None},
        **more,
    }


def identity(name: str) -> FileIdentity:
    return FileIdentity(f"/calls/{name}", 7, 11)


def test_results_that_are_no_file_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for somebody at the other end
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "pipe", tmp_path / "folder", Path("/dev/null")):
        with pytest.raises(RecognizerError, match="expected a file for the results"):
            ResultLog(path)


def test_what_was_appended_is_known_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "results.jsonl"
    with ResultLog(path) as log:
        log.append(line("a.wav"))
        log.append(line("b.wav", error="empty"))
    with ResultLog(path) as log:
        assert log.has(identity("a.wav"))
        assert log.has(identity("b.wav"))
        assert not log.has(identity("c.wav"))
        assert log.counts == {"silence": 1, "error:empty": 1}
        assert len(log) == 2


@pytest.mark.parametrize(
    "changed",
    [
        FileIdentity("/calls/other.wav", 7, 11),
        FileIdentity("/calls/a.wav", 8, 11),
        FileIdentity("/calls/a.wav", 7, 12),
    ],
)
def test_a_file_that_changed_is_another_file(tmp_path: Path, changed: FileIdentity) -> None:
    with ResultLog(tmp_path / "results.jsonl") as log:
        log.append(line("a.wav"))
        assert not log.has(changed)


def test_a_line_torn_at_any_byte_is_cut_off_and_only_it(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with ResultLog(path) as log:
        log.append(line("a.wav"))
        size = path.stat().st_size
        log.append(line("б.wav"))
    whole = path.read_bytes()
    for end in range(size, len(whole)):
        path.write_bytes(whole[:end])
        with ResultLog(path) as log:
            assert len(log) == 1
            assert path.read_bytes() == whole[:size]


@pytest.mark.parametrize("torn", [b"\0" * 500, b"\0" * 500 + b"\n", b'{"rec\0\0\0', b"{"])
def test_what_a_power_cut_leaves_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "results.jsonl"
    with ResultLog(path) as log:
        log.append(line("a.wav"))
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    with ResultLog(path) as log:
        log.append(line("b.wav"))
    assert [result["recording"] for result in read_results(path)] == ["a.wav", "b.wav"]


def test_a_line_longer_than_a_block_is_found_whole(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with ResultLog(path) as log:
        log.append(line("a.wav"))
        log.append(line("b.wav", reason="x" * 200_000))
    path.write_bytes(path.read_bytes() + b'{"torn": "' + b"y" * 100_000)
    with ResultLog(path) as log:
        assert len(log) == 2


def test_a_file_that_is_no_log_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    for text in ("Dear sir,\nplease find\n", "Dear sir,\nplease find", "Dear sir", "{}\n{"):
        path.write_text(text)
        with pytest.raises(RecognizerError, match=r"letter\.txt, line 1: expected a result"):
            ResultLog(path)
        assert path.read_text() == text


def test_two_runs_do_not_write_one_log(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with (
        ResultLog(path),
        pytest.raises(RecognizerError, match="another run writes"),
    ):
        ResultLog(path)
    ResultLog(path).close()


def test_failed_recordings_are_forgotten_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with ResultLog(path) as log:
        log.append(line("a.wav"))
        log.append(line("b.wav", error="empty"))
    with ResultLog(path, retry_failed=True) as log:
        assert log.has(identity("a.wav"))
        assert not log.has(identity("b.wav"))
    assert [result["recording"] for result in read_results(path)] == ["a.wav"]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    path = tmp_path / "results.jsonl"
    with ResultLog(path) as log:
        log.append(line("a.wav"))
        good = log._file
        with (
            Path("/dev/full").open("wb", buffering=0) as log._file,
            pytest.raises(RecognizerError, match="cannot be written: No space left"),
        ):
            log.append(line("b.wav"))
        log._file = good
        log.append(line("c.wav"))
    assert [result["recording"] for result in read_results(path)] == ["a.wav", "c.wav"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fail(file: Any) -> None:
        file.write(b"half")
        raise OSError("gone")

    with pytest.raises(RecognizerError, match=r"table\.csv: cannot be written: gone"):
        write_whole(path, fail)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


DANGEROUS = ["=1+1", "+7 999", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("name", DANGEROUS)
def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path, name: str) -> None:
    path = tmp_path / "table.csv"
    write_csv(path, [line(name)])
    with path.open(encoding="utf-8-sig", newline="") as file:
        cell = next(csv.DictReader(file))["recording"]
    assert cell == f"'{name}"


@pytest.mark.parametrize("name", DANGEROUS)
def test_no_cell_of_an_xlsx_is_a_formula(tmp_path: Path, name: str) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "table.xlsx"
    write_xlsx(path, [line(name)])
    cell = openpyxl.load_workbook(path)["calls"]["A2"]
    assert cell.data_type == "s"
    assert cell.value.replace("_x000D_", "\r").strip() == name.strip()


def test_an_xlsx_takes_what_xml_does_not(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "table.xlsx"
    write_xlsx(path, [line("a\x00\x1b.wav", transcript={"text": "х" * 40_000})])
    sheet = openpyxl.load_workbook(path)["calls"]
    assert sheet["A2"].value == "a��.wav"


@pytest.mark.property
@given(st.text(max_size=30))
@settings(max_examples=30)
def test_every_text_comes_back_from_the_csv(tmp_path_factory: Any, text: str) -> None:
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    write_csv(path, [line("a.wav", transcript={"text": text})])
    with path.open(encoding="utf-8-sig", errors="strict", newline="") as file:
        cell = next(csv.DictReader(file))["transcript"]
    assert cell.removeprefix("'") == text.removeprefix("'")


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("я" * 32_767, "яяя", "яяя"),
        ("я" * 40_000, "яяя", " … [40000 characters, the rest is in the log]"),
        ("_x0041_" * 5000, "_x005F_x0041_", " … [35000 characters, the rest is in the log]"),
    ],
)
def test_what_a_cell_does_not_hold_is_said_at_its_end(
    tmp_path: Path, text: str, begins: str, ends: str
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "table.xlsx"
    write_xlsx(path, [line("a.wav", transcript={"text": text})])
    row = next(openpyxl.load_workbook(path)["calls"].iter_rows(min_row=2, values_only=True))
    (cell,) = (value for value in row if str(value).startswith(begins))
    assert len(cell) <= 32_767
    assert cell.endswith(ends)


@pytest.mark.parametrize("url", ["file:///calls/results.jsonl", "s3://calls/results.jsonl"])
def test_a_url_in_place_of_a_path_makes_no_folder(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecognizerError, match="expected a path, found a URL"):
        ResultLog(Path(url))
    with pytest.raises(RecognizerError, match="expected a path, found a URL"):
        write_csv(Path(url), [])
    assert list(tmp_path.iterdir()) == []
