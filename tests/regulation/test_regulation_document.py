"""docs/regulation.md and data/regulation.toml say the same."""

import datetime as dt
import re
from pathlib import Path

import pytest

from recognizer.model import CallOutcome
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rules import Regulation

DOCUMENT = Path(__file__).parents[2] / "docs" / "regulation.md"
SOURCES = {"the call": "call", "the card": "card", "an operator": "operator"}


@pytest.fixture(scope="module")
def regulation() -> Regulation:
    return load_regulation()


def section(letter: str) -> str:
    parts = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return next(part for part in parts if part.startswith(f"{letter}. "))


def rows(text: str, n_columns: int) -> list[list[str]]:
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) == n_columns:
            found.append(cells)
    return found


def names(cell: str) -> list[str]:
    return re.findall(r"`([\w-]+)`", cell)


def test_document_and_table_hold_the_same_rules_word_for_word(regulation: Regulation) -> None:
    documented = {}
    for cells in rows(section("A"), 7) + rows(section("B"), 7):
        (rule_id,) = names(cells[0])
        assert rule_id not in documented
        documented[rule_id] = (
            int(cells[1]),
            {"yes": True, "no": False}[cells[2]],
            SOURCES[cells[3]],
            names(cells[4]),
            cells[5],
            cells[6],
        )
    table = {
        rule.id: (
            rule.result.after_attempt,
            rule.result.incorrect_contact,
            rule.source.value,
            [outcome.value for outcome in rule.outcomes],
            rule.wording,
            rule.comment,
        )
        for rule in regulation.rules
    }
    assert documented == table
    assert documented


def test_section_a_is_without_the_mark_and_section_b_with_it_after_attempt_1() -> None:
    assert {cells[2] for cells in rows(section("A"), 7)} == {"no"}
    assert {(cells[1], cells[2]) for cells in rows(section("B"), 7)} == {("1", "yes")}


def test_document_and_table_hold_the_same_analogies(regulation: Regulation) -> None:
    documented = {(*names(cells[0]), *names(cells[1]), cells[2]) for cells in rows(section("F"), 3)}
    decided = {
        outcome.value: regulation.decide_outcome(outcome, on=dt.date(2026, 11, 22))
        for outcome in CallOutcome
    }
    assert {(name, rule, f"22/11 {comment}") for name, rule, comment in documented} == {
        (name, decision.rule_id, decision.comment)
        for name, decision in decided.items()
        if decision.by_analogy
    }


def test_document_and_table_leave_the_same_outcomes_to_people(regulation: Regulation) -> None:
    yes = {True: "yes", False: "no"}
    documented = [(*names(cells[0]), *cells[1:]) for cells in rows(section("F"), 4)]
    assert documented == [
        (entry.outcome.value, entry.next.value, yes[entry.counts], yes[entry.resets])
        for entry in regulation.undecided
    ]


def test_pairs_of_section_g_name_each_other(regulation: Regulation) -> None:
    pairs = [(*names(cells[0]), *names(cells[1])) for cells in rows(section("G"), 2)]
    assert len(pairs) == 5
    for without_mark, with_mark in pairs:
        one, other = regulation.rule(without_mark), regulation.rule(with_mark)
        assert one is not None
        assert other is not None
        assert not one.result.incorrect_contact
        assert other.result.incorrect_contact
        assert other.id in one.contrast
        assert one.id in other.contrast
