"""The commands batch and api-keys as a user meets them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest
from fake_recognizer import PHRASES_VERSION, FakeRecognizer, InProcess
from typer.testing import CliRunner, Result

from recognizer.batch import worker_pool
from recognizer.batch.results import read_results
from recognizer.cli import app
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal


class InProcessPool(InProcess):
    def __init__(self, _load: Any, n_workers: int, **_more: Any) -> None:
        super().__init__(FakeRecognizer())
        self.n_workers = n_workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(worker_pool, "WorkerPool", InProcessPool)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOGNIZER_SERVER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", f"sqlite:///{tmp_path / 'journal.sqlite3'}")

    def run(*arguments: object, **more: Any) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], **more)

    return run


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    folder = tmp_path / "calls"
    folder.mkdir()
    for name, content in {"a": "busy_tone", "b": "does_not_exist", "c": "damaged"}.items():
        (folder / f"{name}_79991112233.wav").write_text(content)
    return folder


def test_a_folder_gives_a_log_tables_a_report_and_a_summary(
    run: Run, calls: Path, tmp_path: Path
) -> None:
    result = run("batch", calls, "--csv", "t.csv", "--xlsx", "t.xlsx", "--report", "r.html")
    assert result.exit_code == 1  # one recording is damaged
    assert "3 recordings classified; results in recognizer-results.jsonl" in result.output
    assert "1  does_not_exist" in result.output
    assert "1  error:unreadable_audio" in result.output
    assert "79991112233" not in result.output  # a log keeps no numbers
    assert len(list(read_results(tmp_path / "recognizer-results.jsonl"))) == 3
    assert (tmp_path / "t.csv").read_bytes().startswith(b"\xef\xbb\xbfrecording,")
    assert (tmp_path / "t.xlsx").read_bytes().startswith(b"PK")
    assert "Номер не существует" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_the_same_command_again_does_nothing_and_is_fine(run: Run, calls: Path) -> None:
    run("batch", calls)
    again = run("batch", calls)
    assert again.exit_code == 0
    assert "0 recordings classified, 3 done before" in again.output
    retried = run("batch", calls, "--retry-failed")
    assert retried.exit_code == 1
    assert "1 recordings classified, 2 done before" in retried.output


def test_a_list_on_stdin_may_name_what_is_gone(run: Run, calls: Path, tmp_path: Path) -> None:
    listed = f"{calls / 'a_79991112233.wav'}\n{calls / 'gone.wav'}\n\n"
    result = run("batch", "-", "--results", "r.jsonl", input=listed)
    assert result.exit_code == 1
    kinds = [
        line["outcome"] or line["error"]["kind"] for line in read_results(tmp_path / "r.jsonl")
    ]
    assert sorted(kinds) == ["busy_tone", "not_found"]


def test_the_journal_counts_attempts_by_the_number_in_the_name(
    run: Run, calls: Path, tmp_path: Path
) -> None:
    pattern = "{any}_{number}"
    run("batch", calls, "--journal", "--name-pattern", pattern)
    (calls / "d_79991112233.wav").write_text("busy_tone again")
    run("batch", calls, "--journal", "--name-pattern", pattern)
    *_, last = read_results(tmp_path / "recognizer-results.jsonl")
    assert last["call"]["number"] == "79991112233"
    assert last["decision"]["attempt"] > 1
    assert last["journal"]["is_new"] is True


def test_the_journal_keeps_which_phrases_a_call_was_recognised_with(
    run: Run, calls: Path, tmp_path: Path
) -> None:
    run("batch", calls, "--journal", "--include", "b_*")
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as journal:
        (attempt,) = journal.attempts(limit=10).items
    assert attempt.phrases_version == PHRASES_VERSION


def test_a_list_of_calls_marks_a_card_only_once_each_of_its_numbers_is_told_not_to_exist(
    run: Run, tmp_path: Path
) -> None:
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as journal:
        for ref, phone in {
            "two": "8 926 555-01-02, 8 926 555-01-03",
            "other": "8 926 555-01-04",
            "one": "8 926 555-01-05",
            "both": "8 926 555-01-06; 8 926 555-01-07",
        }.items():
            journal.upsert_contact(ContactCard(ref=ref, mobile_phone=phone, owner="Иванов"))
    rows = ["path;contact;number;called_at"]
    for place, (ref, number) in enumerate(
        [
            ("two", "89265550102"),
            ("other", "89265550199"),
            ("one", "89265550105"),
            ("both", "89265550106"),
            ("both", "89265550107"),
        ]
    ):
        (tmp_path / f"{place}.wav").write_text(f"does_not_exist {place}")
        rows.append(f"{place}.wav;{ref};{number};20.11.2024 1{place}:00")
    (tmp_path / "calls.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert run("batch", "--manifest", "calls.csv", "--journal").exit_code == 0
    decided = {
        line["recording"]: line["decision"]
        for line in read_results(tmp_path / "recognizer-results.jsonl")
    }
    marks = [decided[f"{place}.wav"]["incorrect_contact"] for place in range(5)]
    assert marks == [None, None, True, None, True]
    assert [decided[f"{place}.wav"]["attempt"] for place in range(5)] == [1, 1, 1, 1, 2]
    why = " ".join(decided["0.wav"]["explanation"])
    assert "Отметка не поставлена: в карточке есть и другой номер (+7926*****03)" in why
    assert decided["0.wav"]["next"] == "operator"
    assert "в карточке другой номер" in " ".join(decided["1.wav"]["explanation"])
    assert "8926" not in " ".join(decided["1.wav"]["explanation"]).replace("8926*****99", "")


@pytest.mark.parametrize("written", ["20/11/2024 10:00", "вчера"])
def test_a_time_that_cannot_be_read_is_answered_with_one_that_can(
    run: Run, tmp_path: Path, written: str
) -> None:
    (tmp_path / "a.wav").write_text("busy_tone")
    (tmp_path / "calls.csv").write_text(f"path,called_at\na.wav,{written}\n", encoding="utf-8")
    problem = str(run("batch", "--manifest", "calls.csv").exception)
    assert "calls.csv, line 2" in problem
    assert f"20.11.2026 10:00 or 2026-11-20T10:00:00+03:00, found '{written}'" in problem


def test_a_code_of_the_cdr_is_weighed(run: Run, calls: Path, tmp_path: Path) -> None:
    cdr = tmp_path / "cdr.csv"
    cdr.write_text("recordingfile,dst,cause\nb_79991112233.wav,79991112233,17\n")
    result = run("batch", calls, "--include", "b_*", "--cdr", cdr, "--q850-column", "cause")
    assert result.exit_code == 0
    (line,) = read_results(tmp_path / "recognizer-results.jsonl")
    assert line["outcome"] == "does_not_exist"
    assert line["signalling"]["agreement"] == "disagrees"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), 2, "name folders or files"),
        (("--sip-column", "x", "."), 2, "need --cdr"),
        (("--workers", "-1", "."), 2, "--workers"),
        (("nowhere",), 1, "nowhere: no such file or folder"),
        (("--name-pattern", "{phone}", "."), 1, "unknown field {phone}"),
        (("--cdr", "nowhere.csv", "."), 1, "nowhere.csv: cannot be read"),
        (("--manifest", "nowhere.csv"), 1, "nowhere.csv: cannot be read"),
    ],
)
def test_wrong_usage_is_explained(
    run: Run, arguments: tuple[str, ...], status: int, words: str
) -> None:
    result = run("batch", *arguments)
    if status == 2:
        assert result.exit_code == 2
        assert words in result.output
    else:  # `main` prints it and exits with 1
        assert words in str(result.exception)


def test_keys_are_created_listed_and_revoked(run: Run) -> None:
    secret = run("api-keys", "create", "crm").output.strip()
    assert secret.startswith("rk_")
    listed = run("api-keys", "list").output
    assert "crm" in listed
    assert secret not in listed
    assert "is in force" in str(run("api-keys", "create", "crm").exception)
    assert "revoked" in run("api-keys", "revoke", "crm").output
    assert "revoked" in run("api-keys", "list").output
    assert "no API key in force" in str(run("api-keys", "revoke", "crm").exception)
