"""Whether learned announcements are known again, and whether anything else is taken for one.

``python -m benchmarks.announcements recall --each 20 --seed 1``: announcements through codecs,
noise, wrong speed, wrong level, lost frames and cuts; how many are known whole.

``python -m benchmarks.announcements false --trials 10000 --seed 1``: what must not be known,
through the same lines: stretches cut out of an announcement, put into it or changed in it, holes,
words before and after it, other voices saying the same, all other human prompts, people, music.
Every announcement counts as one that marks, with no rival of another outcome to hold it back: that
is harder than life.

``python -m benchmarks.announcements growth``: CPU and memory with 60, 200, 600 and 2,000 known.

The voices and wordings are those of the half ``judge`` and the human prompts of Debian (one
speaker); ``--clips DIR`` adds recordings of people or music of your own to what must not be known.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr
import tomli

from benchmarks.dropouts import lossy
from benchmarks.recognition.channel import LINE_RATE, active_rms, through_codec, to_line
from benchmarks.recognition.sounds import music, noise
from benchmarks.recognition.voices import (
    SAMPLE_RATE,
    VOICES,
    Samples,
    prompt_names,
    read_clip,
    read_prompt,
    speak,
)
from recognizer.base.errors import AnnouncementError
from recognizer.base.threads import compute_in_one_thread
from recognizer.model import Audio, CallOutcome
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.learning import learn
from recognizer.recognition.announcements.library import AnnouncementLibrary
from recognizer.recognition.announcements.verdicts import KNOWN_WHOLE_RATE

CODECS = ("alaw", "gsm", "g723.1", "opus8", "amr", "mp3")
SNRS_DB = (25, 20, 15, 10, 5)
_VOICES = ("festival-nsh", "retro-female")
_SAYING_THE_SAME = ("espeak-ru+m2-90-100", "retro-female-slow")
_WORDINGS = Path(__file__).parent / "recognition" / "wordings.toml"
_MIN_S = 1.2
_PAUSE = np.zeros(round(0.4 * SAMPLE_RATE), np.float32)
_A_LINE, _TRIALS_A_LINE = 24, 480  # recordings that come through one line, what is made of them


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A clean recording at 16 kHz."""

    name: str
    samples: Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a line does to sound."""

    codec: str = "alaw"
    snr_db: float = 25.0
    noise: str = "white"
    speed: float = 1.0
    level_dbfs: float = -12.0
    loss: float = 0.0
    burst: int = 1


def carried(samples: Samples, line: Line, rng: np.random.Generator) -> Audio:
    """Return what comes out of a line, at 16 kHz, with 0.4 s of the line around it."""
    if line.speed != 1.0:
        samples = np.asarray(soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE / line.speed))
    sound = to_line(np.concatenate([_PAUSE, samples, _PAUSE]).astype(np.float32))
    sound *= np.float32(10 ** (line.level_dbfs / 20) / np.abs(sound).max())
    wave = noise(line.noise, 2 * len(sound), rng, [])[::2][: len(sound)]
    sound = sound + wave * active_rms(sound) * 10 ** (-line.snr_db / 20)
    if line.loss:
        sound = lossy(sound.astype(np.float32), line.loss, line.burst, rng)
    decoded = _decoded(sound.astype(np.float32), line.codec)
    return Audio(
        np.asarray(soxr.resample(decoded, LINE_RATE, SAMPLE_RATE), np.float32), SAMPLE_RATE
    )


def as_read(audio: Audio) -> Audio:
    """Return a call as the pipeline reads it before anything else."""
    narrow = soxr.resample(audio.samples, audio.sample_rate, KNOWN_WHOLE_RATE)
    return Audio(np.asarray(narrow, np.float32), KNOWN_WHOLE_RATE)


def _decoded(sound: Samples, codec: str) -> Samples:
    if codec != "mp3":
        return through_codec(sound, codec)
    import io  # noqa: PLC0415

    import soundfile  # noqa: PLC0415

    file = io.BytesIO()
    soundfile.write(file, sound, LINE_RATE, format="MP3")
    file.seek(0)
    decoded: Samples = soundfile.read(file, dtype="float32")[0]
    return decoded


def some_line(rng: np.random.Generator, *, min_snr_db: float = 5.0) -> Line:
    """Return a line drawn by chance."""
    return Line(
        codec=str(rng.choice(CODECS)),
        snr_db=float(rng.choice([snr_db for snr_db in SNRS_DB if snr_db >= min_snr_db])),
        noise=str(rng.choice(["white", "pink", "street"])),
        speed=float(rng.uniform(0.98, 1.02)),
        level_dbfs=float(rng.uniform(-30, -3)),
    )


def announcements(cache: Path) -> list[Clip]:
    """Return what is learned: wordings of carriers in voices that sound like one, and prompts."""
    wordings = tomli.loads(_WORDINGS.read_text("utf-8"))["judge"]
    voices = [voice for voice in VOICES if voice.name in _VOICES]
    texts = [t for outcome, ts in wordings.items() if outcome != "live_person" for t in ts]
    spoken = [Clip(f"{v.name}: {t}", speak(v, t, cache)) for v in voices for t in texts]
    return spoken + _prompts()[::2]


def _prompts() -> list[Clip]:
    clips = []
    for name in prompt_names():
        try:
            clip = Clip(name, read_prompt(name))
        except ValueError:  # a tone or silence
            continue
        if len(clip.samples) >= _MIN_S * SAMPLE_RATE:
            clips.append(clip)
    return clips


def known(clips: list[Clip]) -> tuple[list[Clip], AnnouncementLibrary]:
    """Return the clips that can be learned, and the library of them; number n is clip n."""
    taken: list[Clip] = []
    entries: list[Announcement] = []
    pause = np.zeros(round(0.3 * SAMPLE_RATE), np.float32)
    for clip in clips:
        audio = Audio(np.concatenate([pause, clip.samples, pause]), SAMPLE_RATE, clip.name)
        try:
            entry = learn(
                audio,
                announcement_id=f"n-{len(taken)}",
                outcome=CallOutcome.BLOCKED,
                text="",
                carrier="",
                confirmed_by="benchmark",
                overrule=True,
            )
        except AnnouncementError as refusal:
            print(f"not learned: {refusal}")
            continue
        taken.append(clip)
        entries.append(entry)
    return taken, AnnouncementLibrary(entries)


# -- recall ------------------------------------------------------------------------------------


def lines_of_recall() -> Iterator[tuple[str, Line]]:
    """Yield every condition with its name."""
    for codec in CODECS:
        for snr_db in SNRS_DB:
            yield f"{codec}, {snr_db} dB", Line(codec=codec, snr_db=snr_db)
    for kind in ("pink", "street"):
        yield f"{kind} noise, 15 dB", Line(snr_db=15, noise=kind)
    for speed in (0.98, 0.99, 1.01, 1.02):
        yield f"speed {speed}", Line(codec="gsm", snr_db=15, speed=speed)
    for level_dbfs in (-40, -25, 0):
        yield f"level {level_dbfs} dBFS", Line(level_dbfs=level_dbfs)
    for loss in (0.01, 0.03, 0.05):
        for burst in (1, 3):
            yield f"loss {loss:.0%}, {burst} in a row", Line(loss=loss, burst=burst)


def measure_recall(clips: list[Clip], library: AnnouncementLibrary, n_each: int, seed: int) -> None:
    """Print how many announcements are known whole, by condition."""
    rng = np.random.default_rng(seed)
    total = Counter[str]()
    for name, line in lines_of_recall():
        n_right = n_wrong = 0
        for number in rng.choice(len(clips), n_each, replace=False):
            found = library.recognize(carried(clips[number].samples, line, rng))
            ids = [m.announcement.id for m in found.matches if m.is_known]
            n_right += found.is_whole and ids == [f"n-{number}"]
            n_wrong += any(i != f"n-{number}" for i in ids)
        if line.snr_db >= 15 and not line.loss:
            total.update(right=n_right, all=n_each)
        print(f"{name:>24} {n_right:>4} of {n_each}, another known in {n_wrong}", flush=True)
    print(f"15 dB and better, nothing lost: {total['right']} of {total['all']}")
    for where in ("start", "end"):
        n_known = 0
        for number in rng.choice(len(clips), n_each, replace=False):
            samples = clips[number].samples
            n = round(rng.uniform(0.1, 0.5) * len(samples))
            kept = samples[n:] if where == "start" else samples[:-n]
            n_known += library.recognize(carried(kept, Line(), rng)).is_whole
        print(
            f"cut at the {where} by 10 to 50 %: known whole {n_known} of {n_each} (none is right)"
        )


# -- what must not be known --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Negatives:
    """Makes recordings that hold no known announcement, or not only one.

    Both parts of what is joined have come through the same line.

    Attributes
    ----------
    learned : list of Clip
        Recordings of what is learned, through one line, 0.4 s of it around each.
    others : list of Clip
        Of what is not.
    made_of : list of str
        What the last one was made of.
    """

    learned: list[Clip]
    others: list[Clip]
    rng: np.random.Generator
    made_of: list[str] = field(default_factory=list)

    def draw(self, kind: str) -> Samples:
        """Return one of a kind."""
        makers: dict[str, Callable[[], Samples]] = {
            "cut out": self._cut_out,
            "put in": self._put_in,
            "changed": self._changed,
            "changed under noise": self._under_noise,
            "hole": self._hole,
            "word before": lambda: self._beside(before=True),
            "word after": lambda: self._beside(before=False),
            "end of one, rest of another": self._joined,
            "not learned": self._other,
        }
        self.made_of.clear()
        return makers[kind]()

    def _clip(self) -> Samples:
        """Return one of what is learned, none twice for one recording."""
        return self._drawn([clip for clip in self.learned if clip.name not in self.made_of])

    def _other(self) -> Samples:
        return self._drawn(self.others)

    def _drawn(self, clips: list[Clip]) -> Samples:
        clip = clips[int(self.rng.integers(len(clips)))]
        self.made_of.append(clip.name)
        return clip.samples

    def _place(self, samples: Samples, n: int) -> int:
        """Return where `n` samples of speech begin, not of a pause."""
        edge = len(_PAUSE)
        loud = 0.5 * np.sqrt(np.mean(samples[edge:-edge] ** 2))
        for _ in range(50):
            first = int(self.rng.integers(edge, max(edge + 1, len(samples) - n - edge)))
            if np.sqrt(np.mean(samples[first : first + n] ** 2)) >= loud:
                break
        return first

    def _length(self) -> int:
        return round(self.rng.uniform(0.2, 0.6) * SAMPLE_RATE)

    def _piece(self) -> Samples:
        """Return 0.2 to 0.6 s of what some announcement says."""
        samples, n = self._clip(), self._length()
        first = self._place(samples, n)
        return samples[first : first + n]

    def _cut_out(self) -> Samples:
        samples, n = self._clip(), self._length()
        first = self._place(samples, n)
        return np.concatenate([samples[:first], samples[first + n :]])

    def _put_in(self) -> Samples:
        samples, piece = self._clip(), self._piece()
        first = self._place(samples, 1600)
        return np.concatenate([samples[:first], piece, samples[first:]])

    def _changed(self) -> Samples:
        return self._with_piece()[0]

    def _with_piece(self) -> tuple[Samples, int, int]:
        """Return a recording with a piece of another in its midst, and from where to where."""
        samples, piece = self._clip().copy(), self._piece()
        first = self._place(samples, len(piece))
        end = min(len(samples), first + len(piece))
        samples[first:end] = piece[: end - first]
        return samples, first, end

    def _under_noise(self) -> Samples:
        """Return one with noise of -6 to 12 dB over what was changed, 0.4 to 1.4 s long."""
        samples, first, end = self._with_piece()
        margins = self.rng.uniform(0.1, 0.4, 2) * SAMPLE_RATE
        first, end = max(0, first - round(margins[0])), min(len(samples), end + round(margins[1]))
        gain = active_rms(samples) * 10 ** (self.rng.uniform(-6, 12) / 20)
        samples[first:end] += self.rng.standard_normal(end - first).astype(np.float32) * gain
        return samples

    def _hole(self) -> Samples:
        samples, n = self._clip().copy(), round(self.rng.uniform(0.3, 0.7) * SAMPLE_RATE)
        first = self._place(samples, n)
        samples[first : first + n] = 0
        return samples

    def _beside(self, *, before: bool) -> Samples:
        samples, piece = self._clip(), self._piece()
        n = round(self.rng.uniform(0.0, 0.3) * SAMPLE_RATE)  # from the announcement to the word
        pause, rest = samples[:n], samples[: len(_PAUSE) - n]
        edge = len(_PAUSE)
        if before:
            return np.concatenate([rest, piece, pause, samples[edge:]])
        return np.concatenate([samples[:-edge], pause, piece, rest])

    def _joined(self) -> Samples:
        one, other = self._clip(), self._clip()
        share = self.rng.uniform(0.2, 0.8)
        return np.concatenate([one[: round(share * len(one))], other[round(share * len(other)) :]])


KINDS = (
    "cut out", "put in", "changed", "changed under noise", "hole", "word before", "word after",
    "end of one, rest of another", "not learned",
)  # fmt: skip


def others(cache: Path, clips_folder: Path | None) -> list[Clip]:
    """Return recordings that are not learned: other voices, the other prompts, people."""
    wordings = tomli.loads(_WORDINGS.read_text("utf-8"))["judge"]
    same = [voice for voice in VOICES if voice.name in _SAYING_THE_SAME]
    speakers = [voice for voice in VOICES if voice.name in _VOICES]
    found = [Clip(f"{v.name}: {t}", speak(v, t, cache)) for v in same for ts in wordings.values()
             for t in ts]  # fmt: skip
    found += [Clip(f"{v.name}: {t}", speak(v, t, cache)) for v in speakers
              for t in wordings["live_person"]]  # fmt: skip
    found += _prompts()[1::2]
    rng = np.random.default_rng(1)
    found += [Clip("music", music(rng, 6.0)) for _ in range(20)]
    if clips_folder is not None:
        paths = sorted(p for p in clips_folder.rglob("*") if p.suffix in {".wav", ".flac", ".ogg"})
        found += [Clip(path.name, read_clip(path)[: 20 * SAMPLE_RATE]) for path in paths]
    return found


def measure_false(
    clips: list[Clip], library: AnnouncementLibrary, rest: list[Clip], n_trials: int, seed: int
) -> None:
    """Print how often something else was known, by kind."""
    rng = np.random.default_rng(seed)
    tried, wrong = Counter[str](), Counter[str]()
    while tried.total() < n_trials:
        line = some_line(rng)
        learned, unlearned = (
            [
                Clip(some[int(n)].name, carried(some[int(n)].samples, line, rng).samples)
                for n in rng.choice(len(some), _A_LINE, replace=False)
            ]
            for some in (clips, rest)
        )
        negatives = Negatives(learned, unlearned, rng)
        for trial in range(_TRIALS_A_LINE):
            kind = KINDS[trial % len(KINDS)]
            found = library.recognize(Audio(negatives.draw(kind), SAMPLE_RATE))
            tried[kind] += 1
            if found.is_whole:
                wrong[kind] += 1
                names = [f"{clips[int(m.announcement.id[2:])].name} ({m.worst_part})"
                         for m in found.matches if m.is_known]  # fmt: skip
                made_of = negatives.made_of
                print(f"KNOWN, {kind} of {made_of}, {line}: {names}", flush=True)
        print(f"{wrong.total()} known of {tried.total()}", flush=True)
    for kind in KINDS:
        print(f"{kind:>28}: {wrong[kind]} known of {tried[kind]}")
    print(f"false: {wrong.total()} of {tried.total()}")


# -- growth ------------------------------------------------------------------------------------


def measure_growth(clips: list[Clip], library: AnnouncementLibrary, seed: int) -> None:
    """Print CPU and memory by the number of announcements known."""
    rng = np.random.default_rng(seed)
    line = Line(codec="gsm", snr_db=20)
    calls = [as_read(carried(clips[n].samples, line, rng))
             for n in rng.choice(min(60, len(clips)), 40, replace=False)]  # fmt: skip
    seconds = sum(call.duration_s for call in calls) / len(calls)
    for n_known in (60, 200, 600, 2000):
        entries = list(library.announcements)
        while len(entries) < n_known:  # halves of two that are known make a third
            one, two = (entries[int(i)].bands for i in rng.integers(len(library), size=2))
            half = np.concatenate([one[: len(one) // 2], two[len(two) // 2 :]])
            name = f"n-{len(entries)}"
            entries.append(Announcement(name, CallOutcome.BLOCKED, "", "", "benchmark",
                                        entries[0].confirmed_at, half))  # fmt: skip
        grown = AnnouncementLibrary(entries[:n_known])
        grown.recognize(calls[0])
        started = time.process_time()
        n_whole = sum(grown.recognize(call).is_whole for call in calls)
        spent_ms = 1000 * (time.process_time() - started) / len(calls)
        print(
            f"{n_known:>5} known: {spent_ms:5.1f} ms CPU a call of {seconds:.1f} s, "
            f"{grown.n_bytes / 2**20:6.1f} MB, {n_whole} of {len(calls)} known whole",
            flush=True,
        )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("what", choices=["recall", "false", "growth"])
    parser.add_argument("--each", type=int, default=20, help="announcements a condition")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clips", type=Path, help="people and music that must not be known")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/recognizer-voices"))
    options = parser.parse_args()
    compute_in_one_thread()
    clips, library = known(announcements(options.cache))
    print(f"{len(clips)} announcements known, {os.cpu_count()} processors")
    if options.what == "recall":
        measure_recall(clips, library, options.each, options.seed)
    elif options.what == "false":
        rest = others(options.cache, options.clips)
        measure_false(clips, library, rest, options.trials, options.seed)
    else:
        measure_growth(clips, library, options.seed)


if __name__ == "__main__":
    main()
