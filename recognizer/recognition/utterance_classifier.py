"""Judge one utterance, or one transcript: an announcement, a person, or not understood.

`UtteranceClassifier` weighs the wordings that were compared with the sound (`verification`) or
found in a bare transcript (`matching`) by the calibration, and looks at what stands beside them: a
person's words, a denial, what no carrier says. What would mark the contact has to pass more of
these than a retry. `outcome.decide_call` puts the verdicts of a recording together.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from recognizer.base import similarity
from recognizer.model import (
    AnnouncementHeard,
    CallOutcome,
    Phrase,
    PhraseListName,
    PhraseMatch,
    SoundGap,
    Transcript,
    Veto,
    VetoEffect,
    phrase_list_of,
)
from recognizer.phrases.grammar_file import SubjectKind
from recognizer.phrases.normalization import normalize
from recognizer.recognition.alignment import KNOWN_WORD_RATIO, TranscriptWords
from recognizer.recognition.calibration import Calibration, Features
from recognizer.recognition.grammar import GrammarReader, Reading
from recognizer.recognition.letter_search import compare_letters
from recognizer.recognition.matching import Matcher, cutoff_of
from recognizer.recognition.wholeness import veto_of_another_word

if TYPE_CHECKING:  # a transcript alone is judged without what listens
    from recognizer.recognition.verification import Candidate, VerifiedTranscript

__all__ = [
    "GREETS_AS_A_PERSON",
    "MACHINES",
    "PRECEDENCE",
    "SpokenVerdict",
    "UtteranceClassifier",
    "answered",
]

# Which announcement decides where several are heard; earlier wins.
PRECEDENCE = (
    CallOutcome.CALLER_RESTRICTED,
    CallOutcome.CALL_ASSISTANT,
    CallOutcome.TEMPORARILY_BLOCKED,
    CallOutcome.SERVICE_SUSPENDED,
    CallOutcome.NOT_REGISTERED,
    CallOutcome.SERVICE_TYPE_UNAVAILABLE,
    CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE,
    CallOutcome.TEMPORARILY_UNAVAILABLE,
    CallOutcome.LINE_BUSY,
    CallOutcome.NOT_IN_SERVICE,
    CallOutcome.DOES_NOT_EXIST,
    CallOutcome.BLOCKED,
    CallOutcome.AVAILABLE_FOR_PURCHASE,
    CallOutcome.MISDIALLED,
    CallOutcome.VOICEMAIL,
    CallOutcome.COMPANY_IVR,
    CallOutcome.CONNECTION_IMPOSSIBLE,
    CallOutcome.NO_ANSWER,
    CallOutcome.NETWORK_CONGESTION,
    CallOutcome.CALL_PROGRESS,
)
GREETS_AS_A_PERSON = frozenset({CallOutcome.CALL_ASSISTANT, CallOutcome.VOICEMAIL})
"""Outcomes of machines that speak as a person does."""
MACHINES = GREETS_AS_A_PERSON | {CallOutcome.COMPANY_IVR}
"""Recordings whose words are a person's."""
_CARRIERS = frozenset(PRECEDENCE) - MACHINES
"""Outcomes that a carrier announces."""
# So many words only a person says beside an announcement: a person. Where it would mark the contact
# one is enough: of 79 right marks of the benchmark's `fit` half one had any.
_PERSON_WORDS = 2
_PERSON_WORDS_OF_MARK = 1
_NOT = "не"
_HEARD_RATIO = 60.0  # a word of the phrase less like every word heard was not heard
_MANY_UNKNOWN = 2  # so many words beside it that no carrier uses may be a person's
# So many words, each as probable as this, are a person's: what is misrecognized is less probable.
# On `fit` that takes one right retry in 560, and one person in ten that had been given a status.
_MANY_CLEAR = 3
_CLEAR_WORD = 0.7
_NOT_ALONE = 0.4  # at most so sure beside them: never enough for a status
_EXPLAINED_RATIO = 70.0  # a word heard that is less like every word of the phrase is unexplained
# At most so sure of a transcript with a hole in the wording, or where words beside it may be a
# person's: never enough for the mark.
_WITH_A_HOLE = 0.75
_AS_HEARD = 85.0  # score from which the hypothesis itself says what the phrase says
_NOT_LISTED = 0.1  # below this probability a candidate was only the least unlike
# What people begin a denial with; of the listed and shared wordings of carriers none begins so.
_PERSON_STARTS = frozenset({"нет", "алло", "ну", "ага", "угу", "слушаю"})
_VETOED = 0.5  # confidence of an utterance whose mark was taken away
_MIN_LIVE_CONFIDENCE = 0.5  # of a transcript before its unknown words say "a person"

