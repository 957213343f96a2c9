"""Vosk (Kaldi): streaming recognition, and wordings scored by decoding with a grammar.

Scoring. Vosk turns a grammar into a bigram language model over its words, not into a strict
sequence: given one wording, the best path may repeat or skip words of it. What it returns for a
path as `confidence` (``SetMaxAlternatives``; vosk-api, issue 604) is no probability but the
negated cost of the path in nats: the pseudo-log-likelihood of a chain model less the cost of the
graph. Such numbers can be compared over the same sound. So each wording is decoded alone, and its
score is the best of its paths, where every word that a path has too many or too few costs
`_EDIT_COST`; a wording's total is given relative to that of the transcript, so that about 0 means
"as good as what was heard freely". One grammar with all wordings would be one decoding instead of
many, but leaves no path at all for most of them (the lattice is narrow) and lets words of
different wordings mix. ``python -m benchmarks.vosk_scoring`` compares the two, and edit costs.

Kaldi dithers, that is, adds noise of one 16-bit step, another one at every run. In speech over
digital silence that moved the difference between two wordings by 3 nats (standard deviation of
six runs). The same sound must get the same answer, so the model is told not to dither and a noise
of the same strength, always the same, is added here.

Words outside the model's vocabulary are dropped by Vosk. Here they become ``[unk]``, a model of
any sound, where the model has one, and cost as much as a missing word;
`VoskEngine.missing_words` names them.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import vosk
from rapidfuzz.distance import Levenshtein

from recognizer.base.errors import EngineError, ModelFileError
from recognizer.engines.base import (
    ENGINE_SAMPLE_RATE,
    MAX_UTTERANCE_S,
    Utterance,
    check_speech,
)
from recognizer.model import AcousticScore, Audio, Transcript, Word

__all__ = ["VoskEngine", "VoskStream", "VoskUtterance", "to_pcm"]

_UNKNOWN = "[unk]"
_UNKNOWN_WORDS = ("[unk]", "<unk>", "<UNK>")
_EDIT_COST = 8.0  # nats a word; from benchmarks/vosk_scoring.py, flat from 2 to 8
_N_PATHS = 100
_UNKNOWN_WORDS_LOGPROB = -1000.0
_QUIET = -2  # Kaldi's level below warnings
_WORD = re.compile(r"\[unk\]|[^\W_]+(?:-[^\W_]+)*")


class VoskEngine:
    """A Vosk model held in memory; utterances share it and may run in several threads.

    Parameters
    ----------
    model_folder : Path
        A Kaldi model as Vosk packs it: am/, conf/, graph/, ivector/.
    language : str
        ISO 639-1.

    Raises
    ------
    EngineError
        If the folder does not hold a usable model, or one that no grammar can restrict.
    """

    name = "vosk"
    keeps_work = False  # scores need the whole sound again

    def __init__(self, model_folder: Path, *, language: str = "ru") -> None:
        vosk.SetLogLevel(_QUIET)
        self.model = model_folder.name
        self.language = language
        if not (model_folder / "graph/HCLr.fst").is_file():
            raise EngineError(
                f"{model_folder}: expected a Vosk model with a dynamic graph (graph/HCLr.fst): "
                "wordings are scored with a grammar, and large models, which have one finished "
                "graph, cannot take any; use a small one"
            )
        try:
            with _undithered(model_folder) as copy:
                self._model = vosk.Model(str(copy))
            vosk.KaldiRecognizer(self._model, ENGINE_SAMPLE_RATE)  # a broken graph shows here
        except Exception as problem:  # the library raises bare Exceptions
            raise ModelFileError(f"{model_folder}: expected a Vosk model: {problem}") from problem
        self._unknown = next((word for word in _UNKNOWN_WORDS if self._knows(word)), None)

    def listen(self, audio: Audio) -> VoskUtterance:
        """Take an utterance; decoding waits until it is asked for."""
        check_speech(audio, max_s=MAX_UTTERANCE_S)
        return VoskUtterance(self, audio)

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        """Do nothing: a decoder of Vosk takes one utterance at a time."""

    def stream(self) -> VoskStream:
        """Return a recogniser that takes its sound chunk by chunk."""
        return VoskStream(self)

    def missing_words(self, text: str) -> tuple[str, ...]:
        """Return the words of `text` that this model cannot hear, in order."""
        return tuple(word for word in _words(text) if self._vocabulary_form(word) is None)

    def _knows(self, word: str) -> bool:
        return bool(self._model.vosk_model_find_word(word) >= 0)

    def _vocabulary_form(self, word: str) -> str | None:
        """Return the spelling the model knows a word by; many know no «ё»."""
        if word == _UNKNOWN:
            return self._unknown
        return next((form for form in (word, word.replace("ё", "е")) if self._knows(form)), None)

    def recogniser(self) -> vosk.KaldiRecognizer:
        """Return a fresh recogniser without a grammar."""
        return vosk.KaldiRecognizer(self._model, ENGINE_SAMPLE_RATE)

    def _restricted(self, lines: Sequence[str]) -> vosk.KaldiRecognizer:
        grammar = json.dumps(lines, ensure_ascii=False)
        return vosk.KaldiRecognizer(self._model, ENGINE_SAMPLE_RATE, grammar)

    def score_words(self, pcm: bytes, words: Sequence[str]) -> float | None:
        """Return how well words in a row explain 16-bit samples, in nats; None: none is known."""
        forms = [self._vocabulary_form(word) for word in words]
        n_missing = forms.count(None)
        if n_missing == len(forms):
            return None
        expected = [word for word in (form or self._unknown for form in forms) if word is not None]
        best = max(
            nats - _EDIT_COST * Levenshtein.distance(path, expected)
            for nats, path in self.paths(pcm, [" ".join(expected)])
        )
        return best - _EDIT_COST * n_missing

    def paths(self, pcm: bytes, lines: Sequence[str]) -> list[tuple[float, list[str]]]:
        """Decode with a grammar of lines of known words: score in nats and words of each path."""
        recogniser = self._restricted(lines)
        recogniser.SetMaxAlternatives(_N_PATHS)
        _accept(recogniser, pcm)
        found = json.loads(recogniser.FinalResult())["alternatives"]
        return [(float(path["confidence"]), path["text"].split()) for path in found]


class VoskUtterance:
    """One utterance, decoded when first asked."""

    def __init__(
        self, engine: VoskEngine, audio: Audio, transcript: Transcript | None = None
    ) -> None:
        self._engine = engine
        self._audio = audio
        self._pcm = to_pcm(audio)
        self._transcript = transcript
        self._scores: dict[str, float | None] = {}

    @cached_property
    def transcript(self) -> Transcript:
        """What was heard; word times count from the start of the recording."""
        return self._transcript or self._decode(self._engine.recogniser())

    def rest_after(self, text: str) -> str:  # noqa: ARG002
        """Return nothing: Kaldi's scores are of the whole utterance."""
        return ""

    def language_probability(self, language: str) -> float | None:  # noqa: ARG002
        """Return None: a model of one language cannot tell."""
        return None

    def _decode(self, recogniser: vosk.KaldiRecognizer) -> Transcript:
        recogniser.SetWords(True)
        # In one chunk: the end of speech is looked for after a chunk, so none is cut off.
        _accept(recogniser, self._pcm)
        found = json.loads(recogniser.FinalResult()).get("result", [])
        return _transcript(self._engine, found, self._audio.start_s, self._audio.duration_s)

    def find(self, wordings: Sequence[str]) -> tuple[float, ...] | None:  # noqa: ARG002
        """Return None: a path through a grammar is not a probability."""
        return None

    def score(self, wordings: Sequence[str]) -> tuple[AcousticScore, ...]:
        """Return how well each wording explains the utterance, relative to the transcript, in nats.

        A wording of which the model knows no word gets `_UNKNOWN_WORDS_LOGPROB`; see
        `VoskEngine.missing_words`.
        """
        reference = self._score(self.transcript.text) or 0.0
        scores = ((wording, self._score(wording)) for wording in wordings)
        return tuple(
            AcousticScore(wording, _UNKNOWN_WORDS_LOGPROB if score is None else score - reference)
            for wording, score in scores
        )

    def _score(self, wording: str) -> float | None:
        words = _words(wording)  # capitals and punctuation are nothing to Kaldi
        key = " ".join(words)
        if key not in self._scores:
            self._scores[key] = self._engine.score_words(self._pcm, words)
        return self._scores[key]


