"""What is asked of the pipeline: one recording and what is known of its call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["AudioSource", "RecordedCall", "check_attempt"]

AudioSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path (`str` is always a path), the bytes of a recording, or a file opened in binary mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One recording to classify, and what is known of the call.

    Attributes
    ----------
    source : path, bytes or binary file object
    attempt : int
        Number of this attempt among those that count, from 1.
    channel : `auto`, `mix`, number from 0, or None for the default
    called_on : date or None
        Day of the call, for the comment line; None: today.
    name : str or None
        What to call the recording in the report; None: its path.

    Raises
    ------
    TypeError, ValueError
        As `check_attempt` does.
    """

    source: AudioSource
    attempt: int = 1
    channel: str | int | None = None
    called_on: dt.date | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no number of an attempt."""
        check_attempt(self.attempt)


def check_attempt(attempt: object) -> None:
    """Refuse what is no number of an attempt: `"2"` and `True`, too.

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is below 1.
    """
    if isinstance(attempt, bool) or not isinstance(attempt, int):
        raise TypeError(f"attempt: expected a whole number from 1, found {attempt!r}")
    if attempt < 1:
        raise ValueError(f"attempt: expected 1 or more, found {attempt}")
