"""Turn what was measured of a wording into the probability that it was spoken.

A logistic model (Platt scaling over several features). Its coefficients lie in
data/calibration.toml and are fitted on one half of the benchmark and judged on the other; see
docs/decisions/0004.
"""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from recognizer.base.data_files import TomlFile, convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError

__all__ = [
    "Calibration",
    "Coefficients",
    "EngineFit",
    "Features",
    "clipped",
    "load_calibration",
    "scores_as_heard",
]

# To be raised whenever a feature comes to mean something else: coefficients of before weigh what
# they were not fitted on. 1: files that do not say; 2: of engines other than Whisper `gap` and
# `worst_word_logprob` are those of the listed wording, the ends of its words among them.
_FEATURES_VERSION = 2
# Features beyond these say no more.
_MAX_LENGTH = 20  # letters: so many do not agree by chance
_MAX_MARGIN_NATS = 20.0
_MAX_GAP_NATS = 4.0  # per token
_MIN_HEARD_LOGPROB = -1.5  # hardly any call of `fit` was heard less clearly
_MIN_WORST_WORD_NATS = -20.0


class Features(msgspec.Struct, frozen=True):
    """What is known of one candidate wording.

    Attributes
    ----------
    score : 0-100, how well the text matches, word by word.
    letters : 0-100, how much of the wording is among the letters that were heard; 0 without sound.
    length : letters of the wording: a short one is like what was misrecognized by chance; 0 without
        sound.
    share : 0-1, the wording's letters as a share of all that were heard: how much of what was said
        it explains; 0 without sound.
    gap : nats a token by which the listed wording, put in place, explains the sound better than
        the best hypothesis; <= 0 as a rule; 0 without sound.
    margin : nats ahead of the best other outcome; 0 without sound.
    baseline_logprob : natural logarithm, mean over the tokens of the best hypothesis; 0 without
    sound.
        The clearer the speech was, the more a gap says.
    worst_word_logprob : natural logarithm of the wording's least probable word; 0 without sound.
    listed_word_logprob : natural logarithm of its least probable word spelt as it is listed,
        however it was heard; not weighed; 0 without sound.
    n_person_words : words outside the wording that only a person says.
    unknown_share : 0-1, share of the words outside the wording that no announcement uses.
    """

    score: float
    letters: float = 0.0
    length: int = 0
    share: float = 0.0
    gap: float = 0.0
    margin: float = 0.0
    baseline_logprob: float = 0.0
    worst_word_logprob: float = 0.0
    listed_word_logprob: float = 0.0
    n_person_words: int = 0
    unknown_share: float = 0.0


# Neither the text nor the sound speaks for such a wording: any fit has to doubt it.
_HOPELESS = Features(
    score=50.0,
    letters=55.0,
    length=_MAX_LENGTH,
    share=1.0,
    gap=-_MAX_GAP_NATS,
    margin=-_MAX_MARGIN_NATS,
    baseline_logprob=-0.5,
    worst_word_logprob=_MIN_WORST_WORD_NATS,
)


