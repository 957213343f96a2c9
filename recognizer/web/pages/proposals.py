"""New wordings for the phrase lists: proposed, checked, saved as a version, undone.

What the office adds lies in one folder (``phrases.office_dir``) as ordinary lists, one file an
outcome, written whole from the table of saved proposals: undoing one takes it out again and
leaves what came later. Nothing is saved that the checks refuse.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recognizer.base.errors import PhraseListError, RecognizerError
from recognizer.base.settings import PhraseSettings
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.proposals import KeptProposals, Proposal
from recognizer.model import SIGNAL_OUTCOMES, CallOutcome, Phrase
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.editing import with_phrase
from recognizer.phrases.loading import load_phrases
from recognizer.phrases.normalization import normalize
from recognizer.recognition.additions import ListComparison
from recognizer.recognition.collisions import check_phrases
from recognizer.recognition.matching import cutoff_of
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.web.pages.review import LabelledClips
from recognizer.web.pages.wording import OUTCOME_NAMES, counted

__all__ = ["Change", "Check", "Effect", "ProposalError", "Proposals", "speakable"]

_NOT_SPEAKABLE = SIGNAL_OUTCOMES | {CallOutcome.UNDETERMINED, CallOutcome.LIVE_PERSON}
_NEW = Path("the new phrase")
_MAX_LENGTH = 300
_MIN_WORDS = 2


class ProposalError(RecognizerError):
    """A proposal cannot be taken or changed; the message is Russian, for the page."""

    kind = "proposal"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the list check looked at; `forbids` it or merely warns where not `is_good`."""

    is_good: bool
    title: str
    detail: str = ""
    forbids: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """A labelled clip that would be heard differently."""

    clip: str
    text: str
    expected: CallOutcome
    before: CallOutcome
    after: CallOutcome

    @property
    def is_better(self) -> bool:
        """Whether it would become right."""
        return self.after is self.expected

    @property
    def is_worse(self) -> bool:
        """Whether it would stop being right."""
        return self.before is self.expected


@dataclass(frozen=True, slots=True)
class Effect:
    """What saving a phrase would do."""

    checks: tuple[Check, ...]
    changes: tuple[Change, ...]
    n_clips: int

    @property
    def may_be_saved(self) -> bool:
        """Whether no check forbids it."""
        return all(check.is_good or not check.forbids for check in self.checks)


def speakable() -> tuple[CallOutcome, ...]:
    """Return the outcomes a phrase can have."""
    return tuple(outcome for outcome in CallOutcome if outcome not in _NOT_SPEAKABLE)


