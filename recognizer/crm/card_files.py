"""Cards in CSV and XLSX files as a CRM writes them: read row by row, written row by row.

CSV may be UTF-8 (with or without a byte order mark), UTF-16 with one, or cp1251, separated by
``;``, ``,`` or tabs. Headings and values are mapped by ``data/card_columns.toml``. Memory does
not grow with the number of rows. Texts pass unchanged in both directions, except that XLSX cells
that hold numbers or dates come back in their shortest spelling.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import datetime as dt
import itertools
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import ContactError, DataFileError
from recognizer.crm.contacts import CARD_FIELDS, ContactCard, ContactKind, OwnerKind

__all__ = [
    "CardColumns",
    "CardReader",
    "RejectWriter",
    "RejectedRow",
    "load_card_columns",
    "open_cards",
    "write_cards",
    "write_table",
]

_LONGEST_FIELD = 16 * 1024 * 1024
_DELIMITERS = (";", ",", "\t")


class _Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after_service: tuple[str, ...]
    after_sale: tuple[str, ...]
    person: tuple[str, ...]
    organisation: tuple[str, ...]
    yes: tuple[str, ...]
    no: tuple[str, ...]
    do_not_call: tuple[str, ...]


class _Dates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    formats: tuple[str, ...]


class _ColumnsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    columns: dict[str, tuple[str, ...]]
    values: _Values
    dates: _Dates


def _fold(text: str) -> str:
    return " ".join(text.casefold().replace("ё", "е").split())


class _CellError(Exception):
    """A value of a row that cannot be understood; the text is the reason, Russian."""


class CardColumns:
    """How headings and values of a file map to the fields of a card.

    Attributes
    ----------
    headings : dict
        Field to the heading written on export.
    """

    def __init__(self, content: _ColumnsFile) -> None:
        self.headings = {name: names[0] for name, names in content.columns.items()}
        self._field_of = {
            _fold(name): field for field, names in content.columns.items() for name in names
        }
        self._values = content.values
        self._formats = content.dates.formats
        self._yes = frozenset(map(_fold, content.values.yes))
        self._no = frozenset(map(_fold, content.values.no))
        self._notices = tuple(map(_fold, content.values.do_not_call))
        self._readers: dict[str, Callable[[str], Any]] = {
            "contact_date": self._read_date,
            "general_number": self._read_flag,
            "incorrect_contact": lambda text: bool(self._read_flag(text)),
            "do_not_call": self._read_notice,
            "kind": self._one_of(
                {
                    ContactKind.AFTER_SERVICE: content.values.after_service,
                    ContactKind.AFTER_SALE: content.values.after_sale,
                }
            ),
            "owner_kind": self._one_of(
                {
                    OwnerKind.PERSON: content.values.person,
                    OwnerKind.ORGANISATION: content.values.organisation,
                }
            ),
        }

    def field_of(self, heading: str) -> str | None:
        """Return the field a heading stands for, None for a column that is not ours."""
        return self._field_of.get(_fold(heading))

    def read(self, values: Mapping[str, str]) -> ContactCard:
        """Return the card of a row of texts by field.

        Raises
        ------
        ContactError
            With the reason in Russian, for the file of rejected rows.
        """
        fields: dict[str, Any] = {}
        for field, text in values.items():
            if "\0" in text:
                raise ContactError(f"«{self.headings[field]}»: содержит нулевой символ")
            read = self._readers.get(field)
            try:
                fields[field] = text if read is None else read(text)
            except _CellError as problem:
                raise ContactError(f"«{self.headings[field]}»: {problem}") from problem
        fields["ref"] = fields.get("ref", "").strip()
        if not fields["ref"]:
            raise ContactError(f"«{self.headings['ref']}»: не заполнено")
        if len(fields["ref"]) > 100:
            raise ContactError(f"«{self.headings['ref']}»: длиннее 100 знаков")
        return ContactCard(**fields)

    def write(self, card: ContactCard) -> dict[str, str]:
        """Return the texts of a card by field."""
        texts = {name: getattr(card, name) for name in CARD_FIELDS}
        texts["contact_date"] = (
            "" if card.contact_date is None else card.contact_date.strftime(self._formats[0])
        )
        texts["kind"] = "" if card.kind is None else getattr(self._values, card.kind)[0]
        texts["owner_kind"] = (
            "" if card.owner_kind is None else getattr(self._values, card.owner_kind)[0]
        )
        texts["general_number"] = self._write_flag(card.general_number)
        texts["incorrect_contact"] = self._write_flag(card.incorrect_contact)
        texts["do_not_call"] = self._values.do_not_call[0] if card.do_not_call else ""
        return texts

    def _read_date(self, text: str) -> dt.date | None:
        if not text.strip():
            return None
        for form in self._formats:
            with contextlib.suppress(ValueError):
                return dt.datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day
        raise _CellError(f"ожидалась дата вида 05.02.2013, найдено «{text}»")

    def _read_flag(self, text: str) -> bool | None:
        folded = _fold(text)
        if not folded:
            return None
        if folded in self._yes:
            return True
        if folded in self._no:
            return False
        raise _CellError(f"ожидалось да или нет, найдено «{text}»")

    def _read_notice(self, text: str) -> bool:
        """Read the red notice: its words anywhere in the cell, or yes."""
        if not text:
            return False
        folded = _fold(re.sub(r"[^\w\s+-]", " ", text))
        if any(notice in folded for notice in self._notices):
            return True
        return folded in self._yes

    def _one_of(self, names: Mapping[Any, Sequence[str]]) -> Callable[[str], Any]:
        by_name = {_fold(name): value for value, several in names.items() for name in several}

        def read(text: str) -> Any:
            folded = _fold(text)
            if not folded:
                return None
            if folded not in by_name:
                expected = ", ".join(f"«{several[0]}»" for several in names.values())
                raise _CellError(f"ожидалось {expected}, найдено «{text}»")
            return by_name[folded]

        return read

    def _write_flag(self, value: bool | None) -> str:
        if value is None:
            return ""
        return self._values.yes[0] if value else self._values.no[0]


def load_card_columns(path: Path | None = None) -> CardColumns:
    """Read and check a mapping of columns; None: the shipped ``data/card_columns.toml``.

    Raises
    ------
    DataFileError
        Naming the file and line of the first mistake.
    """
    file = read_toml(path or data_folder(".") / "card_columns.toml")
    content = convert_toml(file, _ColumnsFile)
    seen: dict[str, str] = {}
    for field, names in content.columns.items():
        place = file.place("columns", key=field)
        if field not in CARD_FIELDS:
            raise DataFileError(
                f"{place}: a card has no field {field!r}; expected one of {', '.join(CARD_FIELDS)}"
            )
        if not names:
            raise DataFileError(f"{place}: expected at least one heading")
        for name in names:
            if _fold(name) in seen:
                raise DataFileError(
                    f"{place}: heading {name!r} already stands for {seen[_fold(name)]!r}"
                )
            seen[_fold(name)] = field
    missing = [field for field in CARD_FIELDS if field not in content.columns]
    if missing:
        raise DataFileError(f"{file.place('columns')}: no heading for {', '.join(missing)}")
    for key in msgspec.structs.fields(_Values):
        if not getattr(content.values, key.name):
            raise DataFileError(
                f"{file.place('values', key=key.name)}: expected at least one value"
            )
    if not content.dates.formats:
        raise DataFileError(f"{file.place('dates', key='formats')}: expected at least one format")
    return CardColumns(content)


# --- reading -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is no card.

    Attributes
    ----------
    line : int
        Line of the file (row of the sheet) where it begins, from 1.
    reason : str
        Russian, for whoever keeps the CRM.
    cells : tuple of str
        As they stand in the file.
    """

    line: int
    reason: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardReader:
    """An open file of cards: iterate it once.

    Attributes
    ----------
    fields : tuple of str or None
        Field of each column, None for one that is not ours.
    heading : tuple of str
        As it stands in the file.
    form : str
        What was found, for messages: `CSV, cp1251, ';'`.
    """

    fields: tuple[str | None, ...]
    heading: tuple[str, ...]
    form: str
    _rows: Iterator[tuple[int, list[str]]]
    _columns: CardColumns

    @property
    def present(self) -> frozenset[str]:
        """Fields the file has a column for; an import leaves the others alone."""
        return frozenset(field for field in self.fields if field is not None)

    def __iter__(self) -> Iterator[ContactCard | RejectedRow]:
        """Yield a card or a rejected row for every row that is not empty."""
        width = len(self.fields)
        for line, cells in self._rows:
            if not any(cell.strip() for cell in cells):
                continue
            extra = [cell for cell in cells[width:] if cell.strip()]
            if extra or len(cells) < width:
                reason = f"ожидалось столбцов: {width}, найдено: {len(cells)}"
                yield RejectedRow(line, reason, tuple(cells))
                continue
            values = {
                field: cell
                for field, cell in zip(self.fields, cells, strict=False)
                if field is not None
            }
            try:
                yield self._columns.read(values)
            except ContactError as problem:
                yield RejectedRow(line, str(problem), tuple(cells))


