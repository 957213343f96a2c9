"""What is asked of the pipeline: one recording and what is known of its call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["AudioSource", "RecordedCall"]

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
    """

    source: AudioSource
    attempt: int = 1
    channel: str | int | None = None
    called_on: dt.date | None = None
    name: str | None = None
