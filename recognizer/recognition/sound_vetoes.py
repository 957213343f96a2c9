"""Whether the sound behind a wording that marks the contact is whole.

Telephone audio loses packets. «Номер временно заблокирован» with a hole over «временно» says what
marks, and nobody can know what was said in the hole. So the mark asks that every word of the
wording, and the time before it in which a reversing word would stand, is covered by sound, and
that nothing is left between its words.

Conventions: seconds are those of the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from recognizer.base import similarity
from recognizer.model import GapKind, PhraseMatch, SoundGap, Transcript, Veto, Word
from recognizer.phrases.book import WordLists
from recognizer.phrases.normalization import normalize, sound_alike_word
from recognizer.recognition.sound_search import TEMPORARILY
from recognizer.recognition.transcript_words import HEARD_RATIO, TranscriptWords
from recognizer.recognition.vetoes import raised

__all__ = ["veto_of_another_word", "vetoes_of_sound"]

_BEFORE_S = 0.6  # «ваш», «этот», «временно» before a wording last so long at most
_SENTENCE_ENDS = (".", "!", "?")  # the recogniser writes them where the voice ends
# A pause inside a clause is shorter: of the intact announcements of tests/data and of festival's
# voices none has one of 0.14 s between the subject and what is said of it.
_EDGE_S = 0.1  # word times are no better
_MIN_QUIET_S = 0.14
_MIN_REPEATED_S = 0.06
_EXTRA_LETTERS = 2  # «номерно», «врезаблокирован»: what is left of a word between
_PREDICATE_LETTERS = 10  # «заблокирован», «обслуживается», «используется», «существует»
_TEMPORARILY = sound_alike_word(TEMPORARILY)
_PART_LETTERS = 4  # of it, as it sounds: fewer end other words, too
_HEAD = 2
_LONG = 4  # letters; shorter words are found inside any other
_USUAL_LETTER_S = 0.08
_MIN_LETTER_S = 0.015  # a letter takes 0.06 s, in the quickest announcements 0.04
_BREAKS = (",", ";", ":", "—", "-", "…")
_NOT = "не"
_OPENINGS = {"извините", "простите", "здравствуйте"}  # a pause follows them
_WHO_DIALLED = {"вы"}  # «неправильно набрали номер» says the same without it
_ORDERS = ("ите", "йте", "ьте", "итесь", "йтесь")  # «перезвоните»: no number does that
# A reversing word takes as long as its letters: «ваш» and «не» 0.2 s, «временно» 0.5 s.
_ROOM_S = 0.28
_MAX_STRETCH = 1.6  # a word may be said this many times slower than the words around it


def vetoes_of_sound(
    match: PhraseMatch,
    transcript: Transcript,
    gaps: Sequence[SoundGap],
    lists: WordLists | None = None,
) -> tuple[Veto, ...]:
    """Return every reason why the sound is not whole enough for a wording that marks.

    Parameters
    ----------
    match : PhraseMatch
        The wording, and which words of the transcript it stands for.
    transcript : Transcript
    gaps : sequence of SoundGap
        Of the utterance; see `recognizer.signals.gaps`.
    lists : WordLists or None
        Whose parentheticals («который вы набрали») may stand inside any wording.
    """
    found = (
        _lost_sound(match, transcript, gaps),
        _remains(match, transcript, lists),
        _begins_otherwise(match, transcript, lists),
        _without_time(match, transcript),
        _room_for_a_word(match, transcript),
        _seam(match, transcript),
    )
    return tuple(veto for veto in found if veto is not None)


def _lost_sound(
    match: PhraseMatch, transcript: Transcript, gaps: Sequence[SoundGap]
) -> Veto | None:
    """Return why a wording does not mark if sound is lost in it or right before it."""
    words = transcript.words[match.first_word : match.end_word]
    if not words:
        return None
    start_s, end_s = words[0].start_s - _BEFORE_S, words[-1].end_s - _EDGE_S
    for gap in gaps:
        if gap.end_s <= start_s or gap.start_s >= end_s or not _matters(gap):
            continue
        if _is_between_sentences(gap, transcript.words):
            continue
        return raised("lost-sound", start_s=gap.start_s, end_s=gap.end_s, kind=gap.kind)
    return None


def _remains(match: PhraseMatch, transcript: Transcript, lists: WordLists | None) -> Veto | None:
    """Return why a wording does not mark if something was heard between its words.

    «Номер на заблокирован» may be what is left of «номер временно заблокирован».
    """
    heard = TranscriptWords.of([w.text for w in transcript.words], lists)
    covered = range(match.first_word, match.end_word)
    sounds = [s for s, place in zip(heard.sounds, heard.places, strict=True) if place in covered]
    listed = TranscriptWords.of(match.phrase.text.split()).sounds
    for place, sound in enumerate(sounds):
        is_explained = _is_listed(sound, listed) or _is_part(place, sounds, listed)
        if is_explained and not _holds_temporarily(sound, listed):
            continue
        return raised("remains-in-wording", words=sound)
    return None


def _holds_temporarily(sound: str, listed: Sequence[str]) -> bool:
    """Return whether a word heard ends or begins as «временно» does, and none of the wording's.

    «Обламенно заблокирован» is what a cut leaves of «абонент временно заблокирован».
    """
    tail, head = _TEMPORARILY[-_PART_LETTERS:], _TEMPORARILY[:_PART_LETTERS]
    if sound in listed or not (sound.endswith(tail) or sound.startswith(head)):
        return False
    return not any(word.endswith(tail) or word.startswith(head) for word in listed)


def _begins_otherwise(
    match: PhraseMatch, transcript: Transcript, lists: WordLists | None
) -> Veto | None:
    """Return why a wording does not mark if its first word was heard with another beginning.

    «Помер заблокирован» and «сунумер заблокирован» are what is left of «ваш номер заблокирован».
    """
    heard = TranscriptWords.of([w.text for w in transcript.words], lists)
    covered = range(match.first_word, match.end_word)
    sounds = [s for s, place in zip(heard.sounds, heard.places, strict=True) if place in covered]
    listed = TranscriptWords.of(match.phrase.text.split())
    if not sounds or not listed.words or listed.words[0] in _OPENINGS:
        return None
    is_next = sounds[0] in listed.sounds[1:2] and listed.words[0] in _WHO_DIALLED
    if is_next or sounds[0].startswith(listed.sounds[0][0]):
        return None
    return raised("another-word", words=sounds[0])


def _is_listed(sound: str, listed: Sequence[str]) -> bool:
    """Return whether a word heard is one of the wording's, or several of them in one."""
    wanted = [*listed, *(a + b for a, b in pairwise(listed))]
    best = similarity.best_ratio(sound, wanted)
    inside = [w for w in wanted if len(w) >= _LONG and (sound.startswith(w) or sound.endswith(w))]
    has_more = any(len(sound) - len(w) >= _EXTRA_LETTERS for w in inside)
    return best >= HEARD_RATIO and (sound in wanted or not has_more)


