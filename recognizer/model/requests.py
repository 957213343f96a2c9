"""What is asked of the pipeline: one recording and what is known of its call."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

from recognizer.base.moments import day_lies_ahead

if TYPE_CHECKING:
    import datetime as dt

__all__ = [
    "CODE_RANGES",
    "AudioSource",
    "CallDetails",
    "CallRequest",
    "RecordedCall",
    "SignallingCode",
    "SignallingProtocol",
    "check_attempt",
]

AudioSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path (`str` is always a path), the bytes of a recording, or a file opened in binary mode."""


SignallingProtocol = Literal["sip", "q850"]

CODE_RANGES: Mapping[SignallingProtocol, tuple[int, int]] = {"sip": (100, 699), "q850": (1, 127)}
"""The numbers each protocol has."""


@dataclass(frozen=True, slots=True)
class SignallingCode:
    """One code as the network sent it."""

    protocol: SignallingProtocol
    code: int

    def __post_init__(self) -> None:
        low, high = CODE_RANGES[self.protocol]
        if not low <= self.code <= high:
            raise ValueError(f"{self}: expected a number {low}..{high}")

    def __str__(self) -> str:
        return f"{'SIP' if self.protocol == 'sip' else 'Q.850'} {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """What is known of a call, and asked of its recording.

    Attributes
    ----------
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

    attempt: int = 1
    channel: str | int | None = None
    called_on: dt.date | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no number of an attempt."""
        check_attempt(self.attempt)

    def details(self) -> dict[str, Any]:
        """Return the fields of `CallDetails` by name, whatever else is asked with them."""
        return {field.name: getattr(self, field.name) for field in fields(CallDetails)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall(CallDetails):
    """One recording to classify, and what is known of the call.

    Attributes
    ----------
    source : path, bytes or binary file object
    """

    source: AudioSource

    def __post_init__(self) -> None:
        """Refuse what is no number of an attempt, and a day that is yet to come."""
        CallDetails.__post_init__(self)
        if self.called_on is not None and day_lies_ahead(self.called_on):
            raise ValueError(f"called_on: expected a day that has begun, found {self.called_on}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest(CallDetails):
    """What a worker is asked about a recording it is given apart.

    Attributes
    ----------
    codes : tuple of SignallingCode
        What the network sent: joined with what was heard.
    """

    codes: tuple[SignallingCode, ...] = ()


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
