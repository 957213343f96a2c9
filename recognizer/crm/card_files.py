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
import dataclasses
import datetime as dt
import io
import itertools
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import ContactError, DataFileError
from recognizer.crm.contacts import CARD_FIELDS, ContactCard, ContactKind, OwnerKind
from recognizer.crm.numbers import NumberState, is_spreadsheet_error, lost_digits, read_numbers

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
_LONGEST_HEADING = 1 << 16
_MOST_LINES = 2000
_DELIMITERS = (";", ",", "\t", "|")


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
    composed = unicodedata.normalize("NFKC", text)
    plain = "".join(char for char in composed if unicodedata.category(char) != "Cf")
    return " ".join(plain.casefold().replace("ё", "е").split())


def _fold_heading(text: str) -> str:
    """Return a heading for comparing: its punctuation at the ends does not matter either."""
    folded = _fold(text.replace("-\n", "").replace("\u00ad", ""))
    return folded.strip(" :;*.,\"'«»()") or folded


def _fold_ref(text: str) -> str:
    """Return a card's number as one text: `159 273` with any space or none is the same card."""
    composed = unicodedata.normalize("NFKC", text)
    kept = "".join(char for char in composed if unicodedata.category(char) not in {"Cf", "Cc"})
    return re.sub(r"(?<=\d)\s+(?=\d)", "", " ".join(kept.split()))


class _CellError(Exception):
    """A value of a row that cannot be understood; the text is the reason, Russian."""


_PHONE_FIELDS = ("trusted_phone", "mobile_phone")
_STATES = {
    NumberState.VALID: "есть",
    NumberState.DOUBTFUL: "под вопросом",
    NumberState.UNKNOWN: "неизвестен",
    NumberState.ABSENT: "нет номера",
    NumberState.WRONG: "неправильный",
}
"""What an export says of the number."""


def _check_phone(text: str) -> None:
    """Refuse a cell in which a spreadsheet left something else than what was typed."""
    if is_spreadsheet_error(text):
        raise _CellError(f"вместо номера ошибка таблицы: «{text.strip()}»")
    if lost_digits(text):
        raise _CellError(
            f"таблица потеряла цифры номера: «{text.strip()}»; задайте столбцу текстовый формат"
        )