class VoskStream:
    """Recognition while the sound arrives; see `StreamingUtterance`."""

    def __init__(self, engine: VoskEngine) -> None:
        self._engine = engine
        self._recogniser = engine.recogniser()
        self._recogniser.SetWords(True)
        self._found: list[dict[str, Any]] = []
        self._chunks: list[Audio] = []
        self._heard: VoskUtterance | None = None

    def push(self, audio: Audio) -> None:
        """Take the next chunk, of any length but zero."""
        if self._heard is not None:
            raise EngineError(f"{audio.source}: the utterance is finished, begin another one")
        check_speech(audio)
        self._chunks.append(audio)
        if _accept(self._recogniser, to_pcm(audio)):
            self._found += json.loads(self._recogniser.Result()).get("result", [])

    @property
    def partial(self) -> str:
        """What was heard so far; its last words may still change."""
        words = [word["word"] for word in self._found]
        if self._heard is None:
            words.append(json.loads(self._recogniser.PartialResult())["partial"])
        return " ".join(word for word in words if word)

    def so_far(self) -> VoskUtterance:
        """Return the sound so far; it is decoded from its beginning when that is asked for."""
        return VoskUtterance(self._engine, _joined(self._chunks))

    def finish(self) -> VoskUtterance:
        """Say that nothing follows, and return what was heard."""
        if self._heard is None:
            self._found += json.loads(self._recogniser.FinalResult()).get("result", [])
            audio = _joined(self._chunks)
            transcript = _transcript(self._engine, self._found, audio.start_s, audio.duration_s)
            self._heard = VoskUtterance(self._engine, audio, transcript)
        return self._heard