class Proposals:
    """The office's own phrases.

    Parameters
    ----------
    database : Database
        The journal's.
    settings : PhraseSettings
    clips : LabelledClips
        What the effect of a phrase is measured on.
    """

    def __init__(self, database: Database, settings: PhraseSettings, clips: LabelledClips) -> None:
        self._kept = KeptProposals(database)
        self._settings = settings
        self._clips = clips
        self._lock = threading.Lock()

    # -- reading -----------------------------------------------------------------------------

    def book(self) -> PhraseBook:
        """Return the lists in force."""
        return load_phrases(self._settings)

    def all(self) -> tuple[Proposal, ...]:
        """Return every proposal, newest first."""
        return self._kept.all()

    def get(self, proposal_id: int) -> Proposal:
        """Return a proposal.

        Raises
        ------
        ProposalError
            If there is none.
        """
        proposal = self._kept.get(proposal_id)
        if proposal is None:
            raise ProposalError("Такого предложения нет.")
        return proposal

    def effect(self, text: str, outcome: CallOutcome) -> Effect:
        """Return what the list check says of a wording and what it would change; saves nothing."""
        text = " ".join(text.split())
        problem = _form_problem(text, outcome)
        if problem:
            return Effect((Check(is_good=False, title=problem),), (), 0)
        before = self.book()
        known = next((p for p in before.phrases if normalize(p.text) == normalize(text)), None)
        if known is not None and known.outcome is outcome:
            detail = "Если запись не распознаётся, дело не в списке."
            return Effect((Check(False, "Такая фраза в списке уже есть.", detail),), (), 0)
        try:
            after = with_phrase(before, Phrase("page-proposed", text, outcome, "ru", "page"), _NEW)
        except PhraseListError as refusal:
            title = "Список с этой фразой не собирается."
            if known is not None:
                title = f"Фраза уже стоит под результатом «{OUTCOME_NAMES[known.outcome]}»."
            return Effect((Check(False, title, str(refusal)),), (), 0)
        comparison = ListComparison(before, after)
        return Effect(tuple(_checks(text, outcome, comparison)), *_changes(self._clips, comparison))

    def could_learn(self, transcript: str, outcome: CallOutcome) -> bool:
        """Return whether what was heard is a wording that the lists miss for `outcome`."""
        if _form_problem(transcript, outcome):
            return False
        judge = UtteranceClassifier.for_texts(self.book())
        return judge.judge_text(transcript).outcome is not outcome

    # -- writing -----------------------------------------------------------------------------

    def propose(
        self, text: str, outcome: CallOutcome, *, made_by: str, attempt_id: int | None
    ) -> Proposal:
        """Keep a proposal; nothing changes in the lists yet.

        Raises
        ------
        ProposalError
            If it cannot be a phrase.
        """
        text = " ".join(text.split())
        problem = _form_problem(text, outcome)
        if problem:
            raise ProposalError(problem)
        return self._kept.add(text, outcome, made_by=made_by, attempt_id=attempt_id)

    def save(self, proposal_id: int, *, by: str) -> Proposal:
        """Put a proposal into the lists.

        Raises
        ------
        ProposalError
            If a check forbids it, or somebody decided on it already.
        """
        with self._lock:
            proposal = self._in_state(proposal_id, "proposed")
            effect = self.effect(proposal.text, proposal.outcome)
            if not effect.may_be_saved:
                raise ProposalError(
                    next(c.title for c in effect.checks if c.forbids and not c.is_good)
                )
            now = dt.datetime.now(dt.UTC)
            self._kept.update(proposal_id, state="saved", decided_by=by, decided_at=now)
            self._write_lists()
            self._kept.update(proposal_id, version=self.book().version)
        return self.get(proposal_id)

    def undo(self, proposal_id: int, *, by: str) -> Proposal:
        """Take a saved phrase out of the lists again.

        Raises
        ------
        ProposalError
            If it is not in force.
        """
        with self._lock:
            self._in_state(proposal_id, "saved")
            now = dt.datetime.now(dt.UTC)
            self._kept.update(proposal_id, state="undone", undone_by=by, undone_at=now)
            self._write_lists()
        return self.get(proposal_id)

    def reject(self, proposal_id: int, *, by: str) -> Proposal:
        """Decline a proposal; it stays in the history.

        Raises
        ------
        ProposalError
            If somebody decided on it already.
        """
        self._in_state(proposal_id, "proposed")
        now = dt.datetime.now(dt.UTC)
        self._kept.update(proposal_id, state="rejected", decided_by=by, decided_at=now)
        return self.get(proposal_id)

    # -- inside ------------------------------------------------------------------------------

    def _in_state(self, proposal_id: int, state: str) -> Proposal:
        proposal = self.get(proposal_id)
        if proposal.state != state:
            raise ProposalError("С этим предложением уже решили. Обновите страницу.")
        return proposal

    def _write_lists(self) -> None:
        """Write the office's lists from what is saved; each file is whole at any moment."""
        folder = self._settings.office_folder
        folder.mkdir(parents=True, exist_ok=True)
        saved = [proposal for proposal in reversed(self.all()) if proposal.state == "saved"]
        wanted = {
            f"page_{outcome.value}.toml": _list_text(
                outcome, [proposal for proposal in saved if proposal.outcome is outcome]
            )
            for outcome in dict.fromkeys(proposal.outcome for proposal in saved)
        }
        for name, content in wanted.items():
            draft = folder / f"{name}.part"
            draft.write_text(content, "utf-8")
            draft.replace(folder / name)
        for path in folder.glob("page_*.toml"):
            if path.name not in wanted:
                path.unlink()


