"""What an import would lead to before any call: the cards a rule on the card alone marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recognizer.crm.card_facts import card_facts
from recognizer.crm.card_files import RejectedRow
from recognizer.crm.contacts import ContactCard, NumberState
from recognizer.crm.office import Office

if TYPE_CHECKING:
    from recognizer.crm.card_files import CardColumns, CardReader
    from recognizer.crm.journal.journal import Journal
    from recognizer.crm.journal.records import CardChange
    from recognizer.regulation.rules import Regulation

__all__ = ["ImportForecast", "forecast_import", "refused_row"]

_N_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class ImportForecast:
    """Cards an import adds or changes, and those it leads to mark without a call.

    Attributes
    ----------
    n_cards : int
        Added or changed; what stays as it is causes nothing.
    marked_by_rule : dict
        Id of a rule on the card to the number of cards it marks after the import and did not
        before.
    examples : tuple of (ContactCard, str)
        The first of those cards, with the rule.
    n_unmarked : int
        Cards a rule on the card marked before the import and none marks after it.
    refused : tuple of CardChange
        The first of the cards that name another owner or car than the journal does.
    n_refused : int
    marked_in_crm : tuple of str
        `ref` of cards that get a number while the CRM's own mark stands: a person must look.
    """

    n_cards: int
    marked_by_rule: Mapping[str, int]
    examples: tuple[tuple[ContactCard, str], ...] = ()
    n_unmarked: int = 0
    marked_in_crm: tuple[str, ...] = ()
    refused: tuple[CardChange, ...] = ()
    n_refused: int = 0

    @property
    def n_marked(self) -> int:
        """Cards marked without a call."""
        return sum(self.marked_by_rule.values())

    @property
    def share(self) -> float:
        """Marked cards of those added or changed, 0 to 1."""
        return self.n_marked / self.n_cards if self.n_cards else 0.0


def forecast_import(
    cards: Iterable[ContactCard],
    fields: Collection[str],
    journal: Journal,
    *,
    other_clients: bool = False,
) -> ImportForecast:
    """Count what importing cards would lead to; nothing is stored.

    Parameters
    ----------
    cards : iterable of ContactCard
        Read once, none is kept but examples.
    fields : collection of str
        What the file says of a card (`CardReader.present`).
    journal : Journal
    other_clients : bool
        Cards that name another owner or car than the journal does are taken over.
    """
    n_cards = 0
    marked: Counter[str] = Counter()
    examples: list[tuple[ContactCard, str]] = []
    marked_in_crm: list[str] = []
    n_unmarked = 0
    refused: list[CardChange] = []
    n_refused = 0
    for change in journal.import_contacts(
        cards, source="forecast", fields=fields, dry_run=True, other_clients=other_clients
    ):
        if change.refused:
            n_refused += 1
            refused.extend([change] if n_refused <= _N_EXAMPLES else [])
        if not (change.is_new or change.changes):
            continue
        n_cards += 1
        rule = _marking_rule(change.card, journal.regulation, journal.office)
        before = _marking_rule(change.previous, journal.regulation, journal.office)
        n_unmarked += before is not None and rule is None
        if _keeps_crm_mark(change):
            marked_in_crm.append(change.ref)
        if change.card is None or rule is None or before is not None:
            continue
        marked[rule] += 1
        if len(examples) < _N_EXAMPLES:
            examples.append((change.card, rule))
    return ImportForecast(
        n_cards,
        dict(marked),
        tuple(examples),
        n_unmarked,
        tuple(marked_in_crm),
        tuple(refused),
        n_refused,
    )


def refused_row(change: CardChange, reader: CardReader, columns: CardColumns) -> RejectedRow:
    """Return a card that the journal refused as a row of its file: whose it was, whose it is."""
    differences = (
        f"{columns.headings[name]}: было «{old}», в файле «{new}»"
        for name, (old, new) in change.refused.items()
    )
    reason = f"под номером {change.ref} другой клиент или машина; {'; '.join(differences)}"
    texts = {} if change.card is None else columns.write(change.card)
    cells = tuple("" if field is None else texts.get(field, "") for field in reader.fields)
    return RejectedRow(0, reason, cells)


def _keeps_crm_mark(change: CardChange) -> bool:
    """Tell whether a card that is marked in the CRM gets a number it lacked."""
    if change.card is None or change.previous is None or not change.card.incorrect_contact:
        return False
    lacked = change.previous.number_state in {NumberState.ABSENT, NumberState.WRONG}
    return lacked and change.card.number_state is NumberState.VALID


def _marking_rule(card: ContactCard | None, regulation: Regulation, office: Office) -> str | None:
    """Return the rule that marks a card without a call, None if none does."""
    if card is None:
        return None
    ruling = regulation.rule_on_card(card_facts(card, office))
    if ruling is None or not ruling.decision.incorrect_contact:
        return None
    return ruling.decision.rule_id
