"""Cards of a CSV or XLSX file, row by row; a row that is no card comes with the reason."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recognizer.base.errors import ContactError
from recognizer.crm.card_files.columns import CardColumns, fold_ref
from recognizer.crm.card_files.csv_tables import CsvForm, open_csv
from recognizer.crm.card_files.files import (
    DAMAGED_BYTES,
    MOST_ABOVE,
    CardFileError,
    explain_problems,
    is_workbook,
)
from recognizer.crm.card_files.headings import check_heading, is_contact_heading
from recognizer.crm.card_files.not_cards import why_no_card
from recognizer.crm.card_files.rows_together import RowsOfCard
from recognizer.crm.card_files.table_rows import TableRow, TableRows, without_beside
from recognizer.crm.card_files.xlsx_tables import Sheets, open_sheet
from recognizer.crm.contacts import CODE_FIELDS, PHONE_FIELDS, ContactCard
from recognizer.crm.number_hints import may_complete, points_elsewhere
from recognizer.crm.numbers import NumberState, is_spreadsheet_error, number_state
from recognizer.crm.numbers_beside import may_hold_number
from recognizer.crm.plain_cells import says_absent, says_nothing

__all__ = ["CardReader", "RejectedRow", "open_cards"]


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
    csv_form : CsvForm or None
        None for a workbook.
    sheets : Sheets or None
        Which sheet of a workbook is read, and which are not; None for CSV.
    """

    fields: tuple[str | None, ...]
    heading: tuple[str, ...]
    form: str
    csv_form: CsvForm | None
    sheets: Sheets | None
    _rows: Iterator[tuple[int, list[str]]]
    _columns: CardColumns
    _own_numbers: frozenset[str] = frozenset()

    @property
    def present(self) -> frozenset[str]:
        """Fields the file has a column for; an import leaves the others alone."""
        fields = frozenset(field for field in self.fields if field is not None)
        # Whoever says the number, or that there is none, ends its being unknown.
        return fields | {"number_unknown"} if fields.intersection(PHONE_FIELDS) else fields

    def __iter__(self) -> Iterator[ContactCard | RejectedRow]:
        """Yield a card or a rejected row for every row that is not empty; a card once.

        A card of several rows comes at the last of them: until then any may contradict another.
        """
        is_after_short = False
        above: TableRow | None = None
        together: dict[str, RowsOfCard[TableRow]] = {}
        shapes: set[str] = set()
        # In a file of few columns a half line is as wide as a whole one.
        is_narrow = self.csv_form is not None and len(self.fields) <= _FEW_COLUMNS
        with TableRows(self._rows, self._ref_of) as rows:
            for row, following in itertools.pairwise(itertools.chain(rows, [None])):
                assert row is not None
                is_before_short = following is not None and self._is_short(following.cells)
                is_torn = is_after_short or is_before_short
                read = self._read(row, is_torn=is_torn, is_last=following is None)
                if isinstance(read, ContactCard) and self._goes_on(row, following):
                    read = RejectedRow(row.line, _BENT, tuple(row.cells))
                if isinstance(read, ContactCard) and self._is_divided(read, above, following):
                    read = RejectedRow(row.line, _DIVIDED, tuple(row.cells))
                above = row
                if is_narrow:
                    if isinstance(read, ContactCard) and self._lacks_number(read):
                        read = self._check_half(read, row, shapes)
                    shapes.add(_shape(row.ref))
                is_after_short = self._is_short(row.cells)
                if row.is_alone:
                    yield read
                else:
                    yield from self._together(row, read, together.setdefault(row.ref, RowsOfCard()))
                    if row.ends_card:
                        yield from _end(together.pop(row.ref))

    def _together(
        self, row: TableRow, read: ContactCard | RejectedRow, rows: RowsOfCard[TableRow]
    ) -> Iterator[RejectedRow]:
        """Add a row to those of its card; a rejected one is told at once."""
        if isinstance(read, RejectedRow):
            rows.add_rejected()
            yield read
        else:
            rows.add(row, read, may_be_marked=self._may_be_marked(read))

    def _may_be_marked(self, card: ContactCard) -> bool:
        """Tell whether a card may be marked without a call, for its own or for no number."""
        valid = {number.e164 for number in card.numbers() if number.e164 is not None}
        return self._leads_to_mark(card) or (bool(valid) and valid <= self._own_numbers)

    def _check_half(
        self, card: ContactCard, row: TableRow, shapes: set[str]
    ) -> ContactCard | RejectedRow:
        """Refuse a card without a number that may be the rest of a torn line."""
        if not self._is_half(card.ref, shapes):
            return card
        reason = "номер карточки не похож на другие: похоже, строка разорвана на две"
        return RejectedRow(row.line, reason, tuple(row.cells))

    def _is_half(self, ref: str, shapes: set[str]) -> bool:
        """Tell whether a card's number may be the rest of a telephone's, from the line above."""
        is_like_others = not shapes or _shape(ref) in shapes
        return not is_like_others and _DIGITS.match(ref) is not None

    def _ref_of(self, cells: Sequence[str]) -> str:
        """Return the number of the card in a row, as the mapping folds it."""
        return fold_ref(self._ref_cell(cells))

    def _ref_cell(self, cells: Sequence[str]) -> str:
        at = self.fields.index("ref")
        return cells[at] if at < len(cells) else ""

    def _is_nobodys(self, row: TableRow | None) -> bool:
        """Tell whether a row has no card's number: it may be the rest of the card beside it."""
        if row is None:
            return False
        is_heading = self._columns.field_of(self._ref_cell(row.cells)) is not None
        return says_nothing(row.ref) or is_heading

    def _is_divided(
        self, card: ContactCard, above: TableRow | None, below: TableRow | None
    ) -> bool:
        """Tell whether what a card lacks may stand in a row beside it that names no card."""
        if not self._may_be_marked(card):
            return False
        if self._is_nobodys(below):
            return True
        cells = above.cells if above is not None and self._is_nobodys(above) else []
        return any(map(may_hold_number, cells))

    def _is_short(self, cells: Sequence[str]) -> bool:
        return len(cells) < len(self.fields)

    def _read(self, row: TableRow, *, is_torn: bool, is_last: bool) -> ContactCard | RejectedRow:
        """Read one row; `is_torn`: a row beside it may be a part of it, by a bare line break."""
        cells = row.cells
        values = {
            field: cell
            for field, cell in zip(self.fields, cells, strict=False)
            if field is not None
        }
        try:
            self._check_bytes(cells)
            self._check_width(cells)
            card = self._columns.read(values)
            self._check_quotes(card)
            self._check_state(card, values)
            self._check_others(card, cells)
            if self._may_be_marked(card):
                self._check_beside(row)
                if is_last:
                    self._check_end(card, cells)
            if self._leads_to_mark(card):
                self._check_form(cells, is_torn=is_torn)
        except ContactError as problem:
            shown = (DAMAGED_BYTES.sub("\ufffd", cell) for cell in cells)
            return RejectedRow(row.line, str(problem), tuple(shown))
        if self.has_phone and not self._says_only_ref(card, cells):
            return card
        return dataclasses.replace(card, number_unknown=True)

    def _says_only_ref(self, card: ContactCard, cells: Sequence[str]) -> bool:
        """Tell whether a row names a card and says nothing of it, nor that it has no number.

        Sums and counts in columns of nobody say nothing of a client, nor does «нет» in one of ours.
        """
        if any(getattr(card, field).strip() for field in PHONE_FIELDS):
            return False
        return all(
            field == "ref"
            or not cell.strip()
            or (field != "number_unknown" and says_nothing(cell) and " " not in cell.strip())
            or (field is None and re.search(r"[^\W\d_]", cell) is None and not _DAY.search(cell))
            for field, cell in zip(self.fields, cells, strict=False)
        )

    def _check_bytes(self, cells: Sequence[str]) -> None:
        if self.csv_form is not None and any(map(DAMAGED_BYTES.search, cells)):
            raise ContactError(
                f"строка повреждена: в ней есть байты не из кодировки {self.csv_form.encoding}"
            )

    def _check_width(self, cells: Sequence[str]) -> None:
        if tuple(cells) == self.heading:
            raise ContactError("повторены заголовки столбцов")
        if self._columns.field_of(self._ref_cell(cells)) is not None:
            raise ContactError("вместо номера карточки стоит название столбца")
        width = len(self.fields)
        # Stray quotes may have parted a cell: what is behind stands in the wrong columns.
        is_split = any(cell.count('"') % 2 for cell in cells) and len(cells) != width
        if self._is_short(cells) or is_split or any(cell.strip() for cell in cells[width:]):
            raise ContactError(f"ожидалось столбцов: {width}, найдено: {len(cells)}")

    def _check_state(self, card: ContactCard, values: Mapping[str, str]) -> None:
        """Refuse a row whose number is not what its own column of states says."""
        stated = self._columns.stated(values.get("number_unknown", ""))
        found = number_state(card.numbers())
        if not self.has_phone or stated in {None, NumberState.UNKNOWN, found}:
            return
        if found is not NumberState.DOUBTFUL:
            raise ContactError(
                f"«{self._columns.headings['number_unknown']}» противоречит номеру: "
                f"«{values['number_unknown'].strip()}»"
            )

    def _check_quotes(self, card: ContactCard) -> None:
        """Refuse a quote in place of a number: a cut may have left it open."""
        is_stray = any('"' in getattr(card, field).strip() for field in PHONE_FIELDS)
        if self.csv_form is not None and is_stray and card.number_state is not NumberState.VALID:
            raise ContactError("кавычки не закрыты: столбцы могли сдвинуться")

    def _check_form(self, cells: Sequence[str], *, is_torn: bool) -> None:
        """Refuse a row of a CSV file whose cells may not be what was written."""
        if self.csv_form is None:
            return
        delimiter = self.csv_form.delimiter
        if is_torn:
            raise ContactError("соседняя строка короче: похоже, строка разорвана на две")
        if len(cells) != len(self.fields):
            raise ContactError("лишний разделитель: столбцы могли сдвинуться")
        if any(cell.startswith('"') and _is_open(cell, delimiter) for cell in cells):
            raise ContactError("кавычки не закрыты: столбцы могли сдвинуться")
        most = max(2, len(self.fields) - 2)
        if any("\n" in cell and cell.count(delimiter) >= most for cell in cells):
            raise ContactError("ячейка похожа на несколько строк: кавычки не закрыты")

    def _check_end(self, card: ContactCard, cells: Sequence[str]) -> None:
        """Refuse what may be cut at the very end of a file whose last line has no end.

        A number that is ours marks by the owner's name too, and a number may stand in comments.
        """
        if self.csv_form is None or self.csv_form.ends_whole:
            return
        field, last = self.fields[len(cells) - 1], cells[-1].strip()
        if field in PHONE_FIELDS and not _NUMBER_BEGUN.fullmatch(last):
            return
        if field in PHONE_FIELDS or field in _LONG_TEXTS or not self._leads_to_mark(card):
            raise ContactError("файл обрывается на этой строке: её конец мог быть отрезан")

    def _check_beside(self, row: TableRow) -> None:
        """Refuse a row in which a number may stand in a note, behind a link or a formula."""
        for at, text in row.beside.items():
            field = self.fields[at] if at < len(self.fields) else None
            is_here = is_spreadsheet_error(text) and (field is None or field in PHONE_FIELDS)
            is_here = is_here or (field in PHONE_FIELDS and "://" in text)  # the CRM's page of it
            is_there = may_hold_number(text, known=self._own_numbers) or points_elsewhere(text)
            if is_here or is_there:
                heading = " ".join(self.heading[at].split()) if at < len(self.heading) else ""
                raise ContactError(
                    f"номера в карточке нет, но он может стоять в примечании, ссылке или формуле "
                    f"столбца «{heading}»: «{text.strip()[:60]}»"
                )

    def _leads_to_mark(self, card: ContactCard) -> bool:
        """Tell whether a card would be marked for its number alone."""
        return self.has_phone and card.number_state in {NumberState.ABSENT, NumberState.WRONG}

    def _lacks_number(self, card: ContactCard) -> bool:
        """Tell whether a card has none, or its row says nothing of it."""
        return self._leads_to_mark(card) or card.number_unknown

    def _goes_on(self, row: TableRow, following: TableRow | None) -> bool:
        """Tell whether a row's comments, its last cell, go on in a line that is nothing else.

        Empty ones do not, nor do those with line breaks of their own: their cell was quoted.
        """
        if self.csv_form is None or self.fields[-1] != "comments" or following is None:
            return False
        is_begun = bool(row.cells[-1].strip()) and "\n" not in row.cells[-1]
        is_rest = len(following.cells) == 1 < len(self.fields)
        return is_begun and is_rest and re.search(r"\w", following.cells[0]) is not None

    @property
    def has_phone(self) -> bool:
        """Whether the file says anything of numbers."""
        return bool(set(self.fields).intersection(PHONE_FIELDS))

    def _check_others(self, card: ContactCard, cells: Sequence[str]) -> None:
        """Refuse a card without a number of its own that may stand in another column."""
        if not self.has_phone:
            return
        known = self._own_numbers if card.number_state is NumberState.VALID else frozenset()
        if card.number_state is NumberState.VALID and not (
            {number.e164 for number in card.numbers()} <= known
        ):
            return
        for heading, field, cell in zip(self.heading, self.fields, cells, strict=False):
            if field in PHONE_FIELDS or field in _PARSED:
                continue
            is_there = may_hold_number(cell, is_code=field in CODE_FIELDS, known=known)
            if is_there or (field is None and is_spreadsheet_error(cell)):
                what = "назовите его в файле столбцов" if field is None else "исправьте"
                raise ContactError(
                    f"номера в карточке нет, но похож на номер столбец «{heading}»; {what}"
                )
        if not self._may_be_marked(card):
            return
        is_without = self._leads_to_mark(card)
        reason = why_no_card(card.ref, cells, self.fields) if is_without else None
        if reason is not None:
            raise ContactError(reason)
        self._check_third(cells, is_without=is_without)
        if is_without:
            self._check_codes(card, cells)

    def _check_third(self, cells: Sequence[str], *, is_without: bool) -> None:
        """Refuse a number of which a column beside the card's own two says anything but «none».

        Beside the company's own (not `is_without`) that column may repeat it.
        """
        for heading, field, cell in zip(self.heading, self.fields, cells, strict=False):
            if field is not None or says_absent(cell):
                continue
            if (is_without and is_contact_heading(heading)) or points_elsewhere(cell):
                raise ContactError(
                    f"номера в карточке нет, но о нём говорит столбец «{heading}»: "
                    f"«{cell.strip()[:60]}»; перенесите номер в столбец телефона"
                )

    def _check_codes(self, card: ContactCard, cells: Sequence[str]) -> None:
        """Refuse a number of which a part, its area code, may stand in a column of its own."""
        for heading, field, cell in zip(self.heading, self.fields, cells, strict=False):
            is_part = field is None and any(
                may_complete(phone, cell) for phone in (card.trusted_phone, card.mobile_phone)
            )
            if is_part:
                raise ContactError(
                    f"похоже, часть номера, код города или оператора, стоит в столбце "
                    f"«{heading}»; соедините их"
                )


