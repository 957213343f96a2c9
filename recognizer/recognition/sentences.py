"""What a whole sentence says, weighed against the wording that was found in it.

The grammar (`grammar`) reads every word; a listed wording stands where the sentence is about the
number dialled, without a condition, and nothing in it is another matter. Where no list has the
sentence, or the nearest wording is doubtful, the reading stands in for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recognizer.model import CallOutcome, Phrase, PhraseMatch, Transcript, Veto
from recognizer.phrases.grammar_file import SubjectKind
from recognizer.phrases.normalization import normalize, sound_alike_word
from recognizer.recognition.calibration import scores_as_heard
from recognizer.recognition.grammar import Reading
from recognizer.recognition.limits import DecisionLimits
from recognizer.recognition.matching import Matcher, cutoff_of
from recognizer.recognition.precedence import CARRIERS, MACHINES, PRECEDENCE, is_mark
from recognizer.recognition.sound_vetoes import veto_of_another_word
from recognizer.recognition.transcript_words import TranscriptWords, are_all_heard
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.vetoes import may_be_misheard, raised

__all__ = ["SentenceJudge"]

# Where nothing else speaks against a wording, what is read is believed in its place.
_READ_INSTEAD = ({"conditional"}, {"not-our-line"}, {"on-hold"})


class SentenceJudge:
    """The grammar and the lists of a book, laid out for judging many sentences.

    Parameters
    ----------
    matcher : Matcher
    limits : DecisionLimits
        A mark that only the grammar reads needs every word understood and, of sound, every word
        heard clearly; a retry costs a call.
    """

    def __init__(self, matcher: Matcher, limits: DecisionLimits) -> None:
        self._matcher = matcher
        self._limits = limits
        self._lists = matcher.book.words
        self._grammar = matcher.grammar

    def judge(
        self,
        heard: TranscriptWords,
        verdict: SpokenVerdict,
        transcript: Transcript | None = None,
        *,
        reading_margin: float | None = None,
    ) -> SpokenVerdict:
        """Return the verdict, lowered by what the sentence is read to say, or read in its place.

        Parameters
        ----------
        heard : TranscriptWords
        verdict : SpokenVerdict
            By the lists.
        transcript : Transcript or None
            What was heard in the sound; None: a bare text.
        reading_margin : float or None
            As in `VerifiedTranscript`; without it nothing that only the grammar reads marks.
        """
        if self._grammar.is_empty or not heard.words:
            return verdict
        match, claimed = verdict.match, verdict.claimed
        if match is not None and match.outcome not in PRECEDENCE:
            match = None  # a counter-phrase: its words are no announcement's
        reading = self._read(heard, match, transcript)
        if claimed in MACHINES and match is not None:
            is_menu = (
                transcript is None
                and match.score < self._limits.as_listed_score
                and reading.is_menu
            )
            return self._read_only(heard, reading, verdict, None) if is_menu else verdict
        if claimed in CARRIERS and match is not None:
            return self._held_against(reading, heard, verdict, transcript)
        # What the sound speaks against stays doubtful; of a bare text every word was understood.
        is_other = match is not None and reading.outcome is not match.outcome
        is_doubtful = transcript is not None or (is_other and not reading.is_menu)
        if match is not None and is_doubtful:
            return verdict
        read = self._read_only(heard, reading, verdict, transcript)
        is_held = (
            reading_margin is not None and reading_margin >= self._limits.min_reading_margin_nats
        )
        if transcript is None or is_held:
            return read
        return read.vetoed([raised("not-held-against-sound")])

    def _held_against(
        self,
        reading: Reading,
        heard: TranscriptWords,
        verdict: SpokenVerdict,
        transcript: Transcript | None,
    ) -> SpokenVerdict:
        """Return what is left of a carrier's outcome, or what the sentence says instead.

        Of sound only a condition leads to another outcome. A bare text that is understood whole
        confirms a wording that was spelt otherwise, and outweighs one that is only alike.
        """
        assert verdict.match is not None
        held = verdict.vetoed(self._vetoes(heard, reading, verdict, transcript))
        if {veto.id for veto in held.vetoes} in _READ_INSTEAD:
            # The wording's own words are no longer taken as it means them.
            alone = self._read(heard, None, transcript)
            return self._read_only(heard, alone, held, transcript)
        if transcript is not None:
            return held
        if held.vetoes:
            is_confirmed = is_mark(verdict.claimed) and reading.outcome is verdict.claimed
            is_confirmed &= all(map(may_be_misheard, held.vetoes))
            return self._read_only(heard, reading, held, None) if is_confirmed else held
        is_alike = verdict.match.score < self._limits.as_listed_score and not is_mark(
            verdict.claimed
        )
        is_understood = reading.is_menu or not reading.unknown
        if is_alike and is_understood and not is_mark(reading.outcome):
            return self._read_only(heard, reading, held, None)
        return held

    def _read(
        self, heard: TranscriptWords, match: PhraseMatch | None, transcript: Transcript | None
    ) -> Reading:
        matched = () if match is None else _places_of(heard, match)
        listed = () if match is None else normalize(match.phrase.text).split()
        return self._grammar.read(
            heard.words,
            matched=matched,
            listed=listed,
            left_out=heard.left_out,
            may_be_misrecognized=transcript is not None,
            is_spelt=_is_spelt(transcript),
        )

    def _vetoes(
        self,
        heard: TranscriptWords,
        reading: Reading,
        verdict: SpokenVerdict,
        transcript: Transcript | None,
    ) -> Iterator[Veto]:
        """Yield what the sentence says against a carrier's outcome."""
        assert verdict.match is not None
        if is_mark(verdict.claimed):
            for name, words in reading.refusals.items():
                # The wording has its subject, whatever the recogniser made of it: the sound was
                # asked.
                if name != "subject-not-dialled" or transcript is None:
                    yield raised(name, words=words)
            is_alike = transcript is None and verdict.match.score < self._limits.as_listed_score
            if is_alike and not any(is_mark(each.outcome) for each in reading.predicates):
                yield raised("wrong-form")  # «номере отключён»: nothing is said of the number
            if transcript is not None and not self._is_subject_heard(heard, verdict.match):
                yield raised("subject-not-dialled")
            if transcript is not None:
                words_heard = [word.text for word in transcript.words]
                if veto := veto_of_another_word(verdict.match, words_heard):
                    yield veto
            return
        yield from self._not_said(reading, verdict, is_bare=transcript is None)

    def _is_subject_heard(self, heard: TranscriptWords, match: PhraseMatch) -> bool:
        """Return whether anything like the number or subscriber of a wording was heard in it.

        «На неопслуживается» after a tone over «номер временно» has nothing of «номер».
        """
        nouns = self._grammar.dialled_nouns(normalize(match.phrase.text).split())
        near = range(match.first_word - 1, match.end_word + 1)
        sounds = [s for s, place in zip(heard.sounds, heard.places, strict=True) if place in near]
        return not nouns or any(are_all_heard([sound_alike_word(noun)], sounds) for noun in nouns)

    def _not_said(
        self, reading: Reading, verdict: SpokenVerdict, *, is_bare: bool
    ) -> Iterator[Veto]:
        """Yield why an outcome that marks nobody is not what was said."""
        assert verdict.match is not None
        if reading.outcome is CallOutcome.UNDETERMINED:
            yield raised("on-hold")
        is_own_account = verdict.claimed is CallOutcome.CALLER_RESTRICTED
        if is_own_account and is_bare and not reading.unknown:
            listed = self._grammar.read(normalize(verdict.match.phrase.text).split())
            if SubjectKind.OWN in listed.subjects - reading.subjects:
                yield raised("not-our-line")
        if reading.foreign and SubjectKind.DIALLED not in reading.subjects and not is_own_account:
            yield raised("foreign-subject", words=" ".join(reading.foreign))
        if reading.is_negated and [each.id for each in reading.predicates] == ["blocked"]:
            yield raised("negated")  # «временно не заблокирован»: nothing else is said

    def _read_only(
        self,
        heard: TranscriptWords,
        reading: Reading,
        verdict: SpokenVerdict,
        transcript: Transcript | None,
    ) -> SpokenVerdict:
        """Return what an unlisted sentence is read to say, if enough of it is understood."""
        outcome = reading.outcome
        # «Банк», «карту» are a person's words until a key is to be pressed.
        is_company = reading.is_menu and outcome is CallOutcome.COMPANY_IVR
        is_person = verdict.outcome is CallOutcome.LIVE_PERSON and not (
            is_company and verdict.match is None
        )
        names_itself = any(each.over_person for each in reading.predicates[:1])
        is_person &= not names_itself
        is_person |= not reading.is_menu and any(
            w in self._lists.live and not self._grammar.is_plain(w) for w in heard.words
        )
        few = (
            len(reading.unknown) <= self._limits.max_unknown_words
            and 3 * len(reading.unknown) < reading.n_words
        )
        few |= reading.is_menu
        if outcome is None or is_person or not few or self._lists.is_hallucinated(heard.words):
            return verdict
        if not names_itself and self._is_listed_otherwise(heard, is_bare=transcript is None):
            return verdict
        marks = is_mark(outcome)
        if marks and (
            reading.n_words < self._limits.min_words_of_mark
            or any(w.isascii() and not self._grammar.is_plain(w) for w in heard.words)
        ):
            return verdict
        if transcript is not None and not self._is_clear(transcript, marks=marks):
            return verdict
        # What was heard was surer than any word that it may have been misheard for.
        if marks and _is_spelt(transcript) and any(map(self._grammar.is_guessed, heard.words)):
            return verdict
        sentence = " ".join(heard.words)
        read = Phrase(
            f"grammar-{reading.predicates[0].id}", sentence, outcome, "ru", "read by the grammar"
        )
        confidence = self._limits.read_mark if marks else self._limits.read_retry
        match = PhraseMatch(read, 100.0 * confidence, 0, max(heard.places) + 1)
        if transcript is not None:
            words = transcript.words[: match.end_word]
            match = replace(match, start_s=words[0].start_s, end_s=words[-1].end_s)
        return replace(
            verdict,
            outcome=outcome,
            confidence=confidence,
            match=match,
            transcript=transcript,
            reason=f"read by the grammar: «{sentence}»",
            vetoes=() if marks else verdict.vetoes,
        )

    def _is_clear(self, transcript: Transcript, *, marks: bool) -> bool:
        """Return whether a sentence was heard clearly enough to be read without a wording."""
        limits = self._limits
        if (transcript.confidence or 0.0) < limits.clear_sentence:
            return False
        least = limits.clear_mark_word
        return not marks or all((word.confidence or 0.0) >= least for word in transcript.words)

    def _is_listed_otherwise(self, heard: TranscriptWords, *, is_bare: bool) -> bool:
        """Return whether a counter-phrase or a person's phrase was found: it outranks a reading.

        Of a bare text the grammar reads every word as it is spelt, so that a counter-phrase counts
        only where it is plainly there.
        """
        for match in self._matcher.find(heard):
            if match.outcome is CallOutcome.LIVE_PERSON:
                if match.score >= cutoff_of(match.phrase) and heard.has_every_word(match):
                    return True
            elif match.outcome not in PRECEDENCE:
                least = self._limits.as_listed_score if is_bare else 0.0
                if match.score >= max(least, cutoff_of(match.phrase)):
                    return True
        return False


def _is_spelt(transcript: Transcript | None) -> bool:
    return transcript is not None and not scores_as_heard(transcript.engine)


def _places_of(heard: TranscriptWords, match: PhraseMatch) -> frozenset[int]:
    """Return the places, among the normalised words, that a match covers."""
    spoken = range(match.first_word, match.end_word)
    return frozenset(n for n, place in enumerate(heard.places) if place in spoken)
