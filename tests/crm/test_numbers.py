"""A table of spellings from the numbering plan, and what no spelling may lead to."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.crm.card_facts import card_facts
from recognizer.crm.contacts import ContactCard
from recognizer.crm.numbers import (
    NumberState,
    is_spreadsheet_error,
    lost_digits,
    number_state,
    read_numbers,
)
from recognizer.crm.office import load_office

OFFICE = load_office()
TABLE = Path(__file__).parents[1] / "data" / "cards" / "spellings.tsv"
ROWS = [
    (state, field[1:-1].replace("\\n", "\n"), tuple(numbers.split()), extension or None)
    for state, field, numbers, extension in (
        line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines()[1:]
    )
]
VALID = [(field, numbers) for state, field, numbers, _ in ROWS if state == "valid"]


def test_the_table_has_every_state() -> None:
    assert len(ROWS) >= 300
    assert {row[0] for row in ROWS} == {"valid", "doubtful", "absent", "wrong"}


@pytest.mark.parametrize(("state", "field", "numbers", "extension"), ROWS)
def test_a_spelling_is_what_the_numbering_plan_says(
    state: str, field: str, numbers: tuple[str, ...], extension: str | None
) -> None:
    read = read_numbers(field)
    assert number_state(read) == state
    assert tuple(number.e164 for number in read if number.e164) == numbers
    if extension is not None:
        assert [number.extension for number in read] == [extension]


@pytest.mark.parametrize(("state", "field", "numbers", "extension"), ROWS)
def test_only_absent_and_wrong_numbers_are_facts(
    state: str, field: str, numbers: tuple[str, ...], extension: str | None
) -> None:
    known = card_facts(ContactCard(ref="1", mobile_phone=field), OFFICE)
    assert ("number_missing" in known) == (state == "absent")
    assert ("number_malformed" in known) == (state == "wrong")
    card = ContactCard(ref="1", mobile_phone=field, number_unknown=True)
    silent = card_facts(card, OFFICE)
    assert not silent & {"number_missing", "number_malformed"}


@pytest.mark.property
@given(
    row=st.sampled_from(VALID),
    before=st.sampled_from(
        ["", " ", "тел. ", "моб: ", "с 9:00 до 18:00, ", "1) ", "жена, ", "— ", "(", "\u200e", "\t"]
    ),
    after=st.sampled_from(
        [
            "",
            " ",
            " 10-19",
            " (Иван)",
            "; нет",
            ", 12345",
            "\n\n",
            " до 21:00",
            ")",
            " (раб.)",
            ", звонить с 10 до 19",
            " / ",
            "\u00a0",
            "\t",
            " WhatsApp",
            "?",
            "\n(жена)",
            " — дочь",
        ]
    ),
)
def test_a_valid_number_survives_what_stands_around_it(
    row: tuple[str, tuple[str, ...]], before: str, after: str
) -> None:
    field, _ = row
    if "E" in field.upper() and before + after:
        return  # a number in powers of ten fills its cell alone
    assert number_state(read_numbers(before + field + after)) is NumberState.VALID


@pytest.mark.property
@given(st.text(max_size=30))
def test_no_text_without_seven_digits_is_malformed(text: str) -> None:
    if sum(char.isnumeric() for char in text) < 7:
        assert number_state(read_numbers(text)) is not NumberState.WRONG


@pytest.mark.parametrize("text", ["#N/A", "#Н/Д", "########", "#ССЫЛКА!", "Err:502", " #REF! "])
def test_an_error_of_a_spreadsheet_is_told(text: str) -> None:
    assert is_spreadsheet_error(text)


@pytest.mark.parametrize("text", ["7,90577E+10", "7.90577E+10", "8.9057708945926E+21", "8E+10"])
def test_digits_a_spreadsheet_lost_are_told(text: str) -> None:
    assert lost_digits(text)
    assert not lost_digits("7.9057708945E+10")
