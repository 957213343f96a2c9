"""What the network's code (SIP status, Q.850 cause) adds to what was heard.

The announcement wins, always. A code confirms it, disagrees with it (recorded and shown, so that
a person looks), or, where nothing at all was heard, stands in for it as far as
``data/signalling.toml`` allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError, RecognizerError
from recognizer.model import (
    CallOutcome,
    CallReport,
    Decision,
    Outcome,
    PhraseListName,
    SegmentKind,
    SignallingCode,
    SignallingEvidence,
    SignallingProtocol,
    phrase_list_of,
)

__all__ = [
    "SignallingTable",
    "codes_of",
    "load_signalling",
    "parse_code",
]

_CODE = re.compile(
    r"\s*(?:SIP(?:/2\.0)?\s*|Q\.?850\s*;?\s*(?:cause\s*=\s*)?)?(\d{1,3})\b", re.IGNORECASE
)


class CodeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one code (a `[[code]]` of data/signalling.toml)."""

    protocol: SignallingProtocol
    code: int
    meaning: str
    russian: str
    agrees: tuple[CallOutcome, ...]
    alone: CallOutcome | None = None
    mark_reason: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bare_outcomes: tuple[CallOutcome, ...]
    code: tuple[CodeEntry, ...]


class Decides(Protocol):
    """What is needed of `recognizer.regulation.rules.Regulation`."""

    def decide_outcome(
        self, kind: CallOutcome, *, attempt: int = 1, on: date | None = None
    ) -> Decision:
        """Return the decision for an outcome."""


def parse_code(protocol: SignallingProtocol, text: str) -> SignallingCode | None:
    """Return the code in a field of a CDR or a form, None where it is empty.

    Takes what telephone systems write: ``404``, ``SIP 404 Not Found``, ``Q.850;cause=1``; zero
    means "none" in a CDR.

    Raises
    ------
    RecognizerError
        If there is text but no code in it, or the number is out of range.
    """
    text = text.strip()
    if text in {"", "0", "-"}:
        return None
    found = _CODE.match(text)
    if found is None:
        raise RecognizerError(f"{protocol} code: expected a number, got {text[:40]!r}")
    try:
        return SignallingCode(protocol, int(found.group(1)))
    except ValueError as problem:
        raise RecognizerError(f"{protocol} code: {problem}") from problem


def codes_of(sip_code: int | None, q850: int | None) -> tuple[SignallingCode, ...]:
    """Return the codes that are known, SIP first."""
    codes: list[SignallingCode] = []
    if sip_code is not None:
        codes.append(SignallingCode("sip", sip_code))
    if q850 is not None:
        codes.append(SignallingCode("q850", q850))
    return tuple(codes)


class SignallingTable:
    """The checked table of codes."""

    def __init__(self, entries: Sequence[CodeEntry], bare_outcomes: Sequence[CallOutcome]) -> None:
        self.entries = tuple(entries)
        self.bare_outcomes = frozenset(bare_outcomes)
        self._by_code = {(entry.protocol, entry.code): entry for entry in entries}

    def entry(self, code: SignallingCode) -> CodeEntry | None:
        """Return what is known of a code, None if nothing is."""
        return self._by_code.get((code.protocol, code.code))

    def join(
        self,
        report: CallReport,
        codes: Sequence[SignallingCode],
        regulation: Decides | None,
        *,
        attempt: int = 1,
        called_on: date | None = None,
    ) -> CallReport:
        """Return the report with the codes weighed in.

        The outcome changes only where nothing was heard and the table gives an outcome for the
        code alone; then the decision is taken anew.

        Parameters
        ----------
        report : CallReport
            From the audio alone; one with an error is returned as it is.
        codes : sequence of SignallingCode
            All the network sent for this call.
        regulation : Decides or None
            Decides anew where the outcome changes; None: the decision stays empty.
        """
        if report.outcome is None or not codes:
            return report
        known = [entry for code in codes if (entry := self.entry(code)) is not None]
        heard = report.outcome.kind
        alone = self._alone(report, known)
        if alone is CallOutcome.UNDETERMINED or alone not in {None, heard}:
            assert alone is not None
            decided = _stand_in(report, codes, known, alone)
            if regulation is None:
                return replace(decided, decision=None)
            ruled = regulation.decide_outcome(alone, attempt=attempt, on=called_on)
            sentence = f"На записи ничего не слышно; код сети: {_russian(codes, known)}."
            ruled = replace(ruled, explanation=(*ruled.explanation, sentence))
            return replace(decided, decision=ruled)
        agreement = _agreement(heard, known) if alone is None else "agrees"
        note = _NOTES[agreement].format(codes=_names(codes, known), heard=heard.value)
        evidence = SignallingEvidence(_pairs(codes, known), agreement, heard, note)
        decision = report.decision
        if agreement == "disagrees" and decision is not None:
            sentence = (
                f"Код сети: {_russian(codes, known)}. С услышанным не сходится: решает услышанное."
            )
            decision = replace(decision, explanation=(*decision.explanation, sentence))
        return replace(report, decision=decision, signalling=evidence)

    def _alone(self, report: CallReport, known: Sequence[CodeEntry]) -> CallOutcome | None:
        """Return the outcome the codes stand in with, None where the audio has a say."""
        if report.outcome is None or report.outcome.kind not in self.bare_outcomes:
            return None
        segments = () if report.evidence is None else report.evidence.segments
        if any(segment.kind is SegmentKind.SPEECH for segment in segments):
            return None
        wanted = {entry.alone for entry in known if entry.alone is not None}
        if len(wanted) > 1:  # the codes contradict each other: nobody knows
            return CallOutcome.UNDETERMINED
        return next(iter(wanted), None)


