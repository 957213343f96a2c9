"""Fit an engine's confidence to labelled clips: a user's own, or the benchmark's.

Each wording that was considered in a clip is an example: its features, and whether it was right.
Every clip counts a second time as if no wording of the right outcome were listed, with a tenth of
the weight: carriers say things that no list has, and what is then the nearest is wrong. The
logistic model is fitted with a small ridge (scikit-learn, of the extra `benchmark`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from recognizer.base.errors import DataFileError, RecognizerError
from recognizer.base.whole_files import write_whole
from recognizer.evaluation.labelled_clips import Clip
from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.recognition.calibration import Coefficients, EngineFit, Features, clipped
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verification import VerifiedTranscript

__all__ = ["Example", "Fitted", "examples_in", "examples_of", "fit", "fit_engine", "write_fit"]

_RIDGE = 0.02
_UNLISTED_WEIGHT = 0.1
_NAMES = tuple(name for name in Coefficients.__struct_fields__ if name != "intercept")
# What can only speak for a wording may not come out as speaking against it by chance.
_SIGNS = dict.fromkeys(
    ("score", "letters", "length", "share", "gap", "margin", "worst_word_logprob"), 1
)
_MIN_RIGHT, _MIN_WRONG = 30, 10  # examples; with fewer a model of ten features says nothing
# Marks heard rightly and wrongly without which the probability alone may set none.
_MIN_MARKS, _MIN_WRONG_MARKS = 20, 10
_HIGHEST_CUTOFF = 0.9999  # a wrong mark surer than this leaves no room for right ones
_N_FOLDS = 5
_UNCLEAR_PROBABILITY = 0.4  # as shipped: the most that is believed of what was hardly heard
_CLEARER = 1.0  # per cent of the examples that were heard less clearly than is believed


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
    clip : str
        Name of the recording.
    """

    features: Features
    outcome: CallOutcome
    is_right: bool
    is_unlisted: bool = False
    clip: str = ""

    @property
    def marks(self) -> bool:
        """Whether the wording would mark the contact."""
        return phrase_list_of(self.outcome) is PhraseListName.INVALID_NUMBER


