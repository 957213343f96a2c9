"""Hold what a transcript seems to say against the sound itself.

A transcript of telephone speech is often misrecognized, and such errors cross the border that
matters: «временно заблокирован» comes out as «заблокирован». So whatever resembles a listed
wording, word by word or letter by letter, is compared with its rivals *in place*: the words of the
transcript are replaced by each wording and every version is scored whole against the same encoded
sound. Totals are compared, not means: a mean forgives a skipped word.

A second decoding that expected our wordings (as Whisper's earlier text) was tried and given up: it
doubled the cost and, once letters are compared, found nothing more; see docs/decisions/0001.

Conventions
-----------
Log-probabilities are natural logarithms; a *margin* is a difference of two totals over the same
sound, in nats, positive when the first explains it better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from recognizer.base import similarity
from recognizer.engines.base import Utterance
from recognizer.model import (
    AcousticScore,
    CallOutcome,
    Phrase,
    PhraseMatch,
    Transcript,
)
from recognizer.phrases.normalization import normalize, sound_alike_word
from recognizer.recognition.letter_search import NearestWordings, letters_ratio
from recognizer.recognition.matching import AS_HEARD_SCORE, Matcher, floor_of
from recognizer.recognition.precedence import is_mark
from recognizer.recognition.sound_search import TEMPORARILY, FoundInSound, SoundSearch
from recognizer.recognition.transcript_words import KNOWN_WORD_RATIO, TranscriptWords

__all__ = ["PLAIN_MEAN_LOGPROB", "Candidate", "VerifiedTranscript", "Verifier"]

_MARKS = frozenset(outcome for outcome in CallOutcome if is_mark(outcome))
_FLOOR = 40.0  # score of the matches looked at; each phrase has a floor of its own
# Further behind the best match of a hypothesis another is not worth comparing.
_MAX_BEHIND_SCORE = 30.0
_N_OUTCOMES = 3  # outcomes found word by word that are compared
# What a word costs that no announcement has: a version that leaves misrecognized words beside its
# wording fits the sound by them, for the decoder chose them freely. On the `fit` calls the right
# outcome comes first most often from 4 nats on.
_UNEXPLAINED_NATS = 4.0
_N_COMPLETED = 3  # versions in front that are looked at for more being said
# Where all three hold, letters are not looked at.
_PLAIN_SCORE = 90.0
PLAIN_MEAN_LOGPROB = -0.5
_PLAIN_MARGIN_NATS = 8.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One listed wording put in the place of what resembles it.

    Attributes
    ----------
    match : PhraseMatch
        The wording, and which words of the transcript it stands for.
    score : AcousticScore
        Of the whole version.
    n_unexplained : int
        Words of the version beside the wording that no announcement has.
    """

    match: PhraseMatch
    score: AcousticScore
    n_unexplained: int = 0

    @property
    def outcome(self) -> CallOutcome:
        """Outcome of the wording."""
        return self.match.outcome

    @property
    def penalized_logprob(self) -> float:
        """Log-probability of the whole version, unexplained words paid for; ranks candidates."""
        return self.score.total_logprob - _UNEXPLAINED_NATS * self.n_unexplained


@dataclass(frozen=True, slots=True)
class VerifiedTranscript:
    """One utterance, recognised and verified.

    Attributes
    ----------
    transcript : Transcript
        What was heard.
    baseline_score : AcousticScore
        Of the transcript as it stands: the garbage model.
    candidates : tuple of Candidate
        The best version of every outcome compared, best first; empty if nothing listed is near.
    rival_in_place : (str, float) or None
        Where it may come to a mark: what would turn it, as likely as it is in the sound
        (`FoundInSound.rival`); None where that is of no account or the engine cannot tell.
    reading_margin : float or None
        Where the grammar reads a mark: nats by which the transcript explains the sound better than
        with «временно» in it.
    """

    transcript: Transcript
    baseline_score: AcousticScore
    candidates: tuple[Candidate, ...] = ()
    rival_in_place: tuple[str, float] | None = None
    reading_margin: float | None = None

    @property
    def margin(self) -> float:
        """Nats between the best outcome and the next; infinite if there is no other."""
        if len(self.candidates) < 2:
            return math.inf
        first, second = self.candidates[:2]
        return first.penalized_logprob - second.penalized_logprob


