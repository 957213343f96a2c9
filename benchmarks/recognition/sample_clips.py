"""Make the clips of tests/data/calls: ``python -m benchmarks.recognition.sample_clips``.

The recipes are in sample_clips.toml and prompts.toml. What an earlier manifest says under
`known` is kept; everything else is written anew. Synthesis is repeatable, but another version of
a voice or of a codec gives other samples, so the clips themselves are kept in the repository.
"""

from __future__ import annotations

import csv
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import soundfile
from av.audio.stream import AudioStream

from benchmarks.recognition import sounds, voices
from benchmarks.recognition.channel import LINE_RATE, active_rms, through_codec, to_line
from benchmarks.recognition.planning import HERE, NO_ANNOUNCEMENT
from benchmarks.recognition.voices import Samples

CALLS_FOLDER = HERE.parent.parent / "tests" / "data" / "calls"
COLUMNS = ("path", "expected", "known", "text", "origin", "licence")

SYNTHETIC = "synthetic, CC0-1.0"
HUMAN = "Maxim Topal, ivrvoice.ru: CC-BY-3.0"

_SOUNDS: dict[str, Callable[[float, np.random.Generator], Samples]] = {
    "ringback": lambda n, _: sounds.ringback(round(n)),
    "busy": lambda n, _: sounds.busy(round(n)),
    "congestion": lambda n, _: sounds.congestion(round(n)),
    "dial": lambda n, _: sounds.tone((425,), n),
    "silence": lambda n, _: sounds.silence(n),
    "sit": lambda _, __: sounds.sit(),
    "fax": lambda _, __: sounds.tone((2100,), 3.0),
    "dtmf": lambda _, rng: sounds.dtmf(rng),
    "music": lambda n, rng: sounds.music(rng, n),
    **{
        kind: lambda n, rng, kind=kind: sounds.noise(kind, round(n * 16_000), rng, [])  # type: ignore[misc]
        for kind in ("white", "hum", "street")
    },
}


def _part(recipe: str, rng: np.random.Generator, cache: Path) -> tuple[Samples, str, str]:
    """Return the sound of one part, what is said in it and in which voice."""
    voice, colon, text = recipe.partition(": ")
    if colon and voice in voices.ENGLISH_VOICES:
        return voices.speak_english(voice, text, cache), text, f"espeak-ng {voice}"
    if colon:
        speaker = voices.voice_named(voice)
        return voices.speak(speaker, text, cache), text, voice
    name, _, argument = recipe.partition(" ")
    if name == "prompt":
        return voices.read_prompt(argument), "", f"asterisk-core-sounds-ru-wav {argument}"
    return _SOUNDS[name](float(argument or 0), rng), "", ""


def _make(recipe: dict[str, Any], folder: Path, cache: Path) -> dict[str, str]:
    rng = np.random.default_rng(sum(map(ord, recipe["path"])))
    made = [_part(part, rng, cache) for part in recipe["parts"]]
    line = to_line(np.concatenate([sound for sound, _, _ in made]))
    line = line * np.float32(10 ** (recipe.get("level_dbfs", -6.0) / 20) / np.max(np.abs(line)))
    if "noise" in recipe:
        kind, snr_db = recipe["noise"].split()
        wave = to_line(sounds.noise(kind, 2 * len(line), rng, []))[: len(line)]
        loud = active_rms(line) * 10 ** (-float(snr_db) / 20) / np.std(wave)
        line = line + wave * np.float32(loud)
    line = through_codec(np.clip(line, -1, 1).astype(np.float32), recipe.get("codec", "pcm"))
    if recipe.get("unchanged"):  # a single prompt, as its package has it
        prompt = recipe["parts"][0].removeprefix("prompt ")
        shutil.copyfile(voices.PROMPTS_FOLDER / f"{prompt}.wav", folder / recipe["path"])
    else:
        _write(folder / recipe["path"], line, recipe.get("subtype", "PCM_16"))
    origins = [origin for _, _, origin in made if origin]
    is_human = any(origin.startswith("asterisk") for origin in origins)
    return {
        "path": recipe["path"],
        "expected": recipe["expected"],
        "text": " ".join(text for _, text, _ in made if text),
        "origin": ", ".join(dict.fromkeys(origins)) or "computed",
        "licence": HUMAN if is_human else SYNTHETIC,
    }


def _write(path: Path, line: Samples, subtype: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = {".alaw": "ALAW", ".ulaw": "ULAW", ".gsm": "GSM610", ".sln": "PCM_16"}
    kinds = {".wav": ("WAV", subtype), ".flac": ("FLAC", "PCM_16"), ".mp3": ("MP3", None)}
    if path.suffix in raw:
        soundfile.write(path, line, LINE_RATE, format="RAW", subtype=raw[path.suffix])
    elif path.suffix in kinds:
        file_format, kind = kinds[path.suffix]
        soundfile.write(path, line, LINE_RATE, format=file_format, subtype=kind)
    else:
        codec, bit_rate = {".ogg": ("libopus", 16_000), ".amr": ("libopencore_amrnb", 7_950)}[
            path.suffix
        ]
        with av.open(str(path), "w") as container:
            stream = cast(AudioStream, container.add_stream(codec, rate=LINE_RATE, layout="mono"))
            stream.bit_rate, stream.time_base = bit_rate, Fraction(1, LINE_RATE)
            values = (np.clip(line, -1, 1) * 32767).astype(np.int16)
            size = 160
            for first in range(0, len(values) - size, size):
                frame = av.AudioFrame.from_ndarray(
                    values[None, first : first + size], format="s16", layout="mono"
                )
                frame.sample_rate, frame.pts = LINE_RATE, first
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def _copy_prompt(name: str, expected: str, folder: Path) -> dict[str, str]:
    path = f"prompts/{name.replace('/', '-')}.wav"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(voices.PROMPTS_FOLDER / f"{name}.wav", folder / path)
    origin = f"asterisk-core-sounds-ru-wav {name}"
    return {"path": path, "expected": expected, "text": "", "origin": origin, "licence": HUMAN}


def _rows(folder: Path, cache: Path) -> Iterator[dict[str, str]]:
    recipes = tomllib.loads((HERE / "sample_clips.toml").read_text(encoding="utf-8"))
    for recipe in recipes["clip"]:
        yield _make(recipe, folder, cache)
    outcomes = tomllib.loads((HERE / "prompts.toml").read_text(encoding="utf-8"))["outcomes"]
    for name, expected in outcomes.items():
        yield _copy_prompt(name, expected, folder)
    for name in recipes["prompts"]["others"]:
        yield _copy_prompt(name, NO_ANNOUNCEMENT, folder)


def _known(manifest: Path) -> dict[str, str]:
    if not manifest.exists():
        return {}
    with manifest.open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["known"] for row in csv.DictReader(file, delimiter="\t")}


def main() -> int:
    """Run the command."""
    if missing := voices.missing_programs():
        print("needed first:\n  " + "\n  ".join(missing), file=sys.stderr)
        return 1
    manifest = CALLS_FOLDER / "manifest.tsv"
    known = _known(manifest)
    CALLS_FOLDER.mkdir(parents=True, exist_ok=True)
    cache = Path(sys.argv[1]) if len(sys.argv) > 1 else CALLS_FOLDER.parent / "speech-cache"
    rows = list(_rows(CALLS_FOLDER, cache))
    with manifest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "known": known.get(row["path"], "")} for row in rows)
    print(f"{len(rows)} clips in {CALLS_FOLDER}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
