"""Whether a recording is short enough to be heard: by what its header claims, and by its size.

A header may claim anything: only what the size of the file allows is believed.
"""

from __future__ import annotations

from recognizer.base.errors import AudioError

__all__ = ["TELEPHONE_BYTES_A_SECOND", "believed_s", "refuse_too_large", "refuse_too_long"]

_MIN_BYTES_A_SECOND = 8.0
"""No coding of speech needs less: FLAC of pure silence takes 28, Speex 250, Opus 60."""
_MOST_BYTES_A_SECOND = 192_000.0
"""No recording of a call takes more: 48 kHz, two channels, 16 bits, uncompressed."""
TELEPHONE_BYTES_A_SECOND = 32_000.0
"""What two channels of 16-bit samples at 8 kHz take: the most that telephone systems write."""


def believed_s(claimed_s: float | None, n_bytes: int) -> float | None:
    """Return the length that a header claims, None where the file is too small to hold it."""
    if claimed_s is None or not claimed_s <= n_bytes / _MIN_BYTES_A_SECOND:
        return None
    return claimed_s


def refuse_too_long(name: str, duration_s: float | None, n_bytes: int, limit_s: float) -> None:
    """Refuse a recording of `duration_s` seconds; of unknown length (None), by its size.

    Raises
    ------
    AudioError
        `too_long`.
    """
    if duration_s is None:
        refuse_too_large(name, n_bytes, limit_s)
    elif duration_s > limit_s:
        raise AudioError(
            f"{name}: lasts {duration_s:.0f} s or more, at most {limit_s:g} s are accepted; give "
            "the part that holds the announcement",
            kind="too_long",
        )


def refuse_too_large(
    name: str, n_bytes: int, limit_s: float, bytes_a_second: float = _MOST_BYTES_A_SECOND
) -> None:
    """Refuse a file too large for any recording accepted.

    For what does not say how long it is: reading a sparse file of gigabytes to find that it holds
    no call takes minutes.

    Raises
    ------
    AudioError
        `too_long`.
    """
    if n_bytes > limit_s * bytes_a_second:
        raise AudioError(
            f"{name}: has {n_bytes} bytes and no header that says how long it lasts; recordings of "
            f"{limit_s:g} s, the longest accepted, take less; give the part that holds the "
            "announcement",
            kind="too_long",
        )