class CardColumns:
    """How headings and values of a file map to the fields of a card.

    Attributes
    ----------
    headings : dict
        Field to the heading written on export.
    """

    def __init__(self, content: _ColumnsFile) -> None:
        self.headings = {name: names[0] for name, names in content.columns.items()}
        # Mappings written before this column was there do not name it.
        self.headings.setdefault("number_unknown", "Состояние номера")
        self._field_of = {
            _fold_heading(name): field for field, names in content.columns.items() for name in names
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
            "number_unknown": lambda text: _fold(text) == _STATES[NumberState.UNKNOWN],
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
        return self._field_of.get(_fold_heading(heading))

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
                if field in _PHONE_FIELDS:
                    _check_phone(text)
                fields[field] = text if read is None else read(text)
            except _CellError as problem:
                raise ContactError(f"«{self.headings[field]}»: {problem}") from problem
        fields["ref"] = _fold_ref(fields.get("ref", ""))
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
        texts["number_unknown"] = _STATES[card.number_state]
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
            folded = _fold_heading(name)
            if folded in seen:
                raise DataFileError(
                    f"{place}: heading {name!r} already stands for {seen[folded]!r}"
                )
            seen[folded] = field
    missing = [
        field for field in CARD_FIELDS if field not in content.columns and field != "number_unknown"
    ]
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
        fields = frozenset(field for field in self.fields if field is not None)
        # Whoever says the number, or that there is none, ends its being unknown.
        return fields | {"number_unknown"} if fields.intersection(_PHONE_FIELDS) else fields

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
                card = self._columns.read(values)
                self._check_others(card, cells)
            except ContactError as problem:
                yield RejectedRow(line, str(problem), tuple(cells))
            else:
                yield card if self.has_phone else dataclasses.replace(card, number_unknown=True)

    @property
    def has_phone(self) -> bool:
        """Whether the file says anything of numbers."""
        return bool(set(self.fields).intersection(_PHONE_FIELDS))

    def _check_others(self, card: ContactCard, cells: Sequence[str]) -> None:
        """Refuse a card without a valid number beside a column, not ours, that has one."""
        if not self.has_phone or card.number_state is NumberState.VALID:
            return
        for heading, field, cell in zip(self.heading, self.fields, cells, strict=False):
            if (
                field is None
                and _LIKE_A_PHONE.fullmatch(cell.strip())
                and any(number.e164 for number in read_numbers(cell))
            ):
                raise ContactError(
                    f"номера в карточке нет, но похож на номер столбец «{heading}»; назовите его "
                    "в файле столбцов (--columns)"
                )


@contextlib.contextmanager
def open_cards(
    path: Path, columns: CardColumns, *, encoding: str | None = None, no_phone: bool = False
) -> Iterator[CardReader]:
    """Open a CSV or XLSX file of cards.

    Parameters
    ----------
    path : Path
        ``.xlsx`` is read as a workbook (its first sheet), anything else as CSV.
    columns : CardColumns
    encoding : str or None
        Of a CSV file; None: found out.
    no_phone : bool
        The file may lack a column of numbers: they are unknown then, which no rule decides.

    Raises
    ------
    ContactError
        If it cannot be read, or its heading lacks the card's number or a telephone's, or names
        a field twice.
    """
    with contextlib.ExitStack() as stack:
        with _explained(path):
            if _is_workbook(path):
                rows, form = stack.enter_context(_open_sheet(path)), "XLSX"
            else:
                rows, form = stack.enter_context(_open_csv(path, columns, encoding))
        rows = _guarded(path, rows)
        first = next(rows, None)
        if first is None:
            raise ContactError(f"{path}: expected a heading line, found an empty file")
        heading = tuple(first[1])
        yield CardReader(
            _check_heading(path, heading, columns, no_phone=no_phone), heading, form, rows, columns
        )


def _guarded(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, explaining what goes wrong with the file but nothing of whoever reads them."""
    while True:
        with _explained(path):
            row = next(rows, None)
        if row is None:
            return
        yield row


def _check_heading(
    path: Path, heading: Sequence[str], columns: CardColumns, *, no_phone: bool
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
    if not no_phone:
        _check_phone_columns(path, heading, fields, columns)
    return fields


# What a heading of numbers is called, and what a cell that is nothing but one looks like.
_PHONE_HEADING = re.compile(
    r"тел(?![а-яё]*(?:ематик|евиз))|\bмоб|сотов|phone|mobile|\btel|\bсот\.|whatsapp|viber|ватсап"
)
_LIKE_A_PHONE = re.compile(r"\+?[\d\s()\-.–]{10,24}")


def _check_phone_columns(
    path: Path, heading: Sequence[str], fields: Sequence[str | None], columns: CardColumns
) -> None:
    """Refuse a file of which it is not known where its numbers are: unknown is not «none»."""
    others = [
        cell
        for cell, field in zip(heading, fields, strict=True)
        if field is None and _PHONE_HEADING.search(_fold(cell))
    ]
    wanted = f"«{columns.headings['mobile_phone']}» or «{columns.headings['trusted_phone']}»"
    if not set(fields).intersection(_PHONE_FIELDS):
        raise ContactError(
            f"{path}: expected a column of telephone numbers ({wanted}), found: "
            f"{', '.join(f'«{cell}»' for cell in heading)}. Name it in the settings file "
            "(--columns), or import without numbers (--no-phone): they are then unknown"
        )
    if others and len(set(fields).intersection(_PHONE_FIELDS)) < 2:
        raise ContactError(
            f"{path}: the column «{others[0]}» seems to hold telephone numbers, too, and stands "
            "for no field. Name it in the settings file (--columns), or delete it from the file"
        )


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
        yield _csv_rows(path, file, delimiter), f"CSV, {used}, {delimiter!r}"


_OLE_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _is_workbook(path: Path) -> bool:
    """Tell by its content, not by its name, whether a file is an XLSX workbook.

    Raises
    ------
    ContactError
        For other spreadsheets: what to do is said.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(_OLE_START):
        raise ContactError(
            f"{path}: expected CSV or XLSX, found an old Excel workbook (.xls) or one with a "
            "password; save it as .xlsx"
        )
    if start.startswith(b"PK") and b"mimetypeapplication/vnd.oasis" in start:
        raise ContactError(f"{path}: expected CSV or XLSX, found OpenDocument; save it as .xlsx")
    if re.match(rb"\s*(\xef\xbb\xbf)?\s*<(html|table|\?xml|!doctype|meta)", start, re.IGNORECASE):
        raise ContactError(
            f"{path}: expected CSV or XLSX, found a web page or XML that Excel opens; open it and "
            "save it as .xlsx"
        )
    return start.startswith(b"PK") or path.suffix.lower() == ".xlsx"


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


_SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=(.|\\t)\"?\s*", re.IGNORECASE)


def _find_delimiter(file: IO[str], columns: CardColumns) -> str:
    """Return the separator that makes most known headings; leave the file at its heading."""
    start = file.tell()
    named = _SEPARATOR_LINE.fullmatch(file.readline())
    if named is not None:
        return "\t" if named[1] == "\\t" else named[1]
    file.seek(start)
    head = file.read(_LONGEST_HEADING)
    file.seek(start)

    def n_known(delimiter: str) -> int:
        cells = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
        return sum(columns.field_of(cell) is not None for cell in cells)

    return max(_DELIMITERS, key=n_known)


def _csv_rows(path: Path, file: IO[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield rows; a stray quote (`"Ромашка" ООО`) is a character of its cell."""
    csv.field_size_limit(_LONGEST_FIELD)
    lines = _Lines(file)
    while True:
        line = lines.n_read + 1
        try:
            cells = _csv_row(lines, delimiter)
        except csv.Error as problem:
            raise ContactError(
                f"{path}, line {line}: not a valid CSV row ({problem}); rows before it were read"
            ) from problem
        if cells is None:
            return
        yield line, cells


class _Lines:
    """Lines of a file, counted, which may be given back."""

    def __init__(self, file: IO[str]) -> None:
        self.n_read = 0
        self._file = file
        self._returned: list[str] = []

    def next(self) -> str:
        line = self._returned.pop() if self._returned else self._file.readline()
        self.n_read += bool(line)
        return line

    def give_back(self, lines: Sequence[str]) -> None:
        self._returned.extend(reversed(lines))
        self.n_read -= len(lines)


def _csv_row(lines: _Lines, delimiter: str) -> list[str] | None:
    """Return the cells of one row, which may take several lines; None at the end."""
    first = lines.next()
    if not first:
        return None
    taken = [first]
    text = first
    while (cells := _split_row(text, delimiter)) is None:
        more = lines.next()
        if not more or len(taken) >= _MOST_LINES or len(text) > _LONGEST_FIELD:
            # No quote closes it: the quote that opened it is a character, and costs its own row.
            lines.give_back([*taken[1:], more] if more else taken[1:])
            return next(csv.reader([first], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])
        taken.append(more)
        text += more
    return cells


def _split_row(text: str, delimiter: str) -> list[str] | None:
    """Return the cells of a row, None where a quoted cell is still open."""
    if '"' not in text:
        if "\r" in text.rstrip("\r\n"):
            raise csv.Error("a carriage return outside quotes")
        return text.rstrip("\r\n").split(delimiter)
    cells: list[str] = []
    place = 0
    body = text.rstrip("\r\n")
    while True:
        cell, place = _take_cell(body, text, place, delimiter)
        if cell is None:
            return None
        cells.append(cell)
        if place >= len(body):
            return cells
        place += 1
        if place == len(body):
            return [*cells, ""]


def _take_cell(body: str, text: str, start: int, delimiter: str) -> tuple[str | None, int]:
    """Return a cell and where it ends; None where its quotes do not close."""
    if not body.startswith('"', start):
        end = body.find(delimiter, start)
        end = len(body) if end < 0 else end
        return body[start:end], end
    place = start + 1
    while True:
        place = body.find('"', place)
        if place < 0:
            return None, len(text)
        if body.startswith('""', place):
            place += 2
            continue
        if place + 1 == len(body) or body.startswith(delimiter, place + 1):
            return body[start + 1 : place].replace('""', '"'), place + 1
        # A quote amid a cell: the quotes are its own, as in `"Ромашка" ООО`.
        end = body.find(delimiter, place)
        end = len(body) if end < 0 else end
        return body[start:end], end


# Excel writes characters XML cannot hold, and the carriage return, as _xHHHH_.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TO_ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


@contextlib.contextmanager
def _open_sheet(path: Path) -> Iterator[Iterator[tuple[int, list[str]]]]:
    openpyxl = _openpyxl()
    with path.open("rb") as file, path.open("rb") as again:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        written = openpyxl.load_workbook(again, read_only=True, data_only=False)
        try:
            yield _sheet_rows(book.worksheets[0], written.worksheets[0])
        finally:
            book.close()
            written.close()


def _openpyxl() -> Any:
    try:
        import openpyxl  # noqa: PLC0415 - only for workbooks
    except ModuleNotFoundError as problem:
        raise ContactError("XLSX needs openpyxl; pip install 'recognizer[journal]'") from problem
    return openpyxl


def _sheet_rows(sheet: Any, written: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a sheet, from its cells: what it says of its own size may be wrong."""
    sheet.reset_dimensions()
    written.reset_dimensions()
    width = 0
    both = zip(sheet.iter_rows(), written.iter_rows(), strict=False)
    for line, (cells, sources) in enumerate(both, start=1):
        texts = [_computed_text(cell, source) for cell, source in zip(cells, sources, strict=False)]
        if not width:
            while texts and not texts[-1].strip():
                texts.pop()
            width = len(texts)
        # A sheet does not store empty cells at the end of a row.
        yield line, texts + [""] * (width - len(texts))


NO_VALUE = "#Н/Д"
"""What a formula without a value is read as: the same as its error."""


def _computed_text(cell: Any, source: Any) -> str:
    """Return the text of a cell; a formula whose value was never computed has none."""
    value = cell.value
    is_formula = source.data_type == "f"
    if is_formula and (value is None or value == "" or (value == 0 and value is not False)):
        return NO_VALUE
    if cell.data_type == "n" and isinstance(value, int | float) and abs(value) >= 1e15:
        # Beyond fifteen digits a spreadsheet keeps zeros in their place.
        return f"{float(value):.14E}"
    return _cell_text(value)


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