class Verifier:
    """Compares candidate wordings with the sound.

    Parameters
    ----------
    matcher : Matcher
        Phrases of the language spoken.
    """

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._nearest = NearestWordings(matcher)
        self._grammar = matcher.grammar
        known = matcher.vocabulary(set(CallOutcome) - {CallOutcome.LIVE_PERSON})
        self._known_sounds = [sound_alike_word(word) for word in known]
        spoken = set(matcher.phrases)
        self._by_outcome = {
            outcome: tuple(p for p in phrases if p in spoken)
            for outcome, phrases in matcher.book.by_outcome.items()
        }
        self._partners = _partners(matcher)
        self._sound = SoundSearch(matcher, self._partners)
        self._rivals: dict[str, tuple[Phrase, ...]] = {}

    def hear(self, utterance: Utterance) -> VerifiedTranscript:
        """Recognise one utterance and compare what it seems to say with its rivals.

        Wordings whose letters were heard, or that an engine finds in the sound itself, are compared
        only where the words leave a doubt or may mark.
        """
        transcript = utterance.transcript
        if not transcript.text:
            return VerifiedTranscript(transcript, AcousticScore("", -math.inf))
        heard = utterance.score([transcript.text])[0]
        words = self._matcher.heard(w.text for w in transcript.words)
        candidates = self._scored(utterance, words, self._by_words(words))
        verified = VerifiedTranscript(transcript, heard, _best_of_each(candidates))
        if _is_plain(verified) and not _may_mark(verified):
            return verified
        found = self._sound.search(utterance)
        if found is not None:
            placed = self._nearest.placed(found.phrases, words)
            candidates += self._scored(utterance, words, placed)
            verified = VerifiedTranscript(transcript, heard, _best_of_each(candidates))
        if _is_plain(verified):
            return _with_rival(verified, found)
        candidates += self._scored(utterance, words, self._nearest.find(words))
        if candidates:
            best = max(candidates, key=lambda c: c.penalized_logprob)
            rivals = self._rivals_in_place(best.match, words)
            candidates += self._scored(utterance, words, rivals)
            self._complete(candidates, utterance)
        verified = VerifiedTranscript(transcript, heard, _best_of_each(candidates))
        margin = self._reading_margin(utterance, words, heard)
        return replace(_with_rival(verified, found), reading_margin=margin)

    def _reading_margin(
        self, utterance: Utterance, heard: TranscriptWords, baseline: AcousticScore
    ) -> float | None:
        """Hold a sentence that the grammar reads as a mark against its rival in the sound."""
        reading = self._grammar.read(heard.words)
        if not is_mark(reading.outcome) or reading.said_at is None:
            return None
        spoken = [word.text for word in utterance.transcript.words]
        place = heard.places[reading.said_at]
        rival = " ".join([*spoken[:place], TEMPORARILY, *spoken[place:]])
        return baseline.total_logprob - utterance.score([rival])[0].total_logprob

    def _by_words(self, heard: TranscriptWords) -> Iterator[PhraseMatch]:
        for rank, match in enumerate(self._likely(heard)):
            yield match
            if rank == 0:
                yield from self._rivals_in_place(match, heard)

    def _rivals_in_place(self, match: PhraseMatch, heard: TranscriptWords) -> Iterator[PhraseMatch]:
        for rival in self._rivals_of(match.phrase):
            score = min(match.score, round(letters_ratio(rival.text, heard), 1))
            yield replace(match, phrase=rival, score=score)

    def _scored(
        self, utterance: Utterance, heard: TranscriptWords, matches: Iterable[PhraseMatch]
    ) -> list[Candidate]:
        """Return the transcript with each wording in its place, held against the sound."""
        versions: dict[str, PhraseMatch] = {}
        for match in matches:
            versions.setdefault(substitute_wording(utterance.transcript, match, heard), match)
        scores = utterance.score(list(versions))
        return [
            Candidate(match, score, self._n_unknown(heard.beside(match)))
            for match, score in zip(versions.values(), scores, strict=True)
        ]

    def _complete(self, candidates: list[Candidate], utterance: Utterance) -> None:
        """Give the candidates in front what is heard after their last word.

        A wording that stops before the speech does would win by saying less.
        """
        done: set[str] = set()
        while len(done) < _N_COMPLETED:
            candidates.sort(key=lambda c: -c.penalized_logprob)
            first = candidates[0]
            text = first.score.text
            heard_words = utterance.transcript.words
            if text in done or first.match.end_word < len(heard_words):
                return
            if _ends_as_heard(first.match, heard_words[-1].text):
                return
            rest = utterance.rest_after(text)
            whole = f"{text} {rest}".strip()
            done.add(whole)
            if rest:
                score = utterance.score([whole])[0]
                n_unexplained = first.n_unexplained + self._n_unknown(normalize(rest).split())
                candidates[0] = Candidate(first.match, score, n_unexplained)

    def _n_unknown(self, words: Iterable[str]) -> int:
        """Return how many Russian words no announcement has."""
        sounds = [sound_alike_word(word) for word in words if not word.isascii()]
        return sum(
            similarity.best_ratio(sound, self._known_sounds) < KNOWN_WORD_RATIO for sound in sounds
        )

    def _likely(self, heard: TranscriptWords) -> list[PhraseMatch]:
        """Return the best phrase of each of the likeliest outcomes."""
        best: dict[CallOutcome, PhraseMatch] = {}
        for match in self._matcher.find(heard, floor=_FLOOR):
            is_announcement = match.outcome is not CallOutcome.LIVE_PERSON
            if is_announcement and match.score >= floor_of(match.phrase):
                best.setdefault(match.outcome, match)
        likely = list(best.values())[:_N_OUTCOMES]
        return [m for m in likely if m.score >= likely[0].score - _MAX_BEHIND_SCORE]

    def _rivals_of(self, phrase: Phrase) -> tuple[Phrase, ...]:
        """Return the nearest wording of every outcome `phrase` must not be confused with."""
        if phrase.id not in self._rivals:
            text = normalize(phrase.text)
            self._rivals[phrase.id] = tuple(
                max(
                    self._by_outcome[other], key=lambda p: similarity.ratio(text, normalize(p.text))
                )
                for other in self._partners.get(phrase.outcome, ())
            )
        return self._rivals[phrase.id]


