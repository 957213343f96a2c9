"""Every recording once, whatever dies."""

import datetime as dt
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import FakeRecognizer, InProcess, load_nothing, loader

from recognizer.base.errors import ContactError, EngineError, RecognizerError
from recognizer.base.progress import PlainProgress
from recognizer.batch.file_names import CallFacts, load_name_patterns
from recognizer.batch.jobs import Finished, Job
from recognizer.batch.recordings import (
    FactFinder,
    Recording,
    identify,
    read_manifest,
    recordings_in,
)
from recognizer.batch.report import needs_person, write_html_report
from recognizer.batch.results import ResultLog, read_results
from recognizer.batch.runner import Summary, job_of, pending, run_batch
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker_pool import WorkerPool
from recognizer.model import CallOutcome, CallReport, SignallingCode
from recognizer.model.outcome_names import OUTCOME_NAMES

PROGRAM = Path(__file__).parents[1].joinpath("support", "batch_program.py")
PLAIN = FactFinder()


def write(folder: Path, **contents: str) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    for name, content in contents.items():
        (folder / f"{name}.wav").write_text(content)
    return folder


def run(folder: Path, results: Path, **options: Any) -> Summary:
    """Run a batch in this process."""
    summary = Summary()
    pool = InProcess(FakeRecognizer())
    try:
        with ResultLog(results) as log:
            todo = pending(recordings_in([folder], PLAIN), log, summary)
            run_batch(todo, pool, log, summary, **options)
    finally:
        pool.close()
    return summary


def run_program(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )


def outcomes(results: Path) -> dict[str, str]:
    return {
        Path(line["recording"]).stem: line["outcome"] or line["error"]["kind"]
        for line in read_results(results)
    }


class Groups(InProcess):
    """Keeps how many recordings were given together."""

    n_workers = 2

    def __init__(self) -> None:
        super().__init__(FakeRecognizer())
        self.sizes: list[int] = []

    def submit_together(
        self, jobs: Sequence[Job], on_done: Callable[[Future[Finished]], object] = lambda _: None
    ) -> list[Future[Finished]]:
        self.sizes.append(len(jobs))
        return super().submit_together(jobs, on_done)


def test_recordings_go_out_in_groups_that_shrink_so_that_all_workers_end_together(
    tmp_path: Path,
) -> None:
    calls = write(tmp_path / "calls", **{f"c{i:03}": "silence" for i in range(100)})
    summary, pool = Summary(), Groups()
    with ResultLog(tmp_path / "r.jsonl") as log:
        run_batch(pending(recordings_in([calls], PLAIN), log, summary), pool, log, summary)
    pool.close()
    assert sum(pool.sizes) == summary.n_done == 100
    assert pool.sizes[0] == 16
    assert pool.sizes == sorted(pool.sizes, reverse=True)
    assert pool.sizes[-1] == 1


@pytest.mark.slow
def test_while_one_recording_hangs_the_other_worker_does_all_the_rest(tmp_path: Path) -> None:
    calls = write(tmp_path / "calls", **{f"c{i:03}": "silence" for i in range(60)}, b000="hang")
    summary = Summary()
    n_done: list[int] = []

    def note(line: dict[str, Any]) -> None:
        if line["error"] is not None:
            n_done.append(summary.n_done)

    with (
        ResultLog(tmp_path / "r.jsonl") as log,
        WorkerPool(loader(), 2, limits=TimeLimits(base_s=1.0)) as pool,
    ):
        todo = pending(recordings_in([calls], PLAIN), log, summary)
        run_batch(todo, pool, log, summary, on_result=note)
    assert summary.n_done == 61
    # Those that were given together with it are done after it.
    assert n_done == [61 - 14]


