"""Lost sound over labelled announcements: ``python -m benchmarks.dropouts --each 10 --seed 1``.

Every labelled announcement of tests/data/calls that deserves no mark gets holes of 0.1 to 0.8 s at
places drawn by chance: zeros, comfort noise, the last frame repeated, a fade, a cut, a cut whose
ends were moved to where the voice is weakest, noise or a tone as loud as the voice. Every one, also
those that deserve the mark, loses 1, 3, 5 and 10 % of its frames of 20 ms, one by one and in
bursts. Counted are marks where the intact call deserves none, and what became of the right answers.
``--isa GENERIC`` computes with the kernels that any processor has. A long run is split by seeds:
``--log FILE`` keeps a line a trial, and ``--summary FILE...`` counts what several runs kept.

The clips are those that the product is developed with: this measures damage, not recognition.
"""

from __future__ import annotations

import argparse
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import soundfile

from recognizer.audio import read_audio
from recognizer.evaluation.labelled_clips import Clip, is_wrong_mark, read_manifest
from recognizer.model import CallReport, PhraseListName, RecordedCall, phrase_list_of

Samples = npt.NDArray[np.float32]

CALLS = Path(__file__).resolve().parents[1] / "tests" / "data" / "calls"
RATE = 8000
FRAME = RATE // 50  # 20 ms: what a lost packet holds
HOLES = ("zeros", "noise", "repeat", "fade", "cut", "clean cut", "loud noise", "loud tone")
_MOVE = RATE * 6 // 100  # a clean cut's ends are moved by 60 ms at most
_TOGETHER = 8  # calls are recognised so many at a time
LOSSES = (0.01, 0.03, 0.05, 0.10)
_Item = TypeVar("_Item")
_MARK = PhraseListName.INVALID_NUMBER