def _end(rows: RowsOfCard[TableRow]) -> Iterator[ContactCard | RejectedRow]:
    """Yield what the rows of one card amount to."""
    of_several = rows.of_several()
    for row in of_several:
        yield RejectedRow(row.line, _SEVERAL_CLIENTS, tuple(row.cells))
    contradicted, card = ([], None) if of_several else rows.end()
    for row in contradicted:
        yield RejectedRow(row.line, _CONTRADICTED, tuple(row.cells))
    if card is not None:
        yield card


def _shape(ref: str) -> str:
    """Return what a card's number looks like: «А-00123» and «Б-7» are alike."""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", ref))


def _is_open(cell: str, delimiter: str) -> bool:
    """Tell whether the quote that a cell begins with has no end, or not where it should."""
    return delimiter in cell or cell.count('"') % 2 == 1


_NUMBER_BEGUN = re.compile(r"\+?\s*(?:\d[\s-]*)?\(?\s*|.*\d\D*\d.*", re.DOTALL)
"""What of a number may stand before a cut: nothing, `+7 (`, some digits; not an empty form."""
_CONTRADICTED = (
    "эта карточка есть и в другой строке файла: номер там другой, или ту строку не удалось понять"
)
_SEVERAL_CLIENTS = (
    "под этим номером карточки в файле разные владельцы или машины: чья она, не понять"
)
_BENT = "строка ниже короче: похоже, перенос строки разорвал комментарий"
_DIVIDED = "в соседней строке нет номера карточки: её номер телефона может стоять там"
_LONG_TEXTS = {"comments", None}
_PARSED = {"contact_date", "general_number", "owner_kind", "kind", "incorrect_contact"}
_FEW_COLUMNS = 3
_DAY = re.compile(r"\d[./-]\d\d?[./-]\d|\d{4}-\d\d-\d\d")
_DIGITS = re.compile(r"[\d\s()+.-]+$")


