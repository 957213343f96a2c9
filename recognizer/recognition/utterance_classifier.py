"""Judge one utterance, or one transcript: an announcement, a person, or not understood.

`UtteranceClassifier` weighs the wordings that were compared with the sound (`verification`) or
found in a bare transcript (`matching`) by the calibration, and looks at what stands beside them: a
person's words, a denial, what no carrier says. What would mark the contact has to pass more of
these than a retry. `outcome.decide_call` puts the verdicts of a recording together.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from recognizer.model import AcousticScore, CallOutcome, PhraseMatch, Transcript, Veto
from recognizer.phrases.book import PhraseBook
from recognizer.recognition.calibration import (
    Calibration,
    Features,
    load_calibration,
    scores_as_heard,
)
from recognizer.recognition.letter_search import compare_letters
from recognizer.recognition.limits import DecisionLimits, load_limits
from recognizer.recognition.matching import AS_HEARD_SCORE, Matcher, cutoff_of
from recognizer.recognition.neighbours import PERSON_STARTS, Neighbours
from recognizer.recognition.precedence import GREETS_AS_A_PERSON, MACHINES, PRECEDENCE, is_mark
from recognizer.recognition.sentences import SentenceJudge
from recognizer.recognition.sound_search import MAY_BE_THERE_NATS
from recognizer.recognition.transcript_words import TranscriptWords
from recognizer.recognition.verdicts import (
    PERSON_BESIDE,
    PERSON_BY_PHRASE,
    PERSON_BY_WORDS,
    SpokenVerdict,
)
from recognizer.recognition.vetoes import raised

if TYPE_CHECKING:  # a transcript alone is judged without what listens
    from recognizer.recognition.verification import Candidate, VerifiedTranscript

__all__ = ["UtteranceClassifier"]

# A bare text is judged by so many words of its beginning: a call of ten minutes. Nothing of more
# than 150 words marks a contact (`grammar`).
_MAX_WORDS_OF_TEXT = 1500


class UtteranceClassifier:
    """Judges utterances by the phrase lists and the calibration.

    Parameters
    ----------
    matcher : Matcher
    calibration : Calibration
    limits : DecisionLimits or None
        None: those that are shipped.
    """

    def __init__(
        self, matcher: Matcher, calibration: Calibration, limits: DecisionLimits | None = None
    ) -> None:
        self._matcher = matcher
        self._limits = load_limits() if limits is None else limits
        self._calibration = calibration
        self._lists = matcher.book.words
        self._neighbours = Neighbours(matcher)
        self._sentences = SentenceJudge(matcher, self._limits)
        self._english = Matcher(matcher.book, "en")

    @classmethod
    def for_texts(cls, book: PhraseBook) -> UtteranceClassifier:
        """Return what judges transcripts by some lists: of no engine, so by no fit to one."""
        return cls(Matcher(book), load_calibration())

    def judge_text(self, text: str) -> SpokenVerdict:
        """Judge a transcript without its sound."""
        words = text.split()[:_MAX_WORDS_OF_TEXT]
        if _is_english(words):
            return self._by_english(words)
        heard = self._matcher.heard(words)
        verdict = self._sentences.judge(heard, self._by_lists(heard))
        return verdict.vetoed(self._neighbours.veto_of_start(words))

    def _by_lists(self, heard: TranscriptWords) -> SpokenVerdict:
        matches = self._matcher.find(heard)
        live = self._live_match(heard, matches)
        best = _deciding(_separate(matches))
        if best is None:
            return self._without_announcement(heard, live, matches, confident=True)
        features = self._features(heard, best)
        probability = self._calibration.text.probability(features)
        verdict = self._accept(best, probability, features, live=live, alternatives=())
        return verdict.vetoed(self._neighbours.vetoes_of_text(heard, best))

    def judge(self, verified: VerifiedTranscript) -> SpokenVerdict:
        """Judge an utterance whose wordings were compared with the sound."""
        transcript = verified.transcript
        words = [w.text for w in transcript.words]
        if (
            _is_english(words)
            and (transcript.confidence or 0.0) >= self._limits.min_live_confidence
        ):
            return _with_transcript(self._by_english(words), transcript)
        heard = self._matcher.heard(words)
        verdict = self._sentences.judge(
            heard,
            self._by_sound(verified, heard),
            transcript,
            reading_margin=verified.reading_margin,
        )
        starts = self._neighbours.veto_of_start(words)
        return verdict.vetoed([*starts, *_rivals_in_the_sound(verified)])

    def _by_english(self, words: Sequence[str]) -> SpokenVerdict:
        """Judge English without sound: what answers is told, but no mark is taken from it.

        Russian carriers say everything in Russian first.
        """
        matches = self._english.find(self._english.heard(words))
        best = _deciding(_separate(matches))
        if best is None or is_mark(best.outcome):
            return SpokenVerdict(
                CallOutcome.UNDETERMINED, 0.5, None, None, reason="English that decides nothing"
            )
        return SpokenVerdict(
            best.outcome, best.score / 100.0, best, None, reason=f"«{best.phrase.text}»"
        )

    def _by_sound(self, verified: VerifiedTranscript, heard: TranscriptWords) -> SpokenVerdict:
        transcript = verified.transcript
        matches = self._matcher.find(heard)
        live = self._live_match(heard, matches)
        considered = self.consider(verified)
        if considered is None:
            return self._unlisted(transcript, heard, live, matches)
        match, features = considered
        probability = self._calibration.probability(features, transcript.engine)
        if probability < self._limits.not_listed:
            return self._unlisted(transcript, heard, live, matches)
        verdict = self._accept(
            match,
            probability,
            features,
            live=live,
            alternatives=_alternatives(verified, match),
            engine=transcript.engine,
        )
        has_more = self._neighbours.has_more(heard, match)
        verdict = replace(_with_transcript(verdict, transcript), has_more=has_more)
        vetoes = self._neighbours.vetoes_of_sound(
            heard, match, transcript, features=features, calibration=self._calibration
        )
        return verdict.vetoed(vetoes)

    def consider(
        self, verified: VerifiedTranscript, *, barred: Collection[CallOutcome] = ()
    ) -> tuple[PhraseMatch, Features] | None:
        """Return the wording that decides an utterance, and its features.

        None if nothing listed is near what was heard.

        Parameters
        ----------
        verified : VerifiedTranscript
        barred : collection of CallOutcome
            Outcomes to leave out, as if their wordings were not listed; for calibration.
        """
        candidates = [c for c in verified.candidates if c.outcome not in barred]
        if not candidates:
            return None
        heard = self._matcher.heard(w.text for w in verified.transcript.words)
        plain = [
            m for m in self._matcher.find(heard, floor=AS_HEARD_SCORE) if m.outcome not in barred
        ]
        deciding = _deciding(_separate(plain, _longest(candidates)))
        if deciding is None:  # a counter-phrase explains the sound best
            return None
        chosen = next((c for c in candidates if c.match is deciding), candidates[0])
        others = [c.penalized_logprob for c in candidates if c.outcome is not chosen.outcome]
        stands_as_heard = any(m.phrase is deciding.phrase for m in plain)
        stands_as_heard &= scores_as_heard(verified.transcript.engine)
        listed = _WordingScored.listed(chosen, deciding, verified, heard)
        spoken = _WordingScored.heard(deciding, verified)
        if chosen.match is deciding and _is_better(chosen, verified, stands_as_heard):
            assert listed is not None
            spoken = listed
        text = self._features(heard, deciding)
        alike = compare_letters(deciding.phrase.text, heard)
        return deciding, Features(
            score=text.score,
            letters=alike.ratio,
            length=alike.length,
            share=alike.share,
            gap=spoken.lead / max(1, len(spoken.version.token_logprobs)),
            margin=chosen.penalized_logprob - max(others) if others else math.inf,
            baseline_logprob=verified.baseline_score.mean_logprob,
            worst_word_logprob=spoken.least_word_logprob(default=0.0),
            listed_word_logprob=(
                -math.inf if listed is None else listed.least_word_logprob(default=listed.lead)
            ),
            n_person_words=text.n_person_words,
            unknown_share=text.unknown_share,
        )

    def _unlisted(
        self,
        transcript: Transcript,
        heard: TranscriptWords,
        live: PhraseMatch | None,
        matches: Sequence[PhraseMatch],
    ) -> SpokenVerdict:
        confident = (transcript.confidence or 0.0) >= self._limits.min_live_confidence
        verdict = self._without_announcement(heard, live, matches, confident=confident)
        return _with_transcript(verdict, transcript)

    # ---- the parts of a judgement ---------------------------------------------------------

    def _features(self, heard: TranscriptWords, match: PhraseMatch) -> Features:
        outside = heard.beside(match)
        is_machine = match.outcome in MACHINES
        return Features(
            score=match.score,
            n_person_words=0 if is_machine else len(self._neighbours.person_words(outside)),
            unknown_share=0.0 if is_machine else self._neighbours.unknown_share(outside),
        )

    def _live_match(
        self, heard: TranscriptWords, matches: Iterable[PhraseMatch]
    ) -> PhraseMatch | None:
        """Return the best phrase of a person that was heard whole, every word of it.

        Politeness counts here: «нет» alone is no «нет, спасибо».
        """
        return next(
            (
                m
                for m in matches
                if m.outcome is CallOutcome.LIVE_PERSON
                and m.score >= cutoff_of(m.phrase)
                and heard.has_every_word(m)
            ),
            None,
        )

    def _without_announcement(
        self,
        heard: TranscriptWords,
        live: PhraseMatch | None,
        matches: Sequence[PhraseMatch],
        *,
        confident: bool,
    ) -> SpokenVerdict:
        """Return what speech without a listed announcement is: a person only by evidence."""
        if not confident:
            return _not_decided("speech that was not understood")
        if self._lists.is_hallucinated(heard.words):
            return _not_decided("words that recognisers make up")
        known = next((m for m in matches if m.outcome is CallOutcome.UNDETERMINED), None)
        if live is not None and not _is_part_of(live, known):
            return SpokenVerdict(
                CallOutcome.LIVE_PERSON,
                PERSON_BY_PHRASE,
                live,
                None,
                reason=f"a person: «{live.phrase.text}»",
            )
        said = self._neighbours.signs_of_a_person(heard.words)
        starts = bool(heard.words) and heard.words[0] in PERSON_STARTS
        if len(heard.words) >= 2 and len(said) + starts >= self._limits.min_person_words:
            return SpokenVerdict(
                CallOutcome.LIVE_PERSON,
                PERSON_BY_WORDS,
                None,
                None,
                reason=f"words that only a person says: «{' '.join(said)}»",
            )
        if known is not None:
            verdict = _not_decided(f"«{known.phrase.text}», which says nothing of the number")
            return replace(verdict, match=known)
        return _not_decided("speech without a known wording")

    def _accept(
        self,
        match: PhraseMatch,
        probability: float,
        features: Features,
        *,
        live: PhraseMatch | None,
        alternatives: tuple[tuple[CallOutcome, float], ...],
        engine: str | None = None,
    ) -> SpokenVerdict:
        if live is not None and _is_somebody_else(live, match):
            return SpokenVerdict(
                CallOutcome.LIVE_PERSON,
                PERSON_BY_PHRASE,
                live,
                None,
                alternatives=((match.outcome, round(probability, 4)), *alternatives),
                reason=f"a person speaks: «{live.phrase.text}»",
                features=features,
            )
        calibration = self._calibration
        marks = is_mark(match.outcome)
        cutoff = calibration.mark_cutoff_of(engine) if marks else calibration.announcement_cutoff
        if probability >= cutoff:
            return SpokenVerdict(
                match.outcome,
                probability,
                match,
                None,
                alternatives=alternatives,
                reason=f"«{match.phrase.text}»",
                features=features,
            )
        is_person = features.n_person_words >= self._limits.min_person_words
        return SpokenVerdict(
            CallOutcome.LIVE_PERSON if is_person else CallOutcome.UNDETERMINED,
            PERSON_BESIDE if is_person else 1.0 - probability,
            None if is_person else match,
            None,
            alternatives=((match.outcome, round(probability, 4)), *alternatives),
            reason=f"«{match.phrase.text}» among words only a person says"
            if is_person
            else f"«{match.phrase.text}» is too uncertain ({probability:.3f} < {cutoff:.3f})",
            features=features,
        )


def _not_decided(reason: str) -> SpokenVerdict:
    return SpokenVerdict(CallOutcome.UNDETERMINED, 0.5, None, None, reason=reason)


def _is_english(words: Sequence[str]) -> bool:
    """Return whether words are written in Latin letters, not a Russian one among them."""
    return any(w[:1].isalpha() for w in words) and all(w.isascii() for w in words)


def _rivals_in_the_sound(verified: VerifiedTranscript) -> Iterator[Veto]:
    """Yield whether a rival of a mark may be in the sound, whatever the transcript says."""
    if verified.rival_in_place is not None:
        rival, logarithm = verified.rival_in_place
        if logarithm >= MAY_BE_THERE_NATS:
            yield raised("rival-in-the-sound", words=f"«{rival}»")


class _WordingScored(NamedTuple):
    """How well a wording explains the sound in place, as it was heard or as it is listed.

    Attributes
    ----------
    version : AcousticScore
        Of the whole utterance.
    word_logprobs : tuple of float
        Of the wording's words alone, and that nothing follows if they are the last; none where the
        engine has none.
    lead : float
        Nats ahead of what was heard.
    """

    version: AcousticScore
    word_logprobs: tuple[float, ...]
    lead: float

    @classmethod
    def heard(cls, match: PhraseMatch, verified: VerifiedTranscript) -> _WordingScored:
        version = verified.baseline_score
        return cls(version, _part(version, match.first_word, match.end_word), 0.0)

    @classmethod
    def listed(
        cls,
        chosen: Candidate,
        match: PhraseMatch,
        verified: VerifiedTranscript,
        heard: TranscriptWords,
    ) -> _WordingScored | None:
        """Return it for the listed spelling; None where only another was held against the sound."""
        if chosen.match is not match:
            return cls.heard(match, verified) if heard.has_as_listed(match) else None
        n_words = len(match.phrase.text.split()) + heard.n_parenthetical(match)
        version, first = chosen.score, match.first_word
        lead = version.total_logprob - verified.baseline_score.total_logprob
        return cls(version, _part(version, first, first + n_words), lead)

    def least_word_logprob(self, default: float) -> float:
        return min(self.word_logprobs, default=default)


def _part(version: AcousticScore, first: int, end: int) -> tuple[float, ...]:
    words = version.word_logprobs
    return (*words[first:end], *([version.end_logprob] if words and end == len(words) else []))


def _is_better(chosen: Candidate, verified: VerifiedTranscript, stands_as_heard: bool) -> bool:
    """Return whether the listed wording is to be scored, not what was heard in its place.

    A wording that was heard, but is not listed letter by letter, stands as it was heard.
    """
    explains_more = chosen.score.total_logprob > verified.baseline_score.total_logprob
    return explains_more or not stands_as_heard


def _longest(candidates: Sequence[Candidate]) -> PhraseMatch:
    """Return the match that explains the sound best, or one whose wording begins with it.

    Words misrecognized after a counter-phrase never explain the sound worse than the advice that
    only an announcement goes on with: «вы неправильно набрали номер, проверьте номер …».
    """
    best = candidates[0].match
    if best.outcome in PRECEDENCE:
        return best
    begun = (c.match for c in candidates if c.match.phrase.text.startswith(f"{best.phrase.text},"))
    return next((m for m in begun if m.score >= cutoff_of(m.phrase)), best)


def _separate(matches: Iterable[PhraseMatch], *first: PhraseMatch) -> tuple[PhraseMatch, ...]:
    """Return `first` and the announcements found whole, none overlapping a better one.

    What a person says competes like everything else: «не подходит» is not «абонент не подходит к
    телефону».
    """
    kept = list(first)
    for match in matches:
        found = match.score >= cutoff_of(match.phrase)
        if found and not any(_overlap(match, other) for other in kept):
            kept.append(match)
    return tuple(m for m in kept if m.outcome is not CallOutcome.LIVE_PERSON)


def _is_somebody_else(live: PhraseMatch, announcement: PhraseMatch) -> bool:
    """Return whether a person's phrase beside an announcement is a person's indeed.

    Assistants and voicemail greetings speak as people do («слушаю вас»); behind a company's menu a
    person may come on the line, and says «алло» after it.
    """
    if announcement.outcome in GREETS_AS_A_PERSON:
        return False
    if announcement.outcome is CallOutcome.COMPANY_IVR and live.end_word - live.first_word < 2:
        return live.first_word >= announcement.end_word
    return not _overlap(live, announcement)


def _is_part_of(live: PhraseMatch, known: PhraseMatch | None) -> bool:
    """Return whether a person's phrase is a part of a longer one that a machine says as well."""
    return (
        known is not None
        and known.score >= AS_HEARD_SCORE
        and known.first_word <= live.first_word
        and live.end_word <= known.end_word
        and live.end_word - live.first_word < known.end_word - known.first_word
    )


