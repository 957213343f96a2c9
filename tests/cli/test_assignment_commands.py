"""`recognizer contacts assign|detach|merge` in the installed program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome, CallReport, Evidence, Outcome


@pytest.mark.slow
def test_a_call_is_assigned_moved_detached_and_cards_are_merged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'j.sqlite3'}"
    report = CallReport("a", Evidence(1.0), Outcome(CallOutcome.DOES_NOT_EXIST, 0.9), None, 0.1)
    with Journal.open(url) as journal:
        for ref in ("C-1", "C-2"):
            journal.upsert_contact(ContactCard(ref=ref))
        call = journal.record_attempt(report, digest="1" * 64).id

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", "from recognizer.cli import main; main()", "contacts", *words],
            env={**os.environ, "RECOGNIZER_JOURNAL_URL": url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def owner() -> str | None:
        with Journal.open(url) as journal:
            return journal.attempt(call).contact_ref

    assert run("assign", str(call), "C-1") == (0, f"call {call}: now of card C-1\n")
    code, said = run("assign", str(call), "C-")
    assert (code, owner()) == (1, "C-1"), said
    assert run("assign", str(call), "C-2")[0] == 0
    assert owner() == "C-2"
    assert run("detach", str(call))[0] == 0
    assert owner() is None
    run("assign", str(call), "C-1")
    assert run("merge", "C-1", "C-2") == (0, "C-1: merged into C-2\n")
    assert owner() == "C-2"
