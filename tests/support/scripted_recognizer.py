"""A whole recogniser whose engine hears what a table says."""

from __future__ import annotations

import functools

from fakes import ScriptedEngine
from phrase_lists import shipped_book

from recognizer import Recognizer
from recognizer.recognition.calibration import load_calibration
from recognizer.regulation.loading import load_regulation
from recognizer.signals.tone_plans import load_known_tones

__all__ = ["scripted_recognizer"]


@functools.cache
def scripted_recognizer() -> Recognizer:
    """Return the only one: it takes time to load."""
    return Recognizer(
        engine=ScriptedEngine(),
        phrases=shipped_book(),
        regulation=load_regulation(),
        tone_plan=load_known_tones(),
        calibration=load_calibration(),
    )