# Sentences that only the grammar reads. A mark needs every word understood and, of sound, every
# word heard clearly; its confidence is just above `mark_cutoff`. A retry costs a call.
_READ_MARK, _READ_RETRY = 0.87, 0.75
_MAX_UNKNOWN = 2
# A bare text is judged by so many words of its beginning: a call of ten minutes. Nothing of more
# than 150 words marks a contact (`grammar`).
_MAX_WORDS_OF_TEXT = 1500
_CLEAR_SENTENCE, _CLEAR_MARK_WORD = 0.5, 0.7


@dataclass(frozen=True, slots=True)
class SpokenVerdict:
    """What one utterance, or one transcript, says.

    Attributes
    ----------
    outcome : CallOutcome
        An announcement, `live_person` or `undetermined`.
    confidence : float
        0-1.
    match : PhraseMatch or None
    transcript : Transcript or None
        The version that the verdict rests on; None for a bare text.
    alternatives : tuple of (CallOutcome, float)
        Other outcomes considered, with probabilities.
    reason : str
    features : Features or None
        What the confidence was made of.
    is_foreign : bool
        Another language was spoken: it speaks neither for nor against what the rest says.
    has_more : bool
        Words were heard beside the wording that no carrier's announcement uses.
    vetoes : tuple of Veto
        What took something away.
    gaps : tuple of SoundGap
        Where sound is missing.
    announcement : AnnouncementHeard or None
        The learned announcement that says so.
    """

    outcome: CallOutcome
    confidence: float
    match: PhraseMatch | None
    transcript: Transcript | None
    alternatives: tuple[tuple[CallOutcome, float], ...] = ()
    reason: str = ""
    features: Features | None = None
    is_foreign: bool = False
    has_more: bool = False
    vetoes: tuple[Veto, ...] = ()
    gaps: tuple[SoundGap, ...] = ()
    announcement: AnnouncementHeard | None = None

    def vetoed(self, vetoes: Sequence[Veto]) -> SpokenVerdict:
        """Return the verdict without its mark, and with the reasons."""
        if not vetoes:
            return self
        return replace(
            self,
            outcome=CallOutcome.UNDETERMINED,
            confidence=_VETOED,
            alternatives=((self.outcome, self.confidence), *self.alternatives),
            reason=f"{self.reason}; no mark: {vetoes[0].reason}",
            vetoes=(*self.vetoes, *vetoes),
        )


def answered(outcome: CallOutcome, phrase: str) -> Veto:
    """Return why nothing marks a number that a machine of its owner answers."""
    return Veto(
        "answered",
        VetoEffect.NO_MARK,
        f"the number was answered ({outcome}: «{phrase}»), so it exists",
        f"на звонок ответили («{phrase}»), значит номер существует",
    )


