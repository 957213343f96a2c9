"""Which numbers of a card were called: what is heard on one says nothing of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.contacts import PHONE_FIELDS, ContactCard, NumberProblem, masked
from recognizer.crm.journal.conditions import CALL_ORDER, IN_FORCE
from recognizer.crm.journal.identity import dialled_number
from recognizer.crm.journal.tables import AttemptRow, ContactRow, DecisionRow
from recognizer.crm.numbers_beside import may_hold_number

__all__ = ["why_number_stays"]


def why_number_stays(
    session: Session,
    contact: ContactRow,
    card: ContactCard,
    attempt: AttemptRow,
    is_wrong: Callable[[str], bool],
) -> str:
    """Return why a call that was told of a wrong number does not make the card's number wrong.

    Parameters
    ----------
    session : Session
    contact : ContactRow
    card : ContactCard
        Of that row.
    attempt : AttemptRow
        The call.
    is_wrong : callable
        Tells of an outcome whether it makes the number that was called wrong.

    Returns
    -------
    str
        Russian; empty where every number of the card was called and told to be wrong.
    """
    numbers = card.numbers()
    valid = {number.e164 for number in numbers if number.e164 is not None}
    dialled = _of_card(attempt.number or "", valid)
    if valid and attempt.number and dialled is None:
        return (
            f"Отметка не поставлена: звонили на {masked(attempt.number)}, а в карточке другой "
            "номер. Проверьте номер."
        )
    is_doubtful = any(number.problem is NumberProblem.DOUBTFUL for number in numbers) or any(
        may_hold_number(getattr(card, field), known=frozenset(valid)) for field in PHONE_FIELDS
    )
    if valid and is_doubtful:
        return "Отметка не поставлена: в карточке есть ещё запись, похожая на номер. Проверьте её."
    if len(valid) < 2:
        return ""
    if dialled is None:
        return (
            "Отметка не поставлена: в карточке несколько номеров, а на какой звонили, не указано."
        )
    left = valid - {dialled} - _told_wrong(session, contact, attempt, valid, is_wrong)
    if not left:
        return ""
    others = ", ".join(masked(number) for number in sorted(left))
    return (
        f"Отметка не поставлена: в карточке есть и другой номер ({others}), по нему не известно, "
        "что он неверен. Позвоните по нему."
    )


def _of_card(written: str, numbers: Collection[str]) -> str | None:
    """Return which of a card's numbers (E.164) was dialled, with an exchange's prefix or short."""
    dialled = dialled_number(written)
    if dialled in numbers:
        return dialled
    digits = re.sub(r"\D", "", written)
    found = [
        number
        for number in numbers
        if digits.endswith(number[2:]) or (len(digits) >= _SHORTEST and number.endswith(digits))
    ]
    return found[0] if len(found) == 1 else None


_SHORTEST = 7
"""Digits from which the end of a number is taken for it, among those of one card."""


def _told_wrong(
    session: Session,
    contact: ContactRow,
    attempt: AttemptRow,
    numbers: Collection[str],
    is_wrong: Callable[[str], bool],
) -> set[str]:
    """Return the numbers of which the last call that was decided was told they are wrong."""
    statement = (
        sa.select(AttemptRow.number, DecisionRow.outcome)
        .join(DecisionRow, DecisionRow.attempt_id == AttemptRow.id)
        .where(AttemptRow.contact_id == contact.id, AttemptRow.id != attempt.id, IN_FORCE)
        .order_by(*CALL_ORDER)
    )
    told: dict[str, bool] = {}
    for written, outcome in session.execute(statement):
        number = _of_card(written or "", numbers)
        if number is not None and outcome is not None:
            told[number] = is_wrong(outcome)
    return {number for number, wrong in told.items() if wrong}
