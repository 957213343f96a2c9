"""The forward sum on a real CTC model: English phonemes, as no Russian weights can be had here.

The package hama 1.3.13 (Apache-2.0) carries an ONNX graph that gives log-probabilities of 189
phonemes, a word boundary and a blank every 20 ms, and a model that spells words in them.
"""

from __future__ import annotations

import io
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from recognizer.engines.ctc import Alphabet, LogProbs, PrefixTree, TokenIds, normalized
from recognizer.engines.ctc_decoding import align, best_text, decode_greedily
from recognizer.engines.onnx_sessions import OnnxGraph, Tensor

hama = pytest.importorskip("hama")
pytestmark = pytest.mark.model

FRAME_S = 0.02
# Each differs from the next by one word, as «временно» parts the pair that matters most.
PAIRS = [
    ("the subscriber is temporarily blocked", "the subscriber is blocked"),
    ("the number you have dialed is not in service", "the number you have dialed is in service"),
    ("the phone is switched off", "the phone is switched on"),
    ("please call back later", "please call later"),
]
VOICES = ["en-us -s 140", "en-gb -s 150 -p 40", "en-us+f3 -s 130"]


class Phonemes:
    """The real model with its own spelling of words."""

    def __init__(self) -> None:
        self._spell = hama.G2PModel()
        tokens = [*self._spell.vocab.decoder, "<wb>", "<blank>"]
        self.alphabet = Alphabet(tuple(tokens), blank=len(tokens) - 1, space=len(tokens) - 2)
        self._ids = {token: n for n, token in enumerate(tokens)}
        self._graph = OnnxGraph(
            Path(hama.__file__).parent / "assets/asr_waveform_fp16.onnx",
            inputs={
                "waveform": Tensor("float", (None, None)),
                "waveform_lengths": Tensor("int64", (None,)),
            },
            outputs={
                "log_probs": Tensor("float", (None, None, len(tokens))),
                "out_lengths": Tensor("int64", (None,)),
            },
        )

    def spelt(self, text: str) -> TokenIds:
        words = [[self._ids[a.phoneme] for a in self._alignments(word)] for word in text.split()]
        joined = [token for word in words for token in (self.alphabet.space, *word)]
        return tuple(joined[1:])

    def _alignments(self, word: str) -> Any:
        return self._spell.predict(word).alignments

    def listen(self, samples: np.ndarray[Any, np.dtype[np.float32]]) -> LogProbs:
        lengths = np.array([len(samples)], np.int64)
        found = self._graph.run({"waveform": samples[None], "waveform_lengths": lengths})
        return normalized(found["log_probs"][0, : int(found["out_lengths"][0])], "spoken")


@pytest.fixture(scope="module")
def phonemes() -> Phonemes:
    return Phonemes()


@cache
def spoken(text: str, voice: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    import soxr

    command = ["espeak-ng", "--stdout", "-v", *voice.split(), text]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    return np.asarray(soxr.resample(samples, rate, 16_000), np.float32)


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: str(pair[1]))
def test_of_two_wordings_that_differ_by_a_word_the_spoken_one_is_the_more_probable(
    phonemes: Phonemes, pair: tuple[str, str], voice: str
) -> None:
    every = [text for each in PAIRS for text in each]
    tree = PrefixTree([phonemes.spelt(text) for text in every], phonemes.alphabet)
    for said in pair:
        scores = tree.score(phonemes.listen(spoken(said, voice)))
        ranked = sorted(zip(scores, every, strict=True), key=lambda each: -each[0].total)
        assert ranked[0][1] == said


def test_a_wording_is_found_between_other_words(phonemes: Phonemes) -> None:
    logprobs = phonemes.listen(spoken(PAIRS[0][0], VOICES[0]))
    tree = PrefixTree(
        [phonemes.spelt(text) for text in ("temporarily blocked", "is blocked", "in service")],
        phonemes.alphabet,
    )
    temporarily, without, other = tree.find(logprobs)
    assert temporarily > without + 5.0
    assert without > other


def test_what_is_heard_is_as_probable_as_anything_that_was_said(phonemes: Phonemes) -> None:
    said = PAIRS[1][0]
    logprobs = phonemes.listen(spoken(said, VOICES[0]))
    heard = best_text(logprobs, phonemes.alphabet)
    texts = [heard, decode_greedily(logprobs, phonemes.alphabet), phonemes.spelt(said)]
    best, greedy, wording = PrefixTree(texts, phonemes.alphabet).score(logprobs)
    assert best.total >= max(greedy.total, wording.total)
    assert best.total == pytest.approx(sum(best.tokens), abs=5.0)


def test_that_nothing_follows_what_was_heard_is_more_probable_than_not(phonemes: Phonemes) -> None:
    # A mark with an engine that nobody fitted asks for it: seldom in vain.
    ends = []
    for said in dict.fromkeys(text for pair in PAIRS for text in pair):
        for voice in VOICES:
            logprobs = phonemes.listen(np.pad(spoken(said, voice), (0, 16_000)))
            heard = best_text(logprobs, phonemes.alphabet)
            (score,) = PrefixTree([heard], phonemes.alphabet).score(logprobs)
            ends.append(score.total - sum(score.tokens))
    assert np.mean(np.exp(ends) > 0.5) >= 0.9


def test_words_are_placed_in_order_within_the_sound(phonemes: Phonemes) -> None:
    samples = spoken(PAIRS[0][0], VOICES[0])
    logprobs = phonemes.listen(samples)
    tokens = phonemes.spelt(PAIRS[0][0])
    spans = align(logprobs, tokens, phonemes.alphabet)
    starts = [first for first, _ in spans]
    assert starts == sorted(starts)
    assert spans[-1][1] * FRAME_S <= len(samples) / 16_000 + FRAME_S
    # «Temporarily» is the longest word and takes the longest.
    words: list[list[tuple[int, int]]] = [[]]
    for token, span in zip(tokens, spans, strict=True):
        if token == phonemes.alphabet.space:
            words.append([])
        else:
            words[-1].append(span)
    lengths = [word[-1][1] - word[0][0] for word in words]
    assert lengths.index(max(lengths)) == 3
