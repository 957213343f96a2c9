"""`recognizer users`: the first administrator from the server's console."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from recognizer.base.errors import RecognizerError
from recognizer.cli import app
from recognizer.crm.journal.journal import Journal
from recognizer.web.auth.access import Access

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def journal_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", url)
    monkeypatch.delenv("RECOGNIZER_SETTINGS", raising=False)
    return url


def run(*arguments: str, typed: str = "") -> str:
    result = CliRunner().invoke(app, ["users", *arguments], input=typed)
    if isinstance(result.exception, RecognizerError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_an_administrator_made_on_the_console_can_sign_in(journal_url: str) -> None:
    run("add", "vera", "--name", "Вера", "--role", "administrator", typed=f"{PASSWORD}\n")
    assert run("list") == "vera\tadministrator\topen\tВера\n"
    with Journal.open(journal_url) as journal:
        access = Access(journal.database.engine)
        token = access.sign_in("vera", PASSWORD)
        assert access.session(token) is not None
        run("password", "Vera", typed="another good password\n")
        assert access.session(token) is None
        assert [entry.action for entry in access.audit()][:2] == ["reset_password", "sign_in"]


def test_mistakes_are_one_english_sentence() -> None:
    run("add", "vera", typed=f"{PASSWORD}\n")
    with pytest.raises(RecognizerError, match="'vera' is taken already"):
        run("add", "VERA", typed=f"{PASSWORD}\n")
    with pytest.raises(RecognizerError, match="expected 10 characters or more, got 5"):
        run("add", "boris", typed="short\n")
    with pytest.raises(RecognizerError, match="there is no user 'nobody'"):
        run("password", "nobody", typed=f"{PASSWORD}\n")
