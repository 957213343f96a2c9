"""CPU of a day's calls, most of them known: ``python -m benchmarks.announcements_day --calls 60``.

85 % of the calls hold an announcement that was learned, 15 % one that was not, in lines drawn by
chance of 15 dB and better. They are heard by our pipeline and, in the same run, by the plain
baseline (faster-whisper as documented, and a text distance). CPU time of this process alone, one
thread each; what is loaded once is not counted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import soundfile
import soxr

from benchmarks.announcements import Clip, announcements, carried, known, some_line
from benchmarks.recognition.baseline import Baseline
from benchmarks.recognition.channel import LINE_RATE
from benchmarks.recognition.voices import SAMPLE_RATE
from recognizer import Recognizer
from recognizer.base.settings import AnnouncementSettings, load_settings
from recognizer.base.threads import compute_in_one_thread
from recognizer.engines.lazy import LazyEngine
from recognizer.engines.models.install import ensure_model
from recognizer.recognition.announcements.store import AnnouncementStore

_SHARE_KNOWN = 0.85


def make_calls(
    pool: list[Clip], n_calls: int, folder: Path, rng: np.random.Generator
) -> list[Path]:
    """Write calls, each with one clip of `pool` in some line."""
    paths = []
    for number in range(n_calls):
        clip = pool[int(rng.integers(len(pool)))]
        sound = carried(clip.samples, some_line(rng, min_snr_db=15), rng)
        paths.append(folder / f"{number}.wav")
        narrow = soxr.resample(sound.samples, SAMPLE_RATE, LINE_RATE)
        soundfile.write(paths[-1], narrow, LINE_RATE, subtype="PCM_16")
    return paths


def cpu_ms(recognize: Callable[[Path], object], calls: list[Path]) -> float:
    """Return the CPU time a call, milliseconds."""
    started = time.process_time()
    for call in calls:
        recognize(call)
    return 1000 * (time.process_time() - started) / len(calls)


def main() -> None:
    """Measure, and print what each kind of call costs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/recognizer-voices"))
    options = parser.parse_args()
    compute_in_one_thread()
    rng = np.random.default_rng(options.seed)
    clips, library = known(announcements(options.cache))
    spoken = [number for number, clip in enumerate(clips) if ": " in clip.name]
    n_known = round(_SHARE_KNOWN * options.calls)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "known").mkdir()
        (folder / "new").mkdir()
        old = make_calls([clips[n] for n in spoken[::2]], n_known, folder / "known", rng)
        new_pool = [clips[n] for n in spoken[1::2]]
        new = make_calls(new_pool, options.calls - n_known, folder / "new", rng)
        store = AnnouncementStore(folder / "store")
        store.add([library.announcements[n] for n in spoken[::2]], by="benchmark")
        settings = msgspec.structs.replace(
            load_settings(), announcements=AnnouncementSettings(dir=store.folder)
        )
        recognizer = Recognizer.load(settings, engine="whisper")
        recognizer.recognize(old[0])
        assert isinstance(recognizer.engine, LazyEngine)
        old_ms = cpu_ms(recognizer.recognize, old)
        was_loaded = recognizer.engine.is_loaded
        recognizer.recognize(new[0])
        new_ms = cpu_ms(recognizer.recognize, new)
        bases = [recognizer.recognize(path).evidence for path in old]
        n_by_sound = sum(e is not None and e.basis == "announcement" for e in bases)
        plain = Baseline(ensure_model("whisper-base", settings))
        plain.recognize(new[0])
        plain_old_ms, plain_new_ms = (cpu_ms(plain.recognize, calls) for calls in (old, new))
    ours_s = (len(old) * old_ms + len(new) * new_ms) / 1000
    plain_s = (len(old) * plain_old_ms + len(new) * plain_new_ms) / 1000
    print(f"{n_by_sound} of {len(old)} known by sound; engine loaded for them: {was_loaded}")
    times = plain_old_ms / old_ms
    print(f"known: {old_ms:.1f} ms CPU a call; plain {plain_old_ms:.0f} ms: {times:.0f} x")
    print(f"new: {new_ms:.0f} ms CPU a call; plain {plain_new_ms:.0f} ms")
    print(f"the day: {ours_s:.1f} s CPU; plain {plain_s:.1f} s: {plain_s / ours_s:.1f} x")


if __name__ == "__main__":
    main()
