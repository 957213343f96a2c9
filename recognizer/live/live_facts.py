"""What is known of a live call besides its sound, in whatever way a client says it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from recognizer.base.errors import FrameError, RecognizerError
from recognizer.model import SignallingCode
from recognizer.regulation.signalling import codes_of, parse_code

__all__ = ["FIELDS", "LiveFacts"]

_MAX_CHARACTERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFacts:
    """What a client said of a call; None is not said.

    Attributes
    ----------
    call : str or None
        UUID of the call.
    number : str or None
        Number called, as written.
    contact : str or None
        `ref` of a card.
    attempt : int or None
        From 1.
    channel : str or None
        What the telephone system calls it.
    sip_code, hangup_cause : int or None
        SIP status, Q.850 cause.
    """

    call: str | None = None
    number: str | None = None
    contact: str | None = None
    attempt: int | None = None
    channel: str | None = None
    sip_code: int | None = None
    hangup_cause: int | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> LiveFacts:
        """Return the facts among named values; other names are somebody else's.

        Raises
        ------
        FrameError
            If a value of one of these names is not what it should be.
        """
        known = {name: given[name] for name in FIELDS if given.get(name) not in (None, "")}
        return cls(**{name: FIELDS[name](name, value) for name, value in known.items()})

    def joined(self, later: LiveFacts) -> LiveFacts:
        """Return these with what was said later; the call keeps its id."""
        said = {f.name: getattr(later, f.name) for f in fields(later) if f.name != "call"}
        return replace(self, **{name: value for name, value in said.items() if value is not None})

    @property
    def codes(self) -> tuple[SignallingCode, ...]:
        """The network's codes, SIP first."""
        return codes_of(self.sip_code, self.hangup_cause)


def _uuid(name: str, value: Any) -> str:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError as problem:
        raise FrameError(f"{name}: expected a UUID, found {str(value)[:40]!r}") from problem


def _text(name: str, value: Any) -> str:
    text = str(value).strip() if isinstance(value, str | int) else ""
    if not text or len(text) > _MAX_CHARACTERS or not text.isprintable():
        raise FrameError(f"{name}: expected one line of at most {_MAX_CHARACTERS} characters")
    return text


def _attempt(name: str, value: Any) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 99):
        raise FrameError(f"{name}: expected a number 1..99, found {text[:20]!r}")
    return int(text)


def _sip(name: str, value: Any) -> int | None:
    return _code(name, value, "sip")


def _q850(name: str, value: Any) -> int | None:
    return _code(name, value, "q850")


def _code(name: str, value: Any, protocol: Any) -> int | None:
    try:
        found = parse_code(protocol, str(value))
    except RecognizerError as problem:
        raise FrameError(f"{name}: {problem}") from problem
    return None if found is None else found.code


FIELDS: Mapping[str, Callable[[str, Any], Any]] = {
    "call": _uuid,
    "number": _text,
    "contact": _text,
    "attempt": _attempt,
    "channel": _text,
    "sip_code": _sip,
    "hangup_cause": _q850,
}
"""Names under which facts come, each with what reads its value."""
