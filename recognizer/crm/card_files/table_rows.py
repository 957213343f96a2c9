"""The rows of a table, kept on disk while a first look tells which cards stand in several."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["BESIDE", "TableRow", "TableRows", "without_beside"]

BESIDE = "\ufdd1"
"""Parts, within a cell, its text from what else a person finds in it: a note, a link's number."""

_IN_MEMORY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table.

    Attributes
    ----------
    line : int
        Line of the file (row of the sheet) where it begins, from 1.
    ref : str
        The number of its card.
    cells : list of str
    beside : dict of int to str
        What a cell has besides its text, by the cell's place from 0.
    ends_card : bool
        No later row is of the same card.
    is_alone : bool
        Nor is an earlier one.
    has_twin : bool
        Another card's number differs from this one in nothing but how it is written.
    """

    line: int
    ref: str
    cells: list[str]
    beside: dict[int, str]
    ends_card: bool
    is_alone: bool
    has_twin: bool


class TableRows:
    """Rows that are read twice, from a source that may be read once; a context manager.

    Parameters
    ----------
    rows : iterable of (int, list of str)
        Empty ones are left out.
    ref_of : callable
        Returns the number of the card in a row.
    likeness : callable
        Returns what two ways to write one card's number have in common.
    """

    def __init__(
        self,
        rows: Iterable[tuple[int, list[str]]],
        ref_of: Callable[[Sequence[str]], str],
        likeness: Callable[[str], str],
    ) -> None:
        self._likeness = likeness
        self._alike: dict[str, str] = {}  # of each likeness the first number
        self._twins: set[str] = set()  # likenesses of several
        self._ref_of = ref_of
        self._last: dict[str, int] = {}  # of each card its last row
        self._repeated: set[str] = set()
        self._n_rows = 0
        # Closed by the context this is; a damaged source must leave no file behind.
        with contextlib.ExitStack() as opened:
            self._file = opened.enter_context(
                tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)
            )
            for line, cells in rows:
                if any(cell.strip() for cell in cells):
                    self._keep(line, cells)
            self._opened = opened.pop_all()

    def _keep(self, line: int, cells: list[str]) -> None:
        ref = self._ref_of([without_beside(cell) for cell in cells])
        if ref in self._last:
            self._repeated.add(ref)
        else:
            like = self._likeness(ref)
            if self._alike.setdefault(like, ref) != ref:
                self._twins.add(like)
        self._last[ref] = self._n_rows
        self._n_rows += 1
        pickle.dump((line, ref, cells), self._file)

    def __enter__(self) -> Iterator[TableRow]:
        """Return the rows."""
        return self._read()

    def _read(self) -> Iterator[TableRow]:
        self._file.seek(0)
        for index in range(self._n_rows):
            line, ref, cells = pickle.load(self._file)  # noqa: S301 - written just now
            yield TableRow(
                line,
                ref,
                [without_beside(cell) for cell in cells],
                {at: cell.partition(BESIDE)[2] for at, cell in enumerate(cells) if BESIDE in cell},
                ends_card=self._last[ref] == index,
                is_alone=ref not in self._repeated,
                has_twin=bool(self._twins) and self._likeness(ref) in self._twins,
            )

    def __exit__(self, *_: object) -> None:
        """Forget them."""
        self._opened.close()


def without_beside(cell: str) -> str:
    """Return the text of a cell alone."""
    return cell.partition(BESIDE)[0] if BESIDE in cell else cell
