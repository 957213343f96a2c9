"""What calls to many numbers have in common is offered; what one person says is not."""

from __future__ import annotations

import pytest
from announced import RATE, learned, noisy, sound_of

from recognizer.model import Audio, CallOutcome, Samples
from recognizer.recognition.announcements.candidates import RepeatedParts
from recognizer.recognition.announcements.library import AnnouncementLibrary

MANY, ONE, KNOWN = "misdialled.flac", "line-busy.wav", "temporarily-blocked-number.wav"


def audio(samples: Samples) -> Audio:
    return Audio(samples, RATE)


@pytest.mark.slow
def test_only_what_many_numbers_say_and_nobody_has_learned_is_offered() -> None:
    repeated = RepeatedParts(AnnouncementLibrary([learned(KNOWN)]))
    heard = CallOutcome.UNDETERMINED
    for number in range(6):
        calls = (
            (MANY, f"number {number}"),
            (ONE, "one number"),
            (KNOWN, f"number {number}"),
        )
        for place, (name, called) in enumerate(calls):
            sound = noisy(sound_of(name), 20.0, seed=number)
            repeated.add(
                audio(sound),
                call=10 * number + place,
                number=called,
                client=called,
                outcome=heard,
            )
    (found,) = repeated.of_many(5)
    assert (found.n_calls, len(found.numbers), found.call) == (6, 6, 0)
    assert found.outcomes[heard] == 6
    assert list(repeated.of_many(7)) == []


@pytest.mark.parametrize(("n_clients", "is_offered"), [(1, False), (4, False), (5, True)])
def test_the_greeting_of_one_client_on_many_numbers_is_not_offered(
    n_clients: int, is_offered: bool
) -> None:
    repeated = RepeatedParts(AnnouncementLibrary([]))
    for number in range(8):
        repeated.add(
            audio(sound_of(MANY)),
            call=number,
            number=f"number {number}",
            client=f"client {number % n_clients}",
            outcome=CallOutcome.VOICEMAIL,
        )
    assert bool(list(repeated.of_many(5))) is is_offered


def test_a_library_grows_by_one_without_changing_the_other() -> None:
    small = AnnouncementLibrary([learned(KNOWN)])
    grown = small.joined(learned(MANY))
    assert (len(small), len(grown)) == (1, 2)
    assert grown.recognize(audio(sound_of(MANY))).is_whole
    assert not small.recognize(audio(sound_of(MANY))).is_whole
