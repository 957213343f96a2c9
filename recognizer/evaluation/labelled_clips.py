"""How right the recogniser is on labelled clips: accuracy, confusions, regressions.

Conventions: a manifest is tab-separated (``.csv``: comma-separated) with a header. `path` is
relative to the manifest. `expected` (or `outcome`) holds the right outcome, or several separated
by ``|``. `known`, if there, is what the program is known to say instead of it: such a clip counts
as wrong, but not as a regression. `text` and all other columns are for people.

A *wrong mark* is an `invalid_number` outcome where none is expected: the one mistake that loses
a client. A *regression* is a clip that is wrong in a way the manifest does not know.
"""

from __future__ import annotations

import csv
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recognizer.base.errors import DataFileError
from recognizer.model import CallOutcome, CallReport, PhraseListName, phrase_list_of

__all__ = [
    "Clip",
    "ClipResult",
    "Evaluation",
    "Tally",
    "evaluate",
    "is_wrong_mark",
    "read_manifest",
]


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled recording.

    Attributes
    ----------
    name : str
        Its path as the manifest gives it.
    path : Path
    expected : tuple of CallOutcome
        All right answers, the best first.
    known : CallOutcome or None
        The wrong answer this version is known to give.
    text : str
        What is said.
    """

    name: str
    path: Path
    expected: tuple[CallOutcome, ...]
    known: CallOutcome | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What was made of one clip; `outcome` is None where it could not be read."""

    clip: Clip
    outcome: CallOutcome | None
    confidence: float | None
    elapsed_s: float
    transcript: str = ""
    error: str = ""

    @property
    def is_right(self) -> bool:
        """True if the outcome is one of the expected ones."""
        return self.outcome in self.clip.expected

    @property
    def has_right_list(self) -> bool:
        """True if the outcome's list is that of an expected outcome (no list is one of them)."""
        lists = {phrase_list_of(outcome) for outcome in self.clip.expected}
        return self.outcome is not None and phrase_list_of(self.outcome) in lists

    @property
    def is_abstention(self) -> bool:
        """True if nothing was decided although something could be."""
        return self.outcome is CallOutcome.UNDETERMINED and not self.is_right

    @property
    def is_wrong_mark(self) -> bool:
        """True if the contact would be marked incorrect without cause."""
        return self.outcome is not None and is_wrong_mark(self.clip.expected, self.outcome)

    @property
    def is_regression(self) -> bool:
        """True if it is wrong in a way the manifest does not know; abstaining is not wrong."""
        return (
            not self.is_right
            and not self.is_abstention
            and (self.outcome is None or self.outcome is not self.clip.known)
        )

    @property
    def is_new_abstention(self) -> bool:
        """True if nothing was decided, and the manifest does not say so."""
        return self.is_abstention and self.clip.known is not CallOutcome.UNDETERMINED

    @property
    def is_repaired(self) -> bool:
        """True if the manifest still calls it wrong."""
        return self.is_right and self.clip.known is not None


def is_wrong_mark(expected: Sequence[CallOutcome], outcome: CallOutcome) -> bool:
    """Return whether `outcome` marks the contact as incorrect and no `expected` one does."""
    marks = PhraseListName.INVALID_NUMBER
    return phrase_list_of(outcome) is marks and all(
        phrase_list_of(right) is not marks for right in expected
    )


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of `n_clips` had the right outcome, and the right list."""

    n_clips: int
    n_right: int
    n_right_list: int
    n_abstentions: int

    @classmethod
    def of(cls, results: Iterable[ClipResult]) -> Tally:
        """Count `results`."""
        found = tuple(results)
        return cls(
            n_clips=len(found),
            n_right=sum(result.is_right for result in found),
            n_right_list=sum(result.has_right_list for result in found),
            n_abstentions=sum(result.is_abstention for result in found),
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All results of one run; everything else here is a view of them."""

    results: tuple[ClipResult, ...]

    @property
    def total(self) -> Tally:
        """Over all clips."""
        return Tally.of(self.results)

    def by_outcome(self) -> dict[str, Tally]:
        """Return a tally for each expected outcome (the first of several), sorted by name."""
        return self._grouped(lambda result: str(result.clip.expected[0]))

    def by_list(self) -> dict[str, Tally]:
        """Return a tally for each list of the regulation, and for `none`."""
        return self._grouped(lambda result: str(phrase_list_of(result.clip.expected[0]) or "none"))

    def _grouped(self, key: Callable[[ClipResult], str]) -> dict[str, Tally]:
        groups: dict[str, list[ClipResult]] = defaultdict(list)
        for result in self.results:
            groups[key(result)].append(result)
        return {name: Tally.of(groups[name]) for name in sorted(groups)}

    def confusions(self) -> Counter[tuple[str, str]]:
        """Return how often (expected, got) occurred; a right answer counts on the diagonal."""
        return Counter(
            (
                str(result.outcome if result.is_right else result.clip.expected[0]),
                str(result.outcome or "error"),
            )
            for result in self.results
        )

    @property
    def wrong_marks(self) -> tuple[ClipResult, ...]:
        """The mistakes that must not happen."""
        return tuple(result for result in self.results if result.is_wrong_mark)

    def forbidden_confusions(
        self, pairs: frozenset[frozenset[CallOutcome]]
    ) -> tuple[ClipResult, ...]:
        """Return the clips that confuse a pair of the regulation's section G, in any direction.

        Parameters
        ----------
        pairs : set of frozensets of two outcomes
            As `PhraseBook.forbidden_confusions`.
        """
        return tuple(
            result
            for result in self.results
            if not result.is_right
            and any(frozenset({e, result.outcome}) in pairs for e in result.clip.expected)
        )

    @property
    def regressions(self) -> tuple[ClipResult, ...]:
        """Clips that are wrong in a way the manifest does not know."""
        return tuple(result for result in self.results if result.is_regression)

    def new_abstentions(self, baseline: Mapping[str, str]) -> tuple[ClipResult, ...]:
        """Return the clips of which nothing is decided now, and was before.

        Before: by the manifest, or by the outcomes of an earlier run.
        """
        return tuple(
            result
            for result in self.results
            if result.is_new_abstention
            or (result.is_abstention and baseline.get(result.clip.name) in result.clip.expected)
        )

    @property
    def repaired(self) -> tuple[ClipResult, ...]:
        """Clips that are right although the manifest says otherwise."""
        return tuple(result for result in self.results if result.is_repaired)

    @property
    def median_elapsed_s(self) -> float:
        """Seconds."""
        return statistics.median(result.elapsed_s for result in self.results)

    def worse_than(self, baseline: Mapping[str, str]) -> tuple[ClipResult, ...]:
        """Return the clips that were right in an earlier run and are wrong now.

        What turned into abstention is not among them; see `new_abstentions`.

        Parameters
        ----------
        baseline : mapping from clip name to outcome
            As `outcomes` of the earlier run.
        """
        return tuple(
            result
            for result in self.results
            if not result.is_right
            and not result.is_abstention
            and baseline.get(result.clip.name) in result.clip.expected
        )

    def outcomes(self) -> dict[str, str]:
        """Return the outcome of each clip by name, `error` where there is none."""
        return {result.clip.name: str(result.outcome or "error") for result in self.results}


