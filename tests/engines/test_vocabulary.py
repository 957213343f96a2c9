"""Words that an engine can never hear are said when the lists are loaded."""

from __future__ import annotations

import logging

import pytest
from fakes import ScriptedEngine
from phrase_lists import shipped_book

from recognizer.engines.base import LimitedVocabulary
from recognizer.pipeline import Recognizer
from recognizer.recognition.calibration import load_calibration
from recognizer.regulation.loading import load_regulation
from recognizer.signals.tone_plans import load_tone_plan


class WithoutTemporarily(ScriptedEngine):
    """An engine whose vocabulary lacks a word that decides."""

    def missing_words(self, text: str) -> tuple[str, ...]:
        return tuple(word for word in text.split() if word == "временно")


def _loaded(engine: ScriptedEngine) -> Recognizer:
    return Recognizer(
        engine=engine,
        phrases=shipped_book(),
        regulation=load_regulation(),
        tone_plan=load_tone_plan(),
        calibration=load_calibration(),
    )


def test_words_outside_the_vocabulary_are_reported_once_with_the_lists(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        _loaded(WithoutTemporarily())
    (record,) = [r for r in caplog.records if r.name == "recognizer.recognition.vocabulary"]
    assert "scripted (script) cannot hear 1 words" in record.getMessage()
    assert record.getMessage().endswith("временно")


def test_an_engine_that_spells_with_letters_has_nothing_to_report(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = ScriptedEngine()
    assert not isinstance(engine, LimitedVocabulary)
    with caplog.at_level(logging.WARNING):
        _loaded(engine)
    assert not caplog.records