class UtteranceClassifier:
    """Judges utterances by the phrase lists and the calibration."""

    def __init__(self, matcher: Matcher, calibration: Calibration) -> None:
        self._matcher = matcher
        self._calibration = calibration
        self._lists = matcher.book.words
        self._known = matcher.vocabulary(set(CallOutcome) - {CallOutcome.LIVE_PERSON})
        self._carriers = matcher.vocabulary(_CARRIERS)
        self._denied = matcher.words_after(_NOT, _CARRIERS)
        self._grammar = GrammarReader(matcher.book, self._carriers)

    def judge_text(self, text: str) -> SpokenVerdict:
        """Judge a transcript without its sound."""
        heard = self._matcher.heard(text.split()[:_MAX_WORDS_OF_TEXT])
        return self._by_grammar(heard, self._by_lists(heard))

    def _by_lists(self, heard: TranscriptWords) -> SpokenVerdict:
        matches = self._matcher.find(heard)
        live = _live_match(matches)
        best = _deciding(_separate(matches))
        if best is None:
            return self._without_announcement(heard, live, confident=True)
        features = self._features(heard, best)
        probability = self._calibration.text.probability(features)
        marks = phrase_list_of(best.outcome) is PhraseListName.INVALID_NUMBER
        if self._has_hole(heard, best) or (marks and self._is_strange(heard, best)):
            probability = min(probability, _WITH_A_HOLE)
        return self._accept(best, probability, features, live=live, alternatives=())

    def judge(self, verified: VerifiedTranscript) -> SpokenVerdict:
        """Judge an utterance whose wordings were compared with the sound."""
        transcript = verified.transcript
        heard = self._matcher.heard(w.text for w in transcript.words)
        verdict = self._by_sound(verified, heard)
        return self._by_grammar(heard, verdict, transcript)

    def _by_sound(self, verified: VerifiedTranscript, heard: TranscriptWords) -> SpokenVerdict:
        transcript = verified.transcript
        live = _live_match(self._matcher.find(heard))
        considered = self.consider(verified)
        if considered is None:
            return self._unlisted(transcript, heard, live)
        match, features = considered
        probability = self._calibration.probability(features, transcript.engine)
        if probability < _NOT_LISTED:
            return self._unlisted(transcript, heard, live)
        unknown = self._unknown_beside(heard, match)
        has_more = len(unknown) >= _MANY_UNKNOWN
        rests_on_text = not self._calibration.weighs_sound(transcript.engine)
        marks = phrase_list_of(match.outcome) is PhraseListName.INVALID_NUMBER
        is_strange = marks and (
            has_more or not self._calibration.may_mark(features) or self._is_strange(heard, match)
        )
        if is_strange or (rests_on_text and self._has_hole(heard, match)):
            probability = min(probability, _WITH_A_HOLE)
        n_clear = sum(
            word in unknown and (transcript.words[place].confidence or 0.0) >= _CLEAR_WORD
            for word, place in heard.placed_beside(match)
        )
        if match.outcome in _CARRIERS and n_clear >= _MANY_CLEAR:
            probability = min(probability, _NOT_ALONE)
        verdict = self._accept(
            match, probability, features, live=live, alternatives=_alternatives(verified, match)
        )
        verdict = replace(_with_transcript(verdict, transcript), has_more=has_more)
        if phrase_list_of(verdict.outcome) is not PhraseListName.INVALID_NUMBER:
            return verdict
        return verdict.vetoed(self._vetoes_beside(heard, match))

    def _vetoes_beside(self, heard: TranscriptWords, match: PhraseMatch) -> tuple[Veto, ...]:
        """Return why a wording does not mark although it was heard: the far end is no carrier."""
        vetoes: list[Veto] = []
        for other in self._matcher.find(heard):
            found = other.score >= cutoff_of(other.phrase) and not _overlap(other, match)
            if found and other.outcome in MACHINES:
                vetoes.append(answered(other.outcome, other.phrase.text))
                break
        before = {w for w, place in heard.placed_beside(match) if place < match.first_word}
        if spoken := sorted(before & _PERSON_STARTS):
            vetoes.append(
                Veto(
                    "starts-as-a-person",
                    VetoEffect.NO_MARK,
                    f"«{spoken[0]}» before the wording: no carrier begins so",
                    f"перед фразой сказано «{spoken[0]}»: так объявления не начинаются",
                )
            )
        return tuple(vetoes)

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
        plain = [m for m in self._matcher.find(heard, floor=_AS_HEARD) if m.outcome not in barred]
        deciding = _deciding(_separate(plain, _longest(candidates)))
        if deciding is None:  # a counter-phrase explains the sound best
            return None
        chosen = next((c for c in candidates if c.match is deciding), candidates[0])
        others = [c.penalized_logprob for c in candidates if c.outcome is not chosen.outcome]
        stands_as_heard = any(m.phrase is deciding.phrase for m in plain)
        told, end = verified.baseline_score, deciding.end_word
        if chosen.match is deciding and _is_better(chosen, verified, stands_as_heard):
            told = chosen.score
            end = (
                deciding.first_word
                + len(deciding.phrase.text.split())
                + heard.n_parenthetical(deciding)
            )
        text = self._features(heard, deciding)
        alike = compare_letters(deciding.phrase.text, heard)
        lead = told.total_logprob - verified.baseline_score.total_logprob
        return deciding, Features(
            score=text.score,
            letters=alike.ratio,
            length=alike.length,
            share=alike.share,
            gap=lead / max(1, len(told.token_logprobs)),
            margin=chosen.penalized_logprob - max(others) if others else math.inf,
            baseline_logprob=verified.baseline_score.mean_logprob,
            worst_word_logprob=min(told.word_logprobs[deciding.first_word : end], default=0.0),
            n_person_words=text.n_person_words,
            unknown_share=text.unknown_share,
        )

    def _unlisted(
        self, transcript: Transcript, heard: TranscriptWords, live: PhraseMatch | None
    ) -> SpokenVerdict:
        confident = (transcript.confidence or 0.0) >= _MIN_LIVE_CONFIDENCE
        verdict = self._without_announcement(heard, live, confident=confident)
        return _with_transcript(verdict, transcript)

    # ---- what the grammar reads -----------------------------------------------------------

    def _by_grammar(
        self, heard: TranscriptWords, verdict: SpokenVerdict, transcript: Transcript | None = None
    ) -> SpokenVerdict:
        """Return the verdict, lowered by what the sentence is read to say, or read in its place."""
        if self._grammar.is_empty or not heard.words:
            return verdict
        match = verdict.match
        matched = () if match is None else _places_of(heard, match)
        listed = () if match is None else normalize(match.phrase.text).split()
        reading = self._grammar.read(heard.words, matched=matched, listed=listed)
        if verdict.outcome in _CARRIERS:
            held = self._held_against(reading, verdict)
            if match is None or phrase_list_of(held.outcome) is not PhraseListName.INVALID_NUMBER:
                return held
            veto = veto_of_another_word(match, _heard_words(heard, transcript))
            return held.vetoed([] if veto is None else [veto])
        if verdict.outcome in MACHINES:
            return verdict
        if match is not None and match.outcome in PRECEDENCE:
            # What the sound speaks against stays doubtful. Of a bare text every word has to be
            # understood, those too that the wording was found in.
            reading = self._grammar.read(heard.words)
            if transcript is not None or reading.outcome is not match.outcome:
                return verdict
        return self._read_only(heard, reading, verdict, transcript)

    def _held_against(self, reading: Reading, verdict: SpokenVerdict) -> SpokenVerdict:
        """Take a carrier's outcome away where the sentence speaks of something else."""
        marks = phrase_list_of(verdict.outcome) is PhraseListName.INVALID_NUMBER
        if marks:
            # The wording has its subject, whatever the recogniser made of it: the sound was asked.
            refusals = [name for name in reading.refusals if name != "subject-not-dialled"]
            vetoes = tuple(_VETOES[name] for name in refusals)
        elif (
            reading.foreign
            and SubjectKind.DIALLED not in reading.subjects
            and verdict.outcome is not CallOutcome.CALLER_RESTRICTED  # it speaks of our account
        ):
            vetoes = (_VETOES["foreign-subject"],)
        elif reading.is_negated and _is_denied_whole(reading):
            vetoes = (_VETOES["negated"],)
        else:
            vetoes = ()
        if not vetoes:
            return verdict
        return replace(
            verdict,
            outcome=CallOutcome.UNDETERMINED,
            confidence=0.5,
            alternatives=((verdict.outcome, round(verdict.confidence, 4)), *verdict.alternatives),
            reason=f"{verdict.reason}: {vetoes[0].reason}",
            vetoes=(*verdict.vetoes, *vetoes),
        )

    def _read_only(
        self,
        heard: TranscriptWords,
        reading: Reading,
        verdict: SpokenVerdict,
        transcript: Transcript | None,
    ) -> SpokenVerdict:
        """Return what an unlisted sentence is read to say, if enough of it is understood."""
        outcome = reading.outcome
        is_person = verdict.match is not None and verdict.match.outcome not in PRECEDENCE
        is_person |= not reading.is_menu and any(
            w in self._lists.live and not self._grammar.is_plain(w) for w in heard.words
        )
        few = len(reading.unknown) <= _MAX_UNKNOWN and 3 * len(reading.unknown) < reading.n_words
        few |= reading.is_menu
        if outcome is None or is_person or not few or self._lists.is_hallucinated(heard.words):
            return verdict
        if self._is_listed_otherwise(heard):
            return verdict
        marks = phrase_list_of(outcome) is PhraseListName.INVALID_NUMBER
        if transcript is not None and not _is_clear(transcript, marks=marks):
            return verdict
        sentence = " ".join(heard.words)
        read = Phrase(
            f"grammar-{reading.predicates[0].id}", sentence, outcome, "ru", "read by the grammar"
        )
        confidence = _READ_MARK if marks else _READ_RETRY
        end = max(heard.places) + 1
        match = PhraseMatch(read, 100.0 * confidence, 0, end)
        judged = replace(
            verdict,
            outcome=outcome,
            confidence=confidence,
            match=match,
            reason=f"read by the grammar: «{sentence}»",
        )
        return judged if transcript is None else _with_transcript(judged, transcript)

    def _is_listed_otherwise(self, heard: TranscriptWords) -> bool:
        """Return whether a counter-phrase or a person's phrase was found: it outranks a reading."""
        return any(
            match.outcome not in PRECEDENCE and match.score >= cutoff_of(match.phrase)
            for match in self._matcher.find(heard)
        )

    # ---- the parts of a judgement ---------------------------------------------------------

    def _features(self, heard: TranscriptWords, match: PhraseMatch) -> Features:
        outside = heard.beside(match)
        is_machine = match.outcome in MACHINES
        return Features(
            score=match.score,
            n_person_words=0 if is_machine else sum(w in self._lists.live for w in outside),
            unknown_share=0.0 if is_machine else self._unknown_share(outside),
        )

    def _unknown_share(self, words: Sequence[str]) -> float:
        russian = _russian(words)
        return len(self._unknown(russian, self._known)) / len(russian) if russian else 0.0

    def _unknown(self, words: Sequence[str], vocabulary: Sequence[str]) -> list[str]:
        """Return the words that are not of the vocabulary, however spelt, nor fillers."""
        return [
            word
            for word in words
            if word not in self._lists.filler
            and word not in self._lists.announcement
            and similarity.best_ratio(word, vocabulary) < KNOWN_WORD_RATIO
        ]

    def _unknown_beside(self, heard: TranscriptWords, match: PhraseMatch) -> list[str]:
        """Return the words beside the phrase that no carrier's announcement uses."""
        return self._unknown(_russian(heard.beside(match)), self._carriers)

    def _is_strange(self, heard: TranscriptWords, match: PhraseMatch) -> bool:
        """Return whether what is beside a wording may turn it into something else."""
        return self._matcher.has_reversing_neighbour(heard, match) or self._is_denied(heard, match)

    def _is_denied(self, heard: TranscriptWords, match: PhraseMatch) -> bool:
        """Return whether something is denied beside a wording that no carrier denies.

        «Неправильно набран номер, это не автосервис» is a person.
        """
        return any(
            word == _NOT and similarity.best_ratio(after, self._denied) < KNOWN_WORD_RATIO
            for word, after in pairwise(_russian(heard.beside(match)))
        )

    def _has_hole(self, heard: TranscriptWords, match: PhraseMatch) -> bool:
        """Return whether a word of the phrase was not heard, or a word heard is not explained.

        «номер дременно заблокирован» may be «временно» after all; «записей не существует» is not
        «номер не существует».
        """
        if match.score < cutoff_of(match.phrase):
            return True
        inside = [
            (word, sound)
            for word, sound, place in zip(heard.words, heard.sounds, heard.places, strict=True)
            if match.first_word <= place < match.end_word
        ]
        listed = TranscriptWords.of(match.phrase.text.split())
        spoken = [sound for _, sound in inside]
        told = [s for word, s in inside if word not in self._lists.filler]
        wanted = [
            s
            for word, s in zip(listed.words, listed.sounds, strict=True)
            if word not in self._lists.filler
        ]
        if len(self._unknown_beside(heard, match)) >= _MANY_UNKNOWN:
            return True
        if not told or not wanted:
            return False
        glued = [a + b for a, b in pairwise(spoken)]
        is_unheard = any(
            similarity.best_ratio(sound, [*spoken, *glued]) < _HEARD_RATIO for sound in wanted
        )
        return is_unheard or any(
            similarity.best_partial_ratio(sound, listed.sounds) < _EXPLAINED_RATIO for sound in told
        )

    def _without_announcement(
        self, heard: TranscriptWords, live: PhraseMatch | None, *, confident: bool
    ) -> SpokenVerdict:
        if not confident:
            return SpokenVerdict(
                CallOutcome.UNDETERMINED, 0.5, None, None, reason="speech that was not understood"
            )
        if self._lists.is_hallucinated(heard.words):
            return SpokenVerdict(
                CallOutcome.UNDETERMINED, 0.5, None, None, reason="words that recognisers make up"
            )
        if live is not None:
            return SpokenVerdict(
                CallOutcome.LIVE_PERSON,
                live.score / 100.0,
                live,
                None,
                reason=f"a person: «{live.phrase.text}»",
            )
        share = self._unknown_share(heard.words)
        n_live = sum(word in self._lists.live for word in heard.words)
        if len(heard.words) >= 2 and n_live:
            return SpokenVerdict(
                CallOutcome.LIVE_PERSON,
                min(0.95, 0.5 + 0.1 * n_live + 0.3 * share),
                None,
                None,
                reason="words that only a person says",
            )
        return SpokenVerdict(
            CallOutcome.UNDETERMINED, 0.5, None, None, reason="speech without a known wording"
        )

    def _accept(
        self,
        match: PhraseMatch,
        probability: float,
        features: Features,
        *,
        live: PhraseMatch | None,
        alternatives: tuple[tuple[CallOutcome, float], ...],
    ) -> SpokenVerdict:
        if live is not None and _is_somebody_else(live, match):
            return SpokenVerdict(
                CallOutcome.LIVE_PERSON,
                live.score / 100.0,
                live,
                None,
                alternatives=((match.outcome, round(probability, 4)), *alternatives),
                reason=f"a person speaks: «{live.phrase.text}»",
                features=features,
            )
        marks = phrase_list_of(match.outcome) is PhraseListName.INVALID_NUMBER
        calibration = self._calibration
        cutoff = calibration.mark_cutoff if marks else calibration.announcement_cutoff
        is_person = features.n_person_words >= (_PERSON_WORDS_OF_MARK if marks else _PERSON_WORDS)
        if probability < cutoff or is_person:
            if features.n_person_words:
                return SpokenVerdict(
                    CallOutcome.LIVE_PERSON,
                    0.6,
                    None,
                    None,
                    alternatives=((match.outcome, round(probability, 4)), *alternatives),
                    reason=f"«{match.phrase.text}» among words only a person says",
                    features=features,
                )
            return SpokenVerdict(
                CallOutcome.UNDETERMINED,
                1.0 - probability,
                match,
                None,
                alternatives=((match.outcome, round(probability, 4)), *alternatives),
                reason=f"«{match.phrase.text}» is too uncertain ({probability:.2f} < {cutoff:.2f})",
                features=features,
            )
        return SpokenVerdict(
            match.outcome,
            probability,
            match,
            None,
            alternatives=alternatives,
            reason=f"«{match.phrase.text}»",
            features=features,
        )


