"""An utterance that a CTC model has listened to, as the other stages ask for it.

A *token* of an `AcousticScore` is a whole word here: its log-probability, given the sound and the
words before it, is the sum over its letters and the space that ends it, so that figures mean the
same whatever a model spells with. The last token is that nothing follows. A total is relative to
free text: that anything at all was said has the logarithm 0 (see `ctc`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple

from recognizer.engines.ctc import Alphabet, LogProbs, PrefixTree, TextScore
from recognizer.engines.ctc_decoding import align, best_text
from recognizer.model import AcousticScore, Transcript, Word

__all__ = ["CtcModel", "CtcUtterance"]

_MISSING_WORD_NATS = 8.0  # a word that the model cannot spell was not said: as vosk's edits
_LEAST_NATS = -1e5  # of a word: below, the figures say no more


@dataclass(frozen=True, slots=True)
class CtcModel:
    """What does not change from one utterance to the next.

    Attributes
    ----------
    engine, model, language : str
        As in `Transcript`.
    alphabet : Alphabet
    frame_s : float
        Seconds between two frames.
    latency_s : float
        How long after its sound a letter comes out.
    """

    engine: str
    model: str
    language: str
    alphabet: Alphabet
    frame_s: float
    latency_s: float = 0.0


class CtcUtterance:
    """Log-probabilities of one utterance.

    Parameters
    ----------
    model : CtcModel
    logprobs : LogProbs
        Normalised; frame 0 begins with the sound.
    start_s, duration_s : float
        Where the utterance lies in the recording.
    """

    def __init__(
        self, model: CtcModel, logprobs: LogProbs, *, start_s: float, duration_s: float
    ) -> None:
        self._model = model
        self.logprobs = model.alphabet.folded(logprobs)
        self._start_s, self._duration_s = start_s, duration_s
        self._scores: dict[str, AcousticScore] = {}

    @cached_property
    def transcript(self) -> Transcript:
        """The most probable text found; word times count from the start of the recording."""
        alphabet = self._model.alphabet
        tokens = best_text(self.logprobs, alphabet)
        text = alphabet.decode(tokens)
        words = self._words(text, tokens) if tokens else ()
        confidences = [word.confidence for word in words if word.confidence is not None]
        return Transcript(
            text,
            words,
            self._model.language,
            self._model.engine,
            self._model.model,
            statistics.fmean(confidences) if confidences else None,
        )

    def _words(self, text: str, tokens: Sequence[int]) -> tuple[Word, ...]:
        spans = align(self.logprobs, tokens, self._model.alphabet)
        (score,) = self.score([text])
        words = []
        first = 0
        for spelt, logprob in zip(text.split(), score.word_logprobs, strict=True):
            last = first + len(spelt) - 1
            start_s, end_s = self._moment(spans[first][0]), self._moment(spans[last][1])
            words.append(Word(spelt, start_s, end_s, math.exp(logprob)))
            first = last + 2  # a space stands between
        return tuple(words)

    def _moment(self, frame: int) -> float:
        """Return when in the recording a frame begins, seconds."""
        said_s = frame * self._model.frame_s - self._model.latency_s
        return round(self._start_s + min(max(said_s, 0.0), self._duration_s), 3)

    def rest_after(self, text: str) -> str:  # noqa: ARG002
        """Return nothing: a score is of all that was said."""
        return ""

    def language_probability(self, language: str) -> float | None:  # noqa: ARG002
        """Return None: a model of one language cannot tell."""
        return None

    def score(self, wordings: Sequence[str]) -> tuple[AcousticScore, ...]:
        """Return how probable each wording is as all that was said, in the order given.

        All that are new are summed at once. A word that the model cannot spell counts as not said.
        """
        new = [text for text in dict.fromkeys(wordings) if text not in self._scores]
        if new:
            spelt = [_Spelling.of(text, self._model.alphabet) for text in new]
            tree = PrefixTree([spelling.tokens for spelling in spelt], self._model.alphabet)
            scores = tree.score(self.logprobs)
            for text, spelling, score in zip(new, spelt, scores, strict=True):
                self._scores[text] = spelling.acoustic_score(text, score)
        return tuple(self._scores[text] for text in wordings)

    def find(self, wordings: Sequence[str]) -> tuple[float, ...]:
        """Return the logarithm of how often each wording is expected among the words said.

        See `PrefixTree.find`. The tree of the last few lists of wordings is kept: they are asked
        for in every call.
        """
        tree, n_missing = _tree_of(tuple(wordings), self._model.alphabet)
        found = tree.find(self.logprobs)
        return tuple(
            max(logarithm, _LEAST_NATS) - _MISSING_WORD_NATS * missing
            for logarithm, missing in zip(found, n_missing, strict=True)
        )


@lru_cache(maxsize=8)
def _tree_of(wordings: tuple[str, ...], alphabet: Alphabet) -> tuple[PrefixTree, tuple[int, ...]]:
    """Return wordings as a tree, and how many words of each cannot be spelt."""
    spelt = [_Spelling.of(text, alphabet) for text in wordings]
    tree = PrefixTree([spelling.tokens for spelling in spelt], alphabet)
    return tree, tuple(sum(spelling.missing) for spelling in spelt)


class _Spelling(NamedTuple):
    """A text as tokens.

    Attributes
    ----------
    tokens : tuple of int
    n_tokens : tuple of int
        Of each word between blanks of the text, the space after it included.
    missing : tuple of int
        How many of its parts cannot be spelt.
    """

    tokens: tuple[int, ...]
    n_tokens: tuple[int, ...]
    missing: tuple[int, ...]

    @classmethod
    def of(cls, text: str, alphabet: Alphabet) -> _Spelling:
        tokens: list[int] = []
        n_tokens: list[int] = []
        n_missing: list[int] = []
        last_spelt = 0
        for word in text.split():
            letters, missing = alphabet.encode(word)
            if tokens and letters:
                tokens.append(alphabet.space)
                n_tokens[last_spelt] += 1
            if letters:
                last_spelt = len(n_tokens)
            tokens += letters
            n_tokens.append(len(letters))
            n_missing.append(len(missing))
        return cls(tuple(tokens), tuple(n_tokens), tuple(n_missing))

    def acoustic_score(self, text: str, score: TextScore) -> AcousticScore:
        ends = [0]
        for n in self.n_tokens:
            ends.append(ends[-1] + n)
        words = [math.fsum(score.tokens[first:last]) for first, last in pairwise(ends)]
        priced = tuple(
            max(logprob, _LEAST_NATS) - _MISSING_WORD_NATS * n_missing
            for logprob, n_missing in zip(words, self.missing, strict=True)
        )
        nothing_follows = max(min(score.total - math.fsum(score.tokens), 0.0), _LEAST_NATS)
        tokens = (*priced, nothing_follows)
        return AcousticScore(text, math.fsum(tokens), tokens, priced, nothing_follows)
