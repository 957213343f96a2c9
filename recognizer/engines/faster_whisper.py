"""Whisper through CTranslate2, with the spectrogram and the tokenizer of faster-whisper.

What differs from ``WhisperModel.transcribe``: the encoder hears a window that fits the speech
instead of 30 s (cost falls with the window, the text does not change), the encoded sound is
kept, and any wording can be scored against it.

Source of the scoring: ``ctranslate2.models.Whisper.align`` returns the probability of every
forced text token, normalised over text tokens only, without the end of text.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from tokenizers import Tokenizer as TokenizerFile

from recognizer.base.errors import EngineError, ModelFileError
from recognizer.base.threads import computed_alike
from recognizer.engines.base import ENGINE_SAMPLE_RATE, MAX_UTTERANCE_S, Utterance
from recognizer.engines.whisper_vocabulary import Vocabulary, without_other_writings
from recognizer.model import AcousticScore, Audio, Transcript, Word

__all__ = ["WhisperEngine", "WhisperUtterance"]

_FRAMES_PER_S = 100  # mel frames
_MARGIN_S = 1.0  # silence after the speech: without it the last word is often cut
_MIN_WINDOW_S = 4.0  # shorter encoder windows were reported to harm
_MAX_TOKENS_PER_S = 12  # fast Russian speech is about 9 tokens a second
_MAX_REST_TOKENS = 24  # enough to tell that more is said
_FORCED_PROCESSOR = "CT2_FORCE_CPU_ISA"
_DECODE_BATCH = 8  # more gains little and delays the first result
# A syllable five times running, or a sentence three times: the decoder is caught in a loop. Twice
# is how carriers repeat an announcement.
_LOOPS = (
    re.compile(r"(.{1,24}?)\1{4,}", re.DOTALL),
    re.compile(r"(.{12,120}?)(?:\W+\1){2,}\W*\w*$", re.DOTALL),
)


class WhisperEngine:
    """A Whisper model held in memory, int8 on the CPU.

    Parameters
    ----------
    model_folder : Path
        CTranslate2 files: model.bin, config.json, tokenizer.json, vocabulary.*.
    threads : int
        CPU threads of one call.
    language : str
        ISO 639-1.

    Raises
    ------
    EngineError
        If the folder does not hold a usable model.
    """

    name = "whisper"

    def __init__(self, model_folder: Path, *, threads: int = 1, language: str = "ru") -> None:
        self.model = model_folder.name
        self.language = language
        try:
            tokenizer = TokenizerFile.from_file(str(model_folder / "tokenizer.json"))
            files, vocabulary = without_other_writings(model_folder, tokenizer)
            self._model = ctranslate2.models.Whisper(
                str(model_folder),
                device="cpu",
                compute_type="int8",
                intra_threads=threads,
                files=files,
            )
            self._tokenizer = Tokenizer(
                tokenizer, multilingual=True, task="transcribe", language=language
            )
        except Exception as problem:  # CTranslate2 and tokenizers raise bare Exceptions
            raise _load_error(model_folder, problem) from problem
        self._decoder = _Decoder(self._model, self._tokenizer, vocabulary)
        self._features = FeatureExtractor(feature_size=self._model.n_mels)

    def listen(self, audio: Audio) -> WhisperUtterance:
        """Encode an utterance; decoding waits until it is asked for."""
        if audio.sample_rate != ENGINE_SAMPLE_RATE:
            raise EngineError(
                f"{audio.source}: expected {ENGINE_SAMPLE_RATE} Hz, got {audio.sample_rate} Hz"
            )
        if not 0.0 < audio.duration_s <= MAX_UTTERANCE_S + 0.5:
            raise EngineError(
                f"{audio.source}: expected 0 to {MAX_UTTERANCE_S} s of speech at once, "
                f"got {audio.duration_s:.2f} s"
            )
        window_s = min(30.0, max(_MIN_WINDOW_S, math.ceil(audio.duration_s + _MARGIN_S)))
        padded = np.zeros(round(window_s * ENGINE_SAMPLE_RATE), np.float32)
        padded[: len(audio.samples)] = audio.samples
        with computed_alike():
            mel = self._features(padded, padding=0)[:, : round(window_s * _FRAMES_PER_S)]
        encoded = self._model.encode(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None], np.float32))
        )
        return WhisperUtterance(self._decoder, encoded, audio, self.model)

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        """Decode several utterances at once, those of one encoder window together.

        Each step of the decoder reads all its weights, for one text as for eight: twelve utterances
        took 5.2 s one by one, 2.3 s by four (see benchmarks/README.md). Windows are not mixed:
        padding one to another's length would change what is heard in it.
        """
        by_window: dict[int, list[WhisperUtterance]] = {}
        for utterance in utterances:
            if isinstance(utterance, WhisperUtterance) and not utterance.is_decoded:
                by_window.setdefault(utterance.n_encoded, []).append(utterance)
        for alike in by_window.values():
            for first in range(0, len(alike), _DECODE_BATCH):
                self._transcribe_alike(alike[first : first + _DECODE_BATCH])

    def _transcribe_alike(self, utterances: Sequence[WhisperUtterance]) -> None:
        encoded = np.concatenate([np.array(utterance.encoded) for utterance in utterances])
        try:
            found = self._decoder.generate(ctranslate2.StorageView.from_array(encoded))
        except RuntimeError as problem:
            raise EngineError(f"Whisper could not decode: {problem}") from problem
        for utterance, generated in zip(utterances, found, strict=True):
            utterance.take_decoded(generated)


def _load_error(model_folder: Path, problem: Exception) -> EngineError:
    """Return what to say: the library refuses a forced processor only when a model is loaded."""
    forced = os.environ.get(_FORCED_PROCESSOR)
    if forced and "CPU" in str(problem) and forced in str(problem):
        return EngineError(
            f"environment variable {_FORCED_PROCESSOR}={forced}: {problem}; correct it or unset it"
        )
    return ModelFileError(f"{model_folder}: expected a Whisper model for CTranslate2: {problem}")


class _Generated(NamedTuple):
    """Text tokens, and the mean natural logarithm of their probabilities."""

    tokens: list[int]
    score: float


class _Decoder:
    """The decoder's half of a model, with the tokens it starts from."""

    def __init__(
        self, model: ctranslate2.models.Whisper, tokenizer: Tokenizer, vocabulary: Vocabulary
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        return self.vocabulary.spelt(self.tokenizer.encode(" " + text.strip()))

    def align(self, encoded: ctranslate2.StorageView, tokens: Sequence[int], n_frames: int) -> Any:
        """Return CTranslate2's alignment of a text with the sound: probabilities of its tokens.

        Raises
        ------
        RuntimeError
            From CTranslate2.
        """
        start, text = map(self.vocabulary.places, (self.tokenizer.sot_sequence, tokens))
        return self.model.align(encoded, start, [text], [n_frames])[0]

    def generate(
        self,
        encoded: ctranslate2.StorageView,
        first: Sequence[int] = (),
        *,
        limit: int | None = None,
    ) -> list[_Generated]:
        """Decode greedily, each utterance of a batch by itself.

        Parameters
        ----------
        encoded : StorageView
            Shape (n_utterances, n_encoded, n_features).
        first : sequence of int
            Text tokens that are given.
        limit : int or None
            Tokens added to them at most; None: as many as can be spoken in the window.

        Raises
        ------
        RuntimeError
            From CTranslate2.
        """
        n_utterances, n_encoded = encoded.shape[:2]
        if limit is None:
            limit = round(n_encoded * 2 / _FRAMES_PER_S * _MAX_TOKENS_PER_S)
        start = [*self.tokenizer.sot_sequence, self.tokenizer.no_timestamps, *first]
        results = self.model.generate(
            encoded,
            [self.vocabulary.places(start)] * n_utterances,
            beam_size=1,
            max_length=min(448, len(start) + limit),
            return_scores=True,
            suppress_blank=not first,
        )
        return [
            _Generated(
                [
                    token
                    for token in self.vocabulary.tokens(result.sequences_ids[0])
                    if token < self.tokenizer.eot
                ],
                float(result.scores[0]),
            )
            for result in results
        ]


class WhisperUtterance:
    """An encoded utterance."""

    def __init__(
        self,
        decoder: _Decoder,
        encoded: ctranslate2.StorageView,
        audio: Audio,
        model_name: str,
    ) -> None:
        self._decoder = decoder
        self._tokenizer = decoder.tokenizer
        self._audio = audio
        self._model_name = model_name
        self._scores: dict[str, AcousticScore] = {}
        self._decoded: _Generated | None = None
        self.encoded = encoded

    @property
    def n_encoded(self) -> int:
        """Length of the encoder's output, 50 a second of the window."""
        return int(self.encoded.shape[1])

    @property
    def is_decoded(self) -> bool:
        """Whether the free decoding is done."""
        return self._decoded is not None

    @cached_property
    def transcript(self) -> Transcript:
        """What was heard without any hint."""
        if self._decoded is None:
            self._decoded = self._generate([])
        text = self._tokenizer.decode(self._decoded.tokens).strip()
        plain = _without_loops(text)
        tokens = self._decoded.tokens if plain == text else self._decoder.encode(plain)
        return Transcript(
            text=plain,
            words=self._words(tokens, plain) if plain else (),
            language=str(self._tokenizer.language_code),
            engine=WhisperEngine.name,
            model=self._model_name,
            confidence=math.exp(min(0.0, self._decoded.score)),
        )

    def take_decoded(self, decoded: _Generated) -> None:
        """Take the free decoding that was made together with others'."""
        self._decoded = decoded

    def rest_after(self, text: str) -> str:
        """Return what the decoder adds to a text before it ends: `score` knows no end of text."""
        # After a full stop the decoder believes that all was said.
        first = self._decoder.encode(text.strip().rstrip(".,!?…"))
        result = self._generate(first, limit=_MAX_REST_TOKENS)
        rest = _without_loops(self._tokenizer.decode(result.tokens[len(first) :]).strip())
        return rest if any(c.isalnum() for c in rest) else ""

    def language_probability(self, language: str) -> float:
        """Return how probable it is that `language` (ISO 639-1) is spoken here, 0-1."""
        found = dict(self._decoder.model.detect_language(self.encoded)[0])
        return float(found.get(f"<|{language}|>", 0.0))

    def find(self, wordings: Sequence[str]) -> tuple[float, ...] | None:  # noqa: ARG002
        """Return None: a decoder reads from the beginning."""
        return None

    def score(self, wordings: Sequence[str]) -> tuple[AcousticScore, ...]:
        """Return the log-probability of each wording over the whole utterance; see base."""
        for text in wordings:
            if text not in self._scores:
                # One by one: several at once take as long, and half a gigabyte more.
                tokens = self._decoder.encode(text)
                self._remember(text, tokens, self._align(tokens))
        return tuple(self._scores[text] for text in wordings)

    def _remember(self, text: str, tokens: Sequence[int], alignment: Any) -> None:
        logprobs = tuple(math.log(max(float(p), 1e-10)) for p in alignment.text_token_probs)
        words: list[float] = []
        for token, logprob in zip(tokens, logprobs, strict=True):
            # A byte-pair token with a space in front begins a word.
            if not words or self._tokenizer.tokenizer.id_to_token(token).startswith("Ġ"):
                words.append(0.0)
            words[-1] += logprob
        self._scores[text] = AcousticScore(text, math.fsum(logprobs), logprobs, tuple(words))

    def _align(self, tokens: list[int]) -> Any:
        n_frames = round(self._audio.duration_s * _FRAMES_PER_S)
        try:
            return self._decoder.align(self.encoded, tokens, n_frames)
        except RuntimeError as problem:
            raise EngineError(f"{self._audio.source}: Whisper could not align: {problem}") from (
                problem
            )

    def _generate(self, first: Sequence[int], *, limit: int | None = None) -> _Generated:
        try:
            return self._decoder.generate(self.encoded, first, limit=limit)[0]
        except RuntimeError as problem:
            raise EngineError(f"{self._audio.source}: Whisper could not decode: {problem}") from (
                problem
            )

    def _words(self, tokens: list[int], text: str) -> tuple[Word, ...]:
        alignment = self._align(tokens)
        self._remember(text, tokens, alignment)
        probabilities = np.array(alignment.text_token_probs[: len(tokens)], np.float64)
        starts = _token_starts_s(alignment.alignments, len(tokens))
        offset_s, end_s = self._audio.start_s, self._audio.duration_s
        words = []
        first = 0
        texts, groups = self._tokenizer.split_to_word_tokens([*tokens, self._tokenizer.eot])
        for piece, group in zip(texts, groups, strict=True):
            last = first + len(group)
            spoken = piece.strip()
            if spoken and first < len(tokens):
                start = min(starts[first], end_s)
                end = min(max(starts[min(last, len(tokens))], start), end_s)
                words.append(
                    Word(
                        spoken,
                        round(float(offset_s + start), 2),
                        round(float(offset_s + end), 2),
                        float(np.mean(probabilities[first:last])),
                    )
                )
            first = last
        return _merge_punctuation(words)


def _without_loops(text: str) -> str:
    for loop in _LOOPS:
        text = loop.sub(r"\1", text).strip()
    return text


def _token_starts_s(
    alignments: Sequence[tuple[int, int]], n_tokens: int
) -> npt.NDArray[np.float64]:
    """Return when each token starts, seconds, and one more entry: the end of the last."""
    starts = np.zeros(n_tokens + 1)
    seen = np.zeros(n_tokens + 1, bool)
    for token, frame in alignments:
        if token <= n_tokens and not seen[token]:
            starts[token] = frame * 2 / _FRAMES_PER_S
            seen[token] = True
    if not seen[n_tokens] and alignments:
        starts[n_tokens] = (alignments[-1][1] + 1) * 2 / _FRAMES_PER_S
    return np.maximum.accumulate(starts)


def _merge_punctuation(words: Sequence[Word]) -> tuple[Word, ...]:
    """Attach marks that stand alone to the word before them."""
    merged: list[Word] = []
    for word in words:
        if merged and not any(c.isalnum() for c in word.text):
            last = merged.pop()
            word = Word(last.text + word.text, last.start_s, last.end_s, last.confidence)  # noqa: PLW2901
        merged.append(word)
    return tuple(merged)
