"""Fit the confidence: ``python -m benchmarks.calibration --calls DIR``.

Listens to the calls that ``python -m benchmarks.recognition.build --split fit`` made, notes the
figures of every wording considered and whether it was right, and fits the logistic model of
data/calibration.toml with a small ridge (scikit-learn, of the extra `benchmark`). Every call is
judged a second time as if no wording of the right outcome were listed, with a tenth of the weight:
carriers say things that no list has, and what is then the nearest is wrong. Prints the
coefficients, the confidence's calibration error on the same calls (without the second round), and
the surest wrong marks; the honest figures are those that benchmarks.recognition.run gives on the
`judge` calls, which have other voices and wordings.

``--figures FILE`` keeps what was heard, so that a second fit takes a second.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from benchmarks.recognition.build import read_calls
from benchmarks.recognition.measures import expected_calibration_error
from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.pipeline import Recognizer
from recognizer.recognition.calibration import Coefficients, Features, clipped
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verification import VerifiedTranscript

__all__ = ["Example", "examples_of", "fit"]

_RIDGE = 0.02
_UNLISTED_WEIGHT = 0.1
_N_WRONG_MARKS = 10
# The label is the person's, but the announcement before it is heard rightly too.
_TWO_SPEAKERS = frozenset({"after_announcement", "after_ivr"})
_NAMES = tuple(name for name in Coefficients.__struct_fields__ if name != "intercept")
# What can only speak for a wording may not come out as speaking against it by chance.
_SIGNS = {
    "score": 1,
    "letters": 1,
    "length": 1,
    "share": 1,
    "gap": 1,
    "margin": 1,
    "worst_word_logprob": 1,
}


class Example(msgspec.Struct, frozen=True):
    """One wording that was considered.

    Attributes
    ----------
    features : Features
    outcome : CallOutcome
        Of the wording.
    is_right : bool
        Whether that is one that the call is labelled with.
    is_unlisted : bool
        Considered as if the right outcome had no wordings.
    """

    features: Features
    outcome: CallOutcome
    is_right: bool
    is_unlisted: bool = False


def fit(examples: Iterable[Example]) -> Coefficients:
    """Return the coefficients of highest likelihood, with a small ridge against extremes."""
    told = list(examples)
    matrix = np.array([_row(e.features) for e in told])
    right = np.array([e.is_right for e in told], np.float64)
    counts = np.array([_UNLISTED_WEIGHT if e.is_unlisted else 1.0 for e in told])
    kept = list(range(len(_NAMES)))
    while True:
        weights = _likeliest(matrix[:, kept], right, counts)
        wrong = [k for k, w in zip(kept, weights[1:], strict=True) if w * _sign(k) < 0]
        if not wrong:
            break
        kept = [k for k in kept if k not in wrong]
    found = dict.fromkeys(_NAMES, 0.0)
    found.update({_NAMES[k]: round(float(w), 4) for k, w in zip(kept, weights[1:], strict=True)})
    return Coefficients(intercept=round(float(weights[0]), 4), **found)


def _sign(index: int) -> int:
    return _SIGNS.get(_NAMES[index], -1)


def _row(features: Features) -> list[float]:
    told = clipped(features)
    return [told[name] for name in _NAMES]


def _likeliest(
    matrix: npt.NDArray[np.float64],
    right: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the intercept and the weights, the ridge on features of one spread."""
    scale = np.maximum(matrix.std(axis=0), 1e-9)
    # scikit-learn weighs the likelihood where we weigh the ridge.
    model = LogisticRegression(
        C=1 / (_RIDGE * counts.sum()), solver="newton-cholesky", tol=1e-9, max_iter=200
    )
    model.fit(matrix / scale, right, sample_weight=counts)
    return np.concatenate([model.intercept_, model.coef_[0] / scale])


def examples_of(
    verified: VerifiedTranscript, expected: Collection[CallOutcome], judge: UtteranceClassifier
) -> Iterator[Example]:
    """Yield what one utterance teaches: as it is, and as if nothing right were listed."""
    for barred in ((), expected):
        found = judge.consider(verified, barred=barred)
        if found is not None:
            match, features = found
            yield Example(features, match.outcome, match.outcome in expected, bool(barred))


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
    parser.add_argument("--figures", type=Path, help="keep the figures here, or read them")
    options = parser.parse_args()
    if options.figures is not None and options.figures.exists():
        examples = msgspec.msgpack.decode(options.figures.read_bytes(), type=list[Example])
    else:
        examples = [e for folder in options.calls for e in _listen(folder)]
        if options.figures is not None:
            options.figures.write_bytes(msgspec.msgpack.encode(examples))
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
    marks = [e for e in examples if phrase_list_of(e.outcome) is PhraseListName.INVALID_NUMBER]
    wrong = sorted((-model.probability(e.features), e.is_unlisted) for e in marks if not e.is_right)
    print(f"# surest wrong marks (of {len(wrong)}):")
    for probability, is_unlisted in wrong[:_N_WRONG_MARKS]:
        print(f"#   {-probability:.3f}{' as if unlisted' if is_unlisted else ''}")
    return model


if __name__ == "__main__":
    sys.exit(main())
