"""Speech that is heard again while it grows: the answers of a recording, each sound paid once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import ScriptedEngine, ScriptedSpeech
from onnx_stand_ins import write_t_one

from recognizer.base.errors import EngineError
from recognizer.engines.base import ENGINE_SAMPLE_RATE, MAX_UTTERANCE_S
from recognizer.engines.growing import GrowingEngine
from recognizer.engines.lazy import LazyEngine
from recognizer.engines.t_one import TOneEngine
from recognizer.model import Audio

SENTENCE = "номер временно заблокирован"


class CountingEngine(TOneEngine):
    """Counts the chunks of 300 ms that it hears."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.n_chunks = 0
        self.fails = False

    def advance(self, *given: Any) -> Any:
        """Hear a chunk."""
        if self.fails:
            raise EngineError("a.wav: the model failed")
        self.n_chunks += 1
        return super().advance(*given)


@pytest.fixture
def engine(tmp_path: Path) -> CountingEngine:
    write_t_one(tmp_path / "t-one", SENTENCE)
    return CountingEngine(tmp_path / "t-one")


def sound(duration_s: float, start_s: float = 7.5, seed: int = 1) -> Audio:
    noise = np.random.default_rng(seed).normal(size=round(duration_s * ENGINE_SAMPLE_RATE)) * 0.1
    return Audio(noise.astype(np.float32), ENGINE_SAMPLE_RATE, "live:1", start_s)


def test_each_answer_is_that_of_a_recording_and_each_sound_is_paid_once(
    engine: CountingEngine,
) -> None:
    call, growing = sound(6.0), GrowingEngine(engine)
    for until_s in (0.7, 1.4, 2.8, 2.8, 6.0):
        so_far = call.slice(call.start_s, call.start_s + until_s)
        engine.n_chunks = 0
        recording = engine.listen(so_far)
        n_alone, engine.n_chunks = engine.n_chunks, 0
        heard = growing.listen(so_far)
        assert heard.transcript == recording.transcript
        assert heard.score([SENTENCE]) == recording.score([SENTENCE])
    assert n_alone == 23
    assert engine.n_chunks == 14  # of the last 3.2 s, with the silence after them


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(sound(2.0, seed=2), id="another sound at the same moment"),
        pytest.param(sound(0.5), id="its beginning"),
        pytest.param(sound(2.0, start_s=9.0), id="another moment"),
    ],
)
def test_what_does_not_go_on_is_heard_by_itself(engine: CountingEngine, other: Audio) -> None:
    growing = GrowingEngine(engine)
    first = growing.listen(sound(1.0)).transcript
    assert growing.listen(other).transcript == engine.listen(other).transcript
    engine.n_chunks = 0
    assert growing.listen(sound(1.0)).transcript == first
    assert engine.n_chunks == 0  # it was kept meanwhile


def test_few_utterances_are_kept(engine: CountingEngine) -> None:
    growing = GrowingEngine(engine)
    for n in range(20):
        growing.listen(sound(0.3, start_s=float(n)))
    engine.n_chunks = 0
    growing.listen(sound(0.3, start_s=19.0))
    assert engine.n_chunks == 0
    growing.listen(sound(0.3, start_s=0.0))
    assert engine.n_chunks > 0


def test_after_a_failure_the_whole_is_heard_again(engine: CountingEngine) -> None:
    growing = GrowingEngine(engine)
    growing.listen(sound(1.0))
    engine.fails = True
    with pytest.raises(EngineError, match="the model failed"):
        growing.listen(sound(3.0))
    engine.fails = False
    assert growing.listen(sound(3.0)).transcript == engine.listen(sound(3.0)).transcript


def test_an_utterance_that_grew_too_long_is_refused(engine: CountingEngine) -> None:
    growing = GrowingEngine(engine)
    growing.listen(sound(MAX_UTTERANCE_S - 0.5))
    with pytest.raises(EngineError, match=r"at most 28\.0 s"):
        growing.listen(sound(MAX_UTTERANCE_S + 0.5))


def test_an_engine_that_is_loaded_late_is_asked_the_same(engine: CountingEngine) -> None:
    lazy = LazyEngine(lambda: engine)
    growing = GrowingEngine(lazy)
    assert not lazy.is_loaded
    for until_s in (1.0, 2.0, 3.0):
        heard = growing.listen(sound(3.0).slice(7.5, 7.5 + until_s))
    # The resampler holds the last of 11 chunks back; the end and the silence take three each time.
    assert engine.n_chunks == 10 + 3 * 3
    assert (growing.name, growing.model) == ("t-one", "t-one")
    assert heard.transcript.text == SENTENCE


def test_an_engine_that_keeps_no_work_is_asked_as_ever() -> None:
    said = ScriptedSpeech("номер не существует", {})
    growing = GrowingEngine(ScriptedEngine({"live:1": said}))
    for _ in range(2):
        assert growing.listen(sound(1.0)).transcript.text == "номер не существует"
