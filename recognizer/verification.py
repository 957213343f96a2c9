"""Hold what a transcript seems to say against the sound itself.

A transcript of telephone speech is often garbled, and its garbles cross the border that matters:
«временно заблокирован» comes out as «заблокирован». So the stretch is recognised a second time
with our wordings expected, and whatever matches is compared with its rivals *in place*: the matched
words of a hypothesis are replaced by each rival wording and every version is scored whole against
the same encoded sound, without the expectation. Totals are compared, not means: a mean forgives a
skipped word.

Conventions
-----------
Log-probabilities are natural logarithms; a *margin* is a difference of two totals over the same
sound, in nats, positive when the first explains it better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from recognizer.engines.base import Utterance
from recognizer.matching import Matcher, floor_of
from recognizer.normalization import normalize
from recognizer.types import AcousticScore, CallOutcome, Phrase, PhraseMatch, Transcript

__all__ = ["Candidate", "Hearing", "Verifier"]

_FLOOR = 40.0  # score of the matches looked at; each phrase has a floor of its own
_HOPELESS = 30.0  # so far behind the best match of a hypothesis another is not worth comparing
_N_OUTCOMES = 3  # outcomes of the guided hypothesis that are compared
_N_MORE_OUTCOMES = 2  # outcomes of the free one that are compared besides
# Where all three hold, the free hypothesis never overturned the guided one on the `fit` calls.
_PLAIN_SCORE = 90.0
_PLAIN_MEAN_LOGPROB = -0.5
_PLAIN_MARGIN_NATS = 8.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One listed wording put in the place of what was matched.

    Attributes
    ----------
    match : PhraseMatch
        The wording, and which words of `base` it stands for.
    base : Transcript
        The hypothesis it was put into.
    score : AcousticScore
        Of the whole version.
    base_total : float
        Log-probability of `base` as it was heard.
    """

    match: PhraseMatch
    base: Transcript
    score: AcousticScore
    base_total: float

    @property
    def outcome(self) -> CallOutcome:
        """Outcome of the wording."""
        return self.match.outcome


@dataclass(frozen=True, slots=True)
class Hearing:
    """One stretch of speech, recognised and verified.

    Attributes
    ----------
    guided : Transcript
        What was heard expecting our wordings.
    free : Transcript or None
        What was heard without expectation; None where the guided one left no doubt.
    candidates : tuple of Candidate
        The best version of every outcome compared, best first; empty if nothing listed is near.
    hypothesis_total : float
        Log-probability of the likelier of the two hypotheses as it stands.
    """

    guided: Transcript
    free: Transcript | None
    candidates: tuple[Candidate, ...]
    hypothesis_total: float

    @property
    def hypothesis(self) -> Transcript:
        """What was heard, with as little expectation as we have it."""
        return self.guided if self.free is None else self.free

    @property
    def margin(self) -> float:
        """Nats between the best outcome and the next; infinite if there is no other."""
        if len(self.candidates) < 2:
            return math.inf
        first, second = self.candidates[:2]
        return first.score.total_logprob - second.score.total_logprob


