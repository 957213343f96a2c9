"""Which recordings there are: folders, patterns, manifests, lists; and how a file is known again.

A recording is the same as before if its path, size and time of change are; whether two files
hold the same sound is the journal's question (digest).
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from hashlib import blake2b
from pathlib import Path

from recognizer.base.errors import RecognizerError
from recognizer.base.moments import lies_ahead
from recognizer.base.office_zone import office_timezone
from recognizer.batch.file_names import (
    CallFacts,
    CallRecords,
    NamePattern,
    facts_from_name,
    parse_attempt,
    parse_moment,
)
from recognizer.batch.recording_files import files_below, is_folder, is_recording_name
from recognizer.batch.stalled_mounts import look
from recognizer.regulation.signalling import parse_code

__all__ = [
    "FactFinder",
    "FileIdentity",
    "Recording",
    "identify",
    "is_wanted",
    "read_manifest",
    "recordings_in",
    "told_apart",
    "written_path",
]

_FIRST_YEAR, _LAST_YEAR = 1971, 2199  # of calls that somebody made

_NOTHING = CallFacts()


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What makes a file the same as before.

    Attributes
    ----------
    path : str
        Absolute, as `told_apart` writes it.
    size_bytes, modified_ns : int
    """

    path: str
    size_bytes: int
    modified_ns: int

    @property
    def key(self) -> bytes:
        """Sixteen bytes that stand for it in a set of many."""
        text = f"{self.path}\0{self.size_bytes}\0{self.modified_ns}"
        return blake2b(text.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One file to classify, and what is known of its call.

    Attributes
    ----------
    path : Path
    name : str
        What results call it.
    called_at : datetime or None
        Moment of the call in the office's zone.
    contact : str or None
        Card of the journal.
    channel : str, int or None
    """

    path: Path
    name: str
    facts: CallFacts = _NOTHING
    called_at: dt.datetime | None = None
    contact: str | None = None
    channel: str | int | None = None


def written_path(path: Path) -> str:
    """Return a path as text that any encoder takes: bytes that are no UTF-8 are written in hex."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def told_apart(path: Path) -> str:
    r"""Return a path as text that no other path has.

    `written_path`, but where that would hold ``\x`` the backslashes of the name itself are
    doubled: else the byte ff and a name that spells it ``\xff`` would be one file.
    """
    text = written_path(path)
    if "\\x" not in text:
        return text
    return os.fsencode(path).replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def identify(path: Path, status: os.stat_result | None = None) -> FileIdentity:
    """Return the identity of a file as it is now; OSError if it cannot be looked at.

    `status`: what was seen, for who has looked already.
    """
    if status is None:
        status = look(path, path.stat)
    return FileIdentity(
        told_apart(Path(os.path.abspath(path))),  # noqa: PTH100  a link stays itself
        status.st_size,
        status.st_mtime_ns,
    )


@dataclass(frozen=True, slots=True)
class FactFinder:
    """Finds out about a call from its file name and the call records.

    Attributes
    ----------
    patterns : sequence of NamePattern
        Tried in order.
    records : CallRecords or None
    zone : tzinfo
        The office's: a time that says no zone is of it, and so is the day of a call.
    on_note : callable
        Told in a sentence what was said of a call and is not believed.
    """

    patterns: Sequence[NamePattern] = ()
    records: CallRecords | None = None
    zone: dt.tzinfo = dataclasses.field(default_factory=office_timezone)
    on_note: Callable[[str], object] = lambda _: None

    def facts(self, path: Path, known: CallFacts = _NOTHING) -> CallFacts:
        """Return what is known of the call: `known` first, then the name, then the records."""
        facts = known.over(facts_from_name(written_path(path), self.patterns, self.on_note))
        return facts if self.records is None else self.records.facts(written_path(path), facts)

    def recording(
        self,
        path: Path,
        name: str,
        known: CallFacts = _NOTHING,
        *,
        contact: str | None = None,
        channel: str | int | None = None,
    ) -> Recording:
        """Return a recording with what is known of its call."""
        facts = self.facts(path, known)
        called_at = self.in_office(facts.called_at)
        if called_at is not None and lies_ahead(called_at):
            self.on_note(
                f"{name}: the call is said to begin at {called_at:%Y-%m-%d %H:%M}, which is yet to "
                "come: its time is taken as unknown"
            )
            called_at = None
        if called_at is None and facts.called_at is not None:
            facts = dataclasses.replace(facts, called_at=None)
        return Recording(
            path=path,
            name=name,
            facts=facts,
            called_at=called_at,
            contact=contact,
            channel=channel,
        )

    def in_office(self, moment: dt.datetime | None) -> dt.datetime | None:
        """Return a moment in the office's zone; None where it is none."""
        # Programs write 0001-01-01 or 9999-12-31 where they know no time: that is no moment.
        if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            return None
        if moment.tzinfo is None:
            return moment.replace(tzinfo=self.zone)
        return moment.astimezone(self.zone)


def is_wanted(path: Path, include: Sequence[str], exclude: Sequence[str] = ()) -> bool:
    """Tell whether a file of a searched folder is a recording to take.

    Hidden files and temporary names (``x.wav.part``, ``x.wav~``) never are, unless a pattern
    names them: other programs are still writing them.
    """
    name = path.name
    if any(fnmatch(name, pattern) or path.match(pattern) for pattern in exclude):
        return False
    if include:
        return any(fnmatch(name, pattern) or path.match(pattern) for pattern in include)
    return is_recording_name(name)


def recordings_in(
    paths: Iterable[Path],
    finder: FactFinder,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    missing_ok: bool = False,
    on_unreadable: Callable[[str], object] = lambda _: None,
) -> Iterator[Recording]:
    """Yield the recordings of folders (`files_below`) and single files, sorted by name.

    A file named itself is taken whatever it is called.

    Parameters
    ----------
    missing_ok : bool
        Yield a path that does not exist too: it becomes a result that says so.
    on_unreadable : callable
        Told of every folder that cannot be searched; the rest goes on.

    Raises
    ------
    RecognizerError
        If a path does not exist, unless `missing_ok`.
    """
    for start in paths:
        if not missing_ok and _is_missing(start):
            raise RecognizerError(
                f"{written_path(start)}: no such file or folder; name a folder of recordings, a "
                "file, or - for a list on stdin"
            )
        if not is_folder(start):
            yield finder.recording(start, written_path(start))
            continue
        for path in files_below(start, on_unreadable):
            if is_wanted(path, include, exclude):
                yield finder.recording(path, written_path(path))


def _is_missing(path: Path) -> bool:
    try:
        return not look(path, path.exists)
    except OSError:  # closed to us, or it does not answer: it becomes a result that says so
        return False


def read_manifest(path: Path, finder: FactFinder) -> Iterator[Recording]:
    """Yield the recordings a manifest lists: CSV or TSV with a heading.

    Columns: ``path`` (relative to the manifest's folder), and where known ``contact``,
    ``number``, ``called_at``, ``call_id``, ``attempt``, ``channel``, ``sip_code``, ``q850``;
    others are left alone.

    Raises
    ------
    RecognizerError
        Naming file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            heading = file.readline()
            file.seek(0)
            delimiter = max("\t;,", key=heading.count)
            rows = csv.DictReader(file, delimiter=delimiter)
            if "path" not in (rows.fieldnames or ()):
                raise RecognizerError(
                    f"{path}, line 1: expected a heading with a column `path`, got "
                    f"{heading.strip()[:80]!r}"
                )
            named: dict[str, tuple[int, object]] = {}
            for row in rows:
                if row["path"]:
                    recording = _manifest_row(path, rows.line_num, row, finder)
                    _check_named_once(path, rows.line_num, recording, named)
                    yield recording
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise RecognizerError(f"{path}: cannot be read: {problem}") from problem


def _check_named_once(
    manifest: Path, line: int, recording: Recording, named: dict[str, tuple[int, object]]
) -> None:
    """Refuse a file that two lines say different things of: one of the calls would be lost."""
    from recognizer.crm.numbers import read_numbers  # noqa: PLC0415  `classify` needs no numbers

    facts = recording.facts
    numbers = [one.e164 or facts.number for one in read_numbers(facts.number or "")]
    said = (
        dataclasses.replace(facts, number=None),
        numbers or facts.number,
        recording.contact,
        recording.channel,
    )
    before, said_before = named.setdefault(os.path.abspath(recording.path), (line, said))  # noqa: PTH100
    if said_before != said:
        raise RecognizerError(
            f"{manifest}, line {line}: {recording.name} is named in line {before} already, with "
            "another card, number or call; one file is one call: correct one of the two lines, or "
            "give the other call a file of its own"
        )


def _manifest_row(
    manifest: Path, line: int, row: dict[str, str | None], finder: FactFinder
) -> Recording:
    def cell(name: str) -> str:
        return (row.get(name) or "").strip()

    path = manifest.parent / cell("path")
    try:
        codes = (parse_code("sip", cell("sip_code")), parse_code("q850", cell("q850")))
        known = CallFacts(
            number=cell("number") or None,
            called_at=_past(parse_moment(cell("called_at")), finder),
            call_id=cell("call_id") or None,
            attempt=parse_attempt(cell("attempt")),
            codes=tuple(code for code in codes if code is not None),
        )
    except (ValueError, RecognizerError) as problem:
        raise RecognizerError(f"{manifest}, line {line}: {problem}") from problem
    return finder.recording(
        path,
        cell("path"),
        known,
        contact=cell("contact") or None,
        channel=cell("channel") or None,
    )


def _past(moment: dt.datetime | None, finder: FactFinder) -> dt.datetime | None:
    """Return a moment that is no news; ValueError for one that is yet to come."""
    in_office = finder.in_office(moment)
    if in_office is not None and lies_ahead(in_office):
        raise ValueError(f"called_at: expected a moment that is past, found {moment}")
    return moment
