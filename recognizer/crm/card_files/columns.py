"""How headings and values of a file of cards map to fields (``data/card_columns.toml``)."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import ContactError, DataFileError
from recognizer.crm.card_files.files import LONGEST_CELL, n_cell_characters
from recognizer.crm.contacts import CARD_FIELDS, PHONE_FIELDS, ContactCard, ContactKind, OwnerKind
from recognizer.crm.numbers import NumberState, is_spreadsheet_error, lost_digits
from recognizer.crm.plain_cells import load_spellings, names_card
from recognizer.phrases.normalization import LOOK_ALIKE

__all__ = ["CardColumns", "fold_ref", "fold_text", "likeness", "load_card_columns"]


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


def fold_text(text: str) -> str:
    """Return a text for comparing: case, ё, spaces and invisible characters do not matter."""
    composed = unicodedata.normalize("NFKC", text)
    plain = "".join(char for char in composed if unicodedata.category(char) != "Cf")
    return " ".join(plain.casefold().replace("ё", "е").split())


def _fold_heading(text: str) -> str:
    """Return a heading for comparing: its punctuation at the ends does not matter either."""
    folded = fold_text(text.replace("-\n", "").replace("\u00ad", ""))
    return folded.strip(" :;*.,\"'«»()") or folded


def fold_ref(text: str) -> str:
    """Return a card's number as one text: `159 273` with any space or none, `159273.0` too."""
    composed = unicodedata.normalize("NFKC", text)
    kept = "".join(char for char in composed if unicodedata.category(char) not in {"Cf", "Cc"})
    grouped = re.sub(r"(?<=\d)\s+(?=\d)", "", " ".join(kept.split()))
    return re.sub(r"(\d+)[.,]0+", r"\1", grouped) if _FLOAT.fullmatch(grouped) else grouped


def likeness(ref: str) -> str:
    """Return what two ways to write one card's number have in common: «№ 007», «7»; «А–1», «a1»."""
    bare = re.sub(r"^(?:№|no)(?=\W|\d)|[\W_]", "", ref.casefold())
    return re.sub(r"(?<!\d)0+(?=\d)", "", bare).translate(LOOK_ALIKE)


_FLOAT = re.compile(r"\d+[.,]0+")  # what a program makes of a whole number


class _CellError(Exception):
    """A value of a row that cannot be understood; the text is the reason, Russian."""


# A number in powers of ten, a day: what a spreadsheet makes of «1592730», «4-1».
_NO_REF = re.compile(r"\d(?:[.,]\d+)?[eе]\+\d+|\d[.,]\d+[eе]\d+|\d\d?\.\d\d?\.\d{4}", re.IGNORECASE)


def _check_cell(field: str, text: str) -> None:
    """Refuse a cell in which a spreadsheet left something else than what was typed.

    Cards whose numbers became the same error would be one card.
    """
    if is_spreadsheet_error(text):
        what = "номера" if field in PHONE_FIELDS else "значения"
        raise _CellError(f"вместо {what} ошибка таблицы: «{text.strip()}»")
    if field == "ref" and _NO_REF.fullmatch(text.strip()):
        raise _CellError(
            f"таблица изменила номер карточки: «{text.strip()}»; задайте столбцу текстовый формат"
        )
    if field in PHONE_FIELDS and lost_digits(text):
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
        self._yes = frozenset(map(fold_text, [*content.values.yes, "истина"]))
        self._no = frozenset(map(fold_text, [*content.values.no, "ложь"]))
        self._stated = {
            fold_text(word): NumberState(state)
            for state, words in load_spellings().states.items()
            for word in words
        }
        self._notices = tuple(map(fold_text, content.values.do_not_call))
        self._readers: dict[str, Callable[[str], Any]] = {
            "contact_date": self._read_date,
            "general_number": self._read_flag,
            "incorrect_contact": lambda text: bool(self._read_flag(text)),
            "do_not_call": self._read_notice,
            "number_unknown": lambda text: self.stated(text) is NumberState.UNKNOWN,
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

    def stated(self, text: str) -> NumberState | None:
        """Return what a cell says of the number, None where it is empty.

        Raises
        ------
        ContactError
            If it says something else.
        """
        folded = fold_text(text).strip(" .!?;:«»\"'()-")
        if not text.strip():
            return None
        if folded in self._stated:
            return self._stated[folded]
        expected = ", ".join(f"«{words[0]}»" for words in load_spellings().states.values())
        raise ContactError(
            f"«{self.headings['number_unknown']}»: ожидалось {expected}, найдено «{text}»"
        )

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
            if n_cell_characters(text) == LONGEST_CELL:
                raise ContactError(
                    f"«{self.headings[field]}»: ячейка заполнена до предела таблиц "
                    f"({LONGEST_CELL} знаков), конец мог быть отрезан"
                )
            read = self._readers.get(field)
            try:
                _check_cell(field, text)
                fields[field] = text if read is None else read(text)
            except _CellError as problem:
                raise ContactError(f"«{self.headings[field]}»: {problem}") from problem
        fields["ref"] = fold_ref(fields.get("ref", ""))
        if not fields["ref"]:
            raise ContactError(f"«{self.headings['ref']}»: не заполнено")
        if not names_card(fields["ref"]):  # cards of different clients would be one
            raise ContactError(
                f"«{self.headings['ref']}»: «{fields['ref'][:60]}» не номер карточки, а подпись "
                "или заглушка; под ней разные клиенты стали бы одной карточкой"
            )
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
        texts["number_unknown"] = load_spellings().states[card.number_state][0]
        texts["do_not_call"] = self._values.do_not_call[0] if card.do_not_call else ""
        return texts

    def _read_date(self, text: str) -> dt.date | None:
        if not text.strip():
            return None
        day = _day_of(text.strip(), self._formats)
        if day is not None:
            return day
        raise _CellError(f"ожидалась дата вида 05.02.2013, найдено «{text}»")

    def _read_flag(self, text: str) -> bool | None:
        folded = fold_text(text)
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
        folded = fold_text(re.sub(r"[^\w\s+-]", " ", text))
        *before, last = folded.split() or [""]
        if last in self._no and any(notice == " ".join(before) for notice in self._notices):
            return False  # «не звонить: нет»
        if any(notice in folded for notice in self._notices):
            return True
        return folded in self._yes

    def _one_of(self, names: Mapping[Any, Sequence[str]]) -> Callable[[str], Any]:
        by_name = {fold_text(name): value for value, several in names.items() for name in several}

        def read(text: str) -> Any:
            folded = fold_text(text)
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


@lru_cache(maxsize=4096)  # a file has few days and many cards
def _day_of(text: str, formats: tuple[str, ...]) -> dt.date | None:
    for form in formats:
        with contextlib.suppress(ValueError):
            return dt.datetime.strptime(text, form).date()  # noqa: DTZ007 - a day
    return None


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
