"""Only what is plainly empty or plainly a wrong number may be called so; all else is doubtful."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.crm.numbers import NumberState, number_state, read_numbers
from recognizer.crm.plain_cells import load_spellings

PLAIN = set("0123456789 -()+_")
ODD = "?*%~^$@#&=|/\\;:,.<>[]{}\"'`№×●■□░∗·•…→↑✓✔❌☎〃\ufffdxXхХIlІЗбOО"
KNOWN = {word.casefold() for word in load_spellings().absent}


def state(cell: str) -> NumberState:
    return number_state(read_numbers(cell))


@pytest.mark.property
@given(
    before=st.text(alphabet="0123456789 -()+_" + ODD, max_size=12),
    odd=st.sampled_from(ODD),
    after=st.text(alphabet="0123456789 -()+_" + ODD, max_size=12),
)
def test_a_cell_with_anything_but_digits_and_plain_separators_is_neither_absent_nor_wrong(
    before: str, odd: str, after: str
) -> None:
    cell = before + odd + after
    # Zeros of a price («0,00»), a word with a full stop or in brackets: plainly nothing.
    if re.fullmatch(r"[0\s()-]+[.,]0+", cell.strip()):
        return
    assert state(cell) not in {NumberState.ABSENT, NumberState.WRONG}


@pytest.mark.property
@given(st.text(min_size=1, max_size=20))
def test_any_text_that_is_not_known_is_neither_absent_nor_wrong(cell: str) -> None:
    words = re.sub(r"[^\w/ ]", "", cell.casefold()).strip()
    if words in KNOWN or not words or set(cell) <= PLAIN:
        return
    if re.fullmatch(r"[\d\s()+_-]*", cell):
        return
    assert state(cell) not in {NumberState.ABSENT, NumberState.WRONG}


@pytest.mark.parametrize("word", sorted(load_spellings().absent))
@pytest.mark.parametrize("form", ["{}", "{}.", "({})", "<{}>", " {}  ", "{}!"])
def test_a_known_word_says_that_there_is_no_number_however_it_is_enclosed(
    word: str, form: str
) -> None:
    assert state(form.format(word)) is NumberState.ABSENT
    assert state(form.format(word.upper())) is NumberState.ABSENT


@pytest.mark.parametrize("mark", ["?", "???", " ?", "*", "…", "...", " →", " (?)", "/?", "#"])
@pytest.mark.parametrize("word", ["нет", "не указан", "нет номера", "null"])
def test_a_word_with_a_mark_of_doubt_is_doubtful(word: str, mark: str) -> None:
    assert state(word + mark) is NumberState.DOUBTFUL
    assert state(mark + word) is NumberState.DOUBTFUL


@pytest.mark.parametrize(
    "cell",
    [
        "8 926 555-01-0",
        "+7 926 555 01 0",
        "8(926)55-01-02",
        "730-44-99",
        "89265550",
        "8 (000) 555-01-02",
    ],
)
def test_digits_that_are_too_few_or_of_no_area_are_wrong(cell: str) -> None:
    assert state(cell) is NumberState.WRONG


@pytest.mark.parametrize("text", ["009265550102", "0 0926 555 01 02"])
def test_a_number_behind_zeros_too_many_is_not_called_wrong(text: str) -> None:
    assert number_state(read_numbers(text)) in {NumberState.DOUBTFUL, NumberState.VALID}
