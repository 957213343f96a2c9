"""Words: transcripts, listed phrases, where one was found, how well a wording fits the sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from recognizer.model._checks import check_range
from recognizer.model.outcomes import CallOutcome

__all__ = ["AcousticScore", "NormalizedText", "Phrase", "PhraseMatch", "Transcript", "Word"]


NormalizedText = NewType("NormalizedText", str)
"""Text that went through `phrases.normalization.normalize`: the only text a scorer accepts."""


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word; `confidence` 0-1 from the engine."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None

    def __post_init__(self) -> None:
        if self.end_s < self.start_s:
            raise ValueError(f"word {self.text!r}: ends at {self.end_s} before {self.start_s}")
        check_range(f"confidence of word {self.text!r}", self.confidence, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine heard; `confidence` is the mean probability of a token, 0-1."""

    text: str
    words: tuple[Word, ...]
    language: str
    engine: str
    model: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class AcousticScore:
    """How well one wording explains the sound.

    Attributes
    ----------
    text : str
        The wording scored.
    total_logprob : float
        Natural logarithm of the probability of the whole wording, given the sound. Totals of
        different wordings over the same sound can be compared where they say all of it; what
        follows a wording that does not is `Utterance.rest_after`.
    token_logprobs : tuple of float
        Of its tokens in order; empty where an engine has no such thing.
    word_logprobs : tuple of float
        Of its words in order, each the sum over its tokens; empty where an engine has no such
        thing.
    end_logprob : float
        That nothing follows its last word; 0 where an engine has no such thing.
    """

    text: str
    total_logprob: float
    token_logprobs: tuple[float, ...] = ()
    word_logprobs: tuple[float, ...] = ()
    end_logprob: float = 0.0

    @property
    def mean_logprob(self) -> float:
        """Mean over the tokens; the total where there are none."""
        return self.total_logprob / max(1, len(self.token_logprobs))


@dataclass(frozen=True, slots=True)
class Phrase:
    """One listed wording.

    Attributes
    ----------
    id : str
        Unique over all lists, lower-case kebab-case Latin.
    text : str
        As written in the list.
    outcome : CallOutcome
    language : str
        ISO 639-1.
    seen_in : str
        Where the wording was seen.
    score_cutoff : float or None
        0-100, the list's own where None.
    whole : bool
        Counts only where nothing else was said: for single words that mean little inside a
        sentence («занят», «да»).
    place : str
        File and line, for messages.
    """

    id: str
    text: str
    outcome: CallOutcome
    language: str
    seen_in: str
    score_cutoff: float | None = None
    place: str = ""
    whole: bool = False

    def __post_init__(self) -> None:
        check_range(f"score_cutoff of phrase {self.id}", self.score_cutoff, 0.0, 100.0)


@dataclass(frozen=True, slots=True)
class PhraseMatch:
    """A listed wording found in a transcript.

    Attributes
    ----------
    phrase : Phrase
    score : float
        0-100.
    first_word, end_word : int
        Half-open range of words of the transcript it covers.
    start_s, end_s : float or None
        In the recording; None for a bare text.
    """

    phrase: Phrase
    score: float
    first_word: int
    end_word: int
    start_s: float | None = None
    end_s: float | None = None

    def __post_init__(self) -> None:
        check_range(f"score of {self.phrase.id}", self.score, 0.0, 100.0)

    @property
    def outcome(self) -> CallOutcome:
        """Outcome of the phrase."""
        return self.phrase.outcome