class _Listener(Protocol):
    """What of a `Recognizer` is needed here."""

    judge: UtteranceClassifier

    def verified_transcripts(self, source: Path) -> tuple[VerifiedTranscript, ...]: ...


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fit, and what it rests on.

    Attributes
    ----------
    fit : EngineFit
    n_wordings, n_right : int
        Wordings considered, and how many were right.
    n_marks, n_passing : int
        Right marks among them, and those that pass the cut-off.
    surest_wrong_mark : float
        Probability, 0-1, by this fit or by one that did not see its clip; 0 where there is none.
    error_elsewhere : float
        Calibration error on clips that a fit did not see (five folds by clip).
    why_no_cutoff : str
        What keeps the probability alone from setting marks; empty where nothing does.
    """

    fit: EngineFit
    n_wordings: int
    n_right: int
    n_marks: int
    n_passing: int
    surest_wrong_mark: float
    error_elsewhere: float
    why_no_cutoff: str = ""


def examples_in(
    clips: Iterable[Clip], recognizer: _Listener, failed: list[str]
) -> Iterator[Example]:
    """Yield what labelled clips teach.

    Clips that cannot be read are named in `failed`.
    """
    for clip in clips:
        try:
            heard = recognizer.verified_transcripts(clip.path)
        except RecognizerError as problem:
            failed.append(f"{clip.name}: {problem}")
            continue
        for verified in heard:
            yield from examples_of(verified, clip.expected, recognizer.judge, clip.name)


def examples_of(
    verified: VerifiedTranscript,
    expected: Collection[CallOutcome],
    judge: UtteranceClassifier,
    clip: str = "",
) -> Iterator[Example]:
    """Yield what one utterance teaches: as it is, and as if nothing right were listed."""
    for barred in ((), expected):
        found = judge.consider(verified, barred=barred)
        if found is not None:
            match, features = found
            yield Example(features, match.outcome, match.outcome in expected, bool(barred), clip)


def fit_engine(
    examples: Sequence[Example], engine: str, model: str, *, least_mark_cutoff: float
) -> Fitted:
    """Fit one engine.

    The mark's cut-off is half-way from the surest wrong mark to certainty, never below
    `least_mark_cutoff`. There is none with fewer than 20 right marks or 10 wrong ones, where the
    sound came to say nothing (`gap` 0), or where a wrong mark is as good as certain.

    Raises
    ------
    DataFileError
        If there are too few examples to fit.
    """
    listed = [e for e in examples if not e.is_unlisted]
    n_right = sum(e.is_right for e in listed)
    n_wrong = len(examples) - sum(e.is_right for e in examples)
    if n_right < _MIN_RIGHT or n_wrong < _MIN_WRONG:
        raise DataFileError(
            f"expected at least {_MIN_RIGHT} wordings heard rightly and {_MIN_WRONG} wrongly, "
            f"found {n_right} and {n_wrong}; label more clips"
        )
    coefficients = fit(examples)
    elsewhere = _told_elsewhere(examples)
    right = [coefficients.probability(e.features) for e in examples if e.marks and e.is_right]
    wrong = [
        max(coefficients.probability(e.features), elsewhere[n])
        for n, e in enumerate(examples)
        if e.marks and not e.is_right
    ]
    surest = max(wrong, default=0.0)
    cutoff = max(least_mark_cutoff, round((1.0 + surest) / 2, 4))
    why_no_cutoff = ""
    if len(right) < _MIN_MARKS:
        why_no_cutoff = f"{len(right)} right marks are fewer than {_MIN_MARKS}"
    elif len(wrong) < _MIN_WRONG_MARKS:
        why_no_cutoff = f"{len(wrong)} wrong marks are fewer than {_MIN_WRONG_MARKS}"
    elif coefficients.gap <= 0.0:
        why_no_cutoff = "the sound came to say nothing"
    elif cutoff > _HIGHEST_CUTOFF:
        why_no_cutoff = f"a wrong mark was believed by {surest:.4f}"
    heard = [max(-20.0, e.features.baseline_logprob) for e in listed if e.is_right]
    found = EngineFit(
        engine=engine,
        model=model,
        mark_cutoff=None if why_no_cutoff else cutoff,
        min_heard_logprob=round(float(np.percentile(heard, _CLEARER)), 3),
        unclear_probability=_UNCLEAR_PROBABILITY,
        coefficients=coefficients,
    )
    return Fitted(
        found,
        n_wordings=len(listed),
        n_right=n_right,
        n_marks=len(right),
        n_passing=sum(probability >= cutoff for probability in right),
        surest_wrong_mark=surest,
        error_elsewhere=_calibration_error(
            [(elsewhere[n], e.is_right) for n, e in enumerate(examples) if not e.is_unlisted]
        ),
        why_no_cutoff=why_no_cutoff,
    )


def _told_elsewhere(examples: Sequence[Example]) -> list[float]:
    """Return the probability of each example by a fit that saw nothing of its clip.

    Five fits, each with a fifth of the clips left out.
    """
    clips = sorted({e.clip for e in examples})
    order = np.random.default_rng(0).permutation(len(clips))
    fold_of = {clips[place]: n % _N_FOLDS for n, place in enumerate(order)}
    predicted = [0.0] * len(examples)
    for fold in range(_N_FOLDS):
        seen = [e for e in examples if fold_of[e.clip] != fold]
        if not seen:
            continue
        model = fit(seen)
        for n, example in enumerate(examples):
            if fold_of[example.clip] == fold:
                predicted[n] = model.probability(example.features)
    return predicted


def _calibration_error(predicted: Sequence[tuple[float, bool]], n_bins: int = 10) -> float:
    """Return the mean distance of confidence and share right, over bins of equal size."""
    ranked = sorted(predicted)
    edges = [n * len(ranked) // n_bins for n in range(n_bins + 1)]
    bins = [ranked[start:end] for start, end in pairwise(edges)]
    distance = sum(abs(sum(p for p, _ in each) - sum(r for _, r in each)) for each in bins)
    return distance / max(1, len(ranked))


def fit(examples: Iterable[Example]) -> Coefficients:
    """Return the coefficients of highest likelihood, with a small ridge against extremes."""
    fitted = list(examples)
    matrix = np.array([_row(e.features) for e in fitted])
    right = np.array([e.is_right for e in fitted], np.float64)
    counts = np.array([_UNLISTED_WEIGHT if e.is_unlisted else 1.0 for e in fitted])
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
    values = clipped(features)
    return [values[name] for name in _NAMES]


def _likeliest(
    matrix: npt.NDArray[np.float64],
    right: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the intercept and the weights, the ridge on features of one spread.

    The weight of a feature that never changes is 0.
    """
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    except ImportError as problem:
        raise RecognizerError(
            "a fit needs scikit-learn; type: pip install 'recognizer[benchmark]'"
        ) from problem
    scale = matrix.std(axis=0)
    varies = scale > 1e-9
    weights = np.zeros(1 + len(scale))
    if not varies.any():  # nothing but how many are right
        share = np.clip(counts @ right / counts.sum(), 1e-6, 1 - 1e-6)
        weights[0] = np.log(share / (1 - share))
        return weights
    # scikit-learn weighs the likelihood where we weigh the ridge.
    model = LogisticRegression(
        C=1 / (_RIDGE * counts.sum()), solver="newton-cholesky", tol=1e-6, max_iter=200
    )
    model.fit(matrix[:, varies] / scale[varies], right, sample_weight=counts)
    weights[0] = model.intercept_[0]
    weights[1:][varies] = model.coef_[0] / scale[varies]
    return weights


def write_fit(path: Path, fitted: Fitted, manifest: Path) -> None:
    """Write a fit as the setting `recognition.calibration_file` reads it, whole or not at all.

    Raises
    ------
    RecognizerError
        If the file cannot be written.
    """
    found = fitted.fit
    lines = [
        f"# Written by `recognizer evaluate --fit` on {dt.datetime.now(dt.UTC):%Y-%m-%d}, from",
        f"# {manifest}:",
        f"# {fitted.n_wordings} wordings, {fitted.n_right} right, {fitted.n_marks} right marks.",
        f"engine = {_quoted(found.engine)}",
        f"model = {_quoted(found.model)}",
        f"features_version = {found.features_version}",
        *([] if found.mark_cutoff is None else [f"mark_cutoff = {found.mark_cutoff}"]),
        f"min_heard_logprob = {found.min_heard_logprob}",
        f"unclear_probability = {found.unclear_probability}",
        "",
        "[coefficients]",
        *(f"{n} = {getattr(found.coefficients, n)}" for n in found.coefficients.__struct_fields__),
    ]
    text = "\n".join(lines) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def _quoted(text: str) -> str:
    """Return a TOML string: JSON's escapes are among its own."""
    return msgspec.json.encode(text).decode()