@pytest.mark.slow
def test_files_that_crash_hang_or_are_damaged_cost_themselves_only(tmp_path: Path) -> None:
    calls = write(
        tmp_path / "calls",
        a="busy_tone", b="segfault", c="damaged", d="hang", e="exit", f="silence", g="bug",
        h=f"die-once {tmp_path / 'mark'}",
    )  # fmt: skip
    done = run_program(calls, tmp_path / "r.jsonl", tmp_path / "asked")
    assert outcomes(tmp_path / "r.jsonl") == {
        "a": "busy_tone",
        "b": "worker_crashed",
        "c": "unreadable_audio",
        "d": "time_limit",
        "e": "worker_crashed",
        "f": "silence",
        "g": "internal",
        "h": "silence",
    }
    assert "done 8 before 0 failed 5" in done.stdout
    assert "done 0 before 8 failed 0" in (
        run_program(calls, tmp_path / "r.jsonl", tmp_path / "asked").stdout
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_stopped_anywhere_is_continued_with_nothing_lost_or_twice(
    tmp_path: Path, number: signal.Signals
) -> None:
    # Slow enough that the run goes on while this test waits for a busy machine.
    names = {f"c{i:03}": "slow 0.1" for i in range(60)}
    calls = write(tmp_path / "calls", **names)
    results, asked = tmp_path / "r.jsonl", tmp_path / "asked"
    program = subprocess.Popen(
        [sys.executable, PROGRAM, calls, results, asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout is not None
    for _ in range(21):  # the line with the workers' ids and twenty results
        assert program.stdout.readline()
    program.send_signal(number)
    assert program.wait(30) != 0
    program.stdout.close()
    first = len(results.read_bytes().splitlines())
    assert 20 <= first < 60
    with results.open("ab") as file:
        file.write(b'{"recording": "torn')
    last = run_program(calls, results, asked)
    assert f"done {60 - first} before {first} failed 0" in last.stdout
    recorded = Counter(Path(line["recording"]).stem for line in read_results(results))
    assert recorded == Counter(list(names))
    # what was in work when the run was stopped may be listened to again, nothing else
    assert len(asked.read_text().splitlines()) <= 60 + 4


@pytest.mark.slow
def test_workers_killed_all_the_time_lose_no_file(tmp_path: Path) -> None:
    """The soak of benchmarks/pipeline_throughput.py, small."""
    names = {f"c{i:03}": "damaged" if i % 20 == 7 else "slow 0.01" for i in range(120)}
    calls = write(tmp_path / "calls", **names)
    summary = Summary()
    n_seen = 0
    victims = {30: 0, 110: 1}  # which worker is killed after how many results

    with (
        ResultLog(tmp_path / "r.jsonl") as log,
        WorkerPool(loader(), 2, limits=TimeLimits(base_s=10.0)) as pool,
    ):

        def kill_one(_: dict[str, Any]) -> None:
            nonlocal n_seen
            n_seen += 1
            # Far apart: what the first one had in work is done again by then, and must not be hit
            # twice, however long its successor takes to start.
            if n_seen in victims:
                os.kill(pool.pids[victims[n_seen]], signal.SIGKILL)

        todo = pending(recordings_in([calls], PLAIN), log, summary)
        run_batch(todo, pool, log, summary, on_result=kill_one)
    found = outcomes(tmp_path / "r.jsonl")
    assert found == {n: "unreadable_audio" if c == "damaged" else "silence"
                     for n, c in names.items()}  # fmt: skip
    assert summary.n_done == len(names) == len(list(read_results(tmp_path / "r.jsonl")))


def test_a_changed_file_is_done_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    calls = write(tmp_path / "calls", a="silence", b="silence")
    results = tmp_path / "r.jsonl"
    run(calls, results)
    write(calls, a="busy_tone", c="damaged")
    assert run(calls, results).counts == {"busy_tone": 1, "error:unreadable_audio": 1}
    assert run(calls, results).n_done == 0


def test_a_recording_named_twice_is_done_once(tmp_path: Path) -> None:
    calls = write(tmp_path / "calls", a="silence")
    summary = Summary()
    with ResultLog(tmp_path / "r.jsonl") as log:
        found = recordings_in([calls, calls / "a.wav", tmp_path / "calls" / ".." / "calls"], PLAIN)
        assert len(pending(found, log, summary)) == 1


def test_the_line_says_what_file_and_what_call_it_is_of(tmp_path: Path) -> None:
    name = "20261122-093015_79990000000_1763793015.42_a3"
    calls = write(tmp_path / "calls", **{name: "does_not_exist"})
    summary = Summary()
    pool = InProcess(FakeRecognizer())
    with ResultLog(tmp_path / "r.jsonl") as log:
        finder = FactFinder(load_name_patterns())
        run_batch(pending(recordings_in([calls], finder), log, summary), pool, log, summary)
    pool.close()
    (line,) = read_results(tmp_path / "r.jsonl")
    status = (calls / f"{name}.wav").stat()
    assert line["file"] == {
        "path": str(calls / f"{name}.wav"),
        "size_bytes": 14,
        "modified_ns": status.st_mtime_ns,
        # printf does_not_exist | sha256sum
        "sha256": "ea63980ec50018636a90a19dbb9d250e0852f41e44084cd2db604905dcbe6f4c",
    }
    assert line["call"]["number"] == "79990000000"
    assert line["call"]["called_at"] == "2026-11-22T09:30:15"
    assert line["decision"]["attempt"] == 3
    assert line["decision"]["comment"].startswith("22/11 ")


def test_a_listed_file_that_is_missing_is_a_result_and_found_once_it_is_there(
    tmp_path: Path,
) -> None:
    calls = write(tmp_path / "calls", a="silence")
    manifest = calls / "manifest.csv"
    manifest.write_text("path;attempt\na.wav;2\nb.wav;1\n")
    results = tmp_path / "r.jsonl"

    def run_manifest() -> Summary:
        summary = Summary()
        pool = InProcess(FakeRecognizer())
        with ResultLog(results) as log:
            todo = pending(read_manifest(manifest, PLAIN), log, summary)
            run_batch(todo, pool, log, summary)
        pool.close()
        return summary

    assert run_manifest().counts == {"silence": 1, "error:not_found": 1}
    assert run_manifest().n_done == 0
    write(calls, b="busy_tone")
    assert run_manifest().counts == {"busy_tone": 1}


def test_a_byte_and_a_name_that_spells_it_are_two_files(tmp_path: Path) -> None:
    spelt = [b"\xff.wav", b"\\xff.wav", b"\\\xff.wav", b"\\\\xff.wav", b"a\\b.wav"]
    paths = [tmp_path / os.fsdecode(name) for name in spelt]
    for path in paths:
        path.write_text("silence")
        os.utime(path, (1_000_000, 1_000_000))
    results = tmp_path / "r.jsonl"
    for n_todo in (5, 0):
        with ResultLog(results) as log:
            pool = InProcess(FakeRecognizer())
            todo = pending(recordings_in([tmp_path], PLAIN), log, Summary())
            assert len(todo) == n_todo
            run_batch(todo, pool, log, Summary())
            pool.close()
    assert identify(paths[0]).path == f"{tmp_path}/\\xff.wav"  # as logs have it that are there
    assert identify(paths[4]).path == f"{tmp_path}/a\\b.wav"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1001,,,", "1002,,,"),
        (",79260000001,,", ",79260000002,,"),
        (",79260000001,,1.1", ",79260000001,,1.2"),
        (",79260000001,,", ",,,"),
        (",,2026-03-01 10:00,", ",,2026-03-01 11:00,"),
    ],
)
@pytest.mark.parametrize("again", ["a.wav", "../calls/a.wav"])
def test_a_manifest_that_names_one_file_for_two_calls_is_refused(
    tmp_path: Path, one: str, other: str, again: str
) -> None:
    manifest = write(tmp_path / "calls", a="silence") / "manifest.csv"
    rows = f"a.wav,{one}\n{again},{other}\n"
    manifest.write_text(f"path,contact,number,called_at,call_id\n{rows}")
    with pytest.raises(RecognizerError, match=r"line 3: .*a\.wav is named in line 2 already"):
        list(read_manifest(manifest, PLAIN))


def test_a_manifest_may_say_the_same_of_a_file_twice(tmp_path: Path) -> None:
    manifest = write(tmp_path / "calls", a="silence") / "manifest.csv"
    manifest.write_text("path,number\na.wav,+79260000001\na.wav,8 (926) 000-00-01\n")
    with ResultLog(tmp_path / "r.jsonl") as log:
        assert len(pending(read_manifest(manifest, PLAIN), log, Summary())) == 1


@pytest.mark.slow
def test_a_recogniser_that_cannot_load_stops_the_run_with_its_reason(tmp_path: Path) -> None:
    calls = write(tmp_path / "calls", a="silence")
    summary = Summary()
    with ResultLog(tmp_path / "r.jsonl") as log, WorkerPool(load_nothing, 1) as pool:
        todo = pending(recordings_in([calls], PLAIN), log, summary)
        with pytest.raises(EngineError, match="models install"):
            run_batch(todo, pool, log, summary)
    assert outcomes(tmp_path / "r.jsonl") == {}


class FakeJournal:
    """Counts like the journal: one attempt a digest."""

    def __init__(self) -> None:
        self.digests: list[str | None] = []
        self.asked: list[dict[str, Any]] = []

    def record_attempt(
        self,
        report: CallReport,
        *,
        contact: str | None = None,
        number: str | None = None,
        digest: str | None = None,
        called_at: dt.datetime | None = None,
        call_id: str | None = None,
        received_at: dt.datetime | None = None,
    ) -> Any:
        if contact == "nobody":
            raise ContactError("nobody: no such card")
        self.asked.append({"contact": contact, "number": number, "called_at": called_at})
        is_new = digest not in self.digests
        if is_new:
            self.digests.append(digest)
        kept = FakeRecognizer().regulation.decide_outcome(CallOutcome.DOES_NOT_EXIST, attempt=3)

        class Decided:
            decision = kept

        class Kept:
            id = 1 + self.digests.index(digest)
            decision = Decided

        Kept.is_new = is_new  # type: ignore[attr-defined]
        return Kept


def test_the_journals_decision_is_the_one_that_counts(tmp_path: Path) -> None:
    calls = write(tmp_path / "calls", a="does_not_exist")
    journal = FakeJournal()
    run(calls, tmp_path / "r.jsonl", journal=journal)
    (line,) = read_results(tmp_path / "r.jsonl")
    assert line["decision"]["attempt"] == 3
    assert line["journal"] == {"attempt_id": 1, "is_new": True, "error": None}
    # the log is lost, the journal is not: the same recording is the same attempt
    run(calls, tmp_path / "r2.jsonl", journal=journal)
    (line,) = read_results(tmp_path / "r2.jsonl")
    assert line["journal"]["is_new"] is False


def test_a_contact_nobody_knows_costs_the_record_only(tmp_path: Path) -> None:
    calls = write(tmp_path / "calls", a="silence")
    manifest = calls / "manifest.csv"
    manifest.write_text("path,contact,number\na.wav,nobody,79990000000\n")
    summary = Summary()
    pool = InProcess(FakeRecognizer())
    with ResultLog(tmp_path / "r.jsonl") as log:
        todo = pending(read_manifest(manifest, PLAIN), log, summary)
        run_batch(todo, pool, log, summary, journal=FakeJournal())
    pool.close()
    (line,) = read_results(tmp_path / "r.jsonl")
    assert line["outcome"] == "silence"
    assert line["journal"]["error"] == "nobody: no such card"


# -- which recordings ------------------------------------------------------------------------


def test_folders_are_searched_with_all_below_and_only_recordings_taken(tmp_path: Path) -> None:
    for name in ("b.wav", "a.WAV", "sub/deep/c.opus", "notes.txt", ".hidden.wav", "d.wav.part",
                 ".cache/e.wav", "f.sln16"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("silence")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    names = [str(found.path.relative_to(tmp_path)) for found in recordings_in([tmp_path], PLAIN)]
    assert sorted(names) == ["a.WAV", "b.wav", "f.sln16", "sub/deep/c.opus"]
    only = recordings_in([tmp_path], PLAIN, include=["*.wav", "*.txt"], exclude=["b.*"])
    assert sorted(found.path.name for found in only) == [".hidden.wav", "notes.txt"]


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecognizerError, match="nowhere: no such file or folder"):
        list(recordings_in([tmp_path / "nowhere"], PLAIN))


def test_a_name_that_is_no_utf8_is_classified_and_logged(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xe7\xe2\xee\xed\xee\xea.wav"
    try:
        Path(os.fsdecode(path)).write_text("silence")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert run(tmp_path, tmp_path / "r.jsonl").counts == {"silence": 1}
    (line,) = read_results(tmp_path / "r.jsonl")
    assert line["recording"].endswith(r"\xe7\xe2\xee\xed\xee\xea.wav")
    assert run(tmp_path, tmp_path / "r.jsonl").n_before == 1


def test_a_manifest_says_what_is_known_of_each_call(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text(
        "\ufeffpath,contact,number,called_at,attempt,channel,sip_code,q850,note\n"
        "sub/a.wav,K-1,+7 999 000-00-00,2026-11-22T09:30:15+03:00,2,1,404,1,x\n\n",
    )
    (found,) = read_manifest(manifest, PLAIN)
    assert found.path == tmp_path / "sub" / "a.wav"
    assert (found.name, found.contact, found.channel) == ("sub/a.wav", "K-1", "1")
    assert found.facts.codes == (SignallingCode("sip", 404), SignallingCode("q850", 1))
    job = job_of(found)
    assert (job.request.attempt, job.request.channel, job.request.called_on) == (
        2,
        "1",
        dt.date(2026, 11, 22),
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("file\na.wav\n", "line 1: expected a heading with a column `path`"),
        ("", "line 1: expected a heading"),
        ("path,attempt\na.wav,0\n", "line 2: attempt: expected 1 to 1000"),
        ("path,attempt\na.wav,two\n", "line 2"),
        ("path,sip_code\na.wav,four\n", "line 2: sip code"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_line(
    tmp_path: Path, content: str, words: str
) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text(content)
    with pytest.raises(RecognizerError, match=words):
        list(read_manifest(manifest, PLAIN))


def test_where_nothing_is_said_the_options_count(tmp_path: Path) -> None:
    recording = Recording(path=tmp_path / "a.wav", name="a.wav", facts=CallFacts(attempt=None))
    job = job_of(recording, attempt=2, channel="mix")
    assert (job.request.attempt, job.request.channel, job.request.called_on) == (2, "mix", None)


# -- progress and report ---------------------------------------------------------------------


def test_progress_off_a_terminal_is_plain_lines_with_rate_and_time_left() -> None:
    stream = io.StringIO()
    with PlainProgress(3, stream, every_s=0.0) as progress:
        progress.advance(failed=False)
        time.sleep(0.01)
        progress.advance(failed=True)
        progress.advance(failed=False)
    first, second, last = stream.getvalue().splitlines()
    assert first.startswith("1/3 recordings (33 %), ")
    assert " a second, 0 failed, about " in first
    assert first.endswith(" left")
    assert " 1 failed, " in second
    assert last.startswith("3/3 recordings (100 %), ")
    assert ", took " in last


def test_every_outcome_has_a_russian_name() -> None:
    assert set(OUTCOME_NAMES) == set(CallOutcome)


def result(outcome: str | None, **more: Any) -> dict[str, Any]:
    return {
        "recording": "a.wav",
        "duration_s": 60.0,
        "outcome": outcome,
        "confidence": 0.5,
        "error": None,
        "decision": {"next": "retry", "incorrect_contact": False, "final": False},
        "transcript": None,
        **more,
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (result("silence"), None),
        (result("silence", signalling={"agreement": "agrees"}), None),
        (result("silence", signalling={"agreement": "disagrees"}), "код сети не сходится"),
        (result("undetermined", decision={"next": "operator"}), "решает оператор"),
        (result("live_person", decision={"next": "operator"}), "ответил человек"),
        (result("caller_restricted", decision={"next": "check_line"}), "нашу линию"),
        (result(None, error={"kind": "empty", "message": "x"}, decision=None), "не прочитана"),
    ],
)
def test_who_needs_a_person(line: dict[str, Any], reason: str | None) -> None:
    found = needs_person(line)
    assert (found is None) if reason is None else (reason in (found or ""))


def test_the_report_counts_and_lists_and_loads_nothing_from_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    lines = [result("silence")] * 3 + [
        result("undetermined", decision={"next": "operator"}, recording="<script>x</script>.wav"),
        result(None, error={"kind": "empty", "message": "b.wav: <b>"}, decision=None),
    ]
    made_at = dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC)
    write_html_report(path, lines, title="Звонки <22/11>", made_at=made_at)
    page = path.read_text()
    assert "Звонки &lt;22/11&gt;" in page
    assert "<script" not in page
    assert "&lt;script&gt;x&lt;/script&gt;.wav" in page
    assert "b.wav: &lt;b&gt;" in page
    assert "Тишина" in page
    assert "3 · 60.0 %" in page
    for outside in ("http:", "https:", "src=", "href=", "url(", "@import"):
        assert outside not in page


def test_a_report_on_nothing_is_a_report(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_html_report(path, [], title="x", made_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert "Ни одного звонка" in path.read_text()


def test_the_log_is_json_lines_that_anyone_reads(tmp_path: Path) -> None:
    calls = write(tmp_path / "calls", a="silence")
    run(calls, tmp_path / "r.jsonl")
    (line,) = (tmp_path / "r.jsonl").read_text().splitlines()
    assert json.loads(line)["outcome"] == "silence"
