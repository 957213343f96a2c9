"""What a user would write instead: Whisper's defaults and a text distance.

faster-whisper as its documentation shows it (base, int8, 30 s window, beam 5, language given),
then `rapidfuzz.fuzz.partial_ratio` against the regulation's own phrases, the best one counting
from a fixed cut-off.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz

SCORE_CUTOFF = 80.0
"""The usual choice in public projects that match transcripts of announcements this way."""

# The phrases of the regulation, sections A and B, both forms where it gives two.
PHRASES: dict[str, tuple[str, ...]] = {
    "temporarily_unavailable": ("номер временно недоступен", "абонент временно недоступен"),
    "temporarily_blocked": ("номер временно заблокирован", "абонент временно заблокирован"),
    "service_suspended": (
        "обслуживание номера временно приостановлено",
        "обслуживание абонента временно приостановлено",
    ),
    "not_registered": ("номер не зарегистрирован в сети", "абонент не зарегистрирован в сети"),
    "service_type_unavailable": ("данный вид связи недоступен для абонента",),
    "switched_off_or_out_of_coverage": (
        "аппарат абонента выключен или находится вне зоны действия сети",
    ),
    "connection_impossible": ("соединение невозможно",),
    "line_busy": ("абонент занят оставайтесь на линии или перезвоните",),
    "not_in_service": ("номер не обслуживается", "номер не используется"),
    "blocked": ("номер заблокирован", "абонент заблокирован"),
    "misdialled": ("неправильно набран номер",),
    "does_not_exist": ("номер не существует",),
    "available_for_purchase": ("номер телефона доступен для приобретения",),
}


@dataclass(frozen=True, slots=True)
class BaselineAnswer:
    """An outcome's name (`undetermined` below the cut-off), the score as 0-1, the text."""

    outcome: str
    confidence: float
    transcript: str


class Baseline:
    """The recogniser a user would write."""

    def __init__(self, model_folder: Path) -> None:
        from faster_whisper import WhisperModel  # noqa: PLC0415  (slow to import)

        self._model = WhisperModel(str(model_folder), compute_type="int8", cpu_threads=1)

    def recognize(self, path: Path) -> BaselineAnswer:
        """Return what it makes of a recording."""
        segments, _ = self._model.transcribe(str(path), language="ru", beam_size=5)
        text = " ".join(segment.text for segment in segments).lower().replace("ё", "е")
        score, outcome = max(
            (fuzz.partial_ratio(phrase, text), outcome)
            for outcome, phrases in PHRASES.items()
            for phrase in phrases
        )
        if not text.strip() or score < SCORE_CUTOFF:
            return BaselineAnswer("undetermined", 1.0 - score / 100, text)
        return BaselineAnswer(outcome, score / 100, text)
