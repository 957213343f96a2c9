"""In which letters a file of cards is written: found, named to the user, or one row's loss."""

from pathlib import Path

import pytest

from recognizer.crm.card_files import (
    CardFileError,
    RejectedRow,
    RejectWriter,
    load_card_columns,
    open_cards,
)
from recognizer.crm.contacts import ContactCard

COLUMNS = load_card_columns()
TEXT = (
    "Номер контакта;Телефон;Владелец\r\n"
    "1;8 926 555-01-02;Иванов\r\n2;8 926 555-01-03;Ильин\r\n3;;Юдин\r\n"
)


def read(path: Path, encoding: str | None = None) -> list[ContactCard | RejectedRow]:
    with open_cards(path, COLUMNS, encoding=encoding) as reader:
        return list(reader)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "cards.csv"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
def test_usual_encodings_are_found(tmp_path: Path, encoding: str) -> None:
    rows = read(written(tmp_path, TEXT.encode(encoding)))
    assert [row.owner for row in rows if isinstance(row, ContactCard)] == [
        "Иванов",
        "Ильин",
        "Юдин",
    ]


@pytest.mark.parametrize(
    "encoding", ["koi8-r", "cp866", "mac_cyrillic", "iso8859-5", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_another_encoding_is_named_and_reads_the_file(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    path = written(tmp_path, TEXT.replace(";", delimiter).encode(encoding))
    with pytest.raises(CardFileError, match=f"--encoding {encoding}$") as found:
        read(path)
    assert found.value.problem == "encoding"
    assert [row.ref for row in read(path, encoding) if isinstance(row, ContactCard)] == [*"123"]


def test_letters_garbled_when_the_file_was_saved_are_said(tmp_path: Path) -> None:
    garbled = "Номер контакта;Телефон\r\n".encode().decode("cp1251", errors="replace")
    with pytest.raises(CardFileError, match=r"garbled when it was saved.*export it anew"):
        read(written(tmp_path, garbled.encode()))


@pytest.mark.parametrize("encoding", ["koi9", "base64", "привет"])
def test_an_encoding_that_is_none_is_one_sentence(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(CardFileError, match=r"cards\.csv: .*encoding"):
        read(written(tmp_path, TEXT.encode()), encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
@pytest.mark.parametrize("place", ["Ильин", "8 926 555-01-03"])
def test_a_damaged_byte_costs_its_row(tmp_path: Path, encoding: str, place: str) -> None:
    data = TEXT.encode(encoding)
    at = data.index(place.encode(encoding))
    path = written(tmp_path, data[:at] + b"\x98" + data[at + 1 :])
    first, damaged, last = read(path)
    assert isinstance(first, ContactCard)
    assert isinstance(last, ContactCard)
    assert last.owner == "Юдин"
    assert isinstance(damaged, RejectedRow)
    assert "строка повреждена" in damaged.reason
    with RejectWriter(tmp_path / "rejected.csv", ("a", "b", "c")) as writer:
        writer.add(damaged)
    assert "\ufffd" in (tmp_path / "rejected.csv").read_text("utf-8-sig")


@pytest.mark.parametrize("n_bytes", [1, 2, 3])
def test_a_file_cut_within_a_letter_loses_that_row_alone(tmp_path: Path, n_bytes: int) -> None:
    data = TEXT.rstrip().encode()[:-n_bytes]
    *whole, last = read(written(tmp_path, data))
    assert [row.ref for row in whole if isinstance(row, ContactCard)] == ["1", "2"]
    # «Юди» is an owner like any other; a half of a letter is none.
    assert isinstance(last, RejectedRow) is (n_bytes != 2)


def test_empty_lines_above_the_heading_do_not_matter(tmp_path: Path) -> None:
    rows = read(written(tmp_path, f"\r\n;;\r\n{TEXT}".encode()))
    assert len(rows) == 3


def test_a_title_above_the_heading_is_refused_with_the_line_of_the_heading(tmp_path: Path) -> None:
    path = written(tmp_path, f"Отчёт по контактам\r\n\r\n{TEXT}".encode())
    with pytest.raises(CardFileError, match="the heading stands in line 3: delete the lines above"):
        read(path)


@pytest.mark.parametrize("end", ["\u2028", "\x0b", "\\n"])
def test_lines_that_are_run_together_lose_no_card_in_silence(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, TEXT.replace("\r\n", end).encode())
    with pytest.raises(CardFileError, match="run together; export it anew"):
        read(path)