def _joined(chunks: Sequence[Audio]) -> Audio:
    if not chunks:
        return Audio(np.zeros(0, np.float32), ENGINE_SAMPLE_RATE)
    first = chunks[0]
    samples = np.concatenate([chunk.samples for chunk in chunks])
    return Audio(samples, first.sample_rate, first.source, first.start_s)


@contextlib.contextmanager
def _undithered(model_folder: Path) -> Iterator[Path]:
    """Lend the model, linked into a temporary folder, with dithering switched off."""
    features = (model_folder / "conf/mfcc.conf").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="recognizer-vosk-") as temporary:
        copy = Path(temporary)
        for entry in model_folder.iterdir():
            if entry.name != "conf":
                (copy / entry.name).symlink_to(entry.absolute())
        shutil.copytree(model_folder / "conf", copy / "conf", copy_function=shutil.copyfile)
        (copy / "conf/mfcc.conf").write_text(features + "\n--dither=0\n", encoding="utf-8")
        yield copy


def _accept(recogniser: vosk.KaldiRecognizer, pcm: bytes) -> bool:
    """Decode further; True: the end of an utterance was heard."""
    try:
        return bool(recogniser.AcceptWaveform(pcm))
    except Exception as problem:  # the library raises bare Exceptions
        raise EngineError(f"vosk: the decoder failed: {problem}") from problem


def to_pcm(audio: Audio) -> bytes:
    """Return the samples as 16-bit little-endian integers with the noise Kaldi would add."""
    noise = np.random.default_rng(0).standard_normal(len(audio.samples), np.float32)
    steps = np.nan_to_num(audio.samples) * 32767 + noise
    pcm: npt.NDArray[np.int16] = np.clip(steps, -32768, 32767).astype("<i2")
    return pcm.tobytes()


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _transcript(
    engine: VoskEngine, found: Sequence[dict[str, Any]], start_s: float, duration_s: float
) -> Transcript:
    words = [
        _word(entry, start_s, duration_s)
        for entry in sorted(found, key=lambda entry: float(entry["start"]))
    ]
    confidences = [word.confidence for word in words if word.confidence is not None]
    return Transcript(
        " ".join(word.text for word in words),
        tuple(words),
        engine.language,
        engine.name,
        engine.model,
        statistics.fmean(confidences) if confidences else None,
    )


def _word(entry: dict[str, Any], offset_s: float, duration_s: float) -> Word:
    """Return a word of Kaldi's; its frames of 30 ms may end a little after the sound."""
    start_s = min(float(entry["start"]), duration_s)
    end_s = min(max(float(entry["end"]), start_s), duration_s)
    confidence = min(max(float(entry["conf"]), 0.0), 1.0)
    text = _UNKNOWN if entry["word"] in _UNKNOWN_WORDS else str(entry["word"])
    return Word(text, round(offset_s + start_s, 3), round(offset_s + end_s, 3), confidence)
