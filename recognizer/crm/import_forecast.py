"""What an import would lead to before any call: the cards a rule on the card alone marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recognizer.crm.contacts import ContactCard, Office, card_facts

if TYPE_CHECKING:
    from recognizer.crm.journal.records import CardChange
    from recognizer.regulation.rules import Regulation

__all__ = ["ImportForecast", "forecast_import"]


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
    """

    n_cards: int
    marked_by_rule: Mapping[str, int]

    @property
    def n_marked(self) -> int:
        """Cards marked without a call."""
        return sum(self.marked_by_rule.values())

    @property
    def share(self) -> float:
        """Marked cards of those added or changed, 0 to 1."""
        return self.n_marked / self.n_cards if self.n_cards else 0.0


def forecast_import(
    changes: Iterable[CardChange], regulation: Regulation, office: Office
) -> ImportForecast:
    """Count what the changes of a dry run would lead to.

    Parameters
    ----------
    changes : iterable of CardChange
        From `Journal.import_contacts` with `dry_run`; read once, none is kept.
    regulation : Regulation
    office : Office
    """
    n_cards = 0
    marked: Counter[str] = Counter()
    for change in changes:
        if not (change.is_new or change.changes):
            continue
        n_cards += 1
        rule = _marking_rule(change.card, regulation, office)
        if rule is not None and _marking_rule(change.previous, regulation, office) is None:
            marked[rule] += 1
    return ImportForecast(n_cards, dict(marked))


def _marking_rule(card: ContactCard | None, regulation: Regulation, office: Office) -> str | None:
    """Return the rule that marks a card without a call, None if none does."""
    if card is None:
        return None
    ruling = regulation.rule_on_card(card_facts(card, office))
    if ruling is None or not ruling.decision.incorrect_contact:
        return None
    return ruling.decision.rule_id
