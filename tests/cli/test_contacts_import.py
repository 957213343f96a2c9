"""What an import would lead to is said before anything is saved, and asked about if it is much."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner, Result

from recognizer.cli import app
from recognizer.crm.journal.journal import Journal
from recognizer.crm.numbers import NumberState

Run = Callable[..., Result]
HEADING = "Номер контакта;Телефон;Владелец\r\n"


def rows(n_good: int, *others: str) -> str:
    """Return a file with so many valid numbers and these fields of others."""
    good = [f"{n};8 926 123-{n // 100:02}-{n % 100:02};Клиент" for n in range(1, n_good + 1)]
    bad = [f"x{n};{number};Клиент" for n, number in enumerate(others, start=1)]
    return HEADING + "\r\n".join([*good, *bad]) + "\r\n"


@pytest.fixture
def run(tmp_path: Path, sqlite_journal: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(sqlite_journal.read_bytes())
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", f"sqlite:///{path}")
    monkeypatch.delenv("RECOGNIZER_SETTINGS", raising=False)
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: object, status: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == status, result.output
        return result

    return invoke


def write(text: str, name: str = "crm.csv") -> None:
    Path(name).write_text(text, encoding="utf-8")


def n_stored() -> int:
    with Journal.open(os.environ["RECOGNIZER_JOURNAL_URL"]) as journal:
        return sum(1 for _ in journal.all_contacts())


def test_five_of_a_hundred_are_imported_and_said(run: Run) -> None:
    write(rows(95, "", "+7 ( )", "8 926 123", "8 926 124", ""))
    output = run("contacts", "import", "crm.csv").stdout
    assert "without a call: 5 of 100 cards added or changed (5.0%)" in output
    assert "number-malformed 2, number-missing 3" in output
    assert n_stored() == 100


def test_more_than_the_share_is_refused_and_nothing_is_saved(run: Run) -> None:
    write(rows(94, "", "", "", "8 926 123", "8 926 124", "8 926 125"))
    result = run("contacts", "import", "crm.csv", status=1)
    assert "6 of 100" in result.stdout
    assert "expected at most 5.0% of the cards" in result.stderr
    assert "--yes" in result.stderr
    assert n_stored() == 0
    assert not Path("crm.csv.rejected.csv").exists()
    run("contacts", "import", "crm.csv", "--yes")
    assert n_stored() == 100


def test_a_dry_run_says_it_and_saves_nothing(run: Run) -> None:
    write(rows(1, ""))
    assert "1 of 2 cards" in run("contacts", "import", "crm.csv", "--dry-run").stdout
    assert "1 of 2 cards" in run("contacts", "import", "crm.csv", "--dry-run", "--yes").stdout
    assert n_stored() == 0


@pytest.mark.parametrize(
    ("share", "status", "stored"), [("0", 1, 0), ("0.49", 1, 0), ("0.5", 0, 2), ("1", 0, 2)]
)
def test_the_share_is_the_settings(
    run: Run, monkeypatch: pytest.MonkeyPatch, share: str, status: int, stored: int
) -> None:
    monkeypatch.setenv("RECOGNIZER_JOURNAL_MAX_MARKED_SHARE", share)
    write(rows(1, ""))
    run("contacts", "import", "crm.csv", status=status)
    assert n_stored() == stored


@pytest.mark.parametrize("share", ["-0.1", "5", "5 %"])
def test_a_share_that_is_none_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, share: str
) -> None:
    monkeypatch.setenv("RECOGNIZER_JOURNAL_MAX_MARKED_SHARE", share)
    write(rows(1))
    result = CliRunner().invoke(app, ["contacts", "import", "crm.csv"])
    assert "RECOGNIZER_JOURNAL_MAX_MARKED_SHARE" in str(result.exception)
    assert n_stored() == 0


@pytest.mark.parametrize("doubtful", ["770-XX-XX", "+7 (905) XXXXXXX", "спросить у жены"])
def test_what_is_doubtful_is_no_mark(run: Run, doubtful: str) -> None:
    write(rows(0, doubtful))
    assert "0 of 1 cards" in run("contacts", "import", "crm.csv").stdout


def test_an_unknown_number_is_no_mark(run: Run) -> None:
    write("Номер контакта;Владелец\r\n1;Клиент\r\n2;Клиент\r\n")
    assert "0 of 2 cards" in run("contacts", "import", "crm.csv", "--no-phone").stdout


def test_the_companys_own_number_is_a_mark(run: Run) -> None:
    write(rows(1, "+7 495 7304487").replace("Клиент", "Иванов"))
    assert "own-company-number 1" in run("contacts", "import", "crm.csv", status=1).stdout


def test_only_what_the_import_changes_counts(run: Run) -> None:
    write(rows(0, "", "8 926 123"))
    run("contacts", "import", "crm.csv", "--yes")
    # Nothing new; then another owner of a card that was to be marked already.
    assert "0 of 0 cards" in run("contacts", "import", "crm.csv").stdout
    write(rows(0, "", "8 926 123").replace("Клиент", "Другой"))
    assert "0 of 2 cards" in run("contacts", "import", "crm.csv").stdout


def test_numbers_that_a_second_file_empties_are_asked_about(run: Run) -> None:
    write(rows(10))
    run("contacts", "import", "crm.csv")
    write(HEADING + "".join(f"{n};;Клиент\r\n" for n in range(1, 11)))
    assert "10 of 10" in run("contacts", "import", "crm.csv", status=1).stdout
    with Journal.open(os.environ["RECOGNIZER_JOURNAL_URL"]) as journal:
        assert all(record.card.trusted_phone for record in journal.all_contacts()) or all(
            record.card.mobile_phone for record in journal.all_contacts()
        )


def test_rows_of_nothing_but_a_card_s_number_take_no_number_from_a_card(run: Run) -> None:
    write(rows(10))
    run("contacts", "import", "crm.csv")
    write("Номер контакта;Телефон\r\n" + "".join(f"{n};\r\n" for n in range(1, 11)))
    assert (
        "marked «Некорректный контакт» without a call: 0 of"
        in run("contacts", "import", "crm.csv").stdout
    )
    with Journal.open(os.environ["RECOGNIZER_JOURNAL_URL"]) as journal:
        states = {record.card.number_state for record in journal.all_contacts()}
    assert states == {NumberState.VALID}


def test_a_column_the_second_file_lacks_stays_and_is_no_mark(run: Run) -> None:
    write("Номер контакта;Мобильный телефон;Телефон\r\n1;8 926 123-45-67;\r\n")
    run("contacts", "import", "crm.csv")
    write("Номер контакта;Телефон;Владелец\r\n1;;Другой\r\n")
    assert "0 of 1 cards" in run("contacts", "import", "crm.csv").stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "status", "stored"), [("y\n", 0, 1), ("n\n", 1, 0), ("\n", 1, 0)]
)
def test_at_a_terminal_it_asks_for_a_plain_yes(
    run: Run, typed: str, status: int, stored: int
) -> None:
    write(rows(0, ""))
    ours, theirs = pty.openpty()
    command = "import sys; from recognizer.cli import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", command, "contacts", "import", "crm.csv"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        os.write(ours, typed.encode())
        output, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == status, output.decode()
    assert "Import them?" in output.decode()
    assert n_stored() == stored


def test_a_dry_run_makes_neither_a_journal_nor_a_file_of_rejected_rows(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'journal.sqlite3'}"
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", url)
    write(HEADING + "1;#N/A;Клиент\r\n2;8 926 123-45-67;Клиент\r\n")
    before = sorted(tmp_path.rglob("*"))
    output = run("contacts", "import", "crm.csv", "--dry-run", status=1).stdout
    assert "line 2 rejected: «Телефон довер. лица»: вместо номера ошибка таблицы" in output
    assert "would be added 1" in output
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_leaves_an_earlier_file_of_rejected_rows_alone(run: Run) -> None:
    write(HEADING + "1;#N/A;Клиент\r\n")
    Path("crm.csv.rejected.csv").write_text("of yesterday")
    run("contacts", "import", "crm.csv", "--dry-run", status=1)
    assert Path("crm.csv.rejected.csv").read_text() == "of yesterday"


def test_a_refused_import_makes_no_journal(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "journal.sqlite3"
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", f"sqlite:///{path}")
    write(rows(0, ""))
    run("contacts", "import", "crm.csv", status=1)
    assert not path.parent.exists()


# --- check ---------------------------------------------------------------------------------


def test_a_check_says_what_was_understood_of_each_column(run: Run) -> None:
    write(
        "Номер контакта;Телефон;Дата;Любимый цвет\r\n"
        "1;8 926 123-45-67;05.02.2013;синий\r\n2;8 926 123;;\r\n3;;;\r\n4;+7 ( );;\r\n"
    )
    output = run("contacts", "check", "crm.csv").stdout
    lines = output.splitlines()
    assert "4 cards, 0 rows rejected" in lines[0]
    phone = lines.index(next(line for line in lines if line.startswith("«Телефон»: ")))
    assert [line.rpartition(": ")[2] for line in lines[phone + 1 : phone + 4]] == [
        "valid",
        "wrong",
        "absent",  # the field; of the card's number nothing is said in a row of nothing else
    ]
    assert "8926*****67" in lines[phone + 1]
    assert "123-45-67" not in output
    date = lines.index("«Дата»: contact_date")
    assert lines[date + 1 : date + 4] == ["    2013-02-05", "    None", "    None"]
    assert "«Любимый цвет»: not imported" in lines
    assert "numbers: valid 1, wrong 1, unknown 1, absent 1" in lines
    assert "8 926 123-45-67" in run("contacts", "check", "crm.csv", "--full-numbers").stdout
    assert n_stored() == 0


def test_a_check_shows_the_columns_of_a_file_that_would_be_refused(run: Run) -> None:
    write("Номер контакта;Связь\r\n1;8 926 123-45-67\r\n")
    result = run("contacts", "check", "crm.csv", status=1)
    assert "«Связь»: not imported" in result.stdout
    assert "expected a column of telephone numbers" in result.stderr


def test_a_check_names_the_rows_an_import_would_reject(run: Run) -> None:
    write("Номер контакта;Телефон\r\n1;#N/A\r\n2;8 926 123-45-67\r\n")
    output = run("contacts", "check", "crm.csv", status=1).stdout
    assert "1 cards, 1 rows rejected" in output
    assert "line 2 rejected: «" in output
    assert not Path("crm.csv.rejected.csv").exists()


def test_several_sheets_with_cards_are_asked_about_and_the_others_are_named(run: Run) -> None:
    book = openpyxl.Workbook()
    for name, ref in (("Апрель", "1"), ("Март", "2")):
        sheet = book.create_sheet(name)
        sheet.append(["Номер контакта", "Телефон"])
        sheet.append([ref, "8 926 123-45-67"])
    book.save("crm.xlsx")
    for command in ("check", "import"):
        result = CliRunner().invoke(app, ["contacts", command, "crm.xlsx"])
        assert result.exit_code == 1
        assert "several sheets hold cards: «Апрель», «Март»" in str(result.exception)
    output = run("contacts", "import", "crm.xlsx", "--sheet", "Март").stdout
    assert "sheet «Март»; not read: «Sheet», «Апрель»): added 1" in output
    assert "sheet «Март»" in run("contacts", "check", "crm.xlsx", "--sheet", "Март").stdout


def test_a_file_with_a_row_for_each_number_is_the_same_the_second_time(run: Run) -> None:
    write(HEADING + "1;8 926 123-45-67;К\r\n2;8 926 123-45-60;К\r\n1;8 926 123-45-68;К\r\n")
    assert "added 2, changed 0" in run("contacts", "import", "crm.csv").stdout
    assert "added 0, changed 0, unchanged 2" in run("contacts", "import", "crm.csv").stdout


# --- taking an import back -------------------------------------------------------------------


def test_an_import_is_listed_and_taken_back(run: Run) -> None:
    write(rows(2))
    assert (
        "to take it back: recognizer contacts undo-import 1"
        in run("contacts", "import", "crm.csv", "--by", "operator7").stdout
    )
    write(HEADING + "1;;Клиент\r\n2;;Клиент\r\n3;;Клиент\r\n", "bad.csv")
    run("contacts", "import", "bad.csv", "--yes")
    run("decide", "1")
    listed = run("contacts", "imports").stdout.splitlines()
    assert "import bad.csv by command line: added 1, changed 2" in listed[0]
    assert "import crm.csv by operator7: added 2, changed 0" in listed[1]
    dry = run("contacts", "undo-import", "2", "--dry-run").stdout
    assert "would be closed 1, would be restored 2, left 0" in dry
    assert "closed 1, restored 2, left 0" in run("contacts", "undo-import", "2").stdout
    assert "taken back" in run("contacts", "imports").stdout.splitlines()[0]
    with Journal.open(os.environ["RECOGNIZER_JOURNAL_URL"]) as journal:
        assert [record.card.ref for record in journal.all_contacts()] == ["1", "2"]
        assert not any(record.incorrect_contact for record in journal.all_contacts())


def test_what_is_left_is_named_and_the_status_says_so(run: Run) -> None:
    write(rows(1))
    run("contacts", "import", "crm.csv")
    run("decide", "1", "--reason", "no-dialogue", "--by", "operator7")
    result = run("contacts", "undo-import", "1", status=1)
    assert "left 1: " in result.stdout
    assert n_stored() == 1


def test_a_dry_run_is_no_import(run: Run) -> None:
    write(rows(1))
    run("contacts", "import", "crm.csv", "--dry-run")
    assert run("contacts", "imports").stdout == ""


def test_another_owner_is_refused_and_shown_until_it_is_asked_for(run: Run) -> None:
    heading = "Номер контакта;Телефон;Владелец\r\n"
    write(f"{heading}1;8 926 555-01-02;Иванов\r\n2;8 926 555-01-03;Ким\r\n")
    run("contacts", "import", "crm.csv")
    write(f"{heading}1;8 926 555-01-02;Петров\r\n2;8 926 555-01-04;Ким\r\n")
    for arguments in (("--dry-run",), ()):
        output = run("contacts", "import", "crm.csv", *arguments, status=1).output
        assert "1, «Владелец»: «Иванов» -> «Петров»" in output
        assert "changed 1, unchanged 0, rejected 1" in output
    assert "было «Иванов», в файле «Петров»" in Path("crm.csv.rejected.csv").read_text("utf-8-sig")
    output = run("contacts", "import", "crm.csv", "--other-clients").output
    assert "changed 1, unchanged 1, rejected 0" in output
