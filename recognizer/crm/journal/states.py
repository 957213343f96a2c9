"""What stands for each call now, as one narrow row: lists, the queue and counts read only that.

The rows say nothing that attempts, decisions and corrections do not say; they are made anew from
those, in the same transaction, for every call that anything was added to. A change of what is
doubtful needs a migration that makes all of them anew.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.attributes import get_history

from recognizer.crm.journal.conditions import BY_PERSON, came_after
from recognizer.crm.journal.identity import contact_key
from recognizer.crm.journal.records import REHEARING
from recognizer.crm.journal.tables import (
    AttemptRow,
    CallStateRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
)
from recognizer.model import CallOutcome, NextStep, PhraseListName, phrase_list_of

__all__ = ["CONFIDENT", "call_states", "keep_states"]

CONFIDENT = 0.8
"""Below this confidence a person looks."""

_in_force = aliased(DecisionRow, name="in_force")
_newer = aliased(DecisionRow, name="newer")
_is_in_force = sa.and_(
    _in_force.attempt_id == AttemptRow.id,
    ~sa.exists().where(_newer.supersedes_id == _in_force.id),
)
_network = AttemptRow.report["signalling"]["agreement"].as_string()

_INVALID = tuple(
    kind for kind in CallOutcome if phrase_list_of(kind) is PhraseListName.INVALID_NUMBER
)
_ALIVE = (
    CallOutcome.LIVE_PERSON,
    CallOutcome.VOICEMAIL,
    CallOutcome.CALL_ASSISTANT,
    CallOutcome.COMPANY_IVR,
    CallOutcome.RINGBACK_ONLY,
    CallOutcome.NO_ANSWER,
    CallOutcome.LINE_BUSY,
    *(k for k in CallOutcome if phrase_list_of(k) is PhraseListName.TEMPORARILY_UNAVAILABLE),
)
"""Heard on numbers that somebody has."""

_earlier = aliased(AttemptRow, name="earlier")
_mark = aliased(DecisionRow, name="mark")
_marked_by = aliased(CorrectionRow, name="marked_by")
_later_word = aliased(DecisionRow, name="later_word")
_owner = aliased(ContactRow, name="owner")
_talk = aliased(AttemptRow, name="talk")
_end = aliased(DecisionRow, name="ending")
_after_end = aliased(DecisionRow, name="after_end")
_ended_by = aliased(CorrectionRow, name="ended_by")
_standing = aliased(DecisionRow, name="standing")
_card = aliased(ContactRow, name="card")
_was_ended = (
    sa.select(_talk.id)
    .join(_end, _end.attempt_id == _talk.id)
    .join(_ended_by, _ended_by.id == _end.correction_id)
    .where(
        _talk.contact_key == _earlier.contact_key,
        _talk.called_at > _earlier.called_at,
        # Of a mark only: else a database may look for the end of each call before a call.
        _end.id != _mark.id,
        _end.resets,
        _ended_by.made_by != REHEARING,
        ~sa.exists().where(_after_end.supersedes_id == _end.id),
    )
    .exists()
)
"""A person stated a conversation since: no mark before that stands."""

_contradicts = sa.and_(
    AttemptRow.contact_key != "",
    AttemptRow.outcome.in_(_ALIVE),
    sa.select(_earlier.id)
    .join(_mark, _mark.attempt_id == _earlier.id)
    .outerjoin(_marked_by, _marked_by.id == _mark.correction_id)
    .outerjoin(_owner, _owner.id == _earlier.contact_id)
    .where(
        _earlier.contact_key == AttemptRow.contact_key,
        _earlier.called_at < AttemptRow.called_at,
        _mark.final,
        _mark.incorrect_contact.is_(True),
        _mark.outcome.in_(_INVALID),
        ~sa.exists().where(_later_word.supersedes_id == _mark.id),
        sa.or_(
            _owner.cleared_at.is_(None),
            came_after(_owner.cleared_at, _owner.id, _earlier, _marked_by),
        ),
        ~_was_ended,
    )
    .exists(),
    sa.or_(
        AttemptRow.contact_id.is_(None),
        # One value for one card: of EXISTS a planner may make a look through all the cards.
        sa.select(_standing.incorrect_contact)
        .join(_card, _card.deciding_id == _standing.id)
        .where(_card.id == AttemptRow.contact_id)
        .scalar_subquery(),
    ),
)
"""The network said there is no such number, which set a mark that stands; later somebody had it."""

_is_doubtful = sa.or_(
    _contradicts,
    sa.and_(AttemptRow.error_kind.is_not(None), _in_force.outcome.is_(None)),
    AttemptRow.confidence < CONFIDENT,
    sa.and_(
        _in_force.next == NextStep.OPERATOR.value,
        AttemptRow.outcome != CallOutcome.LIVE_PERSON.value,
    ),
    _network == "disagrees",
)
_is_reviewed = sa.exists().where(CorrectionRow.attempt_id == AttemptRow.id, BY_PERSON)

_COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    "attempt_id": sa.type_coerce(AttemptRow.id, sa.BigInteger),
    "called_at": sa.type_coerce(AttemptRow.called_at, AttemptRow.called_at.type),
    "decision_id": sa.type_coerce(_in_force.id, sa.BigInteger),
    "heard": sa.type_coerce(AttemptRow.outcome, sa.String),
    "outcome": sa.func.coalesce(_in_force.outcome, AttemptRow.outcome),
    "confidence": sa.type_coerce(AttemptRow.confidence, sa.Double),
    "final": sa.func.coalesce(_in_force.final, sa.false()),
    "incorrect_contact": sa.type_coerce(_in_force.incorrect_contact, sa.Boolean),
    "next": sa.type_coerce(_in_force.next, sa.String),
    "network": _network,
    "elapsed_s": AttemptRow.report["elapsed_s"].as_float(),
    "has_error": AttemptRow.error_kind.is_not(None),
    "is_stated": _in_force.stated.is_not(None),
    "is_doubtful": sa.func.coalesce(_is_doubtful, sa.false()),
    "contradicts": sa.func.coalesce(_contradicts, sa.false()),
    "is_reviewed": _is_reviewed,
}
_STATES = (
    sa.select(*(column.label(name) for name, column in _COLUMNS.items()))
    .select_from(AttemptRow)
    .outerjoin(_in_force, _is_in_force)
)
_TOUCHED = "recognizer touched calls"
_KEYS = "recognizer contacts of whose marks one came, went or moved"
_CHUNK = 500


def call_states() -> sa.Select[Any]:
    """Return the query that makes the rows of `CallStateRow` from those of the journal."""
    return _STATES


def keep_states(session: Session) -> None:
    """Have the states of the calls that a session changes anything of made anew as it commits."""
    session.info[_TOUCHED] = set()
    session.info[_KEYS] = set()
    sa.event.listen(session, "after_flush", _collect)
    sa.event.listen(session, "before_commit", _refresh_touched)


def _collect(session: Session, _context: object) -> None:
    for row in session.new:
        if isinstance(row, AttemptRow):
            session.info[_TOUCHED].add(row.id)
        elif isinstance(row, DecisionRow | CorrectionRow) and row.attempt_id is not None:
            session.info[_TOUCHED].add(row.attempt_id)
            if isinstance(row, DecisionRow) and _may_mark_or_end(row):
                session.info[_KEYS].add(session.get_one(AttemptRow, row.attempt_id).contact_key)
    for row in session.dirty:
        if isinstance(row, AttemptRow) and get_history(row, "contact_key").has_changes():
            session.info[_TOUCHED].add(row.id)
            session.info[_KEYS].update((row.contact_key, *get_history(row, "contact_key").deleted))
        elif isinstance(row, ContactRow) and any(
            get_history(row, name).has_changes() for name in ("deciding_id", "cleared_at")
        ):
            session.info[_KEYS].add(contact_key(row, None))


def _may_mark_or_end(row: DecisionRow) -> bool:
    """Tell whether a new decision may set a mark, or end one."""
    return bool(row.incorrect_contact or row.resets or row.supersedes_id)


def _refresh_touched(session: Session) -> None:
    session.flush()
    touched = session.info[_TOUCHED] | _may_contradict(session, session.info[_KEYS])
    session.info[_KEYS].clear()
    if touched:
        _refresh(session, touched)
        session.info[_TOUCHED].clear()


def _may_contradict(session: Session, keys: Collection[str]) -> set[int]:
    """Return the calls of some contacts that contradict a mark, if one stands before them."""
    found: set[int] = set()
    names = sorted(name for name in keys if name)
    for at in range(0, len(names), _CHUNK):
        query = sa.select(AttemptRow.id).where(
            AttemptRow.contact_key.in_(names[at : at + _CHUNK]), AttemptRow.outcome.in_(_ALIVE)
        )
        found.update(session.scalars(query))
    return found


def _refresh(session: Session, attempt_ids: Collection[int]) -> None:
    ids = sorted(attempt_ids)
    for at in range(0, len(ids), _CHUNK):
        chunk = ids[at : at + _CHUNK]
        session.execute(
            sa.delete(CallStateRow)
            .where(CallStateRow.attempt_id.in_(chunk))
            .execution_options(synchronize_session=False)
        )
        states = _STATES.where(AttemptRow.id.in_(chunk))
        session.execute(sa.insert(CallStateRow).from_select(list(_COLUMNS), states))
