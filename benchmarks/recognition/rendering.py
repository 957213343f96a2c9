"""A planned call as it comes off the line: voices, surroundings, noise, codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.recognition import sounds, voices
from benchmarks.recognition.channel import (
    active_rms,
    through_codec,
    to_line,
)
from benchmarks.recognition.planning import CLIPS_SPLIT, Call, read_wordings, spoken_outcomes
from benchmarks.recognition.voices import Samples

__all__ = ["render"]


def render(call: Call, cache_folder: Path, clips: Path | None = None) -> Samples:
    """Return the call as it comes off the line, 8 kHz."""
    rng = np.random.default_rng([call.seed, 1])
    if call.split == CLIPS_SPLIT and clips is not None:
        speech = voices.read_clip(clips / call.voice.removeprefix("clip:"))
        line = to_line(_conversation(call, speech, rng, cache_folder))
    elif call.kind == "sound":
        line = to_line(_sound(call.context, rng))
    elif call.kind == "prompt":
        line = to_line(_padded(voices.read_prompt(call.text), rng))
    else:
        speech = voices.speak(voices.voice_named(call.voice), call.text, cache_folder)
        line = to_line(_conversation(call, speech, rng, cache_folder))
    line = line * (10 ** (call.level_dbfs / 20) / max(1e-9, float(np.max(np.abs(line)))))
    if call.snr_db is not None:
        line = line + _noise(call, line, rng, cache_folder)
    return through_codec(np.clip(line, -1, 1).astype(np.float32), call.codec)


def _noise(call: Call, line: Samples, rng: np.random.Generator, cache_folder: Path) -> Samples:
    babble = []
    if call.noise == "babble":
        split = "fit" if call.split == CLIPS_SPLIT else call.split
        own = [v for v in voices.VOICES if v.split == split and v.engine == "espeak"]
        texts = read_wordings()[split]["live_person"]
        for voice, text in zip(
            rng.choice(len(own), 5, replace=False), rng.choice(texts, 5), strict=True
        ):
            babble.append(voices.speak(own[int(voice)], str(text), cache_folder))
    wide = sounds.noise(call.noise, len(line) * 2, rng, babble)
    narrow = to_line(wide)[: len(line)]
    narrow = np.resize(narrow, len(line)) / max(1e-9, float(np.std(narrow)))
    return np.asarray(narrow * active_rms(line) * 10 ** (-(call.snr_db or 0) / 20))


def _pause(rng: np.random.Generator, low_s: float = 0.2, high_s: float = 0.9) -> Samples:
    return sounds.silence(float(rng.uniform(low_s, high_s)))


def _padded(speech: Samples, rng: np.random.Generator) -> Samples:
    return np.concatenate([_pause(rng), speech, _pause(rng)])


def _conversation(
    call: Call, speech: Samples, rng: np.random.Generator, cache_folder: Path
) -> Samples:
    level = float(rng.uniform(0.3, 1.0))  # of tones and music against the speech
    before = _before(call, level, rng, cache_folder)
    after = _after(call, speech, level, rng, cache_folder)
    if call.context == "cut_start":
        speech = speech[_cut(speech, rng) :]
    elif call.context == "cut_end":
        speech = speech[: len(speech) - _cut(speech, rng)]
    return np.concatenate([*before, speech, *after])


def _before(
    call: Call, level: float, rng: np.random.Generator, cache_folder: Path
) -> list[Samples]:
    made: list[Samples] = []
    match call.context:
        case "cut_start":
            return made
        case "after_ringback" | "everything":
            made = [sounds.ringback(int(rng.integers(1, 4))) * level]
        case "after_sit":
            made = [sounds.sit() * level]
        case "after_silence":
            made = [_pause(rng, 3, 8)]
        case "after_music":
            made = [sounds.music(rng, float(rng.uniform(4, 10))) * level]
        case "after_announcement" | "after_ivr":
            made = [_other_speaker(call, rng, cache_folder), _pause(rng, 0.5, 1.0)]
    return [*made, _pause(rng)]


def _after(
    call: Call, speech: Samples, level: float, rng: np.random.Generator, cache_folder: Path
) -> list[Samples]:
    busy = sounds.busy(int(rng.integers(4, 9))) * level
    made: list[Samples] = [_pause(rng)]
    match call.context:
        case "cut_end":
            return []
        case "twice":
            made += [_pause(rng), speech, _pause(rng)]
        case "then_silence":
            made += [_pause(rng, 5, 12)]
        case "english_half":
            made += [_english(call, rng, cache_folder), _pause(rng)]
        case "then_busy":
            made += [busy]
        case "everything":
            made += [_english(call, rng, cache_folder), _pause(rng), busy]
    return made


def _cut(speech: Samples, rng: np.random.Generator) -> int:
    """Return how many samples to lose: 3-12 % of the speech, half a second at most."""
    return int(min(0.5 * voices.SAMPLE_RATE, rng.uniform(0.03, 0.12) * len(speech)))


def _other_speaker(call: Call, rng: np.random.Generator, cache_folder: Path) -> Samples:
    """Return an announcement or a menu in another voice, for a person to follow."""
    outcome = "company_ivr"
    if call.context == "after_announcement":
        outcome = str(rng.choice(spoken_outcomes(call.split)))
    others = [v for v in voices.VOICES if v.split == call.split and v.name != call.voice]
    text = str(rng.choice(read_wordings()[call.split][outcome]))
    return voices.speak(others[int(rng.integers(len(others)))], text, cache_folder)


def _english(call: Call, rng: np.random.Generator, cache_folder: Path) -> Samples:
    known = read_wordings()["english"]
    texts = known.get(call.expected, known["temporarily_unavailable"])
    if call.expected not in known:
        return _pause(rng)
    voice = str(rng.choice(voices.ENGLISH_VOICES))
    return voices.speak_english(voice, str(rng.choice(texts)), cache_folder)


def _sound(context: str, rng: np.random.Generator) -> Samples:
    duration_s = float(rng.uniform(3, 15))
    n_samples = round(duration_s * voices.SAMPLE_RATE)
    faint = rng.standard_normal(n_samples) * 1e-3
    made: dict[str, Samples] = {
        "silence": np.asarray(faint, dtype=np.float32),
        "noise": sounds.noise(str(rng.choice(("white", "pink", "street"))), n_samples, rng, []),
        "hum": sounds.noise("hum", n_samples, rng, []),
        "music": sounds.music(rng, duration_s + 4),
        "ringback": sounds.ringback(int(rng.integers(2, 8))),
        "busy": sounds.busy(int(rng.integers(5, 16))),
        "congestion": sounds.congestion(int(rng.integers(8, 24))),
        "ringback_busy": np.concatenate(
            [sounds.ringback(int(rng.integers(1, 5))), sounds.busy(int(rng.integers(5, 12)))]
        ),
        "sit": np.concatenate([sounds.sit(), _pause(rng, 1, 4)]),
        "fax": sounds.fax(rng),
        "dtmf": sounds.dtmf(rng),
    }
    return made[context]
