"""Announcements of tests/data, learned and damaged, for the tests of this folder."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import soxr

from recognizer.audio import read_audio
from recognizer.base.settings import PhraseSettings
from recognizer.evaluation.labelled_clips import read_manifest
from recognizer.model import Audio, CallOutcome, Samples, SegmentKind
from recognizer.phrases.loading import load_phrases
from recognizer.recognition.announcements.announcement import LEARNABLE, Announcement
from recognizer.recognition.announcements.learning import learn
from recognizer.recognition.announcements.library import AnnouncementLibrary
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.matching import Matcher
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.signals.scanner import Scanner
from recognizer.signals.tone_plans import load_tone_plan

CALLS = Path(__file__).parents[2] / "data" / "calls"
RATE = 16_000


def pause(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


@functools.cache
def sound_of(name: str) -> Samples:
    """Return a clip of announcements/ at 16 kHz, with silence around it."""
    samples = read_audio(CALLS / "announcements" / name, sample_rate=RATE).samples
    return np.concatenate([pause(0.3), samples, pause(0.3)])


@functools.cache
def outcomes() -> dict[str, CallOutcome]:
    """Return what each clip of announcements/ that can be learned says."""
    return {
        clip.path.name: expected
        for clip in read_manifest(CALLS / "manifest.tsv")
        if clip.name.startswith("announcements/")
        and len(clip.expected) == 1
        and (expected := next(iter(clip.expected))) in LEARNABLE
        # Noise, music before it and a pause of 4 s: not learned from these.
        and not any(w in clip.name for w in ("noise", "music", "no-answer", "registered-number"))
    }


@functools.cache
def _classifier() -> UtteranceClassifier:
    book = load_phrases(PhraseSettings(office_dir=Path("none")))
    return UtteranceClassifier(Matcher(book), load_calibration())


def judge(text: str) -> SpokenVerdict:
    """Read a text by the shipped lists."""
    return _classifier().judge_text(text)


@functools.cache
def text_of(outcome: CallOutcome) -> str:
    """Return a listed wording that says so."""
    book = load_phrases(PhraseSettings(office_dir=Path("none")))
    return next(p.text for p in book.phrases if p.outcome is outcome and p.language == "ru")


@functools.cache
def tones_in(name: str) -> tuple[tuple[float, float], ...]:
    """Return where a clip holds signals."""
    scanner = Scanner(load_tone_plan(), RATE)
    scanner.push(Audio(sound_of(name), RATE, name))
    segments = scanner.finish().segments
    return tuple((s.start_s, s.end_s) for s in segments if s.kind is SegmentKind.TONE)


def learned(name: str, outcome: CallOutcome | None = None) -> Announcement:
    return learn(
        Audio(sound_of(name), RATE, name),
        announcement_id=name.partition(".")[0],
        outcome=outcome or outcomes()[name],
        text=text_of(outcome or outcomes()[name]),
        carrier="a carrier",
        confirmed_by="a test",
        tones=tones_in(name),
        overrule=True,
    )


@functools.cache
def library() -> AnnouncementLibrary:
    """Return all of them, known."""
    return AnnouncementLibrary([learned(name) for name in outcomes()])


def noisy(samples: Samples, snr_db: float, seed: int = 1) -> Samples:
    """Return a copy in white noise; the ratio is to the speech alone."""
    loud = np.abs(samples) > 0.03 * np.abs(samples).max()
    rms = float(np.sqrt(np.mean(samples[loud] ** 2)))
    noise = np.random.default_rng(seed).standard_normal(len(samples)) * rms
    return np.asarray(samples + noise * 10 ** (-snr_db / 20), np.float32)


def at_speed(samples: Samples, speed: float) -> Samples:
    return np.asarray(soxr.resample(samples, RATE, RATE / speed), np.float32)
