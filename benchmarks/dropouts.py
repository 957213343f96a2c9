"""Lost sound over labelled announcements: ``python -m benchmarks.dropouts --each 10 --seed 1``.

Every labelled announcement of tests/data/calls gets holes of 0.1 to 0.8 s of five kinds at places
drawn by chance (zeros, comfort noise, the last frame repeated, a fade, a cut), and loses 1, 3, 5
and 10 % of its frames of 20 ms, one by one and in bursts. Counted are marks where the intact call
deserves none, and what became of the right answers. ``--isa GENERIC`` computes with the kernels
that any processor has; run it once for each kind and compare.

The clips are those that the product is developed with: this measures damage, not recognition.
"""

from __future__ import annotations

import argparse
import io
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from recognizer.audio import read_audio
from recognizer.evaluation.labelled_clips import Clip, is_wrong_mark, read_manifest
from recognizer.model import CallReport, PhraseListName, phrase_list_of

Samples = npt.NDArray[np.float32]

CALLS = Path(__file__).resolve().parents[1] / "tests" / "data" / "calls"
RATE = 8000
FRAME = RATE // 50  # 20 ms: what a lost packet holds
HOLES = ("zeros", "noise", "repeat", "fade", "cut")
LOSSES = (0.01, 0.03, 0.05, 0.10)
_MARK = PhraseListName.INVALID_NUMBER


def hole(samples: Samples, kind: str, first: int, n: int, rng: np.random.Generator) -> Samples:
    """Return a copy with `n` samples from `first` on lost in one of five ways."""
    damaged = samples.copy()
    if kind == "cut":
        return np.concatenate([damaged[:first], damaged[first + n :]])
    part = damaged[first : first + n]
    if kind == "zeros":
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


def lossy(samples: Samples, share: float, burst: int, rng: np.random.Generator) -> Samples:
    """Return a copy that lost `share` of its frames, `burst` in a row, filled with zeros."""
    damaged = samples.copy()
    n_frames = len(damaged) // FRAME
    for place in np.flatnonzero(rng.random(n_frames) < share / burst):
        damaged[place * FRAME : (place + burst) * FRAME] = 0
    return damaged


def damages(
    samples: Samples, n_each: int, rng: np.random.Generator
) -> Iterator[tuple[str, Samples]]:
    """Yield damaged copies, each with the name of its kind."""
    for kind in HOLES:
        for _ in range(n_each):
            n = round(rng.uniform(0.1, 0.8) * RATE)
            if len(samples) > n + 2 * FRAME:
                first = int(rng.integers(FRAME, len(samples) - n))
                yield kind, hole(samples, kind, first, n, rng)
    for share in LOSSES:
        for burst in (1, 4):
            yield f"loss {share:.0%} x{burst}", lossy(samples, share, burst, rng)


def announcements() -> list[Clip]:
    """Return the labelled clips that one of the regulation's two lists is expected of."""
    return [
        clip
        for clip in read_manifest(CALLS / "manifest.tsv")
        if clip.name.startswith(("announcements/", "samples/", "mixed/"))
        and any(phrase_list_of(o) is not None for o in clip.expected)
    ]


def main() -> None:
    """Measure, and print one line a kind of damage."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--each", type=int, default=4, help="holes of each kind a clip")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--isa", help="GENERIC, AVX, AVX2, AVX512: kernels to compute with")
    options = parser.parse_args()
    if options.isa:
        os.environ["CT2_FORCE_CPU_ISA"] = options.isa  # read when CTranslate2 is loaded
    from recognizer import Recognizer  # noqa: PLC0415

    recognizer = Recognizer.load(engine="whisper")
    rng = np.random.default_rng(options.seed)
    counts: dict[str, Counter[str]] = {}
    for clip in announcements():
        intact = np.array(read_audio(clip.path, sample_rate=RATE).samples)
        for kind, samples in [("intact", intact), *damages(intact, options.each, rng)]:
            content = io.BytesIO()
            soundfile.write(content, samples, RATE, format="WAV", subtype="PCM_16")
            report = recognizer.recognize(content.getvalue())
            tally = counts.setdefault(kind, Counter())
            tally.update(_judged(clip, report))
            if "wrong mark" in _judged(clip, report):
                print(f"WRONG MARK {clip.name}, {kind}: {report.outcome}", flush=True)
    print(f"{'damage':>14} {'calls':>6} {'wrong marks':>12} {'right':>6} {'marks kept':>12}")
    for kind, tally in counts.items():
        print(
            f"{kind:>14} {tally['calls']:>6} {tally['wrong mark']:>5} of {tally['no mark due']:>4}"
            f" {tally['right'] / tally['calls']:>6.0%} {tally['mark kept']:>5} of"
            f" {tally['mark due']:>4}"
        )
    wrong = sum(t["wrong mark"] for t in counts.values())
    print(f"wrong marks in all: {wrong} of {sum(t['no mark due'] for t in counts.values())}")


def _judged(clip: Clip, report: CallReport) -> list[str]:
    """Return what this call counts as."""
    assert report.outcome is not None
    kind = report.outcome.kind
    deserves = any(phrase_list_of(o) is _MARK for o in clip.expected)
    judged = ["calls", "mark due" if deserves else "no mark due"]
    if kind in clip.expected:
        judged.append("right")
    if deserves and phrase_list_of(kind) is _MARK:
        judged.append("mark kept")
    if is_wrong_mark(clip.expected, kind):
        judged.append("wrong mark")
    return judged


if __name__ == "__main__":
    main()
