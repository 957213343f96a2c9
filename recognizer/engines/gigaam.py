"""GigaAM v3 with its CTC head (Sber, MIT), as `istupakov/gigaam-v3-onnx` has it: Russian, 16 kHz.

The variant that writes numbers and punctuation (`e2e`) spells with pieces of words and normalises
what was said; its vocabulary is refused, for wordings are compared letter by letter.

Source: GigaAM's own preprocessing (torchaudio's MelSpectrogram with its HTK scale, window and
filters kept in bfloat16); the features are those of onnx-asr, which a test compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recognizer.base.errors import ModelFileError
from recognizer.engines.base import (
    ENGINE_SAMPLE_RATE,
    MAX_UTTERANCE_S,
    Utterance,
    check_speech,
)
from recognizer.engines.ctc import Alphabet, normalized
from recognizer.engines.ctc_utterance import CtcModel, CtcUtterance
from recognizer.engines.onnx_sessions import OnnxGraph, Tensor
from recognizer.model import Audio, Samples

__all__ = ["GRAPH_NAMES", "VOCABULARY_NAME", "GigaAmEngine", "log_mel"]

GRAPH_NAMES = ("v3_ctc.int8.onnx", "v3_ctc.onnx")
"""Graphs that may lie in the folder, the first one there is taken."""
VOCABULARY_NAME = "v3_vocab.txt"

_WINDOW_SAMPLES = 320
_HOP_SAMPLES = 160
_N_MELS = 64
_MAX_HZ = 8_000.0
_MIN_ENERGY, _MAX_ENERGY = 1e-9, 1e9
_FEATURES_A_FRAME = 4
_FRAME_S = _FEATURES_A_FRAME * _HOP_SAMPLES / ENGINE_SAMPLE_RATE
_SPACE, _BLANK = "▁", "<blk>"
_LETTERS = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюя")


class GigaAmEngine:
    """GigaAM v3 CTC held in memory; utterances share it and may run in several threads.

    Parameters
    ----------
    model_folder : Path
        Holds one of `GRAPH_NAMES` and `VOCABULARY_NAME`.
    threads : int
        CPU threads of one call.

    Raises
    ------
    ModelFileError
        If the folder does not hold the model.
    """

    name = "gigaam-v3"

    def __init__(self, model_folder: Path, *, threads: int = 1) -> None:
        self.model = model_folder.name
        alphabet = _read_vocabulary(model_folder / VOCABULARY_NAME)
        self._parts = CtcModel(self.name, self.model, "ru", alphabet, _FRAME_S)
        self._graph = _open_graph(model_folder, len(alphabet.tokens), threads)

    def listen(self, audio: Audio) -> Utterance:
        """Recognise one utterance."""
        check_speech(audio, max_s=MAX_UTTERANCE_S)
        features = log_mel(np.clip(np.nan_to_num(audio.samples), -1.0, 1.0))
        lengths = np.array([features.shape[1]], np.int64)
        found = self._graph.run({"features": features[None], "feature_lengths": lengths})
        n_frames = (features.shape[1] - 1) // _FEATURES_A_FRAME + 1
        logprobs = normalized(found["log_probs"][0, :n_frames], audio.source)
        return CtcUtterance(
            self._parts, logprobs, start_s=audio.start_s, duration_s=audio.duration_s
        )

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        """Do nothing: the costly part is done when an utterance has been listened to."""


def _open_graph(model_folder: Path, n_tokens: int, threads: int) -> OnnxGraph:
    there = (model_folder / name for name in GRAPH_NAMES)
    path = next((path for path in there if path.is_file()), model_folder / GRAPH_NAMES[0])
    try:
        return OnnxGraph(
            path,
            inputs={
                "features": Tensor("float", (None, _N_MELS, None)),
                "feature_lengths": Tensor("int64", (None,)),
            },
            outputs={"log_probs": Tensor("float", (None, None, n_tokens))},
            threads=threads,
        )
    except ModelFileError as problem:
        raise ModelFileError(
            f"{problem} ({VOCABULARY_NAME} beside it has {n_tokens} tokens)"
        ) from problem


def _read_vocabulary(path: Path) -> Alphabet:
    """Return the letters of a file with a token and its number a line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise ModelFileError(f"{path}: expected GigaAM's vocabulary: {problem}") from problem
    tokens: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        token, _, place = line.rpartition(" ")
        if not place.isdecimal() or (len(token) != 1 and token != _BLANK):
            raise ModelFileError(
                f"{path}, line {number}: expected a letter, {_SPACE} or {_BLANK}, and its number, "
                f"found {line!r}; the e2e variant of the model, which spells with pieces of words, "
                "cannot be used"
            )
        if int(place) in tokens or token in tokens.values():
            raise ModelFileError(f"{path}, line {number}: {line!r}: is there twice")
        tokens[int(place)] = token
    spelt = tuple(tokens.get(n, "") for n in range(len(tokens)))
    if "" in spelt or _SPACE not in spelt or _BLANK not in spelt:
        raise ModelFileError(
            f"{path}: expected numbers from 0 without a gap, with {_SPACE} and {_BLANK} among them"
        )
    if missing := "".join(sorted(_LETTERS - set(spelt))):
        raise ModelFileError(f"{path}: expected a vocabulary of Russian, found none of: {missing}")
    return Alphabet(spelt, blank=spelt.index(_BLANK), space=spelt.index(_SPACE))


def log_mel(samples: Samples) -> npt.NDArray[np.float32]:
    """Return the logarithms of 64 mel energies every 10 ms, float32, shape (64, n_features).

    Frames are not centred: the first begins with the first sample. Sound shorter than a window is
    filled up with silence.
    """
    if len(samples) < _WINDOW_SAMPLES:
        samples = np.pad(samples, (0, _WINDOW_SAMPLES - len(samples)))
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW_SAMPLES)[::_HOP_SAMPLES]
    spectrum = np.abs(np.fft.rfft(windows * _WINDOW)).astype(np.float32) ** 2
    energies = np.clip(spectrum @ _FILTERS, _MIN_ENERGY, _MAX_ENERGY)
    features: npt.NDArray[np.float32] = np.log(energies).T.astype(np.float32)
    return features


def _through_bfloat16(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Round to the 8 leading bits that the model was trained with, half to even."""
    bits = values.astype(np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    return (rounded & 0xFFFF0000).astype(np.uint32).view(np.float32)


def _mel_filters() -> npt.NDArray[np.float64]:
    """Return triangular filters on the HTK mel scale, shape (161, 64), not normalised."""
    highest_mel = 2595.0 * np.log10(1.0 + _MAX_HZ / 700.0)
    edges_hz = 700.0 * (10.0 ** (np.linspace(0.0, highest_mel, _N_MELS + 2) / 2595.0) - 1.0)
    bins_hz = np.linspace(0.0, ENGINE_SAMPLE_RATE / 2, _WINDOW_SAMPLES // 2 + 1)
    above = edges_hz[None, :] - bins_hz[:, None]
    widths = np.diff(edges_hz)
    return np.maximum(0.0, np.minimum(-above[:, :-2] / widths[:-1], above[:, 2:] / widths[1:]))


_WINDOW = _through_bfloat16(np.hanning(_WINDOW_SAMPLES + 1)[:-1])
_FILTERS = _through_bfloat16(_mel_filters())
