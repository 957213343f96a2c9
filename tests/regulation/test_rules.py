"""Every rule of the regulation, positive and negative, from its text (docs/regulation.md)."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.base.errors import ContactError, DataFileError
from recognizer.model import CallOutcome, NextStep, PhraseListName, phrase_list_of
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rule_table import CONDITIONS, RuleSource
from recognizer.regulation.rules import Regulation, Statement

REGULATION = load_regulation()
DAY = dt.date(2026, 11, 22)

# Sections A and B of the regulation, written out: rule, outcomes, after which attempt, mark.
CALL_RULES = [
    ("busy-tone", ["busy_tone"], 3, False),
    ("line-busy", ["line_busy"], 3, False),
    ("no-connection", ["silence", "disconnected"], 3, False),
    ("no-answer", ["ringback_only"], 3, False),
    ("temporarily-unavailable", ["temporarily_unavailable"], 3, False),
    ("temporarily-blocked", ["temporarily_blocked"], 3, False),
    ("service-suspended", ["service_suspended"], 3, False),
    ("not-registered", ["not_registered"], 3, False),
    ("service-type-unavailable", ["service_type_unavailable"], 3, False),
    ("switched-off", ["switched_off_or_out_of_coverage"], 3, False),
    ("connection-impossible", ["connection_impossible"], 3, False),
    ("not-in-service", ["not_in_service"], 1, True),
    ("blocked", ["blocked"], 1, True),
    ("misdialled", ["misdialled"], 1, True),
    ("does-not-exist", ["does_not_exist"], 1, True),
    ("available-for-purchase", ["available_for_purchase"], 1, True),
]
# Section F.
ANALOGIES = {
    "no_answer": "no-answer",
    "voicemail": "no-answer",
    "call_assistant": "no-answer",
    "network_congestion": "no-connection",
}
UNDECIDED = {
    "company_ivr": "operator",
    "call_progress": "retry",
    "caller_restricted": "check_line",
    "fax": "operator",
    "music": "operator",
    "live_person": "operator",
    "undetermined": "operator",
}
SWITCHBOARD = frozenset({"owner_is_organisation", "number_is_general"})


def written(text: str) -> str:
    return f"22/11 {text}"


@pytest.mark.parametrize(("rule", "outcomes", "after", "marks"), CALL_RULES)
@pytest.mark.parametrize("attempt", [1, 2, 3, 4])
def test_a_heard_outcome_leads_to_its_rule(
    rule: str, outcomes: list[str], after: int, marks: bool, attempt: int
) -> None:
    for outcome in outcomes:
        decision = REGULATION.decide_outcome(CallOutcome(outcome), attempt=attempt, on=DAY)
        is_final = attempt >= after
        assert decision.rule_id == rule
        assert decision.status == "Недоступен"
        assert decision.incorrect_contact is (marks and is_final)
        assert decision.final is is_final
        assert decision.next == ("set_status" if is_final else "retry")
        assert (decision.attempt, decision.after_attempt) == (attempt, after)
        assert not decision.by_analogy
        assert decision.comment is not None
        assert decision.comment.startswith("22/11 ")


@pytest.mark.parametrize(("outcome", "rule"), ANALOGIES.items())
def test_where_the_regulation_is_silent_the_analogy_says_so(outcome: str, rule: str) -> None:
    for attempt, is_final in ((1, False), (2, False), (3, True)):
        decision = REGULATION.decide_outcome(CallOutcome(outcome), attempt=attempt)
        assert decision.by_analogy
        assert decision.rule_id == rule
        assert decision.final is is_final
        assert decision.incorrect_contact is False


@pytest.mark.parametrize(("outcome", "following"), UNDECIDED.items())
@pytest.mark.parametrize("attempt", [1, 3])
def test_what_no_rule_decides_gets_no_status(outcome: str, following: str, attempt: int) -> None:
    decision = REGULATION.decide_outcome(CallOutcome(outcome), attempt=attempt)
    assert decision.status is None
    assert decision.incorrect_contact is None
    assert decision.rule_id is None
    assert decision.after_attempt is None
    assert not decision.final
    assert decision.next == following


def test_every_outcome_is_in_one_of_the_three_tables() -> None:
    ruled = [outcome for _, outcomes, _, _ in CALL_RULES for outcome in outcomes]
    assert sorted([*ruled, *ANALOGIES, *UNDECIDED]) == sorted(CallOutcome)


def test_the_mark_is_set_by_the_invalid_number_list_and_by_no_other_outcome() -> None:
    for outcome in CallOutcome:
        marked = REGULATION.decide_outcome(outcome, attempt=3).incorrect_contact
        assert bool(marked) is (phrase_list_of(outcome) is PhraseListName.INVALID_NUMBER)


def test_an_announcement_about_our_own_line_does_not_touch_the_contact() -> None:
    ruling = REGULATION.rule_on_call(CallOutcome.CALLER_RESTRICTED, attempt=3)
    assert not ruling.counts
    assert not ruling.resets
    assert ruling.decision.comment is None
    assert ruling.decision.next is NextStep.CHECK_LINE


def test_the_comment_of_the_design_comes_out_word_for_word() -> None:
    decision = REGULATION.decide_outcome(CallOutcome.TEMPORARILY_BLOCKED, on=DAY)
    assert decision.comment == "22/11 Номер временно заблокирован (автоответчик)"


def test_the_comment_of_the_regulation_comes_out_word_for_word() -> None:
    for day, line in (
        (dt.date(2026, 1, 4), "04/01 Не отвечает"),
        (dt.date(2026, 1, 5), "05/01 Не отвечает"),
    ):
        assert REGULATION.decide_outcome(CallOutcome.RINGBACK_ONLY, on=day).comment == line


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt: int) -> None:
    for outcome in (CallOutcome.BUSY_TONE, CallOutcome.LIVE_PERSON, CallOutcome.VOICEMAIL):
        with pytest.raises(ValueError, match="expected 1 or more"):
            REGULATION.decide_outcome(outcome, attempt=attempt)


# --- organisation-switchboard ---


def test_a_voice_menu_on_the_general_number_of_an_organisation_is_decided_at_once() -> None:
    decision = REGULATION.decide_outcome(CallOutcome.COMPANY_IVR, facts=SWITCHBOARD)
    assert decision.rule_id == "organisation-switchboard"
    assert (decision.status, decision.incorrect_contact) == ("Недоступен", False)
    assert decision.final
    assert decision.after_attempt == 1


@pytest.mark.parametrize("missing", sorted(SWITCHBOARD))
def test_the_switchboard_needs_every_one_of_its_conditions(missing: str) -> None:
    facts = SWITCHBOARD - {missing}
    decision = REGULATION.decide_outcome(CallOutcome.COMPANY_IVR, facts=facts, attempt=3)
    assert decision.rule_id is None
    assert decision.next is NextStep.OPERATOR


@pytest.mark.parametrize("outcome", [o for o in CallOutcome if o != "company_ivr"])
def test_without_a_voice_menu_there_is_no_switchboard(outcome: CallOutcome) -> None:
    decision = REGULATION.decide_outcome(outcome, facts=SWITCHBOARD)
    assert decision == REGULATION.decide_outcome(outcome)


# --- rules on the card ---

CARD_RULES = [
    ({"number_malformed"}, "number-malformed"),
    ({"number_missing"}, "number-missing"),
    ({"number_missing", "do_not_call_notice"}, "number-missing-do-not-call"),
    ({"number_is_company", "owner_is_client"}, "own-company-number"),
    ({"number_is_employee", "owner_is_client", "number_is_mobile"}, "own-employee-mobile"),
    ({"do_not_call_notice"}, None),
    ({"number_is_company"}, None),
    ({"number_is_employee"}, None),
    ({"owner_is_client", "number_is_mobile"}, None),
    (set(), None),
]


@pytest.mark.parametrize(("facts", "rule"), CARD_RULES)
def test_a_card_alone_leads_to_its_rule_with_the_mark(facts: set[str], rule: str | None) -> None:
    ruling = REGULATION.rule_on_card(frozenset(facts), on=DAY)
    if rule is None:
        assert ruling is None
        return
    assert ruling is not None
    assert ruling.decision.rule_id == rule
    assert ruling.decision.status == "Недоступен"
    assert ruling.decision.incorrect_contact is True
    assert ruling.decision.final
    assert ruling.decision.after_attempt == 1
    assert not ruling.counts


def test_the_conflict_of_the_sample_screen_is_one_line(tmp_path: Path) -> None:
    text = REGULATION.path.read_text(encoding="utf-8")
    line = 'result = { status = "Недоступен", incorrect_contact = true, after_attempt = 1 }'
    other = 'result = { status = "Неэффективный", incorrect_contact = false, after_attempt = 1 }'
    head, tail = text.split('id = "number-missing-do-not-call"')
    path = tmp_path / "regulation.toml"
    path.write_text(
        f'{head}id = "number-missing-do-not-call"{tail.replace(line, other, 1)}', encoding="utf-8"
    )
    facts = frozenset({"number_missing", "do_not_call_notice"})
    ruling = load_regulation(path).rule_on_card(facts)
    assert ruling is not None
    assert (ruling.decision.status, ruling.decision.incorrect_contact) == ("Неэффективный", False)
    other_rule = load_regulation(path).rule_on_card(frozenset({"number_missing"}))
    assert other_rule is not None
    assert other_rule.decision.incorrect_contact is True


# --- what an operator states ---

ANSWER = Statement(
    reason="", name="Мария", words="Вы ошиблись. Это не мой а/м.", plate="А111АА77", make="Марка"
)
EMPLOYEE = frozenset({"owner_is_client", "trusted_person_is_client", "answered_by_another"})
STATED = [
    ("no-dialogue", frozenset(), 3, False),
    ("cannot-hear", frozenset(), 3, False),
    ("stranger-service", frozenset({"contact_after_service"}), 1, True),
    ("stranger-sales", frozenset({"contact_after_sale"}), 1, True),
    (
        "not-responsible-employee",
        frozenset({"owner_is_organisation", "number_is_mobile"}),
        1,
        True,
    ),
    ("employee-answered", EMPLOYEE, 1, True),
]


def stated(reason: str, **changes: str) -> Statement:
    parts = {"name": ANSWER.name, "words": ANSWER.words, "plate": ANSWER.plate, "make": ANSWER.make}
    return Statement(reason=reason, **{**parts, **changes})


@pytest.mark.parametrize(("reason", "facts", "after", "marks"), STATED)
def test_a_statement_the_card_confirms_leads_to_its_rule(
    reason: str, facts: frozenset[str], after: int, marks: bool
) -> None:
    for attempt in (1, 3):
        ruling = REGULATION.rule_on_statement(stated(reason), facts=facts, attempt=attempt, on=DAY)
        is_final = attempt >= after
        assert ruling.decision.rule_id == reason
        assert ruling.decision.status == "Недоступен"
        assert ruling.decision.final is is_final
        assert ruling.decision.incorrect_contact is (marks and is_final)
        assert ruling.counts


@pytest.mark.parametrize(
    ("reason", "missing"),
    [(reason, fact) for reason, facts, _, _ in STATED for fact in sorted(facts)],
)
def test_a_statement_the_card_does_not_bear_out_is_refused(reason: str, missing: str) -> None:
    facts = frozenset(CONDITIONS) - {missing}
    with pytest.raises(ContactError, match=REGULATION.conditions[missing]):  # type: ignore[index]
        REGULATION.rule_on_statement(stated(reason), facts=facts)


@pytest.mark.parametrize(
    ("reason", "missing", "named"),
    [
        ("stranger-service", "name", "имя ответившего"),
        ("stranger-service", "plate", "гос. номер а/м"),
        ("stranger-service", "words", "слова ответившего"),
        ("stranger-sales", "make", "марка а/м"),
        ("stranger-sales", "words", "слова ответившего"),
        ("not-responsible-employee", "name", "имя ответившего"),
        ("employee-answered", "words", "слова ответившего"),
    ],
)
@pytest.mark.parametrize("blank", ["", " \n\t "])
def test_the_comment_the_regulation_requires_is_required(
    reason: str, missing: str, named: str, blank: str
) -> None:
    with pytest.raises(ContactError, match=named):
        REGULATION.rule_on_statement(
            stated(reason, **{missing: blank}), facts=frozenset(CONDITIONS)
        )


def test_the_comment_of_a_stranger_says_what_the_regulation_asks_for() -> None:
    ruling = REGULATION.rule_on_statement(
        stated("stranger-service"),
        facts=frozenset({"contact_after_service"}),
        on=dt.date(2026, 4, 15),
    )
    assert ruling.decision.comment == (
        "15/04 При звонке на номер отвечает Мария. Не имеет отношения к а/м А111АА77. "
        "Со слов: Вы ошиблись. Это не мой а/м."
    )


@pytest.mark.property
@given(words=st.text(min_size=1).filter(lambda text: bool(text.split())))
def test_whatever_was_said_stands_in_one_comment_line(words: str) -> None:
    ruling = REGULATION.rule_on_statement(
        stated("stranger-service", words=words), facts=frozenset({"contact_after_service"})
    )
    assert ruling.decision.comment is not None
    assert ruling.decision.comment.endswith(" ".join(words.split()))
    assert len(ruling.decision.comment.split("\n")) == 1


@pytest.mark.parametrize("reason", ["busy-tone", "number-missing", "nonsense", ""])
def test_a_machine_rule_cannot_be_stated(reason: str) -> None:
    with pytest.raises(ContactError, match="stranger-service"):
        REGULATION.rule_on_statement(stated(reason), facts=frozenset(CONDITIONS))


def test_a_conversation_starts_the_count_anew() -> None:
    ruling = REGULATION.rule_on_statement(stated("conversation"), facts=frozenset())
    assert ruling.counted_after(2) == 0
    assert ruling.decision.status is None


# --- properties ---

MARKING = {rule.id for rule in REGULATION.rules if rule.result.incorrect_contact}


@pytest.mark.property
@given(
    outcome=st.sampled_from(CallOutcome),
    facts=st.frozensets(st.sampled_from(CONDITIONS)),
    attempt=st.integers(1, 10),
)
def test_no_call_sets_the_mark_without_a_marking_rule(
    outcome: CallOutcome, facts: frozenset[str], attempt: int
) -> None:
    decision = REGULATION.decide_outcome(outcome, facts=facts, attempt=attempt)
    if decision.incorrect_contact:
        assert decision.rule_id in MARKING
        assert decision.final
        rule = REGULATION.rule(decision.rule_id)
        assert rule is not None
        assert outcome in rule.outcomes
    if decision.final:
        assert decision.status is not None


@pytest.mark.property
@given(facts=st.frozensets(st.sampled_from(CONDITIONS)))
def test_no_card_sets_the_mark_without_all_that_its_rule_requires(facts: frozenset[str]) -> None:
    ruling = REGULATION.rule_on_card(facts)
    if ruling is not None:
        rule = REGULATION.rule(ruling.decision.rule_id)
        assert rule is not None
        assert rule.source is RuleSource.CARD
        assert facts.issuperset(rule.requires)


@pytest.mark.property
@given(outcome=st.sampled_from(CallOutcome), before=st.integers(0, 5), attempt=st.integers(1, 6))
def test_renumbering_gives_what_deciding_at_that_number_gives(
    outcome: CallOutcome, before: int, attempt: int
) -> None:
    first = REGULATION.decide_outcome(outcome, attempt=before + 1, on=DAY)
    assert REGULATION.renumber(first, attempt) == REGULATION.decide_outcome(
        outcome, attempt=attempt, on=DAY
    )


# --- mistakes in the file ---


def changed(tmp_path: Path, old: str, new: str) -> Regulation:
    text = REGULATION.path.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "regulation.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return load_regulation(path)


def line_of(text: str) -> int:
    lines = REGULATION.path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if line.startswith(text))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('id = "line-busy"', 'id = "busy-tone"', 'id = "line-busy"', "already used"),
        ('outcomes = ["busy_tone"]', 'outcomes = ["line_busy"]', "[[rule]]", "already decided"),
        ('outcomes = ["busy_tone"]', 'outcomes = ["beeps"]', 'outcomes = ["busy_tone"]', "beeps"),
        ("after_attempt = 3", "after_attempt = 4", "result = ", "4"),
        ('comment = "Не отвечает"', 'comment = "Не {отвечает}"', 'comment = "Не отвечает"', "name"),
        ('comment = "Не отвечает"', 'comment = "a\\nb"', 'comment = "Не отвечает"', "one line"),
        ('comment = "Не отвечает"', 'comment = "{"', 'comment = "Не отвечает"', "{"),
        ('rule = "no-connection"', 'rule = "none"', 'rule = "no-connection"', "none"),
        ('mark = "Нек', 'marc = "Нек', "[regulation]", "marc"),
        ('{day}: {comment}"', '{date}"', "correction", "{day}"),
        ('contrast = ["blocked"]', 'contrast = ["x"]', 'contrast = ["blocked"]', "'x'"),
        ('id = "conversation"', 'id = "blocked"', 'id = "conversation"', "id of a rule"),
        ('number_missing = "в', '# number_missing = "в', "[conditions]", "number_missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: str, message: str
) -> None:
    with pytest.raises(DataFileError) as caught:
        changed(tmp_path, old, new)
    assert message in str(caught.value)
    assert str(tmp_path / "regulation.toml") in str(caught.value)
    if line not in {"[[rule]]", "result = ", "[regulation]"}:
        assert f"line {line_of(line)}:" in str(caught.value)
    else:
        assert ", line " in str(caught.value)


def test_an_outcome_nobody_decides_is_a_mistake(tmp_path: Path) -> None:
    text = REGULATION.path.read_text(encoding="utf-8")
    entries = text.split("[[undecided]]")
    path = tmp_path / "regulation.toml"
    kept = [entry for entry in entries if 'outcome = "music"' not in entry]
    path.write_text("[[undecided]]".join(kept), encoding="utf-8")
    with pytest.raises(DataFileError, match="no entry decides music"):
        load_regulation(path)


def test_a_rule_on_a_call_cannot_lead_to_another_status(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="«Недоступен» only"):
        changed(tmp_path, 'result = { status = "Недоступен"', 'result = { status = "Иной"')


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"missing\.toml"):
        load_regulation(tmp_path / "missing.toml")
