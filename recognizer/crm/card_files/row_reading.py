"""One row of a card file: a card, or the reason why it is none.

A card without a number of its own is marked with no call, so whatever may hold its number after
all, or may have lost it, refuses the row.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recognizer.base.errors import ContactError
from recognizer.crm.card_files.columns import CardColumns
from recognizer.crm.card_files.csv_tables import CsvForm
from recognizer.crm.card_files.files import DAMAGED_BYTES
from recognizer.crm.card_files.headings import is_contact_heading
from recognizer.crm.card_files.not_cards import why_no_card
from recognizer.crm.card_files.table_rows import TableRow
from recognizer.crm.card_files.xlsx_tables import NO_VALUE
from recognizer.crm.contacts import CODE_FIELDS, PHONE_FIELDS, ContactCard
from recognizer.crm.number_hints import ADDRESS, E_MAIL, may_complete, points_elsewhere
from recognizer.crm.numbers import NumberState, is_spreadsheet_error, number_state, read_numbers
from recognizer.crm.numbers_beside import is_nothing_but, may_hold_number
from recognizer.crm.plain_cells import says_absent, says_nothing
from recognizer.crm.understood_texts import (
    is_column_understood,
    is_text_understood,
    names_place,
    tells_of_calls,
)

__all__ = ["RejectedRow", "RowReader"]

_NUMBER_BEGUN = re.compile(r"\+?\s*(?:\d[\s-]*)?\(?\s*|.*\d\D*\d.*", re.DOTALL)
"""What of a number may stand before a cut: nothing, `+7 (`, some digits; not an empty form."""
_PHONES = frozenset(PHONE_FIELDS)
_LONG_TEXTS = {"comments", None}
_PARSED = {"contact_date", "general_number", "owner_kind", "kind", "incorrect_contact"}
_OWN_BESIDE = (
    "в карточке номер самой компании, а что ещё говорит строка, не понять: посмотрите, нет ли там "
    "номера клиента"
)
_EMPTY = {"", "0", "-"}
_LONGEST_LOCAL = 8  # seven digits behind a trunk 8
_DAY = re.compile(r"\d[./-]\d\d?[./-]\d|\d{4}-\d\d-\d\d")


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
class RowReader:
    """Reads the rows of one file.

    Attributes
    ----------
    fields : tuple of str or None
        Field of each column, None for one that is not ours.
    heading : tuple of str
        As it stands in the file.
    csv_form : CsvForm or None
        None for a workbook.
    columns : CardColumns
    own_numbers : frozenset of str
        The office's own (E.164).
    is_elsewhere : bool
        Numbers stand in another sheet of the workbook: whose they are, nobody has looked.
    """

    fields: tuple[str | None, ...]
    heading: tuple[str, ...]
    csv_form: CsvForm | None
    columns: CardColumns
    own_numbers: frozenset[str]
    is_elsewhere: bool = False

    def read(self, row: TableRow, *, is_torn: bool, is_last: bool) -> ContactCard | RejectedRow:
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
            card = self.columns.read(values)
            self._check_quotes(card)
            self._check_state(card, values)
            self._check_others(card, cells)
            if self.may_be_marked(card):
                self._check_beside(row)
                if is_last:
                    self._check_end(card, cells)
            if self._leads_to_mark(card):
                self._check_form(cells, is_torn=is_torn)
        except ContactError as problem:
            shown = (DAMAGED_BYTES.sub("\ufffd", cell) for cell in cells)
            return RejectedRow(row.line, str(problem), tuple(shown))
        is_known = self.has_phone and not self._says_only_ref(card, cells)
        if is_known and not (self.may_be_marked(card) and self._may_be_said(card, row)):
            return card
        if is_known and not self._leads_to_mark(card):
            return RejectedRow(row.line, _OWN_BESIDE, tuple(cells))
        return dataclasses.replace(card, number_unknown=True)

    def may_be_marked(self, card: ContactCard) -> bool:
        """Tell whether a card may be marked without a call, for its own or for no number."""
        valid = {number.e164 for number in card.numbers() if number.e164 is not None}
        return self._leads_to_mark(card) or (bool(valid) and valid <= self.own_numbers)

    def lacks_number(self, card: ContactCard) -> bool:
        """Tell whether a card has none, or its row says nothing of it."""
        return self._leads_to_mark(card) or card.number_unknown

    def _leads_to_mark(self, card: ContactCard) -> bool:
        """Tell whether a card would be marked for its number alone."""
        return self.has_phone and card.number_state in {NumberState.ABSENT, NumberState.WRONG}

    @property
    def has_phone(self) -> bool:
        """Whether the file says anything of numbers."""
        return not _PHONES.isdisjoint(self.fields)

    def is_short(self, cells: Sequence[str]) -> bool:
        """Tell whether a row has fewer cells than the heading."""
        return len(cells) < len(self.fields)

    def ref_cell(self, cells: Sequence[str]) -> str:
        """Return what stands in place of the card's number."""
        at = self.fields.index("ref")
        return cells[at] if at < len(cells) else ""

    def is_heading(self, cells: Sequence[str]) -> bool:
        """Tell whether a column's name stands in place of a card's number."""
        return self.columns.field_of(self.ref_cell(cells)) is not None

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
        if self.is_heading(cells):
            raise ContactError("вместо номера карточки стоит название столбца")
        width = len(self.fields)
        # Stray quotes may have parted a cell: what is behind stands in the wrong columns.
        is_split = any(cell.count('"') % 2 for cell in cells) and len(cells) != width
        if self.is_short(cells) or is_split or any(cell.strip() for cell in cells[width:]):
            raise ContactError(f"ожидалось столбцов: {width}, найдено: {len(cells)}")

    def _check_state(self, card: ContactCard, values: Mapping[str, str]) -> None:
        """Refuse a row whose number is not what its own column of states says."""
        stated = self.columns.stated(values.get("number_unknown", ""))
        found = number_state(card.numbers())
        if not self.has_phone or stated in {None, NumberState.UNKNOWN, found}:
            return
        if found is not NumberState.DOUBTFUL:
            raise ContactError(
                f"«{self.columns.headings['number_unknown']}» противоречит номеру: "
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
            is_there = may_hold_number(text, known=self.own_numbers) or points_elsewhere(text)
            if is_here or is_there:
                heading = " ".join(self.heading[at].split()) if at < len(self.heading) else ""
                raise ContactError(
                    f"номера в карточке нет, но он может стоять в примечании, ссылке или формуле "
                    f"столбца «{heading}»: «{text.strip()[:60]}»"
                )

    def _check_others(self, card: ContactCard, cells: Sequence[str]) -> None:
        """Refuse a card without a number of its own that may stand in another column."""
        if not self.has_phone:
            return
        known = self.own_numbers if card.number_state is NumberState.VALID else frozenset()
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
        if card.number_state is not NumberState.VALID:
            reason = why_no_card(card.ref, cells, self.fields)
            if reason is not None:
                raise ContactError(reason)
        if not self.may_be_marked(card):
            return
        is_without = self._leads_to_mark(card)
        self._check_third(cells, is_without=is_without)
        if is_without:
            self._check_codes(card, cells)

    def _check_third(self, cells: Sequence[str], *, is_without: bool) -> None:
        """Refuse a number of which a column beside the card's own two says anything but «none».

        Beside the company's own (not `is_without`) that column may repeat it.
        """
        for heading, field, cell in zip(self.heading, self.fields, cells, strict=False):
            if field is not None or says_absent(cell) or E_MAIL.fullmatch(cell.strip()):
                continue
            if (is_without and is_contact_heading(heading)) or points_elsewhere(cell):
                raise ContactError(
                    f"номера в карточке нет, но о нём говорит столбец «{heading}»: "
                    f"«{cell.strip()[:60]}»; перенесите номер в столбец телефона"
                )

    def _may_be_said(self, card: ContactCard, row: TableRow) -> bool:
        """Tell whether a column that is no field, or a note, may speak of a number.

        What is not understood there is not known to say nothing of it.
        """
        is_without = self._leads_to_mark(card)
        if self.is_elsewhere and is_without:
            return True
        is_local = _is_local(card)
        for heading, field, cell in zip(self.heading, self.fields, row.cells, strict=False):
            if field is not None or cell.strip() in _EMPTY:
                continue
            if read_numbers(cell) and is_nothing_but(cell, self.own_numbers):
                continue
            if names_place(heading) and is_local:
                return True  # whoever knows the town knows the code
            if tells_of_calls(heading) and is_without:
                return True  # whoever was called had a number
            if not is_column_understood(heading, cell):
                return True
        notes = (ADDRESS.sub(" ", text).replace(NO_VALUE, " ") for text in row.beside.values())
        return not all(map(is_text_understood, notes))

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


def _is_local(card: ContactCard) -> bool:
    """Tell whether a field has as many digits as a number within a town."""
    digits = (re.sub(r"\D", "", getattr(card, field)) for field in PHONE_FIELDS)
    return any(0 < len(number) <= _LONGEST_LOCAL for number in digits)


def _is_open(cell: str, delimiter: str) -> bool:
    """Tell whether the quote that a cell begins with has no end, or not where it should."""
    return delimiter in cell or cell.count('"') % 2 == 1
