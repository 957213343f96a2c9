"""`recognizer decide CARD` says what stands, and what a person must know before calling."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_reports import day, heard
from typer.testing import CliRunner, Result

from recognizer.cli import app
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

Run = Callable[..., Result]
PHONE = "8 926 123-45-67"


@pytest.fixture
def journal(tmp_path: Path, sqlite_journal: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(sqlite_journal.read_bytes())
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", f"sqlite:///{path}")
    monkeypatch.delenv("RECOGNIZER_SETTINGS", raising=False)
    return Journal.open(f"sqlite:///{path}")


def decide(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["decide", "1", *arguments])
    assert result.exit_code == 0, result.output
    return result


def test_a_card_without_anything_is_to_be_called(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=PHONE, owner="Клиент"))
    assert decide().stdout == "no rule on the card fits: call\n"
    assert json.loads(decide("--json").stdout) is None


def test_a_final_card_says_so(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=PHONE, owner="Клиент"))
    journal.record_attempt(heard(CallOutcome.DOES_NOT_EXIST), contact="1", called_at=day(0))
    said = decide().stdout
    assert said.startswith("already final since ")
    assert "«Недоступен» + «Некорректный контакт»: now, rule does-not-exist" in said
    assert "call\n" not in said
    result = decide("--json")
    assert json.loads(result.stdout)["rule"] == "does-not-exist"
    assert "only a person changes it" in result.stderr


def test_a_red_notice_beside_a_number_is_named(journal: Journal) -> None:
    card = ContactCard(ref="1", mobile_phone=PHONE, owner="Клиент", do_not_call=True)
    journal.upsert_contact(card)
    said = decide().stdout
    assert "ВНИМАНИЕ НЕ ЗВОНИТЬ КЛИЕНТУ" in said
    assert "ask before calling" in said
    assert "ВНИМАНИЕ" in decide("--json").stderr


def test_the_crms_own_result_is_named(journal: Journal) -> None:
    journal.upsert_contact(
        ContactCard(ref="1", mobile_phone=PHONE, result="Недоступен", incorrect_contact=True)
    )
    assert "the CRM says: «Недоступен» + «Некорректный контакт»" in decide().stdout


def test_a_card_without_a_number_needs_no_note(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="1", do_not_call=True))
    said = decide().stdout
    assert "rule number-missing-do-not-call" in said
    assert "ask before" not in said
    assert "already final" not in decide().stdout