def hole(samples: Samples, kind: str, first: int, n: int, rng: np.random.Generator) -> Samples:
    """Return a copy with `n` samples from `first` on lost in one of the ways of `HOLES`."""
    damaged = samples.copy()
    if kind == "clean cut":
        first, end = weakest_near(samples, first), weakest_near(samples, first + n)
        return np.concatenate([damaged[:first], damaged[end:]])
    if kind == "cut":
        return np.concatenate([damaged[:first], damaged[first + n :]])
    part = damaged[first : first + n]
    if kind.startswith("loud"):
        loud = float(np.sqrt(np.mean(samples[np.abs(samples) > 0.02] ** 2)))
        times_s = np.arange(n) / RATE
        tone = np.sqrt(2) * np.sin(2 * np.pi * rng.uniform(300, 2000) * times_s)
        part[:] = loud * (rng.normal(0, 1, len(part)) if kind == "loud noise" else tone)
    elif kind == "zeros":
        part[:] = 0
    elif kind == "noise":
        part[:] = rng.normal(0, 10 ** (-50 / 20), len(part))
    elif kind == "repeat":
        frame = damaged[first - FRAME : first].copy()
        for number, begin in enumerate(range(0, len(part), FRAME)):
            size = min(FRAME, len(part) - begin)
            part[begin : begin + size] = frame[:size] * max(0.0, 1 - 0.1 * number)
    else:
        edge = min(FRAME, len(part) // 2)
        gain = np.zeros(len(part), np.float32)
        gain[:edge], gain[len(part) - edge :] = np.linspace(1, 0, edge), np.linspace(0, 1, edge)
        part *= gain
    return damaged


def weakest_near(samples: Samples, place: int) -> int:
    """Return the middle of the weakest 20 ms around a sample."""
    begin = max(0, place - _MOVE)
    power = np.convolve(samples[begin : place + _MOVE] ** 2, np.ones(FRAME), "valid")
    return begin + int(np.argmin(power)) + FRAME // 2 if len(power) else place


def lossy(samples: Samples, share: float, burst: int, rng: np.random.Generator) -> Samples:
    """Return a copy that lost `share` of its frames, `burst` in a row, filled with zeros."""
    damaged = samples.copy()
    n_frames = len(damaged) // FRAME
    for place in np.flatnonzero(rng.random(n_frames) < share / burst):
        damaged[place * FRAME : (place + burst) * FRAME] = 0
    return damaged


def damages(
    samples: Samples, n_each: int, rng: np.random.Generator
) -> Iterator[tuple[str, str, Samples]]:
    """Yield the kind, the place and the copy: `n_each` holes of each kind, then lost frames."""
    for kind in HOLES:
        for _ in range(n_each):
            n = round(rng.uniform(0.1, 0.8) * RATE)
            if len(samples) > n + 2 * FRAME:
                first = int(rng.integers(FRAME, len(samples) - n))
                place = f"{n / RATE:.2f} s at {first / RATE:.2f} s"
                yield kind, place, hole(samples, kind, first, n, rng)
    for share in LOSSES:
        for burst in (1, 4):
            yield f"loss {share:.0%} x{burst}", "", lossy(samples, share, burst, rng)


def announcements() -> list[Clip]:
    """Return the labelled clips that one of the regulation's two lists is expected of."""
    return [
        clip
        for clip in read_manifest(CALLS / "manifest.tsv")
        if any(phrase_list_of(o) is not None for o in clip.expected)
    ]


def main() -> None:
    """Measure, and print one line a kind of damage."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--each", type=int, default=4, help="holes of each kind a clip")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--isa", help="GENERIC, AVX, AVX2, AVX512: kernels to compute with")
    parser.add_argument("--log", type=Path, help="a file to add a line a trial to")
    parser.add_argument("--summary", type=Path, nargs="+", help="count such files, run nothing")
    options = parser.parse_args()
    if options.summary:
        lines = [line for path in options.summary for line in path.read_text().splitlines()]
        print_summary([json.loads(line) for line in lines])
        return
    if options.isa:
        os.environ["CT2_FORCE_CPU_ISA"] = options.isa  # read when CTranslate2 is loaded
    from recognizer import Recognizer  # noqa: PLC0415

    recognizer = Recognizer.load(engine="whisper")
    rng = np.random.default_rng(options.seed)
    trials: list[Trial] = []
    for clip in announcements():
        intact = np.array(read_audio(clip.path, sample_rate=RATE).samples)
        n_each = 0 if _deserves_mark(clip) else options.each
        copies = [("intact", "", intact), *damages(intact, n_each, rng)]
        for some in in_batches(copies, _TOGETHER):
            calls = [RecordedCall(source=as_wav(samples)) for *_, samples in some]
            reports = recognizer.recognize_together(calls)
            for (damage, place, _), report in zip(some, reports, strict=True):
                trials.append(judged(clip, damage, place, report))
                if options.log:
                    with options.log.open("a") as log:
                        print(json.dumps(trials[-1], ensure_ascii=False), file=log)
    print_summary(trials)


Trial: TypeAlias = dict[str, Any]
"""Clip, damage and its place, outcome, confidence, transcript, what it counts as."""


def judged(clip: Clip, damage: str, place: str, report: CallReport) -> Trial:
    """Return one trial as a line of the log."""
    assert report.outcome is not None
    assert report.evidence is not None
    kind = report.outcome.kind
    heard = report.evidence.transcript
    return {
        "clip": clip.name,
        "damage": damage,
        "place": place,
        "outcome": kind.value,
        "confidence": report.outcome.confidence,
        "heard": "" if heard is None else heard.text,
        "mark_due": _deserves_mark(clip),
        "right": kind in clip.expected,
        "marked": phrase_list_of(kind) is _MARK,
        "wrong_mark": is_wrong_mark(clip.expected, kind),
    }


def print_summary(trials: Sequence[Trial]) -> None:
    """Print one line a kind of damage, and every wrong mark."""
    counts: dict[str, Counter[str]] = {}
    for trial in trials:
        tally = counts.setdefault(trial["damage"], Counter())
        due = "mark due" if trial["mark_due"] else "no mark due"
        tally.update(["calls", due])
        tally.update(key for key in ("right", "wrong_mark") if trial[key])
        tally.update(["mark kept"] if trial["mark_due"] and trial["marked"] else [])
        tally.update(["right retry"] if trial["right"] and not trial["mark_due"] else [])
        if trial["wrong_mark"]:
            print(
                f"WRONG MARK {trial['clip']}, {trial['damage']} {trial['place']}: {trial['heard']}"
            )
    print(
        f"{'damage':>14} {'calls':>6} {'wrong marks':>15} {'retries right':>15} {'marks kept':>13}"
    )
    for kind, tally in counts.items():
        print(
            f"{kind:>14} {tally['calls']:>6}"
            f" {tally['wrong_mark']:>6} of {tally['no mark due']:>5}"
            f" {tally['right retry']:>6} of {tally['no mark due']:>5}"
            f" {tally['mark kept']:>5} of {tally['mark due']:>4}"
        )
    wrong = sum(t["wrong_mark"] for t in counts.values())
    print(f"wrong marks in all: {wrong} of {sum(t['no mark due'] for t in counts.values())}")


def in_batches(items: Iterable[_Item], n: int) -> Iterator[list[_Item]]:
    """Yield `n` items at a time, the rest last."""
    remaining = iter(items)
    while some := list(islice(remaining, n)):
        yield some


def as_wav(samples: Samples) -> bytes:
    """Return telephone sound, 8 kHz, as the bytes of a WAV file."""
    content = io.BytesIO()
    soundfile.write(content, samples, RATE, format="WAV", subtype="PCM_16")
    return content.getvalue()


def _deserves_mark(clip: Clip) -> bool:
    return any(phrase_list_of(outcome) is _MARK for outcome in clip.expected)


if __name__ == "__main__":
    main()
