"""T-one (T-Tech, Apache-2.0): a streaming CTC model of Russian telephone speech at 8 kHz.

The graph takes 300 ms at a time with a state it keeps, and gives ten frames of 30 ms each. It was
trained with 300 ms of silence before and after the speech; a letter comes out 0.33 s after its
sound, so more than one chunk of silence has to follow the last.

Source: the vendor's own pipeline (voicekit-team/T-one, `tone/pipeline.py`, `onnx_wrapper.py`) for
names, shapes, padding and latency; sherpa-onnx for the 600 ms at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recognizer.audio.resampling import StreamResampler
from recognizer.base.errors import EngineError
from recognizer.engines.base import (
    ENGINE_SAMPLE_RATE,
    MAX_UTTERANCE_S,
    Utterance,
    check_speech,
)
from recognizer.engines.ctc import Alphabet, LogProbs, normalized
from recognizer.engines.ctc_decoding import decode_greedily
from recognizer.engines.ctc_utterance import CtcModel, CtcUtterance
from recognizer.engines.onnx_sessions import OnnxGraph, Tensor
from recognizer.model import Audio, Samples

__all__ = ["TOneEngine", "TOneStream"]

_SAMPLE_RATE = 8_000
_CHUNK_SAMPLES = 2_400
_FRAMES_A_CHUNK = 10
_FRAME_S = 0.03
_LATENCY_S = 0.33
_STATE_SIZE = 219_729
_ALPHABET = Alphabet((*"абвгдеёжзийклмнопрстуфхцчшщъыьэюя", " ", ""), blank=34, space=33)
_SILENCE_AFTER = 2 * _CHUNK_SAMPLES
_INT16_MAX = 32_767


class TOneEngine:
    """T-one held in memory; utterances share it and may run in several threads.

    Parameters
    ----------
    model_folder : Path
        Holds model.onnx.
    threads : int
        CPU threads of one call.

    Raises
    ------
    EngineError
        If the folder does not hold the model.
    """

    name = "t-one"
    keeps_work = True

    def __init__(self, model_folder: Path, *, threads: int = 1) -> None:
        self.model = model_folder.name
        self.parts = CtcModel(self.name, self.model, "ru", _ALPHABET, _FRAME_S, _LATENCY_S)
        self._graph = OnnxGraph(
            model_folder / "model.onnx",
            inputs={
                "signal": Tensor("int32", (None, _CHUNK_SAMPLES, 1)),
                "state": Tensor("float16", (None, _STATE_SIZE)),
            },
            outputs={
                "logprobs": Tensor("float", (None, _FRAMES_A_CHUNK, len(_ALPHABET.tokens))),
                "state_next": Tensor("float16", (None, _STATE_SIZE)),
            },
            threads=threads,
        )

    def listen(self, audio: Audio) -> Utterance:
        """Recognise one utterance."""
        check_speech(audio, max_s=MAX_UTTERANCE_S)
        stream = self.stream()
        stream.push(audio)
        return stream.finish()

    def stream(self) -> TOneStream:
        """Begin an utterance whose sound arrives piece by piece."""
        return TOneStream(self)

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        """Do nothing: the costly part is done when an utterance has been listened to."""

    def advance(
        self, chunk: Samples, state: npt.NDArray[np.float16], source: str
    ) -> tuple[LogProbs, npt.NDArray[np.float16]]:
        """Return the frames of one chunk, shape (10, 35), and the state after it."""
        signal = np.rint(chunk * _INT16_MAX).astype(np.int32)[None, :, None]
        found = self._graph.run({"signal": signal, "state": state})
        return normalized(found["logprobs"][0], source), found["state_next"]


class TOneStream:
    """Recognition while the sound arrives; see `StreamingUtterance`.

    Each whole chunk is heard once, when it is complete.
    """

    def __init__(self, engine: TOneEngine) -> None:
        self._engine = engine
        self._resampler = StreamResampler(ENGINE_SAMPLE_RATE, _SAMPLE_RATE)
        self._pieces: list[Samples] = []
        self._n_resampled = 0
        self._chunks = _Chunks.beginning()
        self._start_s = 0.0
        self._source = ""
        self._so_far: Utterance | None = None
        self._is_finished = False

    @property
    def partial(self) -> str:
        """What was heard so far; its last word may still grow."""
        if self._is_finished:
            return self.finish().transcript.text
        return _ALPHABET.decode(decode_greedily(self._chunks.logprobs(), _ALPHABET))

    def push(self, audio: Audio) -> None:
        """Take the next piece, of any length but zero."""
        if self._is_finished:
            raise EngineError(f"{audio.source}: the utterance is finished, begin another one")
        check_speech(audio)
        if not self._pieces:
            self._start_s, self._source = audio.start_s, audio.source
        self._pieces.append(np.clip(np.nan_to_num(audio.samples), -1.0, 1.0))
        self._so_far = None
        resampled = self._resampler.push(self._pieces[-1])
        self._n_resampled += len(resampled)
        self._chunks = self._heard(resampled)

    def so_far(self) -> Utterance:
        """Return what `finish` would: what is kept of the sound goes on from before the silence."""
        if self._so_far is None:
            self._so_far = CtcUtterance(
                self._engine.parts,
                self._with_the_end().logprobs(),
                start_s=self._start_s,
                duration_s=sum(map(len, self._pieces)) / ENGINE_SAMPLE_RATE,
            )
        return self._so_far

    def finish(self) -> Utterance:
        """Say that nothing follows, and return what was heard."""
        heard = self.so_far()
        self._is_finished = True
        return heard

    def _with_the_end(self) -> _Chunks:
        """Return the chunks so far, and those that the end of the sound and silence make."""
        if not self._pieces:
            return self._chunks
        rest = self._not_yet_resampled()
        n_missing = -(len(self._chunks.waiting) + len(rest)) % _CHUNK_SAMPLES
        return self._heard(np.concatenate([rest, np.zeros(n_missing + _SILENCE_AFTER, np.float32)]))

    def _not_yet_resampled(self) -> Samples:
        """Return the end of the sound that the resampler holds back until it knows what follows.

        It cannot be asked for it and go on, so another one takes all of the sound: 1 ms for 10 s.
        """
        again = StreamResampler(ENGINE_SAMPLE_RATE, _SAMPLE_RATE)
        whole = np.concatenate([*map(again.push, self._pieces), again.finish()])
        return whole[self._n_resampled :]

    def _heard(self, samples: Samples) -> _Chunks:
        """Return the chunks so far with more samples after them."""
        _, state, frames = self._chunks
        waiting = np.concatenate([self._chunks.waiting, samples])
        while len(waiting) >= _CHUNK_SAMPLES:
            chunk, waiting = np.split(waiting, [_CHUNK_SAMPLES])
            heard, state = self._engine.advance(chunk, state, self._source)
            frames = (*frames, heard)
        return _Chunks(waiting, state, frames)


class _Chunks(NamedTuple):
    """What is kept of the sound heard.

    Attributes
    ----------
    waiting : float32
        Samples at 8 kHz that make no whole chunk yet.
    state : float16, shape (1, 219729)
        The graph's, after the chunks heard.
    frames : tuple of LogProbs
        Of each chunk heard.
    """

    waiting: Samples
    state: npt.NDArray[np.float16]
    frames: tuple[LogProbs, ...]

    @classmethod
    def beginning(cls) -> _Chunks:
        """Return what an utterance begins with: a chunk of silence."""
        silence = np.zeros(_CHUNK_SAMPLES, np.float32)
        return cls(silence, np.zeros((1, _STATE_SIZE), np.float16), ())

    def logprobs(self) -> LogProbs:
        """Return the frames so far, without those of the silence before."""
        return np.concatenate([np.zeros((0, len(_ALPHABET.tokens))), *self.frames[1:]])
