"""Holes over sentences that two words turn round: ``python -m benchmarks.spoken_dropouts``.

Sentences that deserve no mark, and would deserve it without a word or two («ваш номер не
обслуживается», «добавочный номер не существует»), said by the synthetic voices of
`recognition.voices`, lose sound everywhere, in every way of `dropouts.HOLES` and by a cut whose
ends are faded into each other where the voice is weakest. Nothing may mark. ``--log FILE`` keeps a
line a copy; `dropouts --summary FILE` counts them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.dropouts import (
    HOLES,
    RATE,
    Samples,
    Trial,
    as_wav,
    hole,
    in_batches,
    judged,
    print_summary,
    weakest_near,
)
from benchmarks.recognition.channel import to_line
from benchmarks.recognition.voices import speak, voice_named
from recognizer.evaluation.labelled_clips import Clip
from recognizer.model import CallOutcome, RecordedCall

SENTENCES = {
    "Набранный вами номер временно заблокирован.": "temporarily_blocked",
    "Ваш номер не обслуживается.": "caller_restricted",
    "Добавочный номер не существует.": "company_ivr",
    "Вызываемый абонент временно заблокирован.": "temporarily_blocked",
    "Номер вашей карты заблокирован.": "undetermined",
    "Номер временно не обслуживается.": "service_suspended",
}
VOICES = ("festival-nsh", "festival-nsh-tape-95", "festival-nsh-tape-107", "espeak-ru-90-100")
_LENGTHS_S = (0.15, 0.7)  # of a hole: from «ваш» to «временно» said slowly
_LEVEL = 0.5
_FADE = RATE // 100  # 10 ms
_KINDS = (*HOLES, "faded cut")


def faded_cut(samples: Samples, first: int, n: int) -> Samples:
    """Return a copy without `n` samples, its ends faded into each other over 10 ms."""
    begin, end = weakest_near(samples, first), weakest_near(samples, first + n)
    begin, end = max(begin, _FADE), min(end, len(samples) - _FADE)
    if end <= begin:
        return samples.copy()
    up = np.linspace(0, 1, _FADE, dtype=np.float32)
    seam = samples[begin - _FADE : begin] * (1 - up) + samples[end - _FADE : end] * up
    return np.concatenate([samples[: begin - _FADE], seam, samples[end:]])


def copies(n_each: int, rng: np.random.Generator) -> Iterator[tuple[Clip, str, str, Samples]]:
    """Yield sentence, kind of damage, its place and the damaged sound; intact ones first."""
    with tempfile.TemporaryDirectory() as cache:
        for voice in VOICES:
            for text, outcome in SENTENCES.items():
                said = to_line(speak(voice_named(voice), text, Path(cache)))
                spoken = np.asarray(said * (_LEVEL / np.max(np.abs(said))), np.float32)
                clip = Clip(f"{voice}: {text}", Path(), (CallOutcome(outcome),))
                yield clip, "intact", "", spoken
                for kind in _KINDS:
                    for _ in range(n_each):
                        n = round(rng.uniform(*_LENGTHS_S) * RATE)
                        first = int(rng.integers(RATE // 50, max(RATE // 50 + 1, len(spoken) - n)))
                        place = f"{n / RATE:.2f} s at {first / RATE:.2f} s"
                        damaged = (
                            faded_cut(spoken, first, n)
                            if kind == "faded cut"
                            else hole(spoken, kind, first, n, rng)
                        )
                        yield clip, kind, place, damaged


def main() -> None:
    """Measure, and print one line a kind of damage."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--each", type=int, default=3, help="holes of each kind a sentence")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="a file to add a line a copy to")
    options = parser.parse_args()
    from recognizer import Recognizer  # noqa: PLC0415

    recognizer = Recognizer.load(engine="whisper")
    trials: list[Trial] = []
    for some in in_batches(copies(options.each, np.random.default_rng(options.seed)), 8):
        calls = [RecordedCall(source=as_wav(samples)) for *_, samples in some]
        for (clip, damage, place, _), report in zip(
            some, recognizer.recognize_together(calls), strict=True
        ):
            trials.append(judged(clip, damage, place, report))
            if options.log:
                with options.log.open("a", encoding="utf-8") as log:
                    print(json.dumps(trials[-1], ensure_ascii=False), file=log)
    print_summary(trials)


if __name__ == "__main__":
    main()
