"""What was understood of a file of cards: sample rows, states of numbers, rejected rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from recognizer.crm.card_files.reading import CardReader
from recognizer.crm.card_files.row_reading import RejectedRow
from recognizer.crm.contacts import ContactCard
from recognizer.crm.numbers import NumberState

__all__ = ["CardSurvey"]

_N_SAMPLES = 3


class CardSurvey:
    """Takes note of a file while its cards pass through `cards`.

    Parameters
    ----------
    reader : CardReader
    n_rejected_kept : int
        Of so many rejected rows, the first, the reasons are kept.

    Attributes
    ----------
    samples : list of ContactCard
        The first three.
    numbers : Counter of NumberState
        Cards by what is known of their number.
    rejected : list of RejectedRow
        The first of them.
    n_rejected : int
    """

    def __init__(self, reader: CardReader, *, n_rejected_kept: int = _N_SAMPLES) -> None:
        self.reader = reader
        self.samples: list[ContactCard] = []
        self.numbers: Counter[NumberState] = Counter()
        self.rejected: list[RejectedRow] = []
        self.n_rejected = 0
        self._n_rejected_kept = n_rejected_kept

    @property
    def n_cards(self) -> int:
        """Rows that are cards."""
        return self.numbers.total()

    def cards(self) -> Iterator[ContactCard]:
        """Yield the cards of the file, once."""
        for row in self.reader:
            if isinstance(row, RejectedRow):
                self.n_rejected += 1
                if len(self.rejected) < self._n_rejected_kept:
                    self.rejected.append(row)
                continue
            self.numbers[row.number_state] += 1
            if len(self.samples) < _N_SAMPLES:
                self.samples.append(row)
            yield row
