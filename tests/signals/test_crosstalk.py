import numpy as np
import pytest
from telephone_sounds import RATE, babble, through_file, white_noise

from recognizer.model import Audio, Samples
from recognizer.signals.crosstalk import is_leak_of


def audio(samples: Samples) -> Audio:
    return Audio(samples, RATE)


def delayed(samples: Samples, delay_s: float) -> Samples:
    n = round(delay_s * RATE)
    return np.concatenate([np.zeros(n, np.float32), samples])[: len(samples)]


@pytest.mark.parametrize("delay_s", [0.0, 0.04, 0.25])
@pytest.mark.parametrize("gain_db", [-12.0, -25.0])
def test_a_weak_late_copy_in_noise_is_a_leak(delay_s: float, gain_db: float) -> None:
    voice = babble(2 * RATE, -20.0)
    copy = through_file(delayed(voice, delay_s) * np.float32(10 ** (gain_db / 20)), "ULAW")
    assert is_leak_of(audio(copy + white_noise(len(copy), -55.0)), audio(voice))


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_another_voice_is_no_leak(seed: int) -> None:
    quiet = babble(2 * RATE, -35.0, seed)
    assert not is_leak_of(audio(quiet), audio(babble(2 * RATE, -20.0)))


def test_what_is_louder_leaks_from_nowhere() -> None:
    voice = babble(2 * RATE, -20.0)
    assert not is_leak_of(audio(voice), audio(delayed(voice, 0.05) * np.float32(0.1)))


def test_silence_is_no_leak() -> None:
    assert not is_leak_of(audio(np.zeros(100, np.float32)), audio(babble(100, -20.0)))
    assert not is_leak_of(audio(np.zeros(0, np.float32)), audio(np.zeros(0, np.float32)))
