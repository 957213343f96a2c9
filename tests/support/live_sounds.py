"""Sound that live tests send."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recognizer.audio import open_audio

SAMPLES = Path(__file__).parents[1] / "data" / "calls" / "samples"


def beeps(seconds: float) -> bytes:
    """Russian busy tone at 8 kHz: 425 Hz, 0.35 s on, 0.35 s off."""
    at = np.arange(round(8000 * seconds)) / 8000
    sound = 0.3 * np.sin(2 * np.pi * 425 * at) * (at % 0.7 < 0.35)
    return (sound * 32767).astype("<i2").tobytes()


def clip(name: str) -> bytes:
    """A sample call as 16-bit sound at 8 kHz."""
    with open_audio(SAMPLES / name, sample_rate=8000) as reader:
        sound = np.concatenate([block.samples for block in reader.blocks()])
    return (sound * 32767).astype("<i2").tobytes()


def pieces(sound: bytes, n_bytes: int = 320) -> list[bytes]:
    """Sound cut into what a client sends at once."""
    return [sound[i : i + n_bytes] for i in range(0, len(sound), n_bytes)]
