"""The pipeline around recognition: throughput, its own cost, memory, and a soak.

Usage: python -m benchmarks.pipeline_throughput [throughput|overhead|memory|soak|all] [--workers N]
       [--turns N]

* throughput: N workers against one in the same run, on recordings that keep a core busy for a
  fixed amount of work (no speech model: what is measured is the pipeline, not the recogniser);
  the target is 0.9 x N on N idle cores, so the cores there really are is measured beside it
* overhead: milliseconds a recording costs besides recognition (target: 5 at most)
* memory: growth of a worker and of the parent over 10,000 recordings
* soak: 5,000 recordings, 5 % damaged, a worker killed every 100: each accounted for once
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from recognizer.batch.jobs import RecognizerLike
from recognizer.batch.recordings import FactFinder, recordings_in
from recognizer.batch.results import ResultLog, read_results
from recognizer.batch.runner import Summary, pending, run_batch
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker_pool import WorkerPool
from recognizer.model import CallError, CallOutcome, CallReport, Evidence, Outcome
from recognizer.regulation.loading import load_regulation

_DAMAGED = b"not sound at all"


class BusyRecognizer(RecognizerLike):
    """Does a fixed amount of arithmetic a recording, and decides like the real one."""

    def __init__(self, n_rounds: int) -> None:
        self.regulation = load_regulation()
        self._n_rounds = n_rounds

    def recognize(
        self,
        source: Any,
        *,
        attempt: int = 1,
        channel: str | int | None = None,  # noqa: ARG002  the real one's
        called_on: date | None = None,
        name: str | None = None,
    ) -> CallReport:
        """Return a report after the work."""
        shown = name or str(source)
        if source.read(len(_DAMAGED)) == _DAMAGED:
            error = CallError("unreadable_audio", f"{shown}: not sound")
            return CallReport(shown, None, None, None, 0.0, error)
        work(self._n_rounds)
        kind = CallOutcome.BUSY_TONE
        return CallReport(
            recording=shown,
            evidence=Evidence(duration_s=1.0),
            outcome=Outcome(kind, 0.9, None, "benchmark"),
            decision=self.regulation.decide_outcome(kind, attempt=attempt, on=called_on),
            elapsed_s=0.0,
        )


def work(n_rounds: int) -> int:
    """Keep one core busy."""
    value = 1
    for _ in range(n_rounds):
        value = (value * 1103515245 + 12345) % 2**31
    return value


def load(n_rounds: int, loaded: Path) -> BusyRecognizer:
    """Return the recogniser of a worker, after a file in `loaded` that says it has one."""
    (loaded / str(os.getpid())).touch()
    return BusyRecognizer(n_rounds)


def write_calls(folder: Path, n_calls: int, *, n_damaged: int = 0) -> None:
    """Write tiny recordings: 0.1 s of a 425 Hz tone at 8 kHz; every n-th is damaged."""
    tone = 0.3 * np.sin(2 * np.pi * 425 * np.arange(800) / 8000)
    every = n_calls // n_damaged if n_damaged else 0
    for index in range(n_calls):
        path = folder / f"{index // 1000}" / f"{index:06}.wav"
        path.parent.mkdir(exist_ok=True)
        if every and index % every == every - 1:
            path.write_bytes(_DAMAGED)
        else:
            soundfile.write(path, tone, 8000, subtype="PCM_16")


def run(
    folder: Path,
    n_workers: int,
    n_rounds: int,
    *,
    on_result: Callable[[WorkerPool, int], object] = lambda _pool, _n: None,
) -> tuple[float, Summary, Path]:
    """Classify everything in a folder; return seconds (workers loaded), summary, result log."""
    results = Path(tempfile.mkdtemp(dir=folder.parent)) / "results.jsonl"
    loaded = Path(tempfile.mkdtemp(dir=folder.parent))
    summary = Summary()
    limits = TimeLimits(base_s=120.0)
    with (
        ResultLog(results) as log,
        WorkerPool(partial(load, n_rounds, loaded), n_workers, limits=limits) as pool,
    ):
        todo = pending(recordings_in([folder], FactFinder()), log, summary)
        pool.start_in_background()
        while len(list(loaded.iterdir())) < n_workers:
            time.sleep(0.05)
        began = time.perf_counter()
        run_batch(todo, pool, log, summary, on_result=lambda _: on_result(pool, summary.n_done))
        return time.perf_counter() - began, summary, results


def cores_there_are(n: int, seconds: float = 3.0) -> float:
    """Return how many cores `n` busy processes get now: the machine may have other work."""
    import multiprocessing  # noqa: PLC0415

    with multiprocessing.get_context("spawn").Pool(n) as pool:
        pool.map(rounds_in, [0.2] * n)
        one = pool.apply(rounds_in, (seconds,))
        return float(sum(pool.map(rounds_in, [seconds] * n, chunksize=1)) / one)


def rounds_in(seconds: float) -> int:
    """Return how much work fits into a time."""
    end, n = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        work(20_000)
        n += 1
    return n


def throughput(folder: Path, n_workers: int, n_turns: int) -> None:
    """Compare N workers with one, by turns, so that a busy machine is unfair to both alike."""
    calls = folder / "calls"
    calls.mkdir()
    write_calls(calls, 150)
    n_rounds = 1_000_000
    ratios = []
    for turn in range(n_turns):
        one, _, _ = run(calls, 1, n_rounds)
        many, _, _ = run(calls, n_workers, n_rounds)
        there = cores_there_are(n_workers)
        ratios.append(one / many)
        print(
            f"turn {turn + 1}: 1 worker {150 / one:.1f}/s, {n_workers} workers {150 / many:.1f}/s, "
            f"ratio {one / many:.2f}; bare processes on the same cores {there:.2f}"
        )
    best = max(ratios)
    print(
        f"best ratio {best:.2f} of {n_workers} ({best / n_workers:.0%}; target 90 % on idle cores)"
    )


def overhead(folder: Path) -> None:
    """Measure what a recording costs without recognition, one worker, one at a time."""
    calls = folder / "calls"
    calls.mkdir()
    write_calls(calls, 2000)
    used: list[float] = []

    def look(pool: WorkerPool, _n: int) -> None:
        used.append(cpu_s(pool.pids[0]) + time.process_time())

    seconds, _, _ = run(calls, 1, 0, on_result=look)
    # The clock counts what other programs took of the cores, processor time does not.
    own = 1000 * (used[-1] - used[0]) / (len(used) - 1)
    print(
        f"own cost {1000 * seconds / 2000:.2f} ms a recording by the clock, {own:.2f} ms of "
        "processor time in parent and worker together (target: at most 5)"
    )


def cpu_s(pid: int) -> float:
    """Return processor time a process has used, seconds (proc(5), utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(folder: Path) -> None:
    """Print memory of a worker and the parent while 10,000 recordings pass."""
    calls = folder / "calls"
    calls.mkdir()
    write_calls(calls, 10_000)
    seen: list[tuple[int, float, float]] = []

    def look(pool: WorkerPool, n: int) -> None:
        if n in {500, 1000, 2500, 5000, 7500, 10_000}:
            seen.append((n, resident_mb(pool.pids[0]), resident_mb(os.getpid())))

    run(calls, 1, 0, on_result=look)
    for n, worker, parent in seen:
        print(f"{n:6} recordings: worker {worker:.1f} MB, parent {parent:.1f} MB")
    print(f"growth from 1,000 to 10,000: worker {seen[-1][1] - seen[1][1]:+.1f} MB, "
          f"parent {seen[-1][2] - seen[1][2]:+.1f} MB")  # fmt: skip


def resident_mb(pid: int) -> float:
    """Return resident memory of a process, MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def soak(folder: Path, n_workers: int) -> None:
    """Kill a worker every 100 results; every file must be accounted for exactly once."""
    calls = folder / "calls"
    calls.mkdir()
    write_calls(calls, 5000, n_damaged=250)
    killed = 0
    lock = threading.Lock()

    def kill(pool: WorkerPool, n: int) -> None:
        nonlocal killed
        if n % 100 == 0:
            with lock:
                os.kill(pool.pids[killed % len(pool.pids)], signal.SIGKILL)
                killed += 1

    seconds, summary, results = run(calls, n_workers, 0, on_result=kill)
    lines = Counter(line["recording"] for line in read_results(results))
    twice = [name for name, n in lines.items() if n != 1]
    print(
        f"5,000 recordings in {seconds:.0f} s, {killed} workers killed: {len(lines)} accounted "
        f"for, {len(twice)} more than once, outcomes {dict(summary.counts)}"
    )
    if len(lines) != 5000 or twice or summary.counts["error:unreadable_audio"] != 250:
        raise SystemExit("soak failed")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parts = ("throughput", "overhead", "memory", "soak")
    parser.add_argument("part", nargs="?", default="all", choices=[*parts, "all"])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--turns", type=int, default=3, help="of the throughput")
    asked = parser.parse_args()
    todo: dict[str, Callable[[Path], None]] = {
        "throughput": lambda folder: throughput(folder, asked.workers, asked.turns),
        "overhead": overhead,
        "memory": memory,
        "soak": lambda folder: soak(folder, asked.workers),
    }
    for name in parts if asked.part == "all" else (asked.part,):
        with tempfile.TemporaryDirectory() as folder:
            print(f"-- {name}")
            todo[name](Path(folder))


if __name__ == "__main__":
    main()
