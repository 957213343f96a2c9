"""The heading of a file of cards: what its columns stand for, or why the file is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from recognizer.crm.card_files.columns import CardColumns, fold_text
from recognizer.crm.card_files.files import DAMAGED_BYTES, CardFileError
from recognizer.crm.contacts import PHONE_FIELDS
from recognizer.crm.number_hints import points_elsewhere
from recognizer.crm.numbers import NumberState, number_state, read_numbers

__all__ = ["check_heading", "is_contact_heading", "is_phone_heading"]


def check_heading(
    path: Path,
    heading: Sequence[str],
    columns: CardColumns,
    *,
    no_phone: bool,
    below: Sequence[tuple[int, Sequence[str]]] = (),
) -> tuple[str | None, ...]:
    """Return the field of each column, None for one that is not ours.

    Parameters
    ----------
    path : Path
        For messages.
    heading : sequence of str
    columns : CardColumns
    no_phone : bool
        The file may lack a column of numbers.
    below : sequence of (int, sequence of str)
        The next rows with their lines: above the heading a title may stand.

    Raises
    ------
    CardFileError
    """
    if any(map(DAMAGED_BYTES.search, heading)):
        raise CardFileError(
            f"{path}: not the expected encoding: the heading holds bytes that are no letters; name "
            "it with --encoding",
            "encoding",
        )
    fields = tuple(columns.field_of(cell) for cell in heading)
    known = [field for field in fields if field is not None]
    if "ref" not in known:
        for line, cells in below:
            if "ref" in map(columns.field_of, cells):
                raise CardFileError(
                    f"{path}: the heading stands in line {line}: delete the lines above it",
                    "heading-below",
                )
        raise CardFileError(
            f"{path}: no column «{columns.headings['ref']}»; found: "
            f"{', '.join(f'«{cell}»' for cell in heading) or 'nothing'}. Name the columns in the "
            "settings file (--columns)",
            "no-ref",
            heading,
        )
    twice = sorted({field for field in known if known.count(field) > 1})
    if twice:
        meant = [cell for cell, field in zip(heading, fields, strict=True) if field in twice]
        message = f"{path}: several columns stand for {', '.join(twice)}"
        raise CardFileError(message, "twice", meant)
    if any(
        field is None and number_state(read_numbers(cell)) is NumberState.VALID
        for cell, field in zip(heading, fields, strict=True)
    ):
        raise CardFileError(
            f"{path}: a telephone number stands among the headings: the lines of the file seem to "
            "be run together; export it anew",
            "damaged",
        )
    if not no_phone:
        _check_phone_columns(path, heading, fields, columns)
    return fields


# What a heading of numbers is called, and what a cell that is nothing but one looks like.
_PHONE_HEADING = re.compile(
    r"тел(?![а-яё]*(?:ематик|евиз|еграм)|[ьяю]|[её]?[ий]\b|е[мй]\b|е\b)|\bмоб|сотов|phone|mobile|\btel|\bсот\.|whatsapp|viber|ватсап"
)


def is_phone_heading(text: str) -> bool:
    """Tell whether a column is called as one of telephone numbers is."""
    return _PHONE_HEADING.search(fold_text(text)) is not None


_CONTACT_HEADING = re.compile(
    r"(?:[^\W\d_]+\W+)?контакты?(?:\W+(?:клиент|владел|заказч|покупат|водит|собственн|для)\w*.*)?[\W\d]*"
    r"|.*(?:контактн\w+ (?:данн|инф)|связ[иь]|мессендж|telegram|телеграм).*"
)


def is_contact_heading(text: str) -> bool:
    """Tell whether a column may say how a client is reached: by a number, or why there is none."""
    is_of_contacts = _CONTACT_HEADING.fullmatch(fold_text(text)) is not None
    return is_phone_heading(text) or is_of_contacts or points_elsewhere(text)


def _check_phone_columns(
    path: Path, heading: Sequence[str], fields: Sequence[str | None], columns: CardColumns
) -> None:
    """Refuse a file of which it is not known where its numbers are: unknown is not «none»."""
    others = [
        cell
        for cell, field in zip(heading, fields, strict=True)
        if field is None and is_phone_heading(cell)
    ]
    wanted = f"«{columns.headings['mobile_phone']}» or «{columns.headings['trusted_phone']}»"
    if not set(fields).intersection(PHONE_FIELDS):
        raise CardFileError(
            f"{path}: expected a column of telephone numbers ({wanted}), found: "
            f"{', '.join(f'«{cell}»' for cell in heading)}. Name it in the settings file "
            "(--columns), or import without numbers (--no-phone): they are then unknown",
            "no-phone",
            heading,
        )
    if others and len(set(fields).intersection(PHONE_FIELDS)) < 2:
        raise CardFileError(
            f"{path}: the column «{others[0]}» seems to hold telephone numbers, too, and stands "
            "for no field. Name it in the settings file (--columns), or delete it from the file",
            "another-phone",
            others,
        )