def _is_part(place: int, sounds: Sequence[str], listed: Sequence[str]) -> bool:
    """Return whether a word heard is a part of one of the wording's, cut off by the recogniser.

    «На обратномер» is «набран номер», split elsewhere.
    """
    wanted = [*listed, *(a + b for a, b in pairwise(listed))]
    alone = [similarity.best_ratio(s, listed) for s in sounds]
    for first in (place - 1, place):
        if 0 <= first < len(sounds) - 1:
            joined = similarity.best_ratio(sounds[first] + sounds[first + 1], wanted)
            if joined >= HEARD_RATIO and joined > max(alone[first], alone[first + 1]):
                return True
    return False


def veto_of_another_word(match: PhraseMatch, words: Sequence[str]) -> Veto | None:
    """Return why a wording does not mark if a long word of it was heard with another beginning.

    «Лоблакирован» after a hole is what is left of «временно заблокирован», and «разблокирован» is
    the opposite of «заблокирован».

    Parameters
    ----------
    match : PhraseMatch
    words : sequence of str
        Of the whole transcript, as the recogniser wrote them.
    """
    sounds = TranscriptWords.of(words[match.first_word : match.end_word]).sounds
    listed = TranscriptWords.of(match.phrase.text.split()).sounds
    for wanted in listed:
        if len(wanted) < _PREDICATE_LETTERS or not sounds:
            continue
        heard = max(sounds, key=lambda sound: similarity.ratio(sound, wanted))
        heads = [wanted[:_HEAD], *(short + wanted[0] for short in listed if len(short) <= _HEAD)]
        if not heard.startswith(tuple(heads)):
            return raised("another-word", words=heard)
    return None