class Coefficients(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One logistic model; the names are those of the `Features` that it weighs."""

    intercept: float
    score: float
    letters: float
    length: float
    share: float
    gap: float
    margin: float
    baseline_logprob: float
    worst_word_logprob: float
    n_person_words: float
    unknown_share: float

    def probability(self, features: Features) -> float:
        """Return the probability, 0-1, that the wording was spoken."""
        total = self.intercept + sum(
            getattr(self, name) * value for name, value in clipped(features).items()
        )
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(total, 60.0))))


def clipped(features: Features) -> dict[str, float]:
    """Return the features by name, each kept within the range in which it still says something."""
    return {
        "score": features.score,
        "letters": features.letters,
        "length": float(min(features.length, _MAX_LENGTH)),
        "share": features.share,
        "gap": max(-_MAX_GAP_NATS, min(features.gap, _MAX_GAP_NATS)),
        "margin": max(-_MAX_MARGIN_NATS, min(features.margin, _MAX_MARGIN_NATS)),
        "baseline_logprob": max(_MIN_HEARD_LOGPROB, features.baseline_logprob),
        "worst_word_logprob": max(_MIN_WORST_WORD_NATS, features.worst_word_logprob),
        "n_person_words": float(features.n_person_words),
        "unknown_share": features.unknown_share,
    }


class EngineFit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `recognizer evaluate --fit` found for one engine on a user's own labelled clips.

    Attributes
    ----------
    engine, model : as `Transcript` has them.
    features_version : of the features that were weighed.
    mark_cutoff : probability from which the mark may be set; None: too few marks were among the
        clips, and the mark goes on asking for text and sound.
    min_heard_logprob, unclear_probability : as in `Calibration`.
    coefficients : the model.
    """

    engine: str
    model: str
    features_version: int = _FEATURES_VERSION
    mark_cutoff: float | None = None
    min_heard_logprob: float
    unclear_probability: float
    coefficients: Coefficients


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cut-offs, a model for each engine, and one for text alone.

    Attributes
    ----------
    mark_cutoff : probability from which the mark may be set.
    mark_min_letters : 0-100, `Features.letters` below which it never is.
    announcement_cutoff : probability from which any other announcement is reported.
    steady_above_cutoff : so much above its cut-off no rounding turns a verdict.
    steady_margin_nats : so far ahead of the next outcome none does.
    min_heard_logprob : `Features.baseline_logprob` below which speech counts as not understood;
        only where sound is weighed.
    unclear_probability : what the probability of speech that was not understood is at most.
    whisper_model : the model that `whisper` was fitted with.
    unfitted : of engines that nobody fitted: the text decides, a rival counts against it.
    fits : by engine, over what is shipped.
    """

    mark_cutoff: float
    mark_min_letters: float
    announcement_cutoff: float
    steady_above_cutoff: float
    steady_margin_nats: float
    min_heard_logprob: float
    unclear_probability: float
    whisper_model: str
    whisper: Coefficients
    unfitted: Coefficients
    text: Coefficients
    fits: dict[str, EngineFit] = {}

    def of_engine(self, name: str) -> Coefficients:
        """Return the model of an engine: engines score on scales of their own."""
        if name in self.fits:
            return self.fits[name].coefficients
        return self.whisper if name == "whisper" else self.unfitted

    def weighs_sound(self, engine: str) -> bool:
        """Return whether an engine's confidence rests on the sound as well as on the text."""
        return self.of_engine(engine).gap > 0.0

    def is_fitted_for_marks(self, engine: str, model: str) -> bool:
        """Return whether the probability alone may set the mark: marks were among the calls."""
        if engine in self.fits:
            fit = self.fits[engine]
            has_marks = fit.mark_cutoff is not None and fit.model == model
            return has_marks and self.weighs_sound(engine)
        return engine == "whisper" and model == self.whisper_model

    def mark_cutoff_of(self, engine: str | None) -> float:
        """Return the probability from which the mark may be set; None: of a text alone."""
        fit = self.fits.get(engine or "")
        return self.mark_cutoff if fit is None else max(fit.mark_cutoff or 0.0, self.mark_cutoff)

    def probability(self, features: Features, engine: str) -> float:
        """Return the probability, 0-1, that the wording was spoken.

        The model says nothing of what was not among the calls it was fitted on: noise that the
        recogniser made words of fits any wording no worse than those words.
        """
        fitted = self.of_engine(engine).probability(features)
        limits = self.fits.get(engine, self)
        is_clear = features.baseline_logprob >= limits.min_heard_logprob
        if is_clear or (engine not in self.fits and not self.weighs_sound(engine)):
            return fitted
        return min(fitted, limits.unclear_probability)

    def is_close(self, probability: float, *, marks: bool, margin: float = math.inf) -> bool:
        """Return whether a verdict passes by less than rounding may turn.

        A margin below 0 is none: another announcement was heard beside the one that decides.
        """
        cutoff = self.mark_cutoff if marks else self.announcement_cutoff
        is_ahead = 0.0 < margin < self.steady_margin_nats
        return is_ahead or cutoff <= probability < cutoff + self.steady_above_cutoff

    def may_mark(self, features: Features) -> bool:
        """Return whether the letters are as like as those of any right mark that was fitted."""
        return features.letters >= self.mark_min_letters


def scores_as_heard(engine: str) -> bool:
    """Return whether a wording that stands in the transcript is scored as it is spelt there.

    Whisper spells what it hears in more than one way, and was fitted so. Of others the figures are
    those of the listed wording itself.
    """
    return engine == "whisper"


def load_calibration(path: Path | None = None, *, fit_file: Path | None = None) -> Calibration:
    """Read the coefficients, and over them a user's own fit of an engine.

    Raises
    ------
    DataFileError
        Naming the file and the field that is wrong.
    """
    file = read_toml(path or data_folder(".") / "calibration.toml")
    calibration = convert_toml(file, Calibration)
    for name in ("mark_cutoff", "announcement_cutoff", "unclear_probability"):
        _check_probability(getattr(calibration, name), name, file)
    if fit_file is None:
        return calibration
    file = read_toml(fit_file)
    _check_version(file)
    fit = convert_toml(file, EngineFit)
    for name in ("mark_cutoff", "unclear_probability"):
        if getattr(fit, name) is not None:
            _check_probability(getattr(fit, name), name, file)
    believed = fit.coefficients.probability(_HOPELESS)
    if believed >= calibration.announcement_cutoff:
        raise DataFileError(
            f"{file.place('coefficients')}: expected a fit that doubts a wording which neither "
            f"text nor sound speaks for, found one that believes it by {believed:.2f}; fit it anew"
        )
    return msgspec.structs.replace(calibration, fits={fit.engine: fit})


def _check_version(file: TomlFile) -> None:
    """Refuse a fit of features that mean something else now; one that is no fit is told later."""
    version = file.values.get("features_version", 1)
    if "coefficients" in file.values and version != _FEATURES_VERSION:
        raise DataFileError(
            f"{file.place(key='features_version')}: expected a fit to features of version "
            f"{_FEATURES_VERSION}, found one of version {version}: this release measures what the "
            "fit weighs in another way; fit anew: recognizer evaluate CLIPS --fit FILE"
        )


def _check_probability(value: float, name: str, file: TomlFile) -> None:
    if not 0.0 < value < 1.0:
        raise DataFileError(f"{file.place(key=name)}: expected 0 to 1, found {value}")
