"""Cards of a CSV or XLSX file: what rows say together; one row is `row_reading`'s."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from recognizer.crm.card_files.columns import CardColumns, fold_ref, likeness
from recognizer.crm.card_files.csv_tables import CsvForm, open_csv
from recognizer.crm.card_files.files import (
    MOST_ABOVE,
    CardFileError,
    explain_problems,
    is_workbook,
)
from recognizer.crm.card_files.headings import check_heading
from recognizer.crm.card_files.row_reading import RejectedRow, RowReader
from recognizer.crm.card_files.rows_together import RowsOfCard
from recognizer.crm.card_files.table_rows import TableRow, TableRows, without_beside
from recognizer.crm.card_files.xlsx_tables import Sheets, open_sheet
from recognizer.crm.contacts import PHONE_FIELDS, ContactCard
from recognizer.crm.numbers_beside import may_hold_number
from recognizer.crm.plain_cells import says_nothing

__all__ = ["CardReader", "open_cards"]


@dataclass(frozen=True, slots=True)
class CardReader:
    """An open file of cards: iterate it once.

    Attributes
    ----------
    form : str
        What was found, for messages: `CSV, cp1251, ';'`.
    sheets : Sheets or None
        Which sheet of a workbook is read, and which are not; None for CSV.
    """

    form: str
    sheets: Sheets | None
    _rows: Iterator[tuple[int, list[str]]]
    _reader: RowReader

    @property
    def fields(self) -> tuple[str | None, ...]:
        """Field of each column, None for one that is not ours."""
        return self._reader.fields

    @property
    def heading(self) -> tuple[str, ...]:
        """As it stands in the file."""
        return self._reader.heading

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
        is_narrow = self._reader.csv_form is not None and len(self.fields) <= _FEW_COLUMNS
        with TableRows(self._rows, self._ref_of, likeness) as rows:
            for row, following in itertools.pairwise(itertools.chain(rows, [None])):
                assert row is not None
                is_before_short = following is not None and self._reader.is_short(following.cells)
                is_torn = is_after_short or is_before_short
                read = self._reader.read(row, is_torn=is_torn, is_last=following is None)
                if isinstance(read, ContactCard) and self._goes_on(row, following):
                    read = RejectedRow(row.line, _BENT, tuple(row.cells))
                if isinstance(read, ContactCard) and self._is_divided(read, above, following):
                    read = RejectedRow(row.line, _DIVIDED, tuple(row.cells))
                if (
                    row.has_twin
                    and isinstance(read, ContactCard)
                    and self._reader.may_be_marked(read)
                ):
                    read = RejectedRow(row.line, _TWIN, tuple(row.cells))
                above = row
                if is_narrow:
                    if isinstance(read, ContactCard) and self._reader.lacks_number(read):
                        read = self._check_half(read, row, shapes)
                    shapes.add(_shape(row.ref))
                is_after_short = self._reader.is_short(row.cells)
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
            rows.add(row, read, may_be_marked=self._reader.may_be_marked(read))

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
        return fold_ref(self._reader.ref_cell(cells))

    def _is_nobodys(self, row: TableRow | None) -> bool:
        """Tell whether a row has no card's number: it may be the rest of the card beside it."""
        if row is None:
            return False
        is_number = (
            may_hold_number(row.ref, is_code=True)
            and sum(bool(cell.strip()) for cell in row.cells) == 1
        )
        return says_nothing(row.ref) or is_number or self._reader.is_heading(row.cells)

    def _is_divided(
        self, card: ContactCard, above: TableRow | None, below: TableRow | None
    ) -> bool:
        """Tell whether what a card lacks may stand in a row beside it that names no card."""
        if not self._reader.may_be_marked(card):
            return False
        if self._is_nobodys(below):
            return True
        cells = above.cells if above is not None and self._is_nobodys(above) else []
        return any(map(may_hold_number, cells))

    def _goes_on(self, row: TableRow, following: TableRow | None) -> bool:
        """Tell whether a row's comments, its last cell, go on in a line that is nothing else.

        Empty ones do not, nor do those with line breaks of their own: their cell was quoted.
        """
        if self._reader.csv_form is None or self.fields[-1] != "comments" or following is None:
            return False
        is_begun = bool(row.cells[-1].strip()) and "\n" not in row.cells[-1]
        is_rest = len(following.cells) == 1 < len(self.fields)
        return is_begun and is_rest and re.search(r"\w", following.cells[0]) is not None


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


_CONTRADICTED = (
    "эта карточка есть и в другой строке файла: номер там другой, или ту строку не удалось понять"
)
_SEVERAL_CLIENTS = (
    "под этим номером карточки в файле разные владельцы или машины: чья она, не понять"
)
_BENT = "строка ниже короче: похоже, перенос строки разорвал комментарий"
_DIVIDED = "в соседней строке нет номера карточки: её номер телефона может стоять там"
_TWIN = "в файле есть почти такой же номер карточки: похоже, это она же, и её номер там"
_FEW_COLUMNS = 3
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
        reader = RowReader(
            fields,
            heading,
            csv_form,
            columns,
            own_numbers,
            is_elsewhere=sheets is not None and sheets.have_numbers,
        )
        yield CardReader(form, sheets, rows, reader)


def _guarded(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, explaining what goes wrong with the file but nothing of whoever reads them."""
    while True:
        with explain_problems(path):
            row = next(rows, None)
        if row is None:
            return
        yield row
