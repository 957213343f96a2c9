"""A WAV file behind a WAV file, as a recorder that resumes leaves it, is one recording."""

from __future__ import annotations

import io
import wave
from contextlib import closing

import numpy as np
import pytest

from recognizer.audio.sources import open_source
from recognizer.audio.wav import repair_wav


def _wav(value: int, *, n_samples: int = 8000, sample_rate: int = 8000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate)
        writer.writeframes(np.full(n_samples, value, "<i2").tobytes())
    return file.getvalue()


def _read(data: bytes) -> tuple[list[tuple[int, int]], str | None]:
    """Return the runs of equal samples (value, length), and the note."""
    with closing(open_source(data)) as source:
        repaired = repair_wav(source)
        with wave.open(io.BytesIO(repaired.view.again().read()), "rb") as reader:
            samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
    starts = np.flatnonzero(np.diff(samples, prepend=samples[0] - 1))
    lengths = np.diff(np.append(starts, samples.size))
    return [(int(samples[s]), int(n)) for s, n in zip(starts, lengths, strict=True)], repaired.note


@pytest.mark.parametrize("between", [b"", b"LIST\x04\0\0\0INFO"])
@pytest.mark.parametrize("n_parts", [2, 3])
def test_appended_wav_files_are_read_to_the_end_without_their_headers(
    n_parts: int, between: bytes
) -> None:
    data = between.join(_wav(100 * (part + 1)) for part in range(n_parts))
    runs, note = _read(data)
    assert runs == [(100 * (part + 1), 8000) for part in range(n_parts)]
    assert note is not None
    assert f"{n_parts - 1} more WAV" in note


def test_an_appended_file_cut_short_is_read_as_far_as_it_goes() -> None:
    runs, note = _read(_wav(100) + _wav(200)[:-8000])
    assert runs == [(100, 8000), (200, 4000)]
    assert note is not None


def test_an_appended_file_of_another_rate_is_not_read_and_said_so() -> None:
    runs, note = _read(_wav(100) + _wav(200, sample_rate=16000))
    assert runs == [(100, 8000)]
    assert note is not None
    assert "another format" in note


def test_a_single_file_has_no_note() -> None:
    assert _read(_wav(100)) == ([(100, 8000)], None)
