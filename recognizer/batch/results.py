"""Results of many recordings: a log that survives anything, and tables made from it.

The log is JSON Lines, one classification a line, appended with one write and one fsync, so that
whatever is killed the file holds whole lines but for perhaps its last, which is cut off when the
log is opened again. CSV and XLSX are written from the log, whole or not at all.
"""

from __future__ import annotations

import contextlib
import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Self

import filelock
import msgspec

from recognizer.base.errors import RecognizerError
from recognizer.base.whole_files import is_url, sync_folder, write_whole
from recognizer.batch.log_line import LogLine, decode_line
from recognizer.batch.recordings import FileIdentity

__all__ = ["ResultLog", "read_results", "write_csv", "write_xlsx"]

_LONGEST_LINE = 64 * 1024 * 1024


class ResultLog:
    """An append-only log of results, open for one writer.

    Parameters
    ----------
    path : Path
        Created if missing.
    retry_failed : bool
        Forget recordings that ended in an error, so that they are done again.
    remember : bool
        Keep in memory what is done, for `has`; False: `SeenFiles` knows it.

    Attributes
    ----------
    counts : Counter
        Lines by outcome (`error:<kind>` for those without one).

    Raises
    ------
    RecognizerError
        If another run has the log open, it cannot be written, or it holds something else.
    """

    def __init__(self, path: Path, *, retry_failed: bool = False, remember: bool = True) -> None:
        if is_url(path):
            raise RecognizerError(
                f"{path}: cannot be written: expected a path, found a URL; only --ray writes to one"
            )
        self.path = path
        self._remember = remember
        self.counts: Counter[str] = Counter()
        self._done: set[bytes] = set()
        self._lock = filelock.FileLock(f"{path}.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except filelock.Timeout as problem:
            raise RecognizerError(
                f"{path}: another run writes its results here; wait for it or choose another file"
            ) from problem
        except OSError as problem:
            raise RecognizerError(f"{path}: cannot be written: {problem.strerror}") from problem
        try:
            self._open(retry_failed)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, retry_failed: bool) -> None:
        try:
            if self.path.exists() and not self.path.is_file():
                raise RecognizerError(f"{self.path}: expected a file for the results, found none")
            self.path.touch()
            _refuse_foreign(self.path)
            _cut_torn_line(self.path)
            if retry_failed:
                _drop_failed(self.path)
            for line in _lines(self.path) if self._remember else ():
                self._note(line)
            self._file = self.path.open("ab", buffering=0)
            self._status = os.fstat(self._file.fileno())
            self._n_bytes = self._status.st_size
            sync_folder(self.path.parent)
        except OSError as problem:
            raise RecognizerError(
                f"{self.path}: cannot be written: {problem.strerror}"
            ) from problem

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._done)

    def has(self, identity: FileIdentity) -> bool:
        """Tell whether the log holds a result of this very file."""
        return identity.key in self._done

    def append(self, result: dict[str, Any]) -> None:
        """Add a result; when this returns it is on the disk.

        Raises
        ------
        RecognizerError
            If it could not be written; nothing of it stays. If the log was deleted, replaced or
            cut.
        """
        self._check_file()
        data = msgspec.json.encode(result) + b"\n"
        size = os.fstat(self._file.fileno()).st_size
        try:
            written = self._file.write(data)
            if written != len(data):
                raise OSError(28, "no space left on the device")  # noqa: TRY301
            os.fsync(self._file.fileno())
            self._n_bytes = size + written
        except OSError as problem:
            with contextlib.suppress(OSError):
                self._file.truncate(size)
            raise RecognizerError(
                f"{self.path}: a result cannot be written: {problem.strerror}; what is in it "
                "stays, the same command goes on from there"
            ) from problem
        self._note(data)

    def _check_file(self) -> None:
        """Refuse to write where nobody would find it."""
        try:
            now = self.path.stat()
            is_ours = os.path.samestat(now, self._status) and now.st_size >= self._n_bytes
        except OSError:
            is_ours = False
        if not is_ours:
            raise RecognizerError(
                f"{self.path}: was deleted, replaced or cut under this run; what it held is gone, "
                "the same command begins it anew"
            )

    def close(self) -> None:
        """Close the log for the next writer."""
        self._file.close()
        self._lock.release()

    def _note(self, data: bytes) -> None:
        line = decode_line(data)
        if self._remember and line.done_key is not None:
            self._done.add(line.done_key)
        self.counts[line.outcome or f"error:{line.error.kind if line.error else 'unknown'}"] += 1


def _refuse_foreign(path: Path) -> None:
    """Look at the first line before anything is cut: the file may be somebody's letter."""
    with path.open("rb") as file:
        first = file.readline(_LONGEST_LINE)
    is_whole = first.endswith(b"\n") and b"\0" not in first
    could_be_torn = first.startswith(b"{") or not first.strip(b"\0\n")
    if is_whole or not could_be_torn:
        _decode(path, 1, first)