def _stand_in(
    report: CallReport,
    codes: Sequence[SignallingCode],
    known: Sequence[CodeEntry],
    alone: CallOutcome,
) -> CallReport:
    assert report.outcome is not None
    heard = report.outcome.kind
    template = _NOTES["asks" if alone is CallOutcome.UNDETERMINED else "decides"]
    reasons = "".join(f"; {entry.mark_reason}" for entry in known if entry.mark_reason)
    note = template.format(codes=_names(codes, known), heard=heard.value) + reasons
    return replace(
        report,
        outcome=Outcome(alone, report.outcome.confidence, None, note),
        signalling=SignallingEvidence(_pairs(codes, known), "decides", heard, note),
    )


_NOTES: Mapping[str, str] = {
    "agrees": "{codes} agrees with what was heard ({heard})",
    "disagrees": "{codes} disagrees with what was heard ({heard}); what was heard decides",
    "says_nothing": "{codes} says nothing about the callee",
    "decides": "nothing was heard ({heard}), so {codes} stands in",
    "asks": "nothing was heard ({heard}), and {codes} alone decides nothing: a person should look",
}


def _agreement(
    heard: CallOutcome, known: Sequence[CodeEntry]
) -> Literal["agrees", "disagrees", "says_nothing"]:
    telling = [entry for entry in known if entry.agrees]
    if not telling or heard is CallOutcome.UNDETERMINED:
        return "says_nothing"
    return "agrees" if all(heard in entry.agrees for entry in telling) else "disagrees"


def _pairs(
    codes: Sequence[SignallingCode], known: Sequence[CodeEntry]
) -> tuple[tuple[str, int, str], ...]:
    meanings = {(entry.protocol, entry.code): entry.meaning for entry in known}
    return tuple((c.protocol, c.code, meanings.get((c.protocol, c.code), "")) for c in codes)


def _names(codes: Sequence[SignallingCode], known: Sequence[CodeEntry]) -> str:
    return " and ".join(
        f"{code} ({meaning or 'not in the table'})"
        for code, (_, _, meaning) in zip(codes, _pairs(codes, known), strict=True)
    )


def _russian(codes: Sequence[SignallingCode], known: Sequence[CodeEntry]) -> str:
    meanings = {(entry.protocol, entry.code): entry.russian for entry in known}
    return ", ".join(
        f"{code} («{meanings[code.protocol, code.code]}»)"
        if (code.protocol, code.code) in meanings
        else str(code)
        for code in codes
    )


@cache
def load_signalling(path: Path | None = None) -> SignallingTable:
    """Return the table of codes; `path` None: the shipped one.

    Raises
    ------
    DataFileError
        Naming the file and line of what is wrong, a mark without a reason included.
    """
    file = read_toml(path or data_folder(".") / "signalling.toml")
    content = convert_toml(file, _File)
    seen: set[tuple[str, int]] = set()
    for index, entry in enumerate(content.code):
        place = file.place("code", index, "code")
        try:
            name = str(SignallingCode(entry.protocol, entry.code))
        except ValueError as problem:
            raise DataFileError(f"{place}: {problem}") from problem
        if (entry.protocol, entry.code) in seen:
            raise DataFileError(f"{place}: {name} is listed twice")
        seen.add((entry.protocol, entry.code))
        marks = phrase_list_of(entry.alone) is PhraseListName.INVALID_NUMBER
        if marks and not entry.mark_reason.strip():
            raise DataFileError(
                f"{file.place('code', index, 'alone')}: {name} alone would set the mark "
                f"«Некорректный контакт» ({entry.alone}); say why in mark_reason, or drop `alone`"
            )
    return SignallingTable(content.code, content.bare_outcomes)
