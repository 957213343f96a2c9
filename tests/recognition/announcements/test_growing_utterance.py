"""A beginning that fits one outcome alone names it; a mark only once its word has been heard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from announced import CALLS, RATE, learned, library, noisy, outcomes, pause, sound_of, tones_in

from recognizer.audio import read_audio
from recognizer.model import Audio, CallOutcome, PhraseListName, Samples, phrase_list_of
from recognizer.recognition.announcements.features import LogMelStream, log_mel
from recognizer.recognition.announcements.growing import Begun, GrowingUtterance
from recognizer.recognition.announcements.library import AnnouncementLibrary

MARKS, RETRIES = "does-not-exist.wav", "temporarily-blocked-number.wav"
_BLOCK_S = 0.25


def spoken(name: str) -> Samples:
    """Return what is said in a clip, as an utterance: 0.25 s before it, no signals."""
    (found,) = (
        AnnouncementLibrary([learned(name)])
        .recognize(Audio(sound_of(name), RATE), tones_in(name))
        .matches
    )
    return sound_of(name)[
        max(0, round((found.start_s - 0.25) * RATE)) : round((found.end_s + 0.3) * RATE)
    ]


def followed(samples: Samples, known: AnnouncementLibrary) -> list[tuple[float, Begun | None]]:
    """Return what was thought after each quarter of a second."""
    growing = GrowingUtterance(known, 0.0)
    n = round(_BLOCK_S * RATE)
    found = []
    for first in range(0, len(samples), n):
        block = samples[first : first + n]
        begun = growing.feed(Audio(block, RATE, "a call", first / RATE))
        found.append(((first + len(block)) / RATE, begun))
    return found


def names(found: list[tuple[float, Begun | None]]) -> list[str]:
    return list(
        dict.fromkeys(b.named.id for _, b in found if b is not None and b.named is not None)
    )


def test_features_of_a_stream_are_those_of_the_whole() -> None:
    samples = sound_of(MARKS)
    for rate in (8000, RATE):
        stream = LogMelStream(rate)
        rng = np.random.default_rng(rate)
        parts, first = [], 0
        while first < len(samples):
            end = first + int(rng.integers(1, 3000))
            parts.append(stream.push(samples[first:end]))
            first = end
        parts.append(stream.finish())
        np.testing.assert_allclose(np.concatenate(parts), log_mel(Audio(samples, rate)), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("snr_db", [30.0, 15.0])
def test_whatever_is_named_early_is_what_it_is(snr_db: float) -> None:
    n_named = n_early = 0
    for name in outcomes():
        sound = noisy(spoken(name), snr_db)
        found = followed(np.concatenate([sound, pause(0.3)]), library())
        named = [(at_s, b.named) for at_s, b in found if b is not None and b.named is not None]
        assert {heard.outcome for _, heard in named} <= {outcomes()[name]}, name
        n_named += bool(named)
        n_early += bool(named) and named[0][0] < len(sound) / RATE - 0.6
    assert n_named >= 0.8 * len(outcomes())
    assert n_early >= 0.4 * len(outcomes())


def test_a_mark_whose_keywords_are_not_known_is_named_when_it_has_ended() -> None:
    known = AnnouncementLibrary([learned(MARKS)])
    sound = np.concatenate([spoken(MARKS), pause(0.5)])
    end_s = len(spoken(MARKS)) / RATE - 0.3
    named = [at_s for at_s, b in followed(sound, known) if b is not None and b.named is not None]
    assert end_s - 0.2 <= named[0] <= end_s + 0.6


def test_a_mark_is_named_once_its_keywords_have_been_heard_and_not_before() -> None:
    word_end_s = 2.5
    known = AnnouncementLibrary([replace(learned(MARKS), keywords=((1.6, word_end_s),))])
    found = followed(spoken(MARKS), known)
    named = [at_s for at_s, b in found if b is not None and b.named is not None]
    assert word_end_s + 0.25 <= named[0] <= word_end_s + 1.2
    # Another word instead of it: never.
    changed = spoken(MARKS).copy()
    first, end = round(2.0 * RATE), round(2.6 * RATE)
    changed[first:end] = spoken("line-busy.wav")[first:end]
    assert names(followed(changed, known)) == []
    assert followed(changed, known)[-1][1] is None


def test_beginnings_of_several_outcomes_name_none_of_them() -> None:
    twin = replace(learned(MARKS), id="twin", outcome=CallOutcome.LINE_BUSY)
    known = AnnouncementLibrary([learned(MARKS), twin])
    found = followed(spoken(MARKS), known)
    assert names(found) == []
    assert all(begun is not None for _, begun in found)  # it is known, only not which


def test_an_announcement_said_twice_is_known_all_along() -> None:
    known = AnnouncementLibrary([learned(RETRIES), learned(MARKS)])
    twice = np.concatenate([spoken(RETRIES), spoken(RETRIES)])
    found = followed(twice, known)
    assert all(begun is not None for _, begun in found)
    assert names(found) == [learned(RETRIES).id]


@pytest.mark.slow
def test_what_people_say_does_not_begin_as_an_announcement() -> None:
    for folder in ("people", "pairs"):
        for path in sorted((CALLS / folder).iterdir()):
            found = followed(read_audio(path, sample_rate=RATE).samples, library())
            named = [b.named for _, b in found if b is not None and b.named is not None]
            marks = [n for n in named if phrase_list_of(n.outcome) is PhraseListName.INVALID_NUMBER]
            assert marks == [], path


def test_a_person_after_it_is_no_announcement_any_more() -> None:
    person = read_audio(CALLS / "people" / "hello.wav", sample_rate=RATE).samples
    known = AnnouncementLibrary([learned(RETRIES)])
    said = np.concatenate([spoken(RETRIES)[: -round(0.2 * RATE)], person, person])
    assert followed(said, known)[-1][1] is None