@contextlib.contextmanager
def open_cards(
    path: Path,
    columns: CardColumns,
    *,
    encoding: str | None = None,
    no_phone: bool = False,
    own_numbers: frozenset[str] = frozenset(),
    sheet: str | None = None,
) -> Iterator[CardReader]:
    """Open a CSV or XLSX file of cards.

    Parameters
    ----------
    path : Path
        A workbook, told by its content (of its sheets the one with cards), or CSV.
    columns : CardColumns
    encoding : str or None
        Of a CSV file; None: found out.
    no_phone : bool
        The file may lack a column of numbers: they are unknown then, which no rule decides.
    own_numbers : frozenset of str
        The office's own (E.164): a card that has no other is looked at as one without a number.
    sheet : str or None
        Name of the sheet of a workbook; None: the only one with cards.

    Raises
    ------
    CardFileError
        If it cannot be read, its heading lacks the card's number or a telephone's, or names a
        field twice, or several sheets hold cards.
    """
    with contextlib.ExitStack() as stack:
        sheets: Sheets | None = None
        csv_form: CsvForm | None = None
        with explain_problems(path):
            if is_workbook(path):
                rows, sheets = stack.enter_context(open_sheet(path, columns, sheet))
            else:
                rows, csv_form = stack.enter_context(open_csv(path, columns, encoding))
        rows = _guarded(path, rows)
        first = next((row for row in rows if any(cell.strip() for cell in row[1])), None)
        if first is None:
            raise CardFileError(f"{path}: expected a heading line, found an empty file", "empty")
        heading = tuple(map(without_beside, first[1]))
        below: list[tuple[int, list[str]]] = []
        if "ref" not in map(columns.field_of, heading):
            below = list(itertools.islice(rows, MOST_ABOVE))
        fields = check_heading(path, heading, columns, no_phone=no_phone, below=below)
        form = str(csv_form or sheets)
        yield CardReader(fields, heading, form, csv_form, sheets, rows, columns, own_numbers)


def _guarded(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, explaining what goes wrong with the file but nothing of whoever reads them."""
    while True:
        with explain_problems(path):
            row = next(rows, None)
        if row is None:
            return
        yield row