_VETOES = {
    name: Veto(name, VetoEffect.NO_MARK, reason, reason_ru)
    for name, reason, reason_ru in (
        ("subject-not-dialled", "not said of the number dialled", "сказано не о набранном номере"),
        ("own-line", "said of our own line", "сказано о нашей линии"),
        (
            "said-of-the-call",
            "said of the call, not of the number",
            "сказано о звонке, не о номере",
        ),
        ("foreign-subject", "something else is spoken of", "речь о чём-то другом"),
        ("conditional", "said for a time, a place or a service only", "сказано с оговоркой"),
        ("negated", "it is denied", "сказано с отрицанием"),
        ("something-else-said", "something else is said, too", "сказано и другое"),
        ("unknown-words", "not every word is understood", "поняты не все слова"),
    )
}


def _places_of(heard: TranscriptWords, match: PhraseMatch) -> frozenset[int]:
    """Return the places, among the normalised words, that a match covers."""
    spoken = range(match.first_word, match.end_word)
    return frozenset(n for n, place in enumerate(heard.places) if place in spoken)


def _is_denied_whole(reading: Reading) -> bool:
    """Return whether the denial turns the only thing said: «временно не заблокирован»."""
    return [each.id for each in reading.predicates] == ["blocked"]


def _is_clear(transcript: Transcript, *, marks: bool) -> bool:
    """Return whether a sentence was heard clearly enough to be read without a listed wording."""
    if (transcript.confidence or 0.0) < _CLEAR_SENTENCE:
        return False
    return not marks or all((w.confidence or 0.0) >= _CLEAR_MARK_WORD for w in transcript.words)


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


def _heard_words(heard: TranscriptWords, transcript: Transcript | None) -> list[str]:
    """Return the words that a match counts: those of the transcript, or of a bare text."""
    if transcript is not None:
        return [word.text for word in transcript.words]
    by_place: dict[int, list[str]] = {}
    for word, place in zip(heard.words, heard.places, strict=True):
        by_place.setdefault(place, []).append(word)
    return [" ".join(by_place.get(n, ())) for n in range(max(heard.places, default=-1) + 1)]


def _live_match(matches: Iterable[PhraseMatch]) -> PhraseMatch | None:
    """Return the best phrase of a person that was found whole."""
    live = (m for m in matches if m.outcome is CallOutcome.LIVE_PERSON)
    return next((m for m in live if m.score >= cutoff_of(m.phrase)), None)


def _russian(words: Sequence[str]) -> list[str]:
    """Leave out the English half of an announcement: it says nothing of who speaks."""
    return [word for word in words if not word.isascii()]


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