@contextlib.contextmanager
def open_cards(
    path: Path, columns: CardColumns, *, encoding: str | None = None
) -> Iterator[CardReader]:
    """Open a CSV or XLSX file of cards.

    Parameters
    ----------
    path : Path
        ``.xlsx`` is read as a workbook (its first sheet), anything else as CSV.
    columns : CardColumns
    encoding : str or None
        Of a CSV file; None: found out.

    Raises
    ------
    ContactError
        If it cannot be read, or its heading lacks the card's number or names a field twice.
    """
    with contextlib.ExitStack() as stack:
        with _explained(path):
            if path.suffix.lower() == ".xlsx":
                rows, form = stack.enter_context(_open_sheet(path)), "XLSX"
            else:
                rows, form = stack.enter_context(_open_csv(path, columns, encoding))
        rows = _guarded(path, rows)
        first = next(rows, None)
        if first is None:
            raise ContactError(f"{path}: expected a heading line, found an empty file")
        heading = tuple(first[1])
        yield CardReader(_check_heading(path, heading, columns), heading, form, rows, columns)


def _guarded(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, explaining what goes wrong with the file but nothing of whoever reads them."""
    while True:
        with _explained(path):
            row = next(rows, None)
        if row is None:
            return
        yield row


def _check_heading(
    path: Path, heading: Sequence[str], columns: CardColumns
) -> tuple[str | None, ...]:
    fields = tuple(columns.field_of(cell) for cell in heading)
    known = [field for field in fields if field is not None]
    if "ref" not in known:
        raise ContactError(
            f"{path}: no column «{columns.headings['ref']}»; found: "
            f"{', '.join(f'«{cell}»' for cell in heading) or 'nothing'}. Name the columns in the "
            "settings file (--columns)"
        )
    twice = sorted({field for field in known if known.count(field) > 1})
    if twice:
        raise ContactError(f"{path}: several columns stand for {', '.join(twice)}")
    return fields


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what can go wrong with a file into one sentence."""
    try:
        yield
    except OSError as problem:
        raise ContactError(f"{path}: {problem.strerror or problem}") from problem
    except UnicodeError as problem:
        raise ContactError(
            f"{path}: not the expected encoding ({problem}); name it with --encoding"
        ) from problem
    except csv.Error as problem:
        raise ContactError(f"{path}: not a valid CSV file: {problem}") from problem
    except (zipfile.BadZipFile, KeyError, SyntaxError) as problem:
        raise ContactError(f"{path}: not a valid XLSX file: {problem}") from problem


@contextlib.contextmanager
def _open_csv(
    path: Path, columns: CardColumns, encoding: str | None
) -> Iterator[tuple[Iterator[tuple[int, list[str]]], str]]:
    used = encoding or _find_encoding(path)
    with path.open(encoding=used, newline="") as file:
        delimiter = _find_delimiter(file, columns)
        file.seek(0)
        yield _csv_rows(path, file, delimiter), f"CSV, {used}, {delimiter!r}"


def _find_encoding(path: Path) -> str:
    """Return UTF-16 or UTF-8 by mark, UTF-8 where all of it is, else cp1251."""
    with path.open("rb") as file:
        if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return "utf-16"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1251"
    return "utf-8-sig"


def _find_delimiter(file: IO[str], columns: CardColumns) -> str:
    """Return the separator that makes most known headings of the first line."""
    line = file.readline()

    def n_known(delimiter: str) -> int:
        cells = next(csv.reader([line], delimiter=delimiter), [])
        return sum(columns.field_of(cell) is not None for cell in cells)

    return max(_DELIMITERS, key=n_known)


def _csv_rows(path: Path, file: IO[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise ContactError(
                f"{path}, line {line}: not a valid CSV row ({problem}); rows before it were read"
            ) from problem
        yield line, cells
        line = reader.line_num + 1


# Excel writes characters XML cannot hold, and the carriage return, as _xHHHH_.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TO_ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


@contextlib.contextmanager
def _open_sheet(path: Path) -> Iterator[Iterator[tuple[int, list[str]]]]:
    openpyxl = _openpyxl()
    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            yield _sheet_rows(book.worksheets[0])
        finally:
            book.close()


def _openpyxl() -> Any:
    try:
        import openpyxl  # noqa: PLC0415 - only for workbooks
    except ModuleNotFoundError as problem:
        raise ContactError("XLSX needs openpyxl; pip install 'recognizer[journal]'") from problem
    return openpyxl


def _sheet_rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    width = 0
    for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        texts = [_cell_text(cell) for cell in cells]
        if line == 1:
            while texts and not texts[-1].strip():
                texts.pop()
            width = len(texts)
        # A sheet does not store empty cells at the end of a row.
        yield line, texts + [""] * (width - len(texts))


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
    if isinstance(value, bool):
        return "Да" if value else "Нет"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime | dt.date):
        return value.strftime("%d.%m.%Y")
    return str(value)


# --- writing -------------------------------------------------------------------------------


def write_cards(
    path: Path,
    cards: Iterable[ContactCard],
    columns: CardColumns,
    *,
    encoding: str = "utf-8-sig",
    delimiter: str = ";",
) -> int:
    """Write cards to a CSV or XLSX file, all or nothing; return how many.

    Raises
    ------
    ContactError
        If it cannot be written, or a text cannot be written in `encoding`.
    """
    heading = [columns.headings[field] for field in CARD_FIELDS]

    def rows() -> Iterator[Sequence[str]]:
        for card in cards:
            texts = columns.write(card)
            yield [texts[field] for field in CARD_FIELDS]

    return write_table(path, heading, rows(), encoding=encoding, delimiter=delimiter)


def write_table(
    path: Path,
    heading: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    encoding: str = "utf-8-sig",
    delimiter: str = ";",
) -> int:
    """Write a table to a CSV or XLSX file, all or nothing; return how many rows.

    Raises
    ------
    ContactError
        If it cannot be written, or a text cannot be written in `encoding`.
    """
    counted = itertools.count()
    numbered = (row for row, _ in zip(rows, counted, strict=False))
    part = path.with_name(f"{path.name}.part")
    try:
        with _explained(path):
            if path.suffix.lower() == ".xlsx":
                _write_sheet(part, heading, numbered)
            else:
                _write_csv(part, heading, numbered, encoding, delimiter)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return next(counted)


def _write_csv(
    part: Path,
    heading: Sequence[str],
    rows: Iterable[Sequence[str]],
    encoding: str,
    delimiter: str,
) -> None:
    with part.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        for row in itertools.chain([heading], rows):
            try:
                writer.writerow(row)
            except UnicodeEncodeError as problem:
                raise ContactError(
                    f"row {row[0]!r}: the character {problem.object[problem.start]!r} does not "
                    f"exist in {encoding}; use --encoding utf-8-sig"
                ) from problem


def _write_sheet(part: Path, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    openpyxl = _openpyxl()
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - only for workbooks

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in itertools.chain([heading], rows):
        cells = []
        for text in row:
            cell = WriteOnlyCell(
                sheet, _TO_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
            )
            # A text that begins with = is still a text, not a formula.
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    book.save(part)


class RejectWriter:
    """Writes rejected rows beside the reason; the file appears once it is whole, if at all."""

    def __init__(self, path: Path, heading: Sequence[str]) -> None:
        self.path = path
        self.n_rows = 0
        self._heading = heading
        self._part = path.with_name(f"{path.name}.part")
        self._file: IO[str] | None = None

    def add(self, row: RejectedRow) -> None:
        """Write one row."""
        if self._file is None:
            self._file = self._part.open("w", encoding="utf-8-sig", newline="")
            csv.writer(self._file, delimiter=";").writerow(["Строка", "Причина", *self._heading])
        csv.writer(self._file, delimiter=";").writerow([row.line, row.reason, *row.cells])
        self.n_rows += 1

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Put the file in its place: what was rejected is known even if the import stopped."""
        if self._file is not None:
            self._file.close()
            self._part.replace(self.path)
