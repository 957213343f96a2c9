"""Synthetic Russian voices of the package registries, and the human prompts of Debian.

Conventions: every voice returns float32, shape (n_samples,), mono, 16 kHz, peak 1. A voice
belongs to one split only, so that nothing tuned on `fit` has heard a voice it is judged on.

Sources: Debian's ``espeak-ng``, ``festival`` with ``festvox-ru``, and
``asterisk-core-sounds-ru-wav`` (CC-BY 3.0, Maxim Topal, ivrvoice.ru); PyPI's ``retro-ru-tts``.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Samples = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000
PROMPTS_FOLDER = Path("/usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU")
"""Where Debian's package puts the prompts."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One way of speaking.

    Attributes
    ----------
    name : str
    engine : str
        `espeak`, `festival` or `retro`.
    split : str
        `fit` or `judge`.
    variant : str
        eSpeak's voice with its variant; `male` or `female` for retro-ru-tts.
    rate : int
        Per cent of the engine's usual speed.
    pitch : int
        Per cent of the usual pitch (not for festival).
    tape_speed : int
        Per cent at which the recording is played: shifts rate, pitch and formants together, which
        makes another speaker of the one synthetic voice that speech models understand.
    """

    name: str
    engine: str
    split: str
    variant: str = ""
    rate: int = 100
    pitch: int = 100
    tape_speed: int = 100


def _espeak(split: str, *variants: tuple[str, int, int]) -> tuple[Voice, ...]:
    return tuple(
        Voice(f"espeak-{variant}-{rate}-{pitch}", "espeak", split, variant, rate, pitch)
        for variant, rate, pitch in variants
    )


VOICES: tuple[Voice, ...] = (
    *_espeak(
        "fit",
        ("ru", 90, 100),
        ("ru+m1", 95, 90),
        ("ru+m3", 85, 110),
        ("ru+m7", 90, 100),
        ("ru+f1", 90, 100),
        ("ru+f3", 85, 110),
        ("ru+f5", 95, 100),
        ("ru+Andrea", 90, 100),
        ("ru+Denis", 90, 100),
        ("ru+linda", 90, 100),
        ("ru+klatt2", 85, 100),
        ("ru-lv+f4", 90, 95),
    ),
    Voice("retro-male", "retro", "fit", "male"),
    Voice("retro-male-slow", "retro", "fit", "male", rate=85, pitch=90),
    Voice("retro-male-high", "retro", "fit", "male", rate=95, pitch=115),
    Voice("festival-nsh-tape-91", "festival", "fit", tape_speed=91),
    Voice("festival-nsh-tape-95", "festival", "fit", tape_speed=95),
    Voice("festival-nsh-tape-107", "festival", "fit", tape_speed=107),
    *_espeak(
        "judge",
        ("ru+m2", 90, 100),
        ("ru+m5", 85, 95),
        ("ru+f2", 90, 100),
        ("ru+f4", 95, 110),
        ("ru+Alicia", 90, 100),
        ("ru+Annie", 85, 100),
        ("ru+steph", 90, 100),
        ("ru+Hugo", 90, 100),
        ("ru-lv+m4", 90, 100),
    ),
    Voice("festival-nsh", "festival", "judge"),
    Voice("festival-nsh-tape-86", "festival", "judge", tape_speed=86),
    Voice("festival-nsh-tape-112", "festival", "judge", tape_speed=112),
    Voice("retro-female", "retro", "judge", "female"),
    Voice("retro-female-slow", "retro", "judge", "female", rate=85, pitch=95),
    Voice("retro-female-fast", "retro", "judge", "female", rate=110, pitch=110),
)

ENGLISH_VOICES = ("en-gb", "en-us+f2", "en-gb+f4", "en-us+m3")


def voice_named(name: str) -> Voice:
    """Return one of `VOICES`.

    Raises
    ------
    KeyError
        Listing the names there are.
    """
    for voice in VOICES:
        if voice.name == name:
            return voice
    raise KeyError(f"no voice {name!r}; there are: {', '.join(v.name for v in VOICES)}")


def missing_programs() -> list[str]:
    """Return what must be installed before anything can be rendered, as commands to type."""
    commands = []
    programs = {"espeak-ng": "espeak-ng", "text2wave": "festival festvox-ru"}
    absent = [package for program, package in programs.items() if not shutil.which(program)]
    if not PROMPTS_FOLDER.is_dir():
        absent.append("asterisk-core-sounds-ru-wav")
    if absent:
        commands.append(f"apt-get install {' '.join(absent)}")
    if importlib.util.find_spec("retro_ru_tts") is None:
        commands.append("pip install 'recognizer[benchmark]'  # retro-ru-tts")
    return commands


def speak(voice: Voice, text: str, cache: Path) -> Samples:
    """Return `text` in `voice`; rendered once, then read from the folder `cache`."""
    key = hashlib.sha256(f"{voice}|{text}".encode()).hexdigest()[:24]
    path = cache / f"{key}.flac"
    if not path.exists():
        engine = {"espeak": _espeak_speech, "festival": _festival_speech, "retro": _retro_speech}
        samples = _trimmed(engine[voice.engine](voice, text))
        cache.mkdir(parents=True, exist_ok=True)
        # Several processes share the cache: nobody may read a half-written file.
        part = path.with_suffix(f".{os.getpid()}.part")
        soundfile.write(part, samples * 0.99, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
        part.replace(path)
    spoken: Samples = soundfile.read(path, dtype="float32")[0]
    return spoken


def speak_english(voice: str, text: str, cache: Path) -> Samples:
    """Return an English sentence in one of `ENGLISH_VOICES`."""
    return speak(Voice(f"espeak-{voice}", "espeak", "any", voice, 90), text, cache)


def read_clip(path: Path) -> Samples:
    """Return any recording soundfile reads, without the silence around it."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return _trimmed(_resampled(samples[:, 0], rate))