class Verifier:
    """Compares candidate wordings with the sound.

    Parameters
    ----------
    matcher : Matcher
        Phrases of the language spoken.
    """

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._by_outcome = {
            outcome: tuple(p for p in phrases if p in set(matcher.phrases))
            for outcome, phrases in matcher.book.by_outcome.items()
        }
        self._guide = _guide(self._by_outcome)
        self._partners = _partners(matcher)
        self._rivals: dict[str, tuple[Phrase, ...]] = {}

    def hear(self, utterance: Utterance) -> Hearing:
        """Recognise one stretch of speech and compare what it seems to say with its rivals.

        The free hypothesis costs a second decoding, so it is asked for only where the guided one
        and its rivals leave a doubt.
        """
        guided = utterance.guided(self._guide)
        hearing = self._compare(utterance, guided, None)
        if _is_plain(hearing):
            return hearing
        return self._compare(utterance, guided, utterance.transcript)

    def _compare(
        self, utterance: Utterance, guided: Transcript, free: Transcript | None
    ) -> Hearing:
        versions: dict[str, tuple[Transcript, PhraseMatch]] = {}
        hypotheses = [t for t in (guided, free) if t is not None and t.text]
        for base in hypotheses:
            n_outcomes = _N_OUTCOMES if base is guided else _N_MORE_OUTCOMES
            for rank, match in enumerate(self._likely(base, n_outcomes)):
                rivals = self._rivals_of(match.phrase) if rank == 0 else ()
                for phrase in (match.phrase, *rivals):
                    version = replace(match, phrase=phrase)
                    versions.setdefault(_told_with(base, version), (base, version))
        plain = [t.text for t in hypotheses]
        scores = {s.text: s for s in utterance.score([*versions, *plain])}
        best: dict[CallOutcome, Candidate] = {}
        for text in sorted(versions, key=lambda t: -scores[t].total_logprob):
            base, match = versions[text]
            base_total = scores[base.text].total_logprob
            best.setdefault(match.outcome, Candidate(match, base, scores[text], base_total))
        total = max((scores[t].total_logprob for t in plain), default=-math.inf)
        return Hearing(guided, free, tuple(best.values()), total)

    def _likely(self, base: Transcript, n_outcomes: int) -> list[PhraseMatch]:
        """Return the best phrase of each of the likeliest outcomes."""
        best: dict[CallOutcome, PhraseMatch] = {}
        for match in self._matcher.find([w.text for w in base.words], floor=_FLOOR):
            is_announcement = match.outcome is not CallOutcome.LIVE_PERSON
            if is_announcement and match.score >= floor_of(match.phrase):
                best.setdefault(match.outcome, match)
        likely = list(best.values())[:n_outcomes]
        return [m for m in likely if m.score >= likely[0].score - _HOPELESS]

    def _rivals_of(self, phrase: Phrase) -> tuple[Phrase, ...]:
        """Return the nearest wording of every outcome `phrase` must not be confused with."""
        if phrase.id not in self._rivals:
            text = normalize(phrase.text)
            self._rivals[phrase.id] = tuple(
                max(self._by_outcome[other], key=lambda p: fuzz.ratio(text, normalize(p.text)))
                for other in self._partners.get(phrase.outcome, ())
            )
        return self._rivals[phrase.id]


def _is_plain(hearing: Hearing) -> bool:
    """Return whether the sound bears out the guided hypothesis so well that no doubt is left."""
    if not hearing.candidates:
        return False
    best = hearing.candidates[0]
    return (
        best.match.score >= _PLAIN_SCORE
        and best.score.mean_logprob >= _PLAIN_MEAN_LOGPROB
        and hearing.margin >= _PLAIN_MARGIN_NATS
    )


def _guide(by_outcome: dict[CallOutcome, tuple[Phrase, ...]]) -> tuple[str, ...]:
    """Return the wordings to expect: the first of every outcome, as sentences."""
    return tuple(
        phrases[0].text[:1].upper() + phrases[0].text[1:] + "."
        for outcome, phrases in by_outcome.items()
        if phrases and outcome is not CallOutcome.UNDETERMINED
    )


def _partners(matcher: Matcher) -> dict[CallOutcome, list[CallOutcome]]:
    """Return for each outcome the ones it must never be confused with, where they have phrases."""
    partners: dict[CallOutcome, list[CallOutcome]] = {}
    known = {p.outcome for p in matcher.phrases} - {CallOutcome.LIVE_PERSON}
    for pair in matcher.book.forbidden_confusions():
        for one in pair & known:
            partners.setdefault(one, []).extend(sorted((pair - {one}) & known))
    return partners


def _told_with(base: Transcript, match: PhraseMatch) -> str:
    """Return the hypothesis with the matched words replaced by the phrase."""
    words = [w.text for w in base.words]
    phrase = match.phrase.text
    if match.first_word == 0 or words[match.first_word][:1].isupper():
        phrase = phrase[:1].upper() + phrase[1:]
    ending = _ending(words[match.end_word - 1])
    before: Sequence[str] = words[: match.first_word]
    return " ".join([*before, phrase + ending, *words[match.end_word :]])


def _ending(word: str) -> str:
    """Return the punctuation a word ends with."""
    bare = word.rstrip(".,!?…;:")
    return word[len(bare) :]