def read_manifest(path: Path) -> tuple[Clip, ...]:
    """Return the clips of a manifest.

    Raises
    ------
    DataFileError
        Naming file and line, if a column is missing, an outcome is not one, a clip is named
        twice or there is none.
    """
    delimiter = "," if path.suffix.lower() == ".csv" else "\t"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            columns = reader.fieldnames or ()
            expected = next((name for name in ("expected", "outcome") if name in columns), None)
            if "path" not in columns or expected is None:
                separator = "commas" if delimiter == "," else "tabs"
                raise DataFileError(
                    f"{path}, line 1: expected a header with path and expected, separated by "
                    f"{separator}; found {', '.join(columns) or 'nothing'}"
                )
            clips = [_clip(row, expected, path, reader.line_num) for row in reader]
    except OSError as problem:
        raise DataFileError(f"{path}: cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise DataFileError(f"{path}: expected UTF-8 text; save the file as UTF-8") from problem
    _check_clips(clips, path)
    return tuple(clips)


def _check_clips(clips: Sequence[Clip], path: Path) -> None:
    if not clips:
        raise DataFileError(f"{path}: expected at least one clip under the header, found none")
    for name, count in Counter(clip.name for clip in clips).items():
        if count > 1:
            raise DataFileError(f"{path}: clip {name!r} is listed {count} times")


def _clip(row: Mapping[str, str | None], expected: str, manifest: Path, line: int) -> Clip:
    place = f"{manifest}, line {line}"
    name = row["path"]
    if not name:
        raise DataFileError(f"{place}: expected a path, found nothing")
    right = tuple(_outcome(value, place) for value in (row[expected] or "").split("|"))
    known = row.get("known")
    return Clip(
        name=name,
        path=manifest.parent / name,
        expected=right,
        known=_outcome(known, place) if known else None,
        text=row.get("text") or "",
    )


def _outcome(value: str, place: str) -> CallOutcome:
    try:
        return CallOutcome(value.strip())
    except ValueError:
        names = ", ".join(CallOutcome)
        raise DataFileError(f"{place}: {value!r} is not an outcome; there are: {names}") from None


def evaluate(clips: Iterable[Clip], recognize: Callable[[Path], CallReport]) -> Evaluation:
    """Return what `recognize` makes of every clip.

    Parameters
    ----------
    clips : iterable of Clip
        A generator may show progress: one clip is taken at a time.
    recognize : function from a path to a CallReport
        `Recognizer.recognize`, or a scripted one.
    """
    return Evaluation(tuple(_result(clip, recognize(clip.path)) for clip in clips))


def _result(clip: Clip, report: CallReport) -> ClipResult:
    outcome, evidence = report.outcome, report.evidence
    transcript = evidence.transcript if evidence is not None else None
    return ClipResult(
        clip=clip,
        outcome=outcome.kind if outcome is not None else None,
        confidence=outcome.confidence if outcome is not None else None,
        elapsed_s=report.elapsed_s,
        transcript=transcript.text if transcript is not None else "",
        error=report.error.message if report.error is not None else "",
    )
