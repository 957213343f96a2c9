"""Whose a call is: filling in a card, choosing one, moving a call, detaching it, merging cards.

A card is found by its own number in the CRM or by a whole telephone number. Where that leaves a
choice, or what was typed differs from what the card says, a person sees both and chooses.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from recognizer.base.errors import ContactError, JournalError
from recognizer.crm.contacts import ContactCard, ContactKind, OwnerKind
from recognizer.crm.journal.card_keeping import CardWords
from recognizer.crm.journal.identity import dialled_number
from recognizer.crm.journal.records import ContactRecord
from recognizer.web.auth.sessions import Session
from recognizer.web.pages import wording
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.rendering import render, see
from recognizer.web.pages.signed_in import SendingOperator, SendingSupervisor, note

__all__ = ["router"]

router = APIRouter()
_Text = Annotated[str, Form(max_length=4096)]
_COMPARED = tuple(wording.CARD_FIELD_NAMES)


@dataclass(frozen=True, slots=True)
class Typed:
    """What an operator typed of a card; `is_own_number`: left to the number that was called."""

    ref: str
    card: ContactCard
    is_own_number: bool

    @property
    def fields(self) -> dict[str, Any]:
        """Return what was filled in."""
        found = {name: getattr(self.card, name) for name in _COMPARED}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of which card and operator say different things."""

    name: str
    title: str
    stored: str
    typed: str


@router.post("/calls/{call_id}/card")
def save_card(
    *,
    request: Request,
    page: ThePage,
    session: SendingOperator,
    call_id: int,
    number: _Text = "",
    owner: _Text = "",
    owner_kind: _Text = "",
    kind: _Text = "",
    trusted_person: _Text = "",
    plate: _Text = "",
    ref: _Text = "",
    chosen: _Text = "",
    take: Annotated[list[str] | None, Form()] = None,
    along: _Text = "",
    seen: _Text = "",
) -> Response:
    """Give a call its card, or another one: a new card, the one with this number, or one chosen."""
    is_own_number = not (number.strip() or ref.strip() or seen)
    typed = Typed(
        ref.strip()[:100],
        ContactCard(
            ref="",
            trusted_phone=_own_number(page, call_id) if is_own_number else number.strip(),
            trusted_person=trusted_person.strip(),
            owner=owner.strip(),
            owner_kind=OwnerKind(owner_kind) if owner_kind in set(OwnerKind) else None,
            plate=plate.strip(),
            kind=ContactKind(kind) if kind in set(ContactKind) else None,
        ),
        is_own_number,
    )
    _check_number(typed)
    known = _chosen(page, typed, chosen) if chosen else _known_cards(page, typed)
    # A card that is not there was named: that its number has one is no answer to whose it is.
    is_misnamed = bool(typed.ref) and not _is_there(page, typed.ref)
    is_new = not known and is_misnamed
    differs = bool(known) and (is_misnamed or bool(_differences(known[0], typed)))
    if chosen == NEW_CARD and typed.ref and not is_new:
        raise _CHOOSE_AGAIN
    if len(known) > 1 or (not chosen and differs):
        return render(
            request,
            "card_choice.html",
            here="calls",
            call_id=call_id,
            typed=typed,
            misnamed=typed.ref if is_misnamed else "",
            along=along,
            seen=seen,
            choices=[(record, _differences(record, typed)) for record in known],
            owner_kinds=wording.OWNER_KINDS,
        )
    _check_seen(page, call_id, seen)
    return _keep(
        request, page, session, call_id, typed, known, take or [], seen=seen, is_along=bool(along)
    )


def _check_seen(page: Page, call_id: int, seen: str) -> None:
    """Refuse a form that was filled in beside another card than the call's now."""
    try:
        now = page.journal.attempt(call_id).contact_ref or ""
    except JournalError as problem:
        raise PageProblemError(404, "Такого звонка нет", "Проверьте адрес страницы.") from problem
    if now != seen:
        raise PageProblemError(
            409,
            "Карточку звонка уже сменили",
            "Пока страница была открыта, это сделал другой сотрудник. Откройте звонок заново.",
        )


def _own_number(page: Page, call_id: int) -> str:
    try:
        return page.journal.attempt(call_id).number or ""
    except JournalError as problem:
        raise PageProblemError(404, "Такого звонка нет", "Проверьте адрес страницы.") from problem


def _check_number(typed: Typed) -> None:
    """Refuse part of a number: it is part of strangers' numbers too."""
    phone = typed.card.trusted_phone
    if not phone and typed.ref:
        return
    if dialled_number(phone) is None:
        raise PageProblemError(
            422,
            "Номер набран не полностью",
            "Нужен один номер целиком, например 8 926 123-45-67, или номер карточки в CRM: "
            "по части номера можно попасть в карточку другого клиента.",
        )


def _known_cards(page: Page, typed: Typed) -> tuple[ContactRecord, ...]:
    if typed.ref:
        with contextlib.suppress(ContactError):
            return (page.journal.contact(typed.ref),)
        if not typed.card.trusted_phone:
            raise PageProblemError(
                422,
                "Такой карточки нет",
                f"Карточки «{typed.ref}» в журнале нет. Чтобы завести её, укажите и номер.",
            )
    return page.journal.contacts_with_number(typed.card.trusted_phone)


