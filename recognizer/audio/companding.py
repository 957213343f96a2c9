"""G.711: 8-bit A-law and mu-law samples as a live line sends them."""

from __future__ import annotations

from functools import cache

import numpy as np

from recognizer.audio.soundfile_decoder import SoundfileDecoder
from recognizer.audio.sources import View, open_source
from recognizer.model import Samples

__all__ = ["COMPANDED", "expand"]

COMPANDED = {"alaw": "ALAW", "ulaw": "ULAW"}
"""Asterisk's name of each law, and libsndfile's."""


def expand(name: str, payload: bytes) -> Samples:
    """Return companded sound as float32 in [-1, 1], shape (n_samples,); one byte a sample."""
    samples: Samples = _levels(name)[np.frombuffer(payload, np.uint8)]
    return samples


@cache
def _levels(name: str) -> Samples:
    """Return the level of each of the 256 codes, as libsndfile knows them."""
    view = View(open_source(bytes(range(256))))
    levels: Samples = SoundfileDecoder(view, raw_subtype=COMPANDED[name]).read(256)[:, 0].copy()
    return levels
