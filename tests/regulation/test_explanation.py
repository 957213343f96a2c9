"""Why a decision is what it is: heard, rule, counted, what would have changed it."""

import dataclasses
import re

import pytest
from journal_reports import heard, spoken, unreadable

from recognizer.model import CallOutcome, CallReport
from recognizer.model.report_json import report_to_dict
from recognizer.regulation.explanation import explain, explained
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rules import Ruling, Statement

REGULATION = load_regulation()
O = CallOutcome  # noqa: E741 - a table of outcomes reads better


def why(report: CallReport, attempt: int = 1) -> str:
    assert report.outcome is not None
    kind = report.outcome.kind
    ruling = REGULATION.rule_on_call(kind, attempt=attempt)
    return "\n".join(explain(ruling, REGULATION, report=report_to_dict(report), outcome=kind))


def test_an_announcement_is_quoted_with_its_moment_and_rule() -> None:
    text = why(spoken(O.TEMPORARILY_BLOCKED, "номер временно заблокирован"))
    assert "с 1,2 по 3,9 с записи: «номер временно заблокирован», совпадение 93 из 100" in text
    assert "Распознано дословно: «номер временно заблокирован»" in text
    assert "длинные гудки с 0,0 по 1,0 с записи" in text
    assert "Уверенность программы: 98,0 %" in text
    assert "Правило temporarily-blocked: «…номер/абонент временно заблокирован»" in text
    assert "«Недоступен» без отметки «Некорректный контакт», после 3-й попытки" in text
    assert "Засчитана попытка № 1; нужно: 3" in text
    assert "если не удастся ещё попыток: 2" in text


@pytest.mark.parametrize(
    ("heard_outcome", "rival"),
    [
        (O.BLOCKED, "temporarily-blocked"),
        (O.TEMPORARILY_BLOCKED, "blocked"),
        (O.DOES_NOT_EXIST, "temporarily-unavailable"),
        (O.NOT_IN_SERVICE, "service-suspended"),
        (O.AVAILABLE_FOR_PURCHASE, "service-type-unavailable"),
    ],
)
def test_the_rule_it_must_not_be_confused_with_is_named(
    heard_outcome: CallOutcome, rival: str
) -> None:
    other = REGULATION.rule(rival)
    assert other is not None
    text = why(heard(heard_outcome))
    assert f"Если на записи на самом деле {other.wording}, действует правило {rival}:" in text


def test_an_analogy_says_that_it_is_one() -> None:
    text = why(heard(O.VOICEMAIL))
    assert "В регламенте этого случая нет, решено по аналогии с правилом no-answer" in text


def test_a_final_decision_promises_no_further_attempts() -> None:
    assert "ещё попыток" not in why(heard(O.BUSY_TONE), attempt=3)


def test_our_own_line_is_to_be_checked() -> None:
    text = why(heard(O.CALLER_RESTRICTED))
    assert "контакт не меняется: проверьте собственную линию" in text


def test_a_person_is_left_to_the_operator() -> None:
    text = why(heard(O.LIVE_PERSON))
    assert "статус определяет оператор" in text
    assert "Счёт попыток начинается заново" in text


def test_a_statement_names_who_stated_what() -> None:
    statement = Statement(
        reason="stranger-service", name="Мария", words="Вы ошиблись", plate="А111АА77"
    )
    ruling = REGULATION.rule_on_statement(statement, facts=frozenset({"contact_after_service"}))
    text = "\n".join(explain(ruling, REGULATION, statement=statement, corrected_by="operator7"))
    assert "Указал оператор (operator7): stranger-service" in text
    assert "Мария" in text
    assert "«Вы ошиблись»" in text
    assert "с отметкой «Некорректный контакт», после 1-й попытки" in text


def test_a_decision_on_the_card_can_be_mended_there() -> None:
    ruling = REGULATION.rule_on_card(frozenset({"number_missing"}))
    assert ruling is not None
    text = "\n".join(explain(ruling, REGULATION))
    assert "до звонка" in text
    assert "исправить карточку" in text


@pytest.mark.parametrize("outcome", O)
@pytest.mark.parametrize("attempt", [1, 3])
def test_every_outcome_is_explained_in_russian_sentences(
    outcome: CallOutcome, attempt: int
) -> None:
    kinds = {rule.id for rule in REGULATION.rules} | {"no"}
    for sentence in why(heard(outcome), attempt).split("\n"):
        assert re.match(r"[А-ЯЁ]", sentence)
        assert sentence.endswith(".")
        assert not sentence.endswith("..")
        latin = set(re.findall(r"[a-z]+(?:-[a-z]+)*", sentence))
        assert latin <= kinds


def test_a_rule_that_is_no_longer_in_the_file_does_not_break_the_explanation() -> None:
    old = REGULATION.rule_on_call(O.BUSY_TONE)
    gone = Ruling(dataclasses.replace(old.decision, rule_id="gone"), counts=True, resets=False)
    assert explain(gone, REGULATION, report=report_to_dict(heard(O.BUSY_TONE)))


def test_a_classification_gets_its_reasons_and_nothing_else() -> None:
    report = spoken(O.BLOCKED, "номер заблокирован")
    decided = dataclasses.replace(report, decision=REGULATION.decide_outcome(O.BLOCKED))
    after = explained(decided, REGULATION)
    assert after.decision is not None
    assert any("Правило blocked" in sentence for sentence in after.decision.explanation)
    assert dataclasses.replace(after.decision, explanation=()) == decided.decision
    assert dataclasses.replace(after, decision=decided.decision) == decided
    unreadable_report = unreadable()
    assert explained(unreadable_report, REGULATION) is unreadable_report
