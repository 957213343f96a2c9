"""Fit the confidence: ``python -m benchmarks.calibration --calls DIR``.

Listens to the calls that ``python -m benchmarks.recognition.build --split fit`` made, notes the
features of every wording considered and whether it was right, and fits the logistic model of
data/calibration.toml as `recognizer evaluate --fit` does (recognizer/evaluation/fitting.py). Prints
the coefficients, the confidence's calibration error on the same calls (without the second round),
and the surest wrong marks; the honest figures are those that benchmarks.recognition.run gives on
the `judge` calls, which have other voices and wordings.

``--features FILE`` keeps what was heard, so that a second fit takes a second.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.recognition.build import read_calls
from benchmarks.recognition.measures import expected_calibration_error
from recognizer.evaluation.fitting import Example, examples_of, fit
from recognizer.model import CallOutcome
from recognizer.pipeline import Recognizer
from recognizer.recognition.calibration import Coefficients

_N_WRONG_MARKS = 10
# The label is the person's, but the announcement before it is heard rightly too.
_TWO_SPEAKERS = frozenset({"after_announcement", "after_ivr"})


def _listen(folder: Path) -> Iterator[Example]:
    calls = [c for c in read_calls(folder / "manifest.tsv") if c.context not in _TWO_SPEAKERS]
    recognizer = Recognizer.load()
    for number, call in enumerate(calls, start=1):
        print(f"\r{number}/{len(calls)} calls", end="", file=sys.stderr)
        expected = {CallOutcome(name) for name in call.expected.split("|")}
        for verified in recognizer.verified_transcripts(folder / call.path):
            yield from examples_of(verified, expected, recognizer.judge)
    print(file=sys.stderr)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--calls", type=Path, required=True, nargs="+", help="folders with manifest.tsv"
    )
    parser.add_argument("--features", type=Path, help="keep the features here, or read them")
    options = parser.parse_args()
    if options.features is not None and options.features.exists():
        examples = msgspec.msgpack.decode(options.features.read_bytes(), type=list[Example])
    else:
        examples = [e for folder in options.calls for e in _listen(folder)]
        if options.features is not None:
            options.features.write_bytes(msgspec.msgpack.encode(examples))
    report(examples)
    return 0


def report(examples: list[Example]) -> Coefficients:
    """Print the coefficients as data/calibration.toml wants them, and how well they fit."""
    model = fit(examples)
    for name in model.__struct_fields__:
        print(f"{name} = {getattr(model, name)}")
    listed = [e for e in examples if not e.is_unlisted]
    right = np.array([e.is_right for e in listed], np.float64)
    probabilities = np.array([model.probability(e.features) for e in listed])
    print(f"# {len(listed)} wordings considered, {right.mean():.0%} right; calibration error")
    print(f"# on these calls {expected_calibration_error(probabilities, right):.3f}")
    marks = [e for e in examples if e.marks]
    wrong = sorted((-model.probability(e.features), e.is_unlisted) for e in marks if not e.is_right)
    print(f"# surest wrong marks (of {len(wrong)}):")
    for probability, is_unlisted in wrong[:_N_WRONG_MARKS]:
        print(f"#   {-probability:.3f}{' as if unlisted' if is_unlisted else ''}")
    return model


if __name__ == "__main__":
    sys.exit(main())
