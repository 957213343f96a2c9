"""Find where sound was lost on the way: what was said there cannot be known.

Conventions: seconds are those of the recording; levels are RMS. Four marks of lost packets are
looked for, all of them things that speech in a telephone line does not do by itself:

* a fall of the level that no voice makes (its end takes 10 ms or more), into silence or into
  even noise;
* silence of digital zeros where the line is otherwise never silent;
* a frame played again and again, as concealment does (ITU-T G.711 Appendix I repeats pitch
  periods and fades them out by 20 % every 10 ms);
* a step in the waveform that prediction from the samples before cannot explain: a cut.

What is *not* found: a cut exactly between two words in silence, and losses shorter than 20 ms.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from recognizer.model import Audio, GapKind, SoundGap

__all__ = ["find_gaps", "quietest_moment", "runs"]

_Floats = npt.NDArray[np.float64]

_FRAME_S = 0.005
_QUIETEST_S = 0.1
_MIN_GAP_S = 0.03  # a lost packet is 20 or 30 ms
_QUIET_DB = 18.0  # below speech: what a voice does between sounds
_FALL_DB = 20.0  # within 10 ms
_TONE_FRAMES = 24  # 120 ms: a voice does not hold a pitch so still
_TONE_BINS, _TONE_SHARE = 8, 0.97  # two lines of a Hann window, and next to nothing else
_MIN_REPEATS = 1.5  # frames: a vowel held as evenly for longer is no voice
_SPEECH_DBFS = -50.0  # a recording whose speech is quieter holds nothing to judge
_ZERO = 10 ** (-80 / 20)
_REPEATED_S = (0.01, 0.02, 0.03, 0.04)  # frame lengths of telephone codecs
_SAME_FRAME = 0.9995  # correlation of a frame with the next: voiced speech reaches 0.995


def find_gaps(audio: Audio) -> tuple[SoundGap, ...]:
    """Return where sound is missing or made up, ordered by start.

    Parameters
    ----------
    audio : Audio
        float32, shape (n_samples,), mono, 8000 Hz or more: one utterance with a little around it.
    """
    samples = audio.samples.astype(np.float64)
    found = [*_quiet_gaps(samples, audio.sample_rate), *_repeats(samples, audio.sample_rate)]
    return tuple(
        SoundGap(kind, audio.start_s + first_s, audio.start_s + last_s)
        for kind, first_s, last_s in sorted(found, key=lambda g: g[1])
    )


def quietest_moment(audio: Audio, first: float, last: float) -> float:
    """Return the middle of the quietest 0.1 s, in seconds of the recording.

    Parameters
    ----------
    audio : Audio
    first, last : float
        Looked for between these shares of its length, 0-1.
    """
    n_window = round(_QUIETEST_S * audio.sample_rate)
    begin, end = (round(share * len(audio.samples)) for share in (first, last))
    part = audio.samples[begin : max(end, begin + n_window)].astype(np.float64)
    if len(part) < n_window:
        return audio.start_s + audio.duration_s * (first + last) / 2
    place = begin + int(np.argmin(_windowed_sum(part**2, n_window))) + n_window // 2
    return audio.start_s + place / audio.sample_rate


_Found = tuple[GapKind, float, float]


def _quiet_gaps(samples: _Floats, rate: int) -> Iterator[_Found]:
    """Yield the quiet places that speech falls into faster than a voice can."""
    n_frame = round(_FRAME_S * rate)
    frames = samples[: len(samples) // n_frame * n_frame].reshape(-1, n_frame)
    if len(frames) < 4:
        return
    level_db = 20 * np.log10(np.sqrt(np.mean(frames**2, axis=1)) + 1e-6)
    speech_db = float(np.percentile(level_db, 90))
    if speech_db < _SPEECH_DBFS:
        return
    for first, last in runs(level_db < speech_db - _QUIET_DB):
        if (last - first) * _FRAME_S < _MIN_GAP_S or first < 2 or last >= len(frames):
            continue
        inside_db = float(np.median(level_db[first + 1 : last - 1]))
        if level_db[first - 1] - max(inside_db, level_db[first + 1]) < _FALL_DB:
            continue
        if _is_tone(frames[max(0, first - _TONE_FRAMES) : first].ravel()):
            continue  # the end of a signal: tones are switched off, voices are not
        is_zero = float(np.max(np.abs(frames[first + 1 : last - 1]))) < _ZERO
        yield (
            GapKind.ZEROS if is_zero else GapKind.COMFORT_NOISE,
            first * _FRAME_S,
            last * _FRAME_S,
        )


def _repeats(samples: _Floats, rate: int) -> Iterator[_Found]:
    """Yield the places where one frame is played again and again."""
    for length_s in _REPEATED_S:
        n = round(length_s * rate)
        if len(samples) < 3 * n:
            return
        dot = _windowed_sum(samples[:-n] * samples[n:], n)
        power = _windowed_sum(samples**2, n)
        first, second = power[: len(dot)], power[n : n + len(dot)]
        floor = n * 10 ** (_SPEECH_DBFS / 10)
        alike = (dot > _SAME_FRAME * np.sqrt(first * second + 1e-12)) & (first > floor)
        for start, end in runs(alike):
            if end - start >= _MIN_REPEATS * n and not _is_tone(samples[start : start + 2 * n]):
                yield GapKind.REPEATED, start / rate, (end + 2 * n) / rate


def _is_tone(samples: _Floats) -> bool:
    """Return whether this is a signal of one or two frequencies, which repeats by itself."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    strongest = np.sort(power)[::-1]
    return bool(np.sum(strongest[:_TONE_BINS]) > _TONE_SHARE * np.sum(power))


def _windowed_sum(values: _Floats, n: int) -> _Floats:
    """Return the sum of every `n` values in a row, shape (len(values) - n + 1,)."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    return np.asarray(total[n:] - total[:-n])


def runs(mask: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the half-open runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        yield int(first), int(last)
