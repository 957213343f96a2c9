"""Commands contacts, decide and journal, as an operator types them."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_reports import MORNING, day, heard, spoken
from typer.testing import CliRunner, Result

import recognizer.crm.journal
from recognizer.base.errors import ContactError, JournalError
from recognizer.cli import app
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

Run = Callable[..., Result]

CARDS = (
    "Номер контакта;Дата;Телефон;Доверенное лицо;Владелец;Вид контакта;Госномер;Комментарии\r\n"
    "1;05.02.2013 0:00:00;8 926 123-45-67;Клиент Первый;Клиент Первый;После сервиса;А111АА77;"
    '"04/01 Не отвечает\r\nещё"\r\n'
    '2;;8 926 123;;ООО "Ромашка";;;\r\n'
    "3;31.02.2013;;;;;;\r\n"
)


@pytest.fixture
def run(tmp_path: Path, sqlite_journal: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(sqlite_journal.read_bytes())
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", f"sqlite:///{path}")
    monkeypatch.delenv("RECOGNIZER_SETTINGS", raising=False)
    (tmp_path / "cards.csv").write_bytes(CARDS.encode("cp1251"))
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: object, status: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == status, result.output
        return result

    return invoke


def journal(tmp_path: Path) -> Journal:
    return Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}")


def test_a_dry_run_shows_what_would_change_and_masks_numbers(run: Run, tmp_path: Path) -> None:
    output = run("contacts", "import", "cards.csv", "--dry-run", status=1).stdout
    assert "+ 1" in output
    assert "8926*****67" in output
    assert "123-45-67" not in output
    assert "would be added 2" in output
    with journal(tmp_path) as opened:
        assert opened.find_contacts() == ()


def test_an_import_keeps_the_good_rows_and_says_what_is_wrong_with_the_others(
    run: Run, tmp_path: Path
) -> None:
    result = run("contacts", "import", "cards.csv", "--yes", "--rejects", "bad.csv", status=1)
    assert "(CSV, cp1251, ';'): added 2, changed 0, unchanged 0, rejected 1" in result.stdout
    assert "bad.csv" in result.stderr
    with (tmp_path / "bad.csv").open(encoding="utf-8-sig", newline="") as file:
        heading, row = csv.reader(file, delimiter=";")
    assert heading[:3] == ["Строка", "Причина", "Номер контакта"]
    assert row[0] == "5"
    assert "31.02.2013" in row[1]


def test_cards_are_shown_with_masked_numbers_unless_asked(run: Run) -> None:
    run("contacts", "import", "cards.csv", "--yes", status=1)
    assert "8926*****67" in run("contacts", "show", "1").stdout
    assert "123-45-67" not in run("contacts", "show", "Первый").stdout
    assert "8 926 123-45-67" in run("contacts", "show", "1", "--full-numbers").stdout
    written = json.loads(run("contacts", "show", "Первый", "--format", "jsonl").stdout)
    assert written["comments"] == "04/01 Не отвечает\r\nещё"
    run("contacts", "show", "nobody at all", status=1)


@pytest.mark.parametrize("name", ["out.csv", "out.xlsx"])
def test_an_export_can_be_imported_again_without_a_change(run: Run, name: str) -> None:
    run("contacts", "import", "cards.csv", "--yes", status=1)
    run("decide", "2")
    assert "2 cards" in run("contacts", "export", name).stdout
    assert "added 0, changed 0, unchanged 2" in run("contacts", "import", name).stdout


def test_an_export_holds_the_result_in_force(run: Run, tmp_path: Path) -> None:
    run("contacts", "import", "cards.csv", "--yes", status=1)
    run("decide", "2")
    run("contacts", "export", "out.csv", "--encoding", "cp1251")
    with (tmp_path / "out.csv").open(encoding="cp1251", newline="") as file:
        rows = {row["Номер контакта"]: row for row in csv.DictReader(file, delimiter=";")}
    assert rows["2"]["Результат звонка"] == "Недоступен"
    assert rows["2"]["Некорректный контакт"] == "Да"
    assert rows["2"]["Комментарии"].endswith("Некорректный номер в карточке")
    assert rows["1"]["Результат звонка"] == ""
    assert rows["1"]["Комментарии"] == "04/01 Не отвечает\r\nещё"


def test_a_card_is_decided_with_the_reason(run: Run) -> None:
    run("contacts", "import", "cards.csv", "--yes", status=1)
    output = run("decide", "2").stdout
    assert "rule number-malformed" in output
    assert "Правило number-malformed: номер в карточке неправильный" in output
    assert "call" in run("decide", "1").stdout


def test_a_statement_is_decided_or_refused(run: Run) -> None:
    run("contacts", "import", "cards.csv", "--yes", status=1)
    said = ("--by", "operator7", "--name", "Мария", "--words", "Это не мой а/м")
    output = run("decide", "1", "--reason", "stranger-service", *said).stdout
    assert "«Недоступен» + «Некорректный контакт»" in output
    refused = CliRunner().invoke(app, ["decide", "1", "--reason", "stranger-sales", *said])
    assert isinstance(refused.exception, ContactError)
    assert "контакт после продажи" in str(refused.exception)
    run("decide", "1", "--reason", "no-dialogue", status=2)


def test_an_outcome_is_decided_without_a_journal(run: Run) -> None:
    output = run("decide", "--outcome", "temporarily_blocked", "--attempt", 3, "--json").stdout
    decision = json.loads(output)
    assert (decision["rule"], decision["final"]) == ("temporarily-blocked", True)
    assert decision["explanation"]
    run("decide", "--outcome", "nonsense", status=2)
    run("decide", status=2)
    run("decide", "1", "--outcome", "busy_tone", status=2)


def test_rules_are_checked_by_line(run: Run, tmp_path: Path) -> None:
    from recognizer.regulation.loading import load_regulation

    text = load_regulation().path.read_text(encoding="utf-8")
    rules = tmp_path / "rules.toml"
    rules.write_text(text, encoding="utf-8")
    assert "28 rules" in run("decide", "--check-rules", rules).stdout
    rules.write_text(text.replace("after_attempt = 3", "after_attempt = 5", 1), encoding="utf-8")
    wrong = CliRunner().invoke(app, ["decide", "--check-rules", str(rules)])
    assert "rules.toml, line " in str(wrong.exception)


def test_the_journal_shows_explains_and_corrects(run: Run, tmp_path: Path) -> None:
    run("contacts", "import", "cards.csv", "--yes", status=1)
    with journal(tmp_path) as opened:
        opened.record_attempt(
            spoken(CallOutcome.BLOCKED, "номер заблокирован", "89261234567.wav"),
            contact="1",
            called_at=MORNING,
        )
    shown = run("journal", "show", "--contact", "1").stdout
    assert "blocked, Недоступен + mark" in shown
    assert "8926*****67.wav" in shown
    assert "2026-11-22 09:00 UTC" in shown
    run("journal", "correct", 1, "--by", "op", "--outcome", "temporarily_blocked")
    explained = run("journal", "explain", 1).stdout
    assert explained.index("Правило blocked:") < explained.index("Правило temporarily-blocked:")
    assert "Исправлено (op)" in explained
    assert json.loads(run("journal", "show", "--json").stdout)["corrections"] == 1
    run("journal", "correct", 1, "--by", "op", status=2)
    run("journal", "correct", 1, "--by", "op", "--outcome", "nonsense", status=2)
    missing = CliRunner().invoke(app, ["journal", "explain", "99"])
    assert isinstance(missing.exception, JournalError)


def test_the_journal_counts_exports_and_purges(run: Run, tmp_path: Path) -> None:
    run("contacts", "import", "cards.csv", "--yes", status=1)
    with journal(tmp_path) as opened:
        for number, outcome in enumerate([CallOutcome.BUSY_TONE, CallOutcome.LIVE_PERSON]):
            opened.record_attempt(heard(outcome), contact="1", called_at=day(number))
    assert "live_person" in run("journal", "show", "--waiting").stdout
    counts = json.loads(run("journal", "overview", "--json").stdout)
    assert (counts["n_attempts"], counts["n_waiting"]) == (2, 1)
    assert "attempts: 1" in run("journal", "overview", "--until", "2026-11-23").stdout
    assert "2 attempts" in run("journal", "export", "attempts.csv").stdout
    with (tmp_path / "attempts.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert [row["Правило"] for row in rows] == ["", "busy-tone"]
    assert "emptied 1 attempts" in run("journal", "purge", "--older-than", "2026-11-23").stdout
    run("journal", "purge", "--older-than", "a while", status=2)
    assert "->" in run("journal", "upgrade").stdout


@pytest.mark.parametrize(
    "command",
    [
        ["contacts"], ["contacts", "import"], ["contacts", "check"],
        ["contacts", "show"], ["contacts", "export"],
        ["decide"], ["journal"], ["journal", "show"], ["journal", "explain"],
        ["journal", "correct"], ["journal", "overview"], ["journal", "export"],
        ["journal", "purge"], ["journal", "upgrade"],
    ],
)  # fmt: skip
def test_every_command_teaches_with_an_example(run: Run, command: list[str]) -> None:
    assert "recognizer " in run(*command, "--help").stdout


@pytest.mark.parametrize(
    "command", [["contacts", "show"], ["decide", "1"], ["journal", "show"], ["journal", "upgrade"]]
)
def test_without_the_journals_packages_the_command_says_what_to_type(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    # The package imported anew puts itself into the one above; the old one has to come back there.
    monkeypatch.setattr(recognizer.crm, "journal", recognizer.crm.journal)
    for name in list(sys.modules):
        if name.startswith("recognizer.crm.journal"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, JournalError)
    assert "pip install 'recognizer[journal]'" in str(result.exception)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("1", "--attempt", "3"), "--attempt: expected --outcome"),
        (("1", "--name", "Иван"), "expected --reason too"),
        (("1", "--words", "нет"), "expected --reason too"),
        (("1", "--reason", "no-dialogue", "--by", "o", "--called", "2999-01-01"), "that is past"),
    ],
)
def test_what_would_be_dropped_or_cannot_be_is_refused(
    run: Run, options: tuple[str, ...], said: str
) -> None:
    run("contacts", "import", "cards.csv", "--yes", status=1)
    result = run("decide", *options, status=2)
    assert said in " ".join(result.output.replace("│", " ").split())


def test_the_day_of_an_outcome_is_the_offices(run: Run, tmp_path: Path) -> None:
    from recognizer.crm.office import load_office

    days = {}
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):  # 25 hours apart: never one day
        office = tmp_path / "office.toml"
        office.write_text(f'[office]\ntimezone = "{zone}"\n', encoding="utf-8")
        assert str(load_office(office).timezone) == zone
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RECOGNIZER_JOURNAL_OFFICE_FILE", str(office))
            days[zone] = run("decide", "--outcome", "no_answer").output.split("comment: ")[1][:5]
    assert len(set(days.values())) == 2


@pytest.mark.parametrize(
    ("reason", "parts", "said"),
    [
        ("no-dialogue", ("--name", "Иван"), "takes no --name: kept"),
        ("no-dialogue", ("--words", "алло"), "takes no --words: kept"),
        ("cannot-hear", ("--name", "Иван", "--words", "алло"), "takes no --name and no --words"),
        ("no-dialogue", (), None),
        ("stranger-service", ("--name", "Иван", "--words", "Не мой а/м"), None),
    ],
)
def test_what_a_comment_has_no_place_for_is_said_and_kept(
    run: Run, tmp_path: Path, reason: str, parts: tuple[str, ...], said: str | None
) -> None:
    run("contacts", "import", "cards.csv", "--yes", status=1)
    result = run("decide", "1", "--reason", reason, *parts, "--by", "operator7")
    assert (said in result.stderr) if said else (result.stderr == "")
    with journal(tmp_path) as opened:
        (attempt,) = opened.history("1")
        (correction,) = opened.corrections(attempt.id)
    assert ("Иван" in correction.name) == ("--name" in parts)
    again = run("journal", "correct", attempt.id, "--by", "operator7", "--reason", reason, *parts)
    assert (said in again.stderr) if said else (again.stderr == "")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize(
    "command",
    [
        ("journal", "overview", "--since"),
        ("journal", "overview", "--until"),
        ("journal", "purge", "--older-than"),
        ("decide", "1", "--reason", "no-dialogue", "--by", "operator7", "--called"),
    ],
)
def test_a_day_nobody_can_count_with_is_refused_in_a_sentence(
    run: Run, command: tuple[str, ...], day: str
) -> None:
    result = run(*command, day, status=2)
    assert "expected a" in result.output
    assert "Traceback" not in result.output
