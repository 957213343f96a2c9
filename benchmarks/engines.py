"""Engines side by side on the same labelled clips: ``python -m benchmarks.engines CLIPS``.

`CLIPS` is a manifest as `recognizer evaluate` takes it. Each engine hears all clips in a process of
its own, one thread; an engine whose model is not installed is named as such. Printed for each: how
many clips are right, abstained from, wrong, and wrongly marked; of the clips to be marked, how many
are; the confidence's calibration error; seconds of CPU a clip; the largest resident memory; and the
seconds it takes to load.

    python -m benchmarks.engines tests/data/calls/manifest.tsv --engines whisper
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recognition.measures import expected_calibration_error
from recognizer.base.errors import RecognizerError
from recognizer.engines import ENGINE_NAMES
from recognizer.evaluation.labelled_clips import ClipResult, evaluate, read_manifest
from recognizer.model import PhraseListName, phrase_list_of
from recognizer.pipeline import Recognizer

_COLUMNS = (
    ("engine", "{engine}"),
    ("model", "{model}"),
    ("right", "{n_right}/{n_clips}"),
    ("abstained", "{n_abstained}"),
    ("wrong", "{n_wrong}"),
    ("wrong marks", "{n_wrong_marks}"),
    ("marked", "{n_marked}/{n_to_mark}"),
    ("cal. error", "{calibration_error:.3f}"),
    ("CPU s/clip", "{cpu_s_a_clip:.3f}"),
    ("memory MB", "{memory_mb:.0f}"),
    ("load s", "{load_s:.1f}"),
)


def measure(engine: str, manifest: Path) -> dict[str, Any]:
    """Return the figures of one engine, measured in this process.

    Raises
    ------
    RecognizerError
        If the engine cannot be loaded.
    """
    clips = read_manifest(manifest)
    started = time.process_time()
    recognizer = Recognizer.load(engine=engine)
    load_s = time.process_time() - started
    started = time.process_time()
    results = evaluate(clips, recognizer.recognize).results
    cpu_s = time.process_time() - started
    return {
        "engine": recognizer.engine.name,
        "model": recognizer.engine.model,
        "load_s": load_s,
        "cpu_s_a_clip": cpu_s / len(clips),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **_accuracy(results),
    }


def _accuracy(results: Sequence[ClipResult]) -> dict[str, Any]:
    marks = PhraseListName.INVALID_NUMBER
    to_mark = [r for r in results if phrase_list_of(r.clip.expected[0]) is marks]
    sure = [r for r in results if r.confidence is not None and not r.is_abstention]
    return {
        "n_clips": len(results),
        "n_right": sum(r.is_right for r in results),
        "n_abstained": sum(r.is_abstention for r in results),
        "n_wrong": sum(not r.is_right and not r.is_abstention for r in results),
        "n_wrong_marks": sum(r.is_wrong_mark for r in results),
        "n_to_mark": len(to_mark),
        "n_marked": sum(
            r.outcome is not None and phrase_list_of(r.outcome) is marks for r in to_mark
        ),
        "calibration_error": expected_calibration_error(
            np.array([r.confidence for r in sure], np.float64),
            np.array([r.is_right for r in sure], np.float64),
        ),
    }


def _in_own_process(engine: str, manifest: Path) -> dict[str, Any] | str:
    """Return the figures of one engine, or why there are none."""
    command = [sys.executable, "-m", "benchmarks.engines", str(manifest), "--only", engine]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=one_thread)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed without a word"])[-1]
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("manifest", type=Path, help="labelled clips")
    parser.add_argument("--engines", nargs="+", default=list(ENGINE_NAMES[1:]))
    parser.add_argument("--only", help="measure this one here and print JSON")
    options = parser.parse_args()
    if options.only:
        try:
            print(json.dumps(measure(options.only, options.manifest)))
        except RecognizerError as problem:
            print(problem, file=sys.stderr)
            return 1
        return 0
    rows = [[name for name, _ in _COLUMNS]]
    for engine in options.engines:
        figures = _in_own_process(engine, options.manifest)
        if isinstance(figures, str):
            print(f"{engine}: {figures}", file=sys.stderr)
        else:
            rows.append([template.format(**figures) for _, template in _COLUMNS])
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