def _cut_torn_line(path: Path) -> None:
    """Cut off what a kill or a power cut left of the last line."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = _start_of_last_line(file, end)
            file.seek(start)
            last = file.read(end - start)
            # A power cut can leave a line of zeros that ends in nothing or in a line feed.
            if last.endswith(b"\n") and b"\0" not in last:
                break
            end = start
        file.truncate(end)
        os.fsync(file.fileno())


def _start_of_last_line(file: IO[bytes], end: int) -> int:
    """Return where the last line of the first `end` bytes begins."""
    position = end - 1  # the line's own line feed does not count
    while position > 0:
        begin = max(0, position - 65536)
        file.seek(begin)
        found = file.read(position - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        position = begin
    return 0


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            _decode(path, number, line)
            yield line


def _decode(path: Path, number: int, line: bytes) -> LogLine:
    try:
        return decode_line(line)
    except msgspec.DecodeError as problem:
        raise RecognizerError(
            f"{path}, line {number}: expected a result of `recognizer batch`, got "
            f"{line[:60]!r} ({problem}); choose another file for the results"
        ) from problem


def _drop_failed(path: Path) -> None:
    def keep(file: IO[bytes]) -> None:
        file.writelines(line for line in _lines(path) if decode_line(line).error is None)

    write_whole(path, keep)


def read_results(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the results of a log, one after the other."""
    with path.open("rb") as file:
        for line in file:
            result: dict[str, Any] = msgspec.json.decode(line)
            yield result


_COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("recording", ("recording",)),
    ("outcome", ("outcome",)),
    ("phrase_list", ("phrase_list",)),
    ("confidence", ("confidence",)),
    ("status", ("decision", "status")),
    ("incorrect_contact", ("decision", "incorrect_contact")),
    ("rule", ("decision", "rule")),
    ("by_analogy", ("decision", "by_analogy")),
    ("attempt", ("decision", "attempt")),
    ("after_attempt", ("decision", "after_attempt")),
    ("final", ("decision", "final")),
    ("next", ("decision", "next")),
    ("comment", ("decision", "comment")),
    ("phrase", ("phrase", "text")),
    ("transcript", ("transcript", "text")),
    ("duration_s", ("duration_s",)),
    ("number", ("call", "number")),
    ("called_at", ("call", "called_at")),
    ("call_id", ("call", "call_id")),
    ("contact", ("call", "contact")),
    ("signalling", ("signalling", "agreement")),
    ("signalling_note", ("signalling", "note")),
    ("error", ("error", "kind")),
    ("error_message", ("error", "message")),
)


def _row(result: dict[str, Any]) -> list[Any]:
    return [_value(result, keys) for _, keys in _COLUMNS]


def _value(result: dict[str, Any], keys: tuple[str, ...]) -> Any:
    value: Any = result
    for key in keys:
        value = None if value is None else value.get(key)
    return value


def write_csv(path: Path, results: Iterable[dict[str, Any]]) -> None:
    """Write a table for people: UTF-8 with a mark, so that Excel reads Cyrillic.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """

    def write(file: IO[bytes]) -> None:
        file.write(b"\xef\xbb\xbf")
        for row in _table(results):
            cells = [_safe_cell(value) for value in row]
            file.write(_csv_line(cells))

    write_whole(path, write)


def _table(results: Iterable[dict[str, Any]]) -> Iterator[list[Any]]:
    yield [name for name, _ in _COLUMNS]
    for result in results:
        yield _row(result)


class _Keep:
    """A file for `csv.writer` that keeps the last line."""

    line = ""

    def write(self, text: str) -> None:
        self.line = text


def _csv_line(cells: list[Any]) -> bytes:
    keep = _Keep()
    csv.writer(keep).writerow(cells)
    return keep.line.encode("utf-8", "backslashreplace")


_FORMULA = re.compile(r"[=+\-@\t\r\n]")


def _safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet computes (OWASP, "CSV Injection")."""
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def write_xlsx(path: Path, results: Iterable[dict[str, Any]]) -> None:
    """Write the same table for Excel; every text is stored as text, never as a formula.

    Raises
    ------
    RecognizerError
        If `openpyxl` is not installed.
    """
    from recognizer.crm.card_files import fit_cell  # noqa: PLC0415  only for workbooks

    try:
        from openpyxl import Workbook  # noqa: PLC0415  optional
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    except ModuleNotFoundError as problem:
        raise RecognizerError(
            f"{path}: XLSX needs the package openpyxl; pip install 'recognizer[journal]', or use "
            "--csv"
        ) from problem
    book = Workbook(write_only=True)
    sheet = book.create_sheet("calls")
    sheet.freeze_panes = "A2"

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        said = f" … [{len(value)} characters, the rest is in the log]"
        text = fit_cell(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", value), said)
        made = WriteOnlyCell(sheet, text)
        made.data_type = "s"
        return made

    for row in _table(results):
        sheet.append([cell(value) for value in row])
    write_whole(path, book.save)
