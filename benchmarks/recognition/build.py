"""Build the calls of the benchmark: ``python -m benchmarks.recognition.build --out DIR``.

Every call follows from the seed and its own number alone, so that a longer run begins with the
calls of a shorter one. Nothing is downloaded: the voices come from Debian and PyPI packages.

Conventions: recordings are 8 kHz WAV, 16 bit. The manifest is tab-separated; `expected` holds
the outcomes that are right, separated by ``|``.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from itertools import repeat
from pathlib import Path
from typing import Any

import soundfile

from benchmarks.recognition import voices
from benchmarks.recognition.channel import (
    LINE_RATE,
)
from benchmarks.recognition.planning import SPLITS, Call, plan_calls, plan_clip_calls
from benchmarks.recognition.rendering import render

__all__ = ["build", "read_calls"]


def _write_call(call: Call, folder: Path, clips: Path | None) -> None:
    path = folder / call.path
    if not path.exists():
        samples = render(call, folder / "speech", clips)
        whole = path.with_suffix(".part")
        soundfile.write(whole, samples, LINE_RATE, subtype="PCM_16", format="WAV")
        whole.replace(path)


def build(
    calls: Iterable[Call], folder: Path, *, clips: Path | None = None, n_processes: int = 1
) -> None:
    """Render `calls` into `folder` with ``manifest.tsv``; what is there is not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    todo = list(calls)
    _forget_other_plans(todo, folder)
    _write_manifest(todo, folder)
    with ProcessPoolExecutor(n_processes) as pool:
        jobs = pool.map(_write_call, todo, repeat(folder), repeat(clips), chunksize=8)
        for done, _ in enumerate(jobs, start=1):
            if done % 20 == 0 or done == len(todo):
                print(f"\r{done}/{len(todo)} calls", end="", file=sys.stderr)
    print(file=sys.stderr)


def _forget_other_plans(calls: list[Call], folder: Path) -> None:
    """Remove recordings of an earlier plan under the same names: they say something else."""
    if not (folder / "manifest.tsv").exists():
        return
    earlier = {call.path: call for call in read_calls(folder / "manifest.tsv")}
    for call in calls:
        if earlier.get(call.path, call) != call:
            (folder / call.path).unlink(missing_ok=True)


def _write_manifest(calls: list[Call], folder: Path) -> None:
    with (folder / "manifest.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        names = [field.name for field in fields(Call)]
        writer.writerow(names)
        for call in calls:
            row = asdict(call)
            writer.writerow("" if row[name] is None else row[name] for name in names)


def read_calls(manifest: Path) -> list[Call]:
    """Return the calls of a manifest written by `build`."""
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [_call(row) for row in rows]


def _call(row: dict[str, Any]) -> Call:
    snr_db = float(row["snr_db"]) if row["snr_db"] else None
    numbers = {"level_dbfs": float(row["level_dbfs"]), "seed": int(row["seed"])}
    return Call(**{**row, **numbers, "snr_db": snr_db})


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder for the recordings")
    parser.add_argument("--split", choices=SPLITS, default="fit", help="which half (default: fit)")
    parser.add_argument("--calls", type=int, default=400, help="how many (default: 400)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--listed", action="store_true", help="say the phrase lists' own wordings")
    parser.add_argument("--clips", type=Path, help="folder of recordings to use instead of voices")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    if missing := voices.missing_programs():
        print("needed first:\n  " + "\n  ".join(missing), file=sys.stderr)
        return 1
    n_calls, seed, clips = arguments.calls, arguments.seed, arguments.clips
    if clips is not None:
        calls = plan_clip_calls(clips, n_calls, seed)
    else:
        calls = plan_calls(arguments.split, n_calls, seed, listed=arguments.listed)
    build(calls, arguments.out, clips=clips, n_processes=arguments.processes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