def read_prompt(name: str) -> Samples:
    """Return a human prompt of Debian's package, e.g. ``vm-intro`` or ``digits/1``."""
    return read_clip(PROMPTS_FOLDER / f"{name}.wav")


def prompt_names() -> tuple[str, ...]:
    """Return the names of all human prompts with sound in them, sorted."""
    found = (path.relative_to(PROMPTS_FOLDER) for path in PROMPTS_FOLDER.rglob("*.wav"))
    return tuple(sorted(str(path.with_suffix("")) for path in found if path.parts[0] != "silence"))


def _resampled(samples: npt.NDArray[Any], rate: int) -> Samples:
    if rate == SAMPLE_RATE:
        return samples.astype(np.float32)
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ"), dtype=np.float32)


def _trimmed(samples: Samples) -> Samples:
    """Return the samples without the silence around them, peak 1."""
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak == 0.0:
        raise ValueError("a voice returned silence")
    loud = np.flatnonzero(np.abs(samples) > 0.01 * peak)
    return np.asarray(samples[loud[0] : loud[-1] + 1] / peak, dtype=np.float32)


def _espeak_speech(voice: Voice, text: str) -> Samples:
    # 175 words a minute and pitch 50 are the program's own defaults.
    command = ["espeak-ng", "-v", voice.variant, "-s", str(round(1.75 * voice.rate)), "--stdout"]
    command += ["-p", str(round(0.5 * voice.pitch)), text]
    done = subprocess.run(command, check=True, capture_output=True)
    # A stream has no length in its header: the samples follow the first 44 bytes.
    samples = np.frombuffer(done.stdout[44:], dtype="<i2").astype(np.float32) / 32768
    return _resampled(samples, 22_050)


def _festival_speech(voice: Voice, text: str) -> Samples:
    setup = (
        f"(begin (voice_msu_ru_nsh_clunits) (Parameter.set 'Duration_Stretch {100 / voice.rate}))"
    )
    with tempfile.TemporaryDirectory() as folder:
        words, sound = Path(folder, "words.txt"), Path(folder, "sound.wav")
        words.write_text(text, encoding="utf-8")
        command = ["text2wave", "-eval", setup, "-o", str(sound), str(words)]
        subprocess.run(command, check=True, capture_output=True)
        samples, rate = soundfile.read(io.BytesIO(sound.read_bytes()), dtype="float32")
    return _resampled(samples, round(rate * voice.tape_speed / 100))


class _RetroConfig(ctypes.Structure):
    """``ru_tts_conf_t`` of ru_tts.h."""

    _fields_ = (
        ("rate", ctypes.c_int),
        ("pitch", ctypes.c_int),
        ("intonation", ctypes.c_int),
        ("gaps", ctypes.c_int * 8),
        ("flags", ctypes.c_int),
    )


_RETRO_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)


@functools.cache
def _retro_library() -> ctypes.CDLL:
    # The Python wrapper of retro-ru-tts 1.0.7 fails on Python 3.10 and later ("PY_SSIZE_T_CLEAN
    # macro must be defined"); the C library inside its extension module is sound.
    spec = importlib.util.find_spec("_ru_tts_native")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("retro-ru-tts: type pip install 'recognizer[benchmark]'")
    return ctypes.CDLL(spec.origin)


def _retro_speech(voice: Voice, text: str) -> Samples:
    library = _retro_library()
    config = _RetroConfig()
    library.ru_tts_config_init(ctypes.byref(config))
    config.rate, config.pitch = voice.rate, voice.pitch
    if voice.variant == "female":
        config.flags |= 4  # USE_ALTERNATIVE_VOICE
    chunks: list[bytes] = []

    def collect(buffer: int, size: int, _: int | None) -> int:
        chunks.append(ctypes.string_at(buffer, size))
        return 0

    buffer = ctypes.create_string_buffer(8192)
    library.ru_tts_transfer(
        ctypes.byref(config),
        text.encode("koi8-r", errors="replace"),
        buffer,
        ctypes.c_size_t(len(buffer)),
        _RETRO_CALLBACK(collect),
        None,
    )
    samples = np.frombuffer(b"".join(chunks), dtype=np.int8).astype(np.float32) / 128
    return _resampled(samples, 10_000)
