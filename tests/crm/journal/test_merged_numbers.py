"""A card that another is merged into has the numbers of both; no mark for one of them alone."""

from collections.abc import Iterator

import pytest

from recognizer.crm.contacts import ContactCard, NumberState
from recognizer.crm.journal.journal import Journal


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        yield opened


@pytest.mark.parametrize("own", ["", "8 926 123", "-"])
def test_a_card_without_a_number_takes_the_other_s_and_loses_its_mark(
    journal: Journal, own: str
) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone="8 926 555-01-02", owner="Иванов"))
    journal.upsert_contact(ContactCard(ref="2", mobile_phone=own, owner="Иванов"))
    before = journal.decide_card("2")
    assert before is not None
    assert before.decision.rule_id in {"number-missing", "number-malformed"}
    journal.merge_contacts("1", "2", made_by="Анна")
    merged = journal.contact("2")
    assert merged.card.number_state is NumberState.VALID
    assert journal.decide_card("2") is None
    assert [found.card.ref for found in journal.contacts_with_number("89265550102")]


def test_two_numbers_of_one_client_stand_side_by_side(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone="8 926 555-01-02"))
    journal.upsert_contact(ContactCard(ref="2", mobile_phone="8 926 555-01-03"))
    journal.merge_contacts("1", "2", made_by="Анна")
    numbers = [number.e164 for number in journal.contact("2").card.numbers()]
    assert numbers == ["+79265550103", "+79265550102"]


def test_a_number_nobody_knows_stays_unknown_when_cards_are_merged(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="1", number_unknown=True))
    journal.upsert_contact(ContactCard(ref="2"))
    journal.merge_contacts("1", "2", made_by="Анна")
    assert journal.contact("2").card.number_state is NumberState.UNKNOWN


def test_taking_back_the_import_of_a_merged_card_says_that_it_was_merged(journal: Journal) -> None:
    number = journal.begin_import("cards.csv", made_by="operator7")
    cards = [ContactCard(ref="1", mobile_phone="8 926 555-01-02"), ContactCard(ref="2")]
    list(journal.import_contacts(cards, source="import cards.csv", import_id=number))
    journal.merge_contacts("1", "2", made_by="Анна")
    left = journal.undo_import(number, made_by="supervisor").left
    assert {card.ref: "merged" in card.reason for card in left} == {"1": True, "2": True}