def _without_time(match: PhraseMatch, transcript: Transcript) -> Veto | None:
    """Return why a wording does not mark if its words have no sound.

    A recogniser that goes on after the end repeats itself, at one and the same moment.
    """
    for word in transcript.words[match.first_word : match.end_word]:
        if word.end_s - word.start_s < _MIN_LETTER_S * len(word.text):
            length_s = word.end_s - word.start_s
            return raised("word-without-sound", words=word.text, length_s=length_s)
    return None


def _room_for_a_word(match: PhraseMatch, transcript: Transcript) -> Veto | None:
    """Return why a wording does not mark if its words leave time in which more was said."""
    words = transcript.words[match.first_word : match.end_word]
    rate_s = _letter_s(transcript.words)
    for word, following in pairwise(words):
        if normalize(word.text) in _OPENINGS:
            continue
        if _is_split(word, following, match):
            continue
        said_s = len(word.text) * rate_s * _MAX_STRETCH
        room_s = following.start_s - word.start_s - said_s
        if room_s >= _ROOM_S:
            return raised("room-for-a-word", words=word.text, length_s=room_s)
    return None


def _seam(match: PhraseMatch, transcript: Transcript) -> Veto | None:
    """Return why a wording does not mark if the recogniser heard a break before what is said of it.

    No comma stands between a subject and its predicate: «Номер, не обслуживается» is what a cut
    leaves of «номер временно не обслуживается».
    """
    words = transcript.words[match.first_word : match.end_word]
    for word, following in pairwise(words):
        said = normalize(following.text)
        is_long = len(said) >= _PREDICATE_LETTERS and not said.endswith(_ORDERS)
        is_predicate = said == _NOT or is_long
        if not word.text.endswith(_BREAKS) or not is_predicate:
            continue
        if (
            normalize(word.text) in _OPENINGS
            or normalize(word.text) not in match.phrase.text.split()
        ):
            continue
        return raised("break-in-wording", words=f"{word.text} {following.text}")
    return None


def _is_split(word: Word, following: Word, match: PhraseMatch) -> bool:
    """Return whether two words heard are one of the wording's: «на обранный»."""
    sounds = TranscriptWords.of([word.text, following.text]).sounds
    listed = TranscriptWords.of(match.phrase.text.split()).sounds
    if len(sounds) != 2:
        return False
    joined = similarity.best_ratio("".join(sounds), listed)
    return joined > max(similarity.best_ratio(sound, listed) for sound in sounds)


def _is_between_sentences(gap: SoundGap, words: Sequence[Word]) -> bool:
    """Return whether a quiet gap is the pause after a sentence that the recogniser ended."""
    if gap.kind is GapKind.REPEATED:
        return False
    said = [w for w in words if w.start_s < gap.start_s - _EDGE_S]
    return (
        bool(said)
        and said[-1].text.endswith(_SENTENCE_ENDS)
        and said[-1].end_s <= gap.start_s + _EDGE_S
    )


def _matters(gap: SoundGap) -> bool:
    length_s = gap.end_s - gap.start_s
    least_s = _MIN_REPEATED_S if gap.kind is GapKind.REPEATED else _MIN_QUIET_S
    return length_s >= least_s


def _letter_s(words: Sequence[Word]) -> float:
    """Return the median seconds a letter takes, the usual where too few words have a length."""
    rates = sorted(
        (w.end_s - w.start_s) / len(w.text) for w in words if w.end_s > w.start_s and w.text
    )
    return rates[len(rates) // 2] if len(rates) >= 3 else _USUAL_LETTER_S
