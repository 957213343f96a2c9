"""Sections C and D of the regulation, sentence by sentence, as a journal keeps them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_reports import day, heard

from recognizer.base.data_files import data_folder
from recognizer.crm.card_files import load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome
from recognizer.regulation.loading import load_regulation

pytestmark = pytest.mark.journal

EARLIER = "  12/03 от Марии:\tне беспокоить \r\n\r\n«13/03»  Перезвонить\r"
CARD = ContactCard(ref="1", mobile_phone="8 926 555-01-02", owner="Клиент", comments=EARLIER)


@pytest.fixture
def path(tmp_path: Path, sqlite_journal: Path) -> Path:
    copy = tmp_path / "journal.sqlite3"
    copy.write_bytes(sqlite_journal.read_bytes())
    return copy


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(f"sqlite:///{path}") as opened:
        yield opened


def lines_added(journal: Journal) -> list[str]:
    comments = journal.contact("1").card.comments
    assert comments.startswith(EARLIER)
    return comments[len(EARLIER) :].split("\r\n")[1:]


def test_after_every_attempt_a_line_with_day_and_month_and_what_happened(journal: Journal) -> None:
    journal.upsert_contact(CARD)
    for number in range(3):
        journal.record_attempt(heard(CallOutcome.NO_ANSWER), contact="1", called_at=day(number + 8))
        assert len(lines_added(journal)) == number + 1
    assert [line.partition(" ")[0] for line in lines_added(journal)] == ["30/11", "01/12", "02/12"]
    assert len({line.partition(" ")[2] for line in lines_added(journal)}) == 1
    assert "не отвечает" in lines_added(journal)[0].casefold()


@pytest.mark.parametrize("outcome", [o for o in CallOutcome if o is not CallOutcome.UNDETERMINED])
def test_what_an_earlier_colleague_wrote_is_never_changed(
    journal: Journal, outcome: CallOutcome
) -> None:
    journal.upsert_contact(CARD)
    attempt = journal.record_attempt(heard(outcome), contact="1", called_at=day(0))
    before = journal.contact("1").card.comments
    journal.correct(attempt.id, made_by="operator7", outcome=CallOutcome.BUSY_TONE)
    for stored in ("", EARLIER, "21/11 Совсем другое"):
        # A CRM that lost lines, or changed them, takes none away here.
        journal.upsert_contact(ContactCard(ref="1", mobile_phone="89265550102", comments=stored))
        comments = journal.contact("1").card.comments
        assert comments.startswith(before)
    assert comments.endswith("21/11 Совсем другое")
    assert lines_added(journal)


def imported(tmp_path: Path, row: str) -> ContactCard:
    file = tmp_path / "cards.csv"
    file.write_text(f"Номер контакта;Телефон;Владелец;Предупреждение\r\n{row}\r\n", "utf-8")
    with open_cards(file, load_card_columns()) as reader:
        (card,) = reader
    assert isinstance(card, ContactCard)
    return card


NO_NUMBER = ["", "+7 ( )", "+7", "8", "0", "+7 (___) ___-__-__", "+7 (   )    -  -  "]


@pytest.mark.parametrize("phone", NO_NUMBER)
@pytest.mark.parametrize("reading", ["text", "screen"])
def test_under_either_reading_of_the_conflict_the_red_notice_has_its_rule_and_comment(
    tmp_path: Path, path: Path, phone: str, reading: str
) -> None:
    rules = (data_folder(".") / "regulation.toml").read_text("utf-8")
    head, tail = rules.split('id = "number-missing-do-not-call"')
    text = 'result = { status = "Недоступен", incorrect_contact = true, after_attempt = 1 }'
    screen = 'result = { status = "Неэффективный", incorrect_contact = false, after_attempt = 1 }'
    assert text in tail
    if reading == "screen":
        tail = tail.replace(text, screen, 1)
    file = tmp_path / "regulation.toml"
    file.write_text(f'{head}id = "number-missing-do-not-call"{tail}', encoding="utf-8")
    with Journal.open(f"sqlite:///{path}", regulation=load_regulation(file)) as journal:
        journal.upsert_contact(imported(tmp_path, f"1;{phone};Клиент;ВНИМАНИЕ НЕ ЗВОНИТЬ КЛИЕНТУ"))
        decided = journal.decide_card("1")
        record = journal.contact("1")
    assert decided is not None
    decision = decided.decision
    assert decision.rule_id == "number-missing-do-not-call"
    assert decision.comment is not None
    assert decision.comment.endswith("В карточке нет номера, отметка «ВНИМАНИЕ НЕ ЗВОНИТЬ КЛИЕНТУ»")
    assert record.card.comments == decision.comment
    assert decision.final
    wanted = ("Недоступен", True) if reading == "text" else ("Неэффективный", False)
    assert (decision.status, decision.incorrect_contact) == wanted
    assert (record.status, record.incorrect_contact) == wanted


@pytest.mark.parametrize("phone", NO_NUMBER)
def test_without_the_notice_it_is_the_plain_lack_of_a_number(
    tmp_path: Path, journal: Journal, phone: str
) -> None:
    journal.upsert_contact(imported(tmp_path, f"1;{phone};Клиент;"))
    decided = journal.decide_card("1")
    assert decided is not None
    assert decided.decision.rule_id == "number-missing"
    assert (decided.decision.status, decided.decision.incorrect_contact) == ("Недоступен", True)
