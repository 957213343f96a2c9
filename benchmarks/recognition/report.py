"""Compare systems on a folder of calls: ``python -m benchmarks.recognition.report --calls DIR``.

Reads ``manifest.tsv`` and ``results.jsonl``; prints tables (Markdown), writes ``report.json`` and
``report.png`` beside them. Only calls that every system named has answered are compared.

Measures: *outcome* accuracy; *list* accuracy (the regulation's list, or none); *wrong marks*: said
`invalid_number` when it is not; *abstained*: `undetermined` where something should have been said;
CPU seconds a call; peak memory of the worker. Calibration (reliability, expected calibration error,
risk and coverage) is over calls with an answer, that is, not `undetermined`.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recognition.build import read_calls
from benchmarks.recognition.measures import (
    expected_calibration_error,
    reliability,
    risk_coverage,
)
from benchmarks.recognition.planning import Call
from recognizer.base.settings import PhraseSettings
from recognizer.evaluation.labelled_clips import is_wrong_mark
from recognizer.model import CallOutcome, phrase_list_of
from recognizer.phrases.loading import load_phrases
from recognizer.phrases.normalization import normalize


@dataclass(frozen=True, slots=True)
class Answered:
    """One call and what a system made of it."""

    call: Call
    answer: Mapping[str, Any]

    @property
    def expected(self) -> tuple[CallOutcome, ...]:
        """Right outcomes."""
        return tuple(CallOutcome(name) for name in self.call.expected.split("|"))

    @property
    def outcome(self) -> CallOutcome | None:
        """What was said, None for an error."""
        said = self.answer["outcome"]
        return None if said == "error" else CallOutcome(said)

    @property
    def is_right(self) -> bool:
        """True if that is one of the right outcomes."""
        return self.outcome in self.expected

    @property
    def has_right_list(self) -> bool:
        """True if it is of the list of a right outcome."""
        return phrase_list_of(self.outcome) in {phrase_list_of(e) for e in self.expected}

    @property
    def is_wrong_mark(self) -> bool:
        """True if the contact would be marked incorrect without cause."""
        return self.outcome is not None and is_wrong_mark(self.expected, self.outcome)

    @property
    def is_abstention(self) -> bool:
        """True if nothing was said where something should have been."""
        return self.outcome is CallOutcome.UNDETERMINED and not self.is_right

    @property
    def deserves_mark(self) -> bool:
        """True if a right outcome is of the list invalid_number."""
        return any(str(phrase_list_of(e)) == "invalid_number" for e in self.expected)


def summary(answered: Iterable[Answered]) -> dict[str, float | int]:
    """Return the figures of one group of calls."""
    found = list(answered)
    cpu_s = np.array([a.answer["cpu_s"] for a in found])
    return {
        "calls": len(found),
        "outcome": round(float(np.mean([a.is_right for a in found])), 4),
        "list": round(float(np.mean([a.has_right_list for a in found])), 4),
        "wrong_marks": sum(a.is_wrong_mark for a in found),
        "not_deserving": sum(not a.deserves_mark for a in found),
        "abstained": round(float(np.mean([a.is_abstention for a in found])), 4),
        "wrong": round(float(np.mean([not a.is_right and not a.is_abstention for a in found])), 4),
        "cpu_s": round(float(cpu_s.mean()), 3),
        "cpu_s_p50": round(float(np.percentile(cpu_s, 50)), 3),
        "cpu_s_p95": round(float(np.percentile(cpu_s, 95)), 3),
        "peak_mb": max(int(a.answer["peak_mb"]) for a in found),
    }


def _voice_kind(call: Call) -> str:
    """Return the family of a voice: variants of one engine are alike."""
    return call.voice.split("-")[0].split(":")[0] or "none"


@functools.cache
def _listed_texts() -> frozenset[str]:
    return frozenset(normalize(phrase.text) for phrase in load_phrases(PhraseSettings()).phrases)


def _wording(call: Call) -> str:
    """Return whether the lists hold a sentence of this announcement word for word.

    The wordings of the benchmark are never copied into the lists, but whoever writes a list from
    what carriers say may write the same sentence.
    """
    if call.kind != "announcement":
        return "no announcement"
    sentences = (normalize(part) for part in re.split(r"[.!?]", call.text) if part.strip())
    return "listed" if _listed_texts().intersection(sentences) else "unseen"


GROUPINGS: dict[str, Callable[[Call], str]] = {
    "kind": lambda call: call.kind,
    "wording": _wording,
    "codec": lambda call: call.codec,
    "SNR, dB": lambda call: "clean" if call.snr_db is None else f"{call.snr_db:.0f}",
    "noise": lambda call: call.noise or "none",
    "voice": _voice_kind,
    "context": lambda call: call.context,
    "expected": lambda call: call.expected.split("|")[0],
}


def calibration(answered: Iterable[Answered]) -> dict[str, Any]:
    """Return reliability, calibration error and risk-coverage curve of the answers given."""
    given = [
        a
        for a in answered
        if a.outcome not in (None, CallOutcome.UNDETERMINED) and a.answer["confidence"] is not None
    ]
    if not given:
        return {}
    confidence = np.array([a.answer["confidence"] for a in given], dtype=np.float64)
    right = np.array([a.is_right for a in given], dtype=np.float64)
    coverage, risk = risk_coverage(confidence, right)
    return {
        "answers": len(given),
        "expected_calibration_error": round(expected_calibration_error(confidence, right), 4),
        "reliability": reliability(confidence, right),
        "coverage": coverage.round(4).tolist(),
        "risk": risk.round(4).tolist(),
    }


def profile(answered: Iterable[Answered]) -> dict[str, float]:
    """Return the mean seconds of one call by stage."""
    stages: dict[str, list[float]] = defaultdict(list)
    for a in answered:
        for name, seconds in a.answer.get("stage_s", {}).items():
            stages[name].append(seconds)
    return {name: round(float(np.mean(values)), 4) for name, values in stages.items()}


def compare(calls: Iterable[Call], answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the whole report as plain values."""
    by_system: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for answer in answers:
        by_system[answer["system"]][answer["path"]] = answer
    common = set.intersection(*(set(found) for found in by_system.values()))
    shared = [call for call in calls if call.path in common]
    report: dict[str, Any] = {"calls": len(shared), "systems": {}}
    for system, found in by_system.items():
        answered = [Answered(call, found[call.path]) for call in shared]
        groups: dict[str, dict[str, Any]] = {}
        for title, key in GROUPINGS.items():
            members: dict[str, list[Answered]] = defaultdict(list)
            for a in answered:
                members[key(a.call)].append(a)
            groups[title] = {name: summary(members[name]) for name in sorted(members)}
        report["systems"][system] = {
            "total": summary(answered),
            "groups": groups,
            "calibration": calibration(answered),
            "profile_s": profile(answered),
            "wrong_marks": [a.call.path for a in answered if a.is_wrong_mark],
        }
    return report


