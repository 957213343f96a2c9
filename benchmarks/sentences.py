"""Sentences with the outcomes that are right for them, through the text side.

    python -m benchmarks.sentences [TSV ...] [--show]

Each file has the columns `text` and `accepted` (outcomes, comma-separated; `!invalid_number`:
anything but a mark) and may have `style`. Without any, those of benchmarks/texts are taken.
Prints, by file and style, how many came out right and how many were marked wrongly; `--show` lists
every wrong one. The exit code is 1 if anything is marked that must not be.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from recognizer.base.settings import Settings
from recognizer.phrases.loading import load_phrases
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.matching import Matcher
from recognizer.recognition.precedence import is_mark
from recognizer.recognition.utterance_classifier import UtteranceClassifier

FOLDER = Path(__file__).parent / "texts"
_NO_MARK = "!invalid_number"


class Sentence(NamedTuple):
    """One row of a file."""

    text: str
    accepted: frozenset[str]
    style: str


def main() -> int:
    """Run the benchmark; the exit code is 1 if anything is marked wrongly."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("files", type=Path, nargs="*", metavar="TSV")
    parser.add_argument("--show", action="store_true", help="list every sentence that is not right")
    options = parser.parse_args()
    classifier = UtteranceClassifier(Matcher(load_phrases(Settings().phrases)), load_calibration())
    n_marks = 0
    for path in options.files or sorted(FOLDER.glob("*.tsv")):
        asked, right, marks = Counter[str](), Counter[str](), Counter[str]()
        started_s = time.process_time()
        for sentence in read_sentences(path):
            verdict = classifier.judge_text(sentence.text)
            was_right, is_wrong_mark = is_right(verdict.outcome.value, sentence.accepted)
            is_wrong_mark &= is_mark(verdict.outcome)
            asked[sentence.style] += 1
            right[sentence.style] += was_right
            marks[sentence.style] += is_wrong_mark
            if options.show and not was_right:
                print(
                    f"{'MARK ' if is_wrong_mark else ''}{sentence.text} | {verdict.outcome}"
                    f" | {','.join(sorted(sentence.accepted))} | {verdict.reason}"
                )
        spent_ms = 1000.0 * (time.process_time() - started_s) / max(1, asked.total())
        for style in asked:
            print(
                f"{path.name:28} {style:16} {right[style]:4} of {asked[style]:4}"
                f"  wrong marks {marks[style]}"
            )
        print(
            f"{path.name:28} {'all':16} {right.total():4} of {asked.total():4}"
            f"  wrong marks {marks.total()}  {spent_ms:.1f} ms a sentence"
        )
        n_marks += marks.total()
    return 1 if n_marks else 0


def is_right(outcome: str, accepted: frozenset[str]) -> tuple[bool, bool]:
    """Return whether an outcome is right, and whether it would be a wrong mark if it is a mark."""
    if _NO_MARK in accepted:
        return outcome not in _MARKS, True
    return outcome in accepted, not accepted & _MARKS


_MARKS = frozenset(
    {"not_in_service", "blocked", "misdialled", "does_not_exist", "available_for_purchase"}
)


def read_sentences(path: Path) -> Iterator[Sentence]:
    """Yield the rows of a file."""
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            yield Sentence(
                row["text"], frozenset(row["accepted"].split(",")), row.get("style") or "all"
            )


if __name__ == "__main__":
    sys.exit(main())
