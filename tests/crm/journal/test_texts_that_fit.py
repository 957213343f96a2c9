"""Texts from outside that no column takes: the same in SQLite and PostgreSQL, and nobody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from journal_reports import day, heard, spoken

from recognizer.base.errors import RowError
from recognizer.batch.results import read_results
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.fitting import fits
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptFilter
from recognizer.crm.journal.tables import AttemptRow, Base
from recognizer.model import CallOutcome

BUSY = CallOutcome.BUSY_TONE
NUL, HALF, GOOD = "a\0b", "a\ud800b", "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("length", [127, 128, 129, 100_000])
def test_an_id_that_does_not_fit_is_none_and_never_another_calls(
    journal_url: str, length: int
) -> None:
    with Journal.open(journal_url) as journal:
        one, other = (
            journal.record_attempt(
                heard(BUSY),
                number="+79265550102",
                digest="d" * 64,
                call_id="x" * (length - 1) + end,
            )
            for end in "ab"
        )
        assert journal.attempt(one.id).outcome is BUSY
        # Nothing says that they are two: the cost is one more call, never a status too early.
        assert (one.id == other.id) == (length > 128)


@pytest.mark.parametrize("text", [NUL, HALF])
def test_characters_no_database_holds_are_replaced_wherever_they_stand(
    journal_url: str, text: str
) -> None:
    # A report is JSON before it gets here, which holds no halves of pairs.
    spoken_text = text.replace("\ud800", "\0")
    with Journal.open(journal_url) as journal:
        journal.upsert_contact(ContactCard(ref="1", owner=text, comments=text, vin=text))
        kept = journal.record_attempt(
            spoken(BUSY, spoken_text, recording=spoken_text),
            contact="1",
            digest="d" * 64,
            call_id=text,
        )
        assert journal.attempt(kept.id).recording == GOOD
        assert journal.attempt(kept.id).transcript == GOOD
        assert journal.contact("1").card.owner == GOOD
        (found,) = journal.attempts(AttemptFilter(text=text)).items
        assert found.id == kept.id
        assert journal.find_contacts(text)[0].card.ref == "1"
        journal.correct(kept.id, made_by=text, outcome=CallOutcome.NO_ANSWER, note=text)
        assert journal.overview().n_corrected == 1


def test_what_is_too_long_for_its_column_is_refused_and_named_before_it_is_sent(
    journal_url: str,
) -> None:
    with Journal.open(journal_url) as journal:
        with pytest.raises(RowError, match=r"contacts\.ref: expected 100 .* got 101"):
            journal.upsert_contact(ContactCard(ref="r" * 101))
        journal.upsert_contact(ContactCard(ref="r" * 100))
        with pytest.raises(RowError, match=r"attempts\.digest"):
            journal.record_attempt(heard(BUSY), digest="d" * 65)
        assert journal.count_attempts() == 0
        journal.record_attempt(heard(BUSY), digest="d" * 64)


def test_many_rows_at_once_are_looked_at_each(journal_url: str) -> None:
    with Journal.open(journal_url) as journal:
        cards = [ContactCard(ref=f"{number}", owner=NUL) for number in range(300)]
        list(journal.import_contacts(cards, source="test"))
        assert journal.contact("299").card.owner == GOOD
        too_long = [*cards, ContactCard(ref="r" * 101)]
        with pytest.raises(RowError, match=r"contacts\.ref"):
            list(journal.import_contacts(too_long, source="test"))


def test_every_column_with_a_length_has_it_from_the_table() -> None:
    assert fits(AttemptRow.call_id, "x" * 128)
    assert not fits(AttemptRow.call_id, "x" * 129)
    assert fits(AttemptRow.call_id, None)
    assert fits(AttemptRow.transcript, "x" * 10**6)
    lengths = {
        column.type.length
        for table in Base.metadata.tables.values()
        for column in table.c
        if isinstance(column.type, sa.String)
    }
    assert {None, 40, 64, 128} <= lengths


def test_a_number_no_database_takes_is_an_error_of_that_row(journal_url: str) -> None:
    with Journal.open(journal_url) as journal:
        with pytest.raises(RowError):
            journal.attempt(2**70)
        journal.record_attempt(heard(BUSY), digest="d" * 64, called_at=day(3))
        assert journal.count_attempts() == 1


def test_facts_that_do_not_fit_end_no_batch(journal_url: str, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    rows = ["path;number;call_id;contact;called_at"]
    facts = {
        "long id": f"+79265550102;{'x' * 300};;2026-11-22T09:00:00",
        "long number": f"{'9' * 300};id;;",
        "long contact": f";;{'c' * 300};",
        "nul id": "+79265550103;a\0b;;2026-11-22T09:01:00",
        "nul number": "+7926\0" + "5550104;id-2;;2026-11-22T09:02:00",
        "nul contact": ";;c\0d;",
        "good": "+79265550105;id-3;;2026-11-22T09:03:00",
    }
    for name, said in facts.items():
        (calls / f"{name}.wav").write_text(f"busy_tone {name}")
        rows.append(f"{name}.wav;{said}")
    (calls / "list.csv").write_text("\n".join(rows))
    results = tmp_path / "results.jsonl"
    program = Path(__file__).parents[2] / "support" / "manifest_program.py"
    run = subprocess.run(
        [sys.executable, program, calls / "list.csv", results, journal_url],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    lines = {Path(line["recording"]).stem: line for line in read_results(results)}
    assert {name: line["outcome"] for name, line in lines.items()} == dict.fromkeys(
        facts, "busy_tone"
    )
    unrecorded = {name for name, line in lines.items() if line["journal"]["attempt_id"] is None}
    assert unrecorded == {"long contact", "nul contact"}  # there are no such cards
    with Journal.open(journal_url) as journal:
        assert journal.count_attempts() == len(facts) - 2
