"""Where Whisper's CPU goes: ``python -m benchmarks.whisper_cost CLIPS [--at-most 60] [--plain]``.

`CLIPS` is a manifest as `recognizer evaluate` takes it. Printed are, a clip: calls and seconds of
CPU of the encoder, of the free decoding, of looking for what follows a wording, and of alignments
(each scores one version); and the least time of an alignment by the length of its text, which
tells what of it is paid for the sound alone.

With ``--plain`` each clip is also heard by faster-whisper as its documentation shows it
(`benchmarks.recognition.baseline`), one after the other in the same process, and the ratio is
printed. Clips that it cannot open (headerless sound) are left out.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av

from benchmarks.recognition.baseline import Baseline
from recognizer.audio import read_audio
from recognizer.base.settings import load_settings
from recognizer.engines import faster_whisper, load_engine
from recognizer.engines.base import ENGINE_SAMPLE_RATE
from recognizer.engines.models.install import ensure_model
from recognizer.evaluation.labelled_clips import read_manifest
from recognizer.pipeline import Recognizer

_TEXTS = (
    "да",
    "Извините, данный номер не существует.",
    "Извините, данный номер не существует. Пожалуйста, попробуйте еще раз. " * 2,
)
_ROUNDS = 15


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("manifest", type=Path, help="labelled clips")
    parser.add_argument("--at-most", type=int, default=60, help="clips heard")
    parser.add_argument("--plain", action="store_true", help="beside plain faster-whisper")
    options = parser.parse_args()
    clips = read_manifest(options.manifest)[: options.at_most]
    seconds, calls = _watched()
    recognizer = Recognizer.load(engine="whisper")
    plain = Baseline(ensure_model("whisper-base", load_settings())) if options.plain else None
    ours_s, plain_s = [], []
    for clip in clips:
        if plain is not None:
            try:
                plain_s.append(_cpu_s(plain.recognize, clip.path))
            except av.FFmpegError:
                continue
        ours_s.append(_cpu_s(recognizer.recognize, clip.path))
    n = len(ours_s)
    print(f"{n} clips, {sum(ours_s) / n:.3f} s of CPU a clip")
    if plain_s:
        ratio = sum(plain_s) / sum(ours_s)
        print(f"plain faster-whisper {sum(plain_s) / n:.3f} s: {ratio:.2f} times as much")
    for what, spent_s in sorted(seconds.items(), key=lambda each: -each[1]):
        each = f"{calls[what] / n:.1f} calls, {spent_s / n:.3f} s"
        print(f"  {what:<12} {each} a clip, {1000 * spent_s / calls[what]:.0f} ms each")
    _time_alignments(clips[0].path)


def _cpu_s(recognize: Callable[[Path], object], path: Path) -> float:
    started = time.process_time()
    recognize(path)
    return time.process_time() - started


def _watched() -> tuple[dict[str, float], Counter[str]]:
    """Count the engine's calls and their seconds of CPU from now on."""
    seconds: dict[str, float] = defaultdict(float)
    calls: Counter[str] = Counter()

    def watch(owner: type, method: str, name: Callable[[tuple[Any, ...]], str]) -> None:
        plain = getattr(owner, method)

        def watched(*given: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return plain(*given, **named)
            finally:
                seconds[name(given)] += time.process_time() - started
                calls[name(given)] += 1

        setattr(owner, method, watched)

    watch(faster_whisper.WhisperEngine, "listen", lambda _: "encoder")
    watch(faster_whisper.WhisperUtterance, "_align", lambda _: "alignment")
    watch(
        faster_whisper._Decoder,  # noqa: SLF001
        "generate",
        lambda given: "what follows" if len(given) > 2 and given[2] else "decoding",
    )
    return seconds, calls


def _time_alignments(path: Path) -> None:
    engine = load_engine("whisper")
    assert isinstance(engine, faster_whisper.WhisperEngine)
    audio = read_audio(path, sample_rate=ENGINE_SAMPLE_RATE)
    heard = engine.listen(audio)
    print(f"an alignment over {audio.duration_s:.1f} s of sound:")
    for text in _TEXTS:
        tokens = heard._decoder.encode(text)  # noqa: SLF001
        took = []
        for _ in range(_ROUNDS):
            started = time.process_time()
            heard._align(tokens)  # noqa: SLF001
            took.append(time.process_time() - started)
        print(f"  {len(tokens):2} tokens {1000 * min(took):.1f} ms")


if __name__ == "__main__":
    main()