def _best_of_each(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the best version of every outcome, best first."""
    best: dict[CallOutcome, Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: -c.penalized_logprob):
        best.setdefault(candidate.outcome, candidate)
    return tuple(best.values())


def _may_mark(verified: VerifiedTranscript) -> bool:
    """Return whether what is nearest marks, or the grammar may still read a mark."""
    return not verified.candidates or verified.candidates[0].outcome in _MARKS


def _with_rival(verified: VerifiedTranscript, found: FoundInSound | None) -> VerifiedTranscript:
    """Note what would turn a mark, where it may come to one."""
    if found is None or not _may_mark(verified):
        return verified
    return replace(verified, rival_in_place=found.rival)


def _is_plain(verified: VerifiedTranscript) -> bool:
    """Return whether the words heard and the sound agree so well that no doubt is left."""
    if not verified.candidates:
        return False
    best = verified.candidates[0]
    return (
        best.match.score >= _PLAIN_SCORE
        and best.score.mean_logprob >= PLAIN_MEAN_LOGPROB
        and verified.margin >= _PLAIN_MARGIN_NATS
    )


def _partners(matcher: Matcher) -> dict[CallOutcome, list[CallOutcome]]:
    """Return for each outcome the ones it must never be confused with, where they have phrases."""
    partners: dict[CallOutcome, list[CallOutcome]] = {}
    known = {p.outcome for p in matcher.phrases} - {CallOutcome.LIVE_PERSON}
    for pair in matcher.book.forbidden_confusions():
        for one in pair & known:
            partners.setdefault(one, []).extend(sorted((pair - {one}) & known))
    return partners


def _ends_as_heard(match: PhraseMatch, last_heard: str) -> bool:
    """Return whether a wording is what was heard, to its last word: nothing more can follow.

    The transcript ends there because the decoder did. Of 64 wordings in front, nothing followed any
    of 24 such, and something 14 of the others (docs/decisions/0011).
    """
    last_told = normalize(match.phrase.text).split()[-1]
    alike = similarity.ratio(
        sound_alike_word(last_told), sound_alike_word("".join(normalize(last_heard).split()))
    )
    return match.score >= AS_HEARD_SCORE and alike >= KNOWN_WORD_RATIO


def substitute_wording(base: Transcript, match: PhraseMatch, heard: TranscriptWords) -> str:
    """Return the hypothesis with the matched words replaced by the phrase, parentheticals kept."""
    words = [w.text for w in base.words]
    phrase = heard.with_parentheticals(match.phrase.text, match, words)
    if match.first_word == 0 or words[match.first_word][:1].isupper():
        phrase = phrase[:1].upper() + phrase[1:]
    ending = _ending(words[match.end_word - 1])
    before: Sequence[str] = words[: match.first_word]
    return " ".join([*before, phrase + ending, *words[match.end_word :]])


def _ending(word: str) -> str:
    """Return the punctuation a word ends with."""
    bare = word.rstrip(".,!?…;:")
    return word[len(bare) :]
