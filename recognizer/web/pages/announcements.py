"""Announcements that operators offer to keep, and supervisors confirm.

What is offered waits beside the learned ones, in ``proposed/``: its two files and a note of the
call and the interval, so that whoever decides can play it. The note goes with the decision: what is
kept knows of no call.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from recognizer.audio import open_audio
from recognizer.base.errors import AnnouncementError, RecognizerError
from recognizer.base.settings import AnnouncementSettings, PhraseSettings
from recognizer.engines.base import ENGINE_SAMPLE_RATE
from recognizer.model import Audio, CallOutcome
from recognizer.model.classification import Classification
from recognizer.model.signals import joined_intervals
from recognizer.phrases.editing import make_id
from recognizer.phrases.loading import load_phrases
from recognizer.recognition.announcements.announcement import LONGEST_S, Announcement
from recognizer.recognition.announcements.learning import NotLearnedError, check_unlike, learn
from recognizer.recognition.announcements.library import AnnouncementLibrary
from recognizer.recognition.announcements.store import AnnouncementStore, Change
from recognizer.recognition.announcements.wordings import JudgeText, check_text
from recognizer.recognition.utterance_classifier import UtteranceClassifier

__all__ = ["Announcements", "Offer", "OfferError", "interval_of"]

_log = logging.getLogger(__name__)
_PAD_S = 0.3
_REFUSALS: Mapping[str, str] = {
    "outcome": "Такой результат бывает не от объявления оператора связи.",
    "machine": "Так приветствует и человек. Если это играет сам оператор связи, укажите его.",
    "nothing": "На этом отрезке ничего не слышно.",
    "duration": "Отрезок должен быть от 1 до 60 секунд звука.",
    "pause": "В отрезке есть длинная пауза: после неё может говорить человек. Сузьте отрезок.",
    "noise": "Слишком шумно: возьмите более чистую запись этого объявления.",
    "gap": "Похоже, в отрезке пропал звук: возьмите целую запись.",
    "person": "Похоже, на записи говорит человек, а слова людей не запоминаются.",
    "known": "Это объявление уже известно.",
    "near": "Слишком похоже на известное объявление с другим смыслом. Сначала разберитесь с ним.",
    "unwritten": "Такое объявление сразу ставит отметку. Напишите, что в нём говорится.",
    "otherwise": "По спискам фраз этот текст значит другое. Исправьте текст или результат.",
    "unlisted": "Такое объявление сразу ставит отметку, а фразы с этим текстом в списках нет. "
        "Сначала добавьте её в «Фразы», потом подтвердите объявление.",
    "number": "В тексте похожее на номер телефона: объявления по номерам не запоминаются.",
    "control": "В тексте есть знак, который нельзя записать. Наберите текст заново.",
    "busy": "Объявления сейчас меняет другая программа. Повторите через минуту.",
    "unwritable": "Не записано: диск переполнен или закрыт для записи. Сообщите администратору.",
    "none": "Этого уже нет. Обновите страницу.",
    "gone": "Вернуть нельзя: это имя занято другим объявлением или файлы удалены. Сообщите "
        "администратору.",
}  # fmt: skip


class OfferError(RecognizerError):
    """An announcement cannot be offered or decided on; the message is Russian, for the page."""

    kind = "announcement_offer"


@contextlib.contextmanager
def _in_russian() -> Iterator[None]:
    """Say to the person at the page why something is refused; the log has it word by word."""
    try:
        yield
    except AnnouncementError as refusal:
        _log.warning("refused: %s", refusal)
        said = _REFUSALS.get(refusal.reason)
        raise OfferError(
            said or "Папка объявлений повреждена. Сообщите администратору."
        ) from refusal
    except OSError as problem:
        _log.warning("not written: %s", problem)
        raise OfferError(_REFUSALS["unwritable"]) from problem


class _Note(msgspec.Struct, frozen=True):
    """What is remembered of an offer until it is decided."""

    call_id: int
    start_s: float
    end_s: float
    made_by: str
    made_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """An announcement that waits for a supervisor."""

    announcement: Announcement
    call_id: int
    start_s: float
    end_s: float
    made_by: str
    made_at: dt.datetime


def interval_of(report: Classification) -> tuple[float, float] | None:
    """Return where the longest utterance of a recording lies, seconds; None if nobody speaks."""
    spoken = [(s.start_s, s.end_s) for s in report.segments if s.kind == "speech"]
    return max(joined_intervals(spoken), key=lambda part: part[1] - part[0], default=None)


class Announcements:
    """The learned announcements, as the page shows and changes them.

    Parameters
    ----------
    settings : AnnouncementSettings
    phrases : PhraseSettings
        The lists that the text of a marking announcement is read by.
    """

    def __init__(self, settings: AnnouncementSettings, phrases: PhraseSettings) -> None:
        self._phrases = phrases
        self._store = AnnouncementStore(settings.folder)
        self._proposed = AnnouncementStore(settings.folder / "proposed")
        self._lock = threading.Lock()

    # -- reading -----------------------------------------------------------------------------

    def known(self) -> tuple[Announcement, ...]:
        """Return what is known."""
        return self._store.load()

    def changes(self) -> tuple[Change, ...]:
        """Return the history, newest first."""
        return tuple(reversed(self._store.changes()))

    def waiting(self) -> tuple[Offer, ...]:
        """Return what waits for a decision, oldest first."""
        offers = (self._offer(announcement) for announcement in self._proposed.load())
        return tuple(sorted((o for o in offers if o is not None), key=lambda o: o.made_at))

    # -- writing -----------------------------------------------------------------------------

    def offer(
        self,
        sound: Path,
        report: Classification,
        *,
        call_id: int,
        interval: tuple[float, float],
        outcome: CallOutcome,
        text: str,
        carrier: str,
        made_by: str,
    ) -> Offer:
        """Keep an interval of a recording for a supervisor to decide on.

        Parameters
        ----------
        sound : Path
            The copy that was played.
        report : Classification
            What the program heard in it.
        interval : (start_s, end_s)

        Raises
        ------
        OfferError
            If it may not become an announcement.
        """
        now = dt.datetime.now(dt.UTC)
        with _in_russian(), self._lock:
            _check_nobody(report)
            audio = _read(sound, interval)
            check_unlike(AnnouncementLibrary(self.known()), audio, outcome)
            taken = self._store.taken_ids() | self._proposed.taken_ids()
            announcement = learn(
                audio,
                announcement_id=make_id(text or outcome.value, taken),
                outcome=outcome,
                text=text,
                carrier=carrier,
                confirmed_by=made_by,
                tones=[(s.start_s, s.end_s) for s in report.segments if s.kind == "tone"],
            )
            # The lists may learn its words before somebody decides.
            check_text(announcement, f"call {call_id}", self._judge(), overrule=True)
            self._keep(announcement, _Note(call_id, *interval, made_by, now))
        return Offer(announcement, call_id, *interval, made_by, now)

    def accept(self, announcement_id: str, *, by: str) -> None:
        """Know an offered announcement from now on, confirmed by whoever decides.

        Raises
        ------
        OfferError
            If it does not wait any more, something like it was learned meanwhile, or it would mark
            and the phrase lists do not read the same in its text.
        """
        with _in_russian(), self._lock:
            offered = self._waiting(announcement_id).announcement
            heard = AnnouncementLibrary(self.known()).recognize_kept(offered)
            if any(m.is_known and m.announcement.outcome is offered.outcome for m in heard.matches):
                self._drop(announcement_id)
                raise OfferError("Это объявление уже известно, предложение снято.")
            taken = self._store.taken_ids()
            now = dt.datetime.now(dt.UTC).replace(microsecond=0)
            confirmed = replace(offered, confirmed_by=by, confirmed_at=now)
            if announcement_id in taken:  # somebody learned another one meanwhile
                named = offered.text or offered.outcome.value
                confirmed = replace(confirmed, id=make_id(named, taken))
            check_text(confirmed, announcement_id, self._judge())
            self._store.add([confirmed], by=by)
            self._drop(announcement_id)

    def reject(self, announcement_id: str) -> None:
        """Keep nothing of an offered announcement.

        Raises
        ------
        OfferError
            If it does not wait any more.
        """
        with _in_russian(), self._lock:
            self._waiting(announcement_id)
            self._drop(announcement_id)

    def forget(self, announcement_id: str, *, by: str) -> None:
        """Know an announcement no longer.

        Raises
        ------
        OfferError
            If it is not known, or cannot be forgotten.
        """
        with _in_russian():
            self._store.forget(announcement_id, by=by)

    def undo(self, *, by: str) -> None:
        """Take back the last change.

        Raises
        ------
        OfferError
            If there is none to take back, or it cannot be taken back.
        """
        with _in_russian():
            self._store.undo(by=by)

    # -- inside ------------------------------------------------------------------------------

    def _note_path(self, announcement_id: str) -> Path:
        return self._proposed.folder / f"{announcement_id}.json"

    def _judge(self) -> JudgeText:
        """Return what reads a text by the lists as they are now."""
        return UtteranceClassifier.for_texts(load_phrases(self._phrases)).judge_text

    def _keep(self, announcement: Announcement, note: _Note) -> None:
        """Let an announcement wait; its note first: a killed program leaves none without."""
        path = self._note_path(announcement.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes(msgspec.json.encode(note))
            self._proposed.add([announcement], by=note.made_by, may_repeat=True)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _offer(self, announcement: Announcement) -> Offer | None:
        path = self._note_path(announcement.id)
        try:
            note = msgspec.json.decode(path.read_bytes(), type=_Note)
        except (OSError, ValueError) as problem:  # it hides no other
            _log.warning("%s: what is offered here is left out: %s", path, problem)
            return None
        return Offer(
            announcement, note.call_id, note.start_s, note.end_s, note.made_by, note.made_at
        )

    def _waiting(self, announcement_id: str) -> Offer:
        for offer in self.waiting():
            if offer.announcement.id == announcement_id:
                return offer
        raise OfferError("С этим объявлением уже решили. Обновите страницу.")

    def _drop(self, announcement_id: str) -> None:
        for suffix in (".toml", ".npy", ".json"):  # the TOML first: without it nothing is read
            (self._proposed.folder / f"{announcement_id}{suffix}").unlink(missing_ok=True)


def _check_nobody(report: Classification) -> None:
    """Refuse a call in which the program heard a person, or a machine that answers as one."""
    is_answered = any(veto.id == "answered" for veto in report.vetoes)
    if report.outcome is CallOutcome.LIVE_PERSON or is_answered:
        raise NotLearnedError("person", "a person was heard in this call")


def _read(sound: Path, interval: tuple[float, float]) -> Audio:
    start_s, end_s = interval
    if not 0 <= start_s < end_s <= start_s + LONGEST_S:
        raise NotLearnedError("duration", f"expected up to {LONGEST_S:g} s, got {interval}")
    with open_audio(sound, sample_rate=ENGINE_SAMPLE_RATE) as reader:
        return reader.read(max(0.0, start_s - _PAD_S), end_s + _PAD_S)
