"""Whether what is heard in one channel is only the leak of another: an echo of our own agent.

Conventions: both parts are of the same moments, at the same rate.
"""

from __future__ import annotations

import numpy as np

from recognizer.model import Audio

__all__ = ["is_leak_of"]

_LOUDER_DB = 6.0  # a leak is weaker than what it leaks from
_MAX_DELAY_S = 0.6  # of an echo in a telephone network (ITU-T G.131: 0.4 s are a bad one)
# Two voices that have nothing in common reach 0.15 at the best delay over a second; a leak through
# a telephone channel 0.5 and more.
_MIN_LEAK_CORRELATION = 0.35


def is_leak_of(heard: Audio, louder: Audio) -> bool:
    """Return whether `heard` is a weak and late copy of `louder`.

    Parameters
    ----------
    heard, louder : Audio
        Of one recording, the same part of two channels.
    """
    n = min(len(heard.samples), len(louder.samples))
    if n == 0:
        return False
    here = heard.samples[:n].astype(np.float64)
    there = louder.samples[:n].astype(np.float64)
    power_here, power_there = float(np.sum(here**2)), float(np.sum(there**2))
    if power_here <= 0 or power_there < power_here * 10 ** (_LOUDER_DB / 10):
        return False
    size = 2 ** int(np.ceil(np.log2(2 * n)))
    spectrum = np.fft.rfft(here, size) * np.conj(np.fft.rfft(there, size))
    delays = np.fft.irfft(spectrum, size)[: round(_MAX_DELAY_S * heard.sample_rate)]
    return bool(np.max(np.abs(delays)) >= _MIN_LEAK_CORRELATION * np.sqrt(power_here * power_there))
