"""Which calls a benchmark has: what happens in each follows from the seed and its number alone."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recognition import sounds, voices
from benchmarks.recognition.channel import (
    CODECS,
)

__all__ = [
    "CLIPS_SPLIT",
    "HERE",
    "NO_ANNOUNCEMENT",
    "SPLITS",
    "Call",
    "plan_calls",
    "plan_clip_calls",
    "read_wordings",
    "spoken_outcomes",
]

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
def read_wordings() -> dict[str, dict[str, list[str]]]:
    """Return the sentences of wordings.toml by split and outcome."""
    return tomllib.loads((HERE / "wordings.toml").read_text(encoding="utf-8"))


@cache
def _prompt_outcomes() -> dict[str, str]:
    outcomes: dict[str, str] = tomllib.loads((HERE / "prompts.toml").read_text(encoding="utf-8"))[
        "outcomes"
    ]
    return outcomes


def spoken_outcomes(split: str) -> list[str]:
    """Return the outcomes that announcements of a split have."""
    return [outcome for outcome in read_wordings()[split] if outcome != "live_person"]


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
    outcome = str(rng.choice(spoken_outcomes(split)))
    phrase_id = ""
    if listed:
        phrases = [p for p in _listed_phrases() if p[1] == outcome]
        phrase_id, _, text = phrases[int(rng.integers(len(phrases)))]
    else:
        text = str(rng.choice(read_wordings()[split][outcome]))
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
        "text": str(rng.choice(read_wordings()[split]["live_person"])),
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
