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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from rapidfuzz import fuzz, process

from recognizer.engines.base import Utterance
from recognizer.matching import Matcher, TranscriptWords, floor_of
from recognizer.nearest import NearestWordings
from recognizer.normalization import normalize, normalize_words, sound_alike_word
from recognizer.types import AcousticScore, CallOutcome, Phrase, PhraseMatch, Transcript

__all__ = ["Candidate", "Hearing", "Verifier"]

_FLOOR = 40.0  # score of the matches looked at; each phrase has a floor of its own
_HOPELESS = 30.0  # so far behind the best match of a hypothesis another is not worth comparing
_N_OUTCOMES = 3  # outcomes of the guided hypothesis that are compared
_KNOWN_WORD_RATIO = 80.0
# What a word costs that no announcement has: a version that leaves garbled words beside its wording
# fits the sound by them, for the decoder chose them freely. On the `fit` calls the right outcome
# comes first most often from 4 nats on.
_UNEXPLAINED_NATS = 4.0
_N_COMPLETED = 3
# Where all three hold, the free hypothesis never overturned the guided one on the `fit` calls.
_PLAIN_SCORE = 90.0
_PLAIN_MEAN_LOGPROB = -0.5
_PLAIN_MARGIN_NATS = 8.0


_Version: TypeAlias = tuple[Transcript, PhraseMatch]
"""A hypothesis, and the wording to be put in the place of some of its words."""


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
    heard : AcousticScore
        Of `base` as it was heard.
    n_unexplained : int
        Words of `base` beside the wording that no announcement has.
    """

    match: PhraseMatch
    base: Transcript
    score: AcousticScore
    heard: AcousticScore
    n_unexplained: int = 0

    @property
    def outcome(self) -> CallOutcome:
        """Outcome of the wording."""
        return self.match.outcome

    @property
    def told_logprob(self) -> float:
        """Log-probability of the whole version, unexplained words paid for; ranks candidates."""
        return self.score.total_logprob - _UNEXPLAINED_NATS * self.n_unexplained


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
        return first.told_logprob - second.told_logprob


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
        self._nearest = NearestWordings(matcher)
        known = matcher.vocabulary(set(CallOutcome) - {CallOutcome.LIVE_PERSON})
        self._known_sounds = [sound_alike_word(word) for word in known]
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
        hypotheses = [t for t in (guided, free) if t is not None and t.text]
        versions = [v for base in hypotheses for v in self._versions(base, free)]
        heard = {s.text: s for s in utterance.score([t.text for t in hypotheses])}
        candidates = self._scored(utterance, versions, heard)
        if free is not None and candidates:
            rivals = self._rivals_in_place(candidates[0])
            candidates += self._scored(utterance, rivals, heard)
            candidates = self._completed(utterance, candidates)
        best: dict[CallOutcome, Candidate] = {}
        for candidate in sorted(candidates, key=lambda c: -c.told_logprob):
            best.setdefault(candidate.outcome, candidate)
        total = max((score.total_logprob for score in heard.values()), default=-math.inf)
        return Hearing(guided, free, tuple(best.values()), total)

    def _versions(self, base: Transcript, free: Transcript | None) -> Iterator[_Version]:
        """Yield the hypothesis with listed wordings in it.

        Word by word in what was heard expecting them; letter by letter in both hypotheses where the
        guided one left a doubt.
        """
        if base is not free:
            for rank, match in enumerate(self._likely(base)):
                yield base, match
                if rank == 0:
                    for rival in self._rivals_of(match.phrase):
                        yield base, replace(match, phrase=rival)
        if free is not None:
            heard = TranscriptWords.of(w.text for w in base.words)
            for match in self._nearest.find(heard):
                yield base, match

    def _rivals_in_place(self, candidate: Candidate) -> Iterator[_Version]:
        for rival in self._rivals_of(candidate.match.phrase):
            yield candidate.base, replace(candidate.match, phrase=rival)

    def _scored(
        self, utterance: Utterance, versions: Iterable[_Version], heard: Mapping[str, AcousticScore]
    ) -> list[Candidate]:
        """Return the versions held against the sound, best first."""
        texts = {_told_with(base, match): (base, match) for base, match in versions}
        scores = {s.text: s for s in utterance.score(list(texts))}
        candidates = []
        for text, (base, match) in texts.items():
            n_unexplained = self._n_unexplained(base, match)
            told = Candidate(match, base, scores[text], heard[base.text], n_unexplained)
            candidates.append(told)
        return sorted(candidates, key=lambda c: -c.told_logprob)

    def _completed(self, utterance: Utterance, candidates: list[Candidate]) -> list[Candidate]:
        """Return the candidates, those in front with what is heard after their last word.

        A wording that stops before the speech does would win by saying less.
        """
        done: set[str] = set()
        while len(done) < _N_COMPLETED:
            candidates.sort(key=lambda c: -c.told_logprob)
            first = candidates[0]
            text = first.score.text
            if text in done or first.match.end_word < len(first.base.words):
                break
            rest = utterance.rest_after(text)
            whole = f"{text} {rest}".strip()
            done.add(whole)
            if rest:
                score = utterance.score([whole])[0]
                n_unexplained = first.n_unexplained + self._n_unknown(normalize(rest).split())
                candidates[0] = replace(first, score=score, n_unexplained=n_unexplained)
        return candidates

    def _n_unexplained(self, base: Transcript, match: PhraseMatch) -> int:
        """Return how many Russian words beside the wording no announcement has."""
        return self._n_unknown(
            word
            for word, place in normalize_words(w.text for w in base.words)
            if not match.first_word <= place < match.end_word
        )

    def _n_unknown(self, words: Iterable[str]) -> int:
        """Return how many Russian words no announcement has."""
        sounds = [sound_alike_word(word) for word in words if not word.isascii()]
        if not sounds:
            return 0
        ratios = process.cdist(sounds, self._known_sounds, scorer=fuzz.ratio)
        return int((ratios.max(axis=1) < _KNOWN_WORD_RATIO).sum())

    def _likely(self, base: Transcript) -> list[PhraseMatch]:
        """Return the best phrase of each of the likeliest outcomes."""
        best: dict[CallOutcome, PhraseMatch] = {}
        for match in self._matcher.find([w.text for w in base.words], floor=_FLOOR):
            is_announcement = match.outcome is not CallOutcome.LIVE_PERSON
            if is_announcement and match.score >= floor_of(match.phrase):
                best.setdefault(match.outcome, match)
        likely = list(best.values())[:_N_OUTCOMES]
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