def _form_problem(text: str, outcome: CallOutcome) -> str:
    if outcome in _NOT_SPEAKABLE:
        return "У такого результата не бывает фразы: выберите объявление."
    if len(normalize(text).split()) < _MIN_WORDS:
        return "Нужно хотя бы два слова: одно слово подойдёт к слишком многим записям."
    if len(text) > _MAX_LENGTH:
        return f"Слишком длинно: оставьте главное, не больше {_MAX_LENGTH} знаков."
    if any("a" <= char <= "z" for char in text.casefold()):
        return "В тексте есть латинские буквы. Наберите его в русской раскладке."
    return ""


def _head_text(outcome: CallOutcome) -> str:
    return (
        "# Written by the operators' page from its journal of changes; edit it there.\n"
        f'outcome = "{outcome.value}"\nlanguage = "ru"\n'
    )


def _entry_text(phrase_id: str, text: str, seen_in: str) -> str:
    # A JSON string is a TOML basic string.
    quoted = json.dumps(text, ensure_ascii=False)
    return f'\n[[phrase]]\nid = "{phrase_id}"\ntext = {quoted}\nseen_in = {json.dumps(seen_in)}\n'


def _list_text(outcome: CallOutcome, proposals: Sequence[Proposal]) -> str:
    return _head_text(outcome) + "".join(
        _entry_text(
            f"page-{proposal.id}",
            proposal.text,
            f"operators' page, change {proposal.id}"
            + (f", call {proposal.attempt_id}" if proposal.attempt_id else ""),
        )
        for proposal in proposals
    )


def _checks(text: str, outcome: CallOutcome, lists: ListComparison) -> Iterator[Check]:
    """Yield what the list check finds of a wording, with the lists before and after."""
    forbidden = lists.after.forbidden_confusions()
    near = [
        match
        for match in lists.listed.find(text.split())
        if match.outcome is not outcome and match.score >= cutoff_of(match.phrase)
    ]
    yield Check(
        not near,
        "Внутри неё или рядом — фраза другого результата." if near else "Похожих чужих фраз нет.",
        ""
        if not near
        else f"«{near[0].phrase.text}» — {OUTCOME_NAMES[near[0].outcome]}. "
        "Убедитесь, что это другое объявление.",
        forbids=any(frozenset({match.outcome, outcome}) in forbidden for match in near),
    )
    is_heard = lists.will_be(text) is outcome
    yield Check(
        is_heard,
        "Сама фраза распознаётся как задумано."
        if is_heard
        else "Сама фраза распознаётся иначе, чем задумано.",
    )
    stolen = [
        changed.phrase.text
        for changed in lists.changed_wordings()
        if changed.phrase.outcome is not outcome and changed.will_be is outcome
    ]
    yield Check(
        not stolen,
        "Фразы других списков остаются на месте."
        if not stolen
        else "Она перетянет на себя фразы других списков.",
        "; ".join(f"«{phrase}»" for phrase in stolen[:3]),
    )
    touched = {p.id for p in lists.after.phrases if p.language == "ru" and lists.has_words_of(p)}
    failures = check_phrases(lists.after, only=touched).failures
    n_pairs = len(lists.after.forbidden_pairs)
    yield Check(
        not failures,
        f"Запрещённые пары не путаются: {counted(n_pairs, 'пара', 'пары', 'пар')} и "
        f"{counted(len(touched), 'похожая фраза', 'похожие фразы', 'похожих фраз')}."
        if not failures
        else "С ней стало бы путаться то, что регламент путать запрещает.",
        "; ".join(failures[:2]),
    )


def _changes(clips: LabelledClips, lists: ListComparison) -> tuple[tuple[Change, ...], int]:
    """Return which labelled clips would be judged differently by transcript, and of how many."""
    rows: Sequence[Mapping[str, str]] = [row for row in clips.rows() if row.get("heard")]
    changes = []
    for row in rows:
        if not lists.touches(row["heard"]):
            continue
        was, will = lists.was(row["heard"]), lists.will_be(row["heard"])
        if was is not will:
            expected = CallOutcome(row["outcome"])
            changes.append(Change(row["path"], row["heard"], expected, was, will))
    return tuple(changes), len(rows)
