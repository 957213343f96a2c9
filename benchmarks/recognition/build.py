"""Build the calls of the benchmark: ``python -m benchmarks.recognition.build --out DIR``.

Every call follows from the seed and its own number alone, so that a longer run begins with the
calls of a shorter one. Nothing is downloaded: the voices come from Debian and PyPI packages.

Conventions: recordings are 8 kHz WAV, 16 bit. The manifest is tab-separated; `expected` holds
the outcomes that are right, separated by ``|``.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.recognition import sounds, voices
from benchmarks.recognition.channel import (
    CODECS,
    LINE_RATE,
    active_rms,
    through_codec,
    to_line,
)
from benchmarks.recognition.voices import Samples

__all__ = ["Call", "build", "plan_calls", "read_calls"]

HERE = Path(__file__).parent
SPLITS = ("fit", "judge")
CLIPS_SPLIT = "clips"
"""The split of calls made from a folder of recorded sentences."""
SNRS_DB = (None, 25.0, 15.0, 10.0)

PERSON = "live_person|undetermined"
"""A person is never given a status: either answer leaves the call to the operator."""

NO_ANNOUNCEMENT = "undetermined|live_person|company_ivr|voicemail|call_progress|call_assistant"
"""A prompt of a telephone exchange that says nothing of how a call ended."""

# How often each kind of call comes, and in which surroundings.
KINDS = {"announcement": 0.60, "person": 0.20, "prompt": 0.09, "sound": 0.11}
# Half of the calls in the voice built on a real speaker, the only one that sounds like a carrier's.
ENGINES = {"festival": 0.5, "espeak": 0.25, "retro": 0.25}
ANNOUNCEMENT_CONTEXTS = {
    "plain": 0.19,
    "after_ringback": 0.15,
    "after_sit": 0.10,
    "after_silence": 0.07,
    "after_music": 0.07,
    "cut_start": 0.08,
    "cut_end": 0.08,
    "twice": 0.08,
    "english_half": 0.08,
    "then_busy": 0.05,
    "everything": 0.05,
}
PERSON_CONTEXTS = {
    "plain": 0.4,
    "after_ringback": 0.25,
    "after_announcement": 0.1,
    "after_ivr": 0.1,
    "then_silence": 0.15,
}
SOUND_CONTEXTS = {
    "silence": ("silence", "undetermined"),
    "noise": ("silence", "undetermined"),
    "hum": ("silence", "undetermined"),
    "music": ("music", "undetermined"),
    "ringback": ("ringback_only",),
    "busy": ("busy_tone",),
    "congestion": ("busy_tone", "network_congestion"),
    "ringback_busy": ("busy_tone", "ringback_only", "no_answer"),
    "sit": ("undetermined",),
    "fax": ("fax",),
    "dtmf": ("undetermined", "silence"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what happens in it, and what a careful listener would say.

    Attributes
    ----------
    path : str
        The recording, relative to the manifest.
    expected : str
        Right outcomes, separated by ``|``.
    text : str
        What is said, empty for sounds.
    kind, context : str
        See `KINDS` and the tables of contexts.
    wording_set : str
        `unseen` (of wordings.toml), `listed` (of the phrase lists), `prompt` or `none`.
    phrase_id : str
        For a listed wording, so that the recogniser can be built without it.
    noise : str
        One of `sounds.NOISES`; empty where `snr_db` is None (clean).
    """

    path: str
    expected: str
    text: str
    kind: str
    context: str
    wording_set: str
    phrase_id: str
    split: str
    voice: str
    codec: str
    noise: str
    snr_db: float | None
    level_dbfs: float
    seed: int


def _draw(rng: np.random.Generator, weights: dict[str, float]) -> str:
    values = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=values / values.sum()))


@cache
def _wordings() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((HERE / "wordings.toml").read_text(encoding="utf-8"))


@cache
def _prompt_outcomes() -> dict[str, str]:
    outcomes: dict[str, str] = tomllib.loads((HERE / "prompts.toml").read_text(encoding="utf-8"))[
        "outcomes"
    ]
    return outcomes


def _spoken_outcomes(split: str) -> list[str]:
    return [outcome for outcome in _wordings()[split] if outcome != "live_person"]


@cache
def _listed_phrases() -> tuple[tuple[str, str, str], ...]:
    """Return (id, outcome, text) of every phrase in the shipped lists long enough to be said."""
    from recognizer.base.settings import PhraseSettings  # noqa: PLC0415
    from recognizer.phrases.loading import load_phrases  # noqa: PLC0415  (not needed for other calls)

    book = load_phrases(PhraseSettings())
    return tuple(
        (phrase.id, str(phrase.outcome), phrase.text)
        for phrase in book.phrases
        if len(phrase.text.split()) >= 2
    )