def as_markdown(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown tables."""
    systems = report["systems"]
    names = list(next(iter(systems.values()))["total"])
    lines = ["| system | " + " | ".join(names) + " | ECE |", "|---" * (len(names) + 2) + "|"]
    for system, found in systems.items():
        error = found["calibration"].get("expected_calibration_error", "")
        values = [str(found["total"][name]) for name in names]
        lines.append(f"| {system} | " + " | ".join([*values, str(error)]) + " |")
    shown = ("outcome", "list", "wrong_marks", "abstained")
    heads = [f"{system} {name}" for system in systems for name in shown]
    for title in GROUPINGS:
        lines += ["", f"| {title} | calls | " + " | ".join(heads) + " |"]
        lines.append("|---" * (len(heads) + 2) + "|")
        for group, first in next(iter(systems.values()))["groups"][title].items():
            cells = [
                str(found["groups"][title][group][name])
                for found in systems.values()
                for name in shown
            ]
            lines.append(f"| {group} | {first['calls']} | " + " | ".join(cells) + " |")
    for system, found in systems.items():
        if found["profile_s"]:
            stages = ", ".join(f"{name} {s:.3f} s" for name, s in found["profile_s"].items())
            lines += ["", f"One call of {system}, wall clock by stage: {stages}"]
    return "\n".join(lines)


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Draw accuracy by SNR, reliability and risk-coverage of every system."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (extra `benchmark`)

    figure = Figure(figsize=(13, 4), layout="constrained")
    by_snr, reliable, risky = figure.subplots(1, 3)
    for system, found in report["systems"].items():
        groups = found["groups"]["SNR, dB"]
        order = [name for name in ("clean", "25", "15", "10") if name in groups]
        by_snr.plot(order, [groups[name]["list"] for name in order], marker="o", label=system)
        curve = found["calibration"]
        if curve:
            points = curve["reliability"]
            label = f"{system}, ECE {curve['expected_calibration_error']:.3f}"
            reliable.plot([p[0] for p in points], [p[1] for p in points], marker="o", label=label)
            risky.plot(curve["coverage"], curve["risk"], label=system)
    reliable.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    titles = (
        (by_snr, "Right list by noise", "SNR, dB", "share of calls"),
        (reliable, "Reliability, bins of equal mass", "confidence", "share right"),
        (risky, "Risk and coverage", "share answered", "share wrong of those"),
    )
    for axes, title, x, y in titles:
        axes.set(title=title, xlabel=x, ylabel=y)
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def worst(calls: Iterable[Call], answers: Iterable[Mapping[str, Any]], system: str) -> list[str]:
    """Return a line for every wrong call of one system: wrong marks first, surest first."""
    found = {a["path"]: a for a in answers if a["system"] == system}
    wrong = [Answered(c, found[c.path]) for c in calls if c.path in found]
    wrong = [a for a in wrong if not a.is_right]
    wrong.sort(key=lambda a: (not a.is_wrong_mark, -(a.answer["confidence"] or 0)))
    return [
        "\t".join(
            (
                "WRONG MARK" if a.is_wrong_mark else "abstained" if a.is_abstention else "wrong",
                a.call.path,
                f"{a.call.expected} -> {a.answer['outcome']} {a.answer['confidence']}",
                f"{a.call.voice} {a.call.codec} {a.call.snr_db} {a.call.noise} {a.call.context}",
                a.call.text,
                f"heard: {a.answer.get('transcript', '')}",
                a.answer.get("reason", ""),
            )
        )
        for a in wrong
    ]


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=Path, required=True, help="folder with results")
    parser.add_argument("--results", default="results.jsonl", help="file name in that folder")
    parser.add_argument("--worst", metavar="SYSTEM", help="list the wrong calls of one system")
    arguments = parser.parse_args()
    calls = read_calls(arguments.calls / "manifest.tsv")
    lines = (arguments.calls / arguments.results).read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    if arguments.worst:
        print("\n".join(worst(calls, answers, arguments.worst)))
        return 0
    report = compare(calls, answers)
    print(as_markdown(report))
    (arguments.calls / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    draw(report, arguments.calls / "report.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
