"""Run recognisers over a folder of calls: ``python -m benchmarks.recognition.run --calls DIR``.

Every system answers in processes of its own with one thread each, so that its CPU seconds and its
peak memory are its own. Results are appended to ``results.jsonl`` in the folder as they come;
what is there already is not done again. `benchmarks.recognition.report` reads them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.recognition.build import read_calls
from benchmarks.recognition.planning import Call
from recognizer.base.settings import load_settings
from recognizer.model import CallReport
from recognizer.pipeline import Recognizer
from recognizer.recognition.calibration import load_calibration
from recognizer.signals.tone_plans import load_known_tones

SYSTEMS = ("whisper", "vosk", "baseline")

Answer = dict[str, Any]
"""What goes into a line of results.jsonl, but for path, system and cost."""

_answer: Callable[[Call, Path], Answer]  # set once in each worker


def _start(system: str, leave_out: bool) -> None:
    global _answer  # noqa: PLW0603  (a worker process holds one recogniser)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _answer = _baseline() if system == "baseline" else _ours(system, leave_out=leave_out)


def _baseline() -> Callable[[Call, Path], Answer]:
    from benchmarks.recognition.baseline import Baseline  # noqa: PLC0415

    model = load_settings().recognition.models_folder / "whisper-base"
    baseline = Baseline(model)

    def answer(call: Call, path: Path) -> Answer:
        del call
        return dataclasses.asdict(baseline.recognize(path))

    return answer


def _ours(engine: str, *, leave_out: bool) -> Callable[[Call, Path], Answer]:
    whole = Recognizer.load(engine=engine)

    def answer(call: Call, path: Path) -> Answer:
        recognizer = _without(whole, call.phrase_id) if leave_out and call.phrase_id else whole
        return _report_answer(recognizer.recognize(path))

    return answer


def _report_answer(report: CallReport) -> Answer:
    evidence, outcome = report.evidence, report.outcome
    transcript = evidence.transcript if evidence else None
    return {
        "outcome": str(outcome.kind) if outcome else "error",
        "confidence": outcome.confidence if outcome else None,
        "reason": outcome.reason if outcome else "",
        "transcript": transcript.text if transcript else "",
        "alternatives": [(str(k), p) for k, p in evidence.alternatives] if evidence else [],
        "error": report.error.message if report.error else "",
        "stage_s": {name: round(s, 4) for name, s in report.stage_s.items()},
    }


def _without(recognizer: Recognizer, phrase_id: str) -> Recognizer:
    """Return the same recogniser, which has never seen one wording."""
    book = recognizer.phrases
    fewer = tuple(phrase for phrase in book.phrases if phrase.id != phrase_id)
    return Recognizer(
        engine=recognizer.engine,
        phrases=dataclasses.replace(book, phrases=fewer),
        regulation=recognizer.regulation,
        tone_plan=load_known_tones(),
        calibration=load_calibration(),
    )


def _work(job: tuple[Call, Path, str]) -> Answer:
    call, path, system = job
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    answer = _answer(call, path)
    return {
        "path": call.path,
        "system": system,
        "cpu_s": round(time.process_time() - cpu_s, 4),
        "elapsed_s": round(time.perf_counter() - wall_s, 4),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        **answer,
    }


def run_system(
    system: str,
    calls: list[Call],
    folder: Path,
    *,
    n_processes: int = 1,
    leave_out: bool = False,
) -> Iterator[Answer]:
    """Yield the answers of one system in the order of the calls.

    Parameters
    ----------
    leave_out : bool
        Hide each listed wording from the recogniser that hears it.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(n_processes, _start, (system, leave_out)) as pool:
        yield from pool.imap(_work, [(call, folder / call.path, system) for call in calls])


def _done(results: Path) -> set[tuple[str, str]]:
    if not results.exists():
        return set()
    lines = results.read_text(encoding="utf-8").splitlines()
    return {(row["system"], row["path"]) for row in map(json.loads, lines)}


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=Path, required=True, help="folder made by build")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=["whisper", "baseline"])
    parser.add_argument("--limit", type=int, help="only the first calls")
    parser.add_argument("--results", default="results.jsonl", help="file name in that folder")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--leave-out", action="store_true", help="hide each listed wording from its own call"
    )
    arguments = parser.parse_args()
    calls = read_calls(arguments.calls / "manifest.tsv")[: arguments.limit]
    results = arguments.calls / arguments.results
    done = _done(results)
    with results.open("a", encoding="utf-8") as file:
        for system in arguments.systems:
            todo = [call for call in calls if (system, call.path) not in done]
            answers = run_system(
                system,
                todo,
                arguments.calls,
                n_processes=arguments.processes,
                leave_out=arguments.leave_out,
            )
            for number, answer in enumerate(answers, start=1):
                file.write(json.dumps(answer, ensure_ascii=False) + "\n")
                file.flush()
                print(f"\r{system}: {number}/{len(todo)}", end="", file=sys.stderr)
            print(file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
