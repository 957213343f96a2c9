"""Write the failures of a run into the manifest of tests/data/calls, so that only new ones fail.

    recognizer evaluate tests/data/calls/manifest.tsv --save now.json
    python -m benchmarks.recognition.known_failures now.json

A wrong mark is never written: it has to be repaired. Look at the difference before committing it:
a new entry in `known` says that the program became worse at a clip.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from benchmarks.recognition.sample_clips import CALLS_FOLDER, COLUMNS
from recognizer.evaluation.labelled_clips import is_wrong_mark, read_manifest
from recognizer.evaluation.reports import read_outcomes
from recognizer.model import CallOutcome


def main() -> int:
    """Run the command."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    manifest = CALLS_FOLDER / "manifest.tsv"
    outcomes = read_outcomes(Path(sys.argv[1]))
    expected = {clip.name: clip.expected for clip in read_manifest(manifest)}
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        got = CallOutcome(outcomes[row["path"]])
        right = expected[row["path"]]
        if is_wrong_mark(right, got):
            print(f"{row['path']}: {got} is a wrong mark; repair it", file=sys.stderr)
            return 1
        row["known"] = "" if got in right else str(got)
    with manifest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{sum(bool(row['known']) for row in rows)} known failures of {len(rows)} clips")
    return 0


if __name__ == "__main__":
    sys.exit(main())