def plan_calls(split: str, n_calls: int, seed: int, *, listed: bool = False) -> Iterator[Call]:
    """Return the calls of one split without rendering them.

    Parameters
    ----------
    split : str
        `fit` or `judge`: which wordings, voices and prompts.
    n_calls, seed : int
        Call `i` depends on `seed`, `split` and `i` only.
    listed : bool
        True: announcements are read from the shipped phrase lists instead of wordings.toml.
    """
    for index in range(n_calls):
        call_seed = int(
            np.random.SeedSequence([seed, SPLITS.index(split), index]).generate_state(1)[0]
        )
        yield _plan_call(split, index, call_seed, listed=listed)


def plan_clip_calls(clips: Path, n_calls: int, seed: int) -> Iterator[Call]:
    """Return calls made of the recordings of another folder, put through the same lines.

    Parameters
    ----------
    clips : Path
        Folder with ``manifest.tsv``: `path`, `outcome` (or `expected`) and `text`.
    """
    with (clips / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for index in range(n_calls):
        call_seed = int(np.random.SeedSequence([seed, 2, index]).generate_state(1)[0])
        rng = np.random.default_rng(call_seed)
        row = rows[int(rng.integers(len(rows)))]
        outcome = row.get("expected") or row["outcome"]
        context = "plain"
        if outcome == "live_person":
            outcome = PERSON
        elif outcome in ("undetermined", "music"):
            outcome = "undetermined|silence|music"
        else:
            context = _announcement_context(rng, row["text"])
        yield Call(
            expected=outcome,
            text=row["text"],
            kind="person" if outcome == PERSON else "announcement" if row["text"] else "sound",
            context=context,
            wording_set="unseen",
            phrase_id="",
            **_line(rng, call_seed, f"clip-{index:05d}.wav", CLIPS_SPLIT, f"clip:{row['path']}"),
        )


def _line(rng: np.random.Generator, seed: int, path: str, split: str, voice: str) -> dict[str, Any]:
    """Return the fields of a call that do not depend on what is said."""
    snr_db = SNRS_DB[int(rng.choice(4, p=(0.25, 0.25, 0.3, 0.2)))]
    return {
        "path": path,
        "split": split,
        "voice": voice,
        "codec": str(rng.choice(CODECS)),
        "noise": "" if snr_db is None else str(rng.choice(sounds.NOISES)),
        "snr_db": snr_db,
        "level_dbfs": round(float(rng.uniform(-25, -3)), 1),
        "seed": seed,
    }


def _draw_voice(rng: np.random.Generator, split: str) -> str:
    """Return a voice; the engine first, so that many variants of one do not crowd out others."""
    mine = [v for v in voices.VOICES if v.split == split]
    engine = _draw(rng, ENGINES)
    return str(rng.choice([v.name for v in mine if v.engine == engine]))


def _plan_call(split: str, index: int, seed: int, *, listed: bool) -> Call:
    rng = np.random.default_rng(seed)
    kind = _draw(rng, KINDS)
    path = f"{split}-{'listed-' if listed else ''}{index:05d}.wav"
    common = {"kind": kind, **_line(rng, seed, path, split, _draw_voice(rng, split))}
    what = {
        "announcement": _plan_announcement,
        "person": _plan_person,
        "prompt": _plan_prompt,
        "sound": _plan_sound,
    }[kind](rng, split, listed=listed)
    return Call(**{"phrase_id": "", **common, **what})


def _plan_announcement(rng: np.random.Generator, split: str, *, listed: bool) -> dict[str, str]:
    outcome = str(rng.choice(_spoken_outcomes(split)))
    phrase_id = ""
    if listed:
        phrases = [p for p in _listed_phrases() if p[1] == outcome]
        phrase_id, _, text = phrases[int(rng.integers(len(phrases)))]
    else:
        text = str(rng.choice(_wordings()[split][outcome]))
    return {
        "expected": outcome,
        "text": text,
        "context": _announcement_context(rng, text),
        "wording_set": "listed" if listed else "unseen",
        "phrase_id": phrase_id,
    }


def _announcement_context(rng: np.random.Generator, text: str) -> str:
    context = _draw(rng, ANNOUNCEMENT_CONTEXTS)
    if context.startswith("cut") and len(text.split()) < 5:
        return "plain"  # what is left of a short sentence may mean something else
    return context


def _plan_person(rng: np.random.Generator, split: str, *, listed: bool) -> dict[str, str]:
    del listed  # what people say is in no list
    return {
        "expected": PERSON,
        "text": str(rng.choice(_wordings()[split]["live_person"])),
        "context": _draw(rng, PERSON_CONTEXTS),
        "wording_set": "unseen",
    }


def _plan_prompt(rng: np.random.Generator, split: str, *, listed: bool) -> dict[str, str]:
    del listed
    named = _prompt_outcomes()
    # The prompts that are call outcomes lie in the repository's test clips: everyone has heard
    # them, so they belong to `fit`; the others are shared out by their place in the alphabet.
    others = [n for n in voices.prompt_names() if n not in named]
    mine = others[SPLITS.index(split) :: 2]
    is_outcome = split == "fit" and rng.random() < 0.3
    name = str(rng.choice(list(named) if is_outcome else mine))
    return {
        "expected": named.get(name, NO_ANNOUNCEMENT),
        "text": name,
        "context": "plain",
        "voice": "human-ivrvoice",
        "wording_set": "prompt",
    }


def _plan_sound(rng: np.random.Generator, split: str, *, listed: bool) -> dict[str, str]:
    del split, listed
    context = str(rng.choice(list(SOUND_CONTEXTS)))
    return {
        "expected": "|".join(SOUND_CONTEXTS[context]),
        "text": "",
        "context": context,
        "voice": "",
        "wording_set": "none",
    }


# --- rendering -----------------------------------------------------------------------------


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
        texts = _wordings()[split]["live_person"]
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
        outcome = str(rng.choice(_spoken_outcomes(call.split)))
    others = [v for v in voices.VOICES if v.split == call.split and v.name != call.voice]
    text = str(rng.choice(_wordings()[call.split][outcome]))
    return voices.speak(others[int(rng.integers(len(others)))], text, cache_folder)


def _english(call: Call, rng: np.random.Generator, cache_folder: Path) -> Samples:
    known = _wordings()["english"]
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


# --- the folder ----------------------------------------------------------------------------


def _write_call(call: Call, folder: Path, clips: Path | None) -> None:
    path = folder / call.path
    if not path.exists():
        samples = render(call, folder / "speech", clips)
        whole = path.with_suffix(".part")
        soundfile.write(whole, samples, LINE_RATE, subtype="PCM_16", format="WAV")
        whole.replace(path)


def build(
    calls: Iterable[Call], folder: Path, *, clips: Path | None = None, n_processes: int = 1
) -> None:
    """Render `calls` into `folder` with ``manifest.tsv``; what is there is not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    todo = list(calls)
    _forget_other_plans(todo, folder)
    _write_manifest(todo, folder)
    with ProcessPoolExecutor(n_processes) as pool:
        jobs = pool.map(_write_call, todo, repeat(folder), repeat(clips), chunksize=8)
        for done, _ in enumerate(jobs, start=1):
            if done % 20 == 0 or done == len(todo):
                print(f"\r{done}/{len(todo)} calls", end="", file=sys.stderr)
    print(file=sys.stderr)


def _forget_other_plans(calls: list[Call], folder: Path) -> None:
    """Remove recordings of an earlier plan under the same names: they say something else."""
    if not (folder / "manifest.tsv").exists():
        return
    earlier = {call.path: call for call in read_calls(folder / "manifest.tsv")}
    for call in calls:
        if earlier.get(call.path, call) != call:
            (folder / call.path).unlink(missing_ok=True)


def _write_manifest(calls: list[Call], folder: Path) -> None:
    with (folder / "manifest.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        names = [field.name for field in fields(Call)]
        writer.writerow(names)
        for call in calls:
            row = asdict(call)
            writer.writerow("" if row[name] is None else row[name] for name in names)


def read_calls(manifest: Path) -> list[Call]:
    """Return the calls of a manifest written by `build`."""
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [_call(row) for row in rows]


def _call(row: dict[str, Any]) -> Call:
    snr_db = float(row["snr_db"]) if row["snr_db"] else None
    numbers = {"level_dbfs": float(row["level_dbfs"]), "seed": int(row["seed"])}
    return Call(**{**row, **numbers, "snr_db": snr_db})


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder for the recordings")
    parser.add_argument("--split", choices=SPLITS, default="fit", help="which half (default: fit)")
    parser.add_argument("--calls", type=int, default=400, help="how many (default: 400)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--listed", action="store_true", help="say the phrase lists' own wordings")
    parser.add_argument("--clips", type=Path, help="folder of recordings to use instead of voices")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    if missing := voices.missing_programs():
        print("needed first:\n  " + "\n  ".join(missing), file=sys.stderr)
        return 1
    n_calls, seed, clips = arguments.calls, arguments.seed, arguments.clips
    if clips is not None:
        calls = plan_clip_calls(clips, n_calls, seed)
    else:
        calls = plan_calls(arguments.split, n_calls, seed, listed=arguments.listed)
    build(calls, arguments.out, clips=clips, n_processes=arguments.processes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