def _overlap(one: PhraseMatch, other: PhraseMatch) -> bool:
    return one.first_word < other.end_word and other.first_word < one.end_word


def _deciding(matches: Iterable[PhraseMatch]) -> PhraseMatch | None:
    """Return the match whose outcome decides; counter-phrases (undetermined) decide nothing."""
    ranked = [m for m in matches if m.outcome in PRECEDENCE]
    return min(ranked, key=lambda m: PRECEDENCE.index(m.outcome), default=None)


def _alternatives(
    verified: VerifiedTranscript, match: PhraseMatch
) -> tuple[tuple[CallOutcome, float], ...]:
    """Return the other candidates' share of the probability, from their totals."""
    top = verified.candidates[0].score.total_logprob
    weights = {c.outcome: math.exp(c.score.total_logprob - top) for c in verified.candidates}
    total = sum(weights.values())
    return tuple(
        (outcome, round(weight / total, 4))
        for outcome, weight in weights.items()
        if outcome is not match.outcome
    )


def _with_transcript(verdict: SpokenVerdict, transcript: Transcript) -> SpokenVerdict:
    match = verdict.match
    if match is not None:
        words = transcript.words[match.first_word : match.end_word]
        match = replace(match, start_s=words[0].start_s, end_s=words[-1].end_s)
    return replace(verdict, match=match, transcript=transcript)