def _chosen(page: Page, typed: Typed, chosen: str) -> tuple[ContactRecord, ...]:
    """Return the card somebody chose of those that were shown; nothing: a new one."""
    if chosen == NEW_CARD:
        return ()
    shown = {record.card.ref: record for record in _known_cards(page, typed)}
    if chosen not in shown:
        raise _CHOOSE_AGAIN
    return (shown[chosen],)


_CHOOSE_AGAIN = PageProblemError(
    409, "Карточка не выбрана", "Её успели изменить. Вернитесь и выберите ещё раз."
)


def _is_there(page: Page, ref: str) -> bool:
    with contextlib.suppress(ContactError):
        page.journal.contact(ref)
        return True
    return False


NEW_CARD = "\u2014"
"""What the form sends for «a new card»: no card is called that."""


def _differences(record: ContactRecord, typed: Typed) -> Sequence[Difference]:
    """Return what was typed and is not what the card says; a number the card has is the same."""
    found = []
    for name, value in typed.fields.items():
        stored = getattr(record.card, name)
        if name == "trusted_phone":
            numbers = {one.e164 for one in record.card.numbers()}
            if dialled_number(value) in numbers:
                continue
            shown = wording.mask_number(stored) if stored else ""
            found.append(Difference(name, wording.CARD_FIELD_NAMES[name], shown, value))
        elif stored != value:
            found.append(
                Difference(name, wording.CARD_FIELD_NAMES[name], _shown(stored), _shown(value))
            )
    return found


def _shown(value: Any) -> str:
    if isinstance(value, OwnerKind):
        return wording.OWNER_KINDS[value]
    if isinstance(value, ContactKind):
        return wording.CONTACT_KINDS[value]
    return str(value or "")


def _keep(  # noqa: PLR0917 - what a form said
    request: Request,
    page: Page,
    session: Session,
    call_id: int,
    typed: Typed,
    known: Sequence[ContactRecord],
    take: Sequence[str],
    *,
    seen: str,
    is_along: bool,
) -> Response:
    """Store what was chosen and give the call its card."""
    source, made_by = f"page:{session.user.login}", session.user.name
    try:
        if known:
            ref = known[0].card.ref
            taken = [name for name in take if name in typed.fields]
            card = dataclasses.replace(typed.card, ref=ref)
            words = CardWords(card, source, taken) if taken else None
        else:
            ref = typed.ref or _free_ref(page, call_id)
            words = CardWords(dataclasses.replace(typed.card, ref=ref), source)
        # What was typed is kept with the move or not at all: a refusal leaves the card as it was.
        if seen:
            page.journal.move_attempt(
                call_id,
                ref,
                made_by=made_by,
                with_same_number=is_along,
                seen=seen,
                words=words,
            )
        else:
            page.journal.assign_contact(call_id, ref, made_by=made_by, words=words)
    except (ContactError, JournalError) as problem:
        raise PageProblemError(409, "Карточка не сохранена", wording.refusal(problem)) from problem
    is_moved = bool(seen)
    action = "move_call" if is_moved else "save_card"
    detail = f"{seen} → {ref}" if is_moved else ref
    note(request, session, action, target=f"звонок {call_id}", detail=detail)
    return see(f"/calls/{call_id}", "moved" if is_moved else "card")


def _free_ref(page: Page, call_id: int) -> str:
    """Return a name for a new card that no card has: an earlier one of this call may be there."""
    ref, n_tried = f"page-{call_id}", 1
    while True:
        try:
            page.journal.contact(ref)
        except ContactError:
            return ref
        n_tried += 1
        ref = f"page-{call_id}-{n_tried}"


@router.post("/calls/{call_id}/detach")
def detach(
    *,
    request: Request,
    page: ThePage,
    session: SendingOperator,
    call_id: int,
    along: _Text = "",
    seen: _Text = "",
) -> Response:
    """Say that a call is not of its card; whose it is, is not known."""
    try:
        _check_seen(page, call_id, seen)
        page.journal.move_attempt(
            call_id, None, made_by=session.user.name, with_same_number=bool(along), seen=seen
        )
    except (ContactError, JournalError) as problem:
        raise PageProblemError(409, "Звонок не откреплён", wording.refusal(problem)) from problem
    note(
        request,
        session,
        "detach_call",
        target=f"звонок {call_id}",
        detail=seen,
    )
    return see(f"/calls/{call_id}", "detached")


@router.post("/calls/{call_id}/merge")
def merge(
    *,
    request: Request,
    page: ThePage,
    session: SendingSupervisor,
    call_id: int,
    into: _Text,
    seen: _Text = "",
) -> Response:
    """Say that the card of this call and another one are the same client."""
    try:
        _check_seen(page, call_id, seen)
        if not seen:
            raise PageProblemError(409, "Карточки нет", "Сначала назначьте звонку карточку.")
        page.journal.merge_contacts(seen, into.strip(), made_by=session.user.name)
    except (ContactError, JournalError) as problem:
        raise PageProblemError(409, "Карточки не объединены", wording.refusal(problem)) from problem
    note(
        request,
        session,
        "merge_cards",
        target=f"звонок {call_id}",
        detail=f"{seen} → {into.strip()}",
    )
    return see(f"/calls/{call_id}", "merged")
