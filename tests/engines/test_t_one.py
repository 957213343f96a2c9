"""T-one by a stand-in of its contract: what is special to it; the rest is in test_engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx_stand_ins import RUSSIAN, write_t_one

from recognizer.base.errors import EngineError
from recognizer.engines.base import ENGINE_SAMPLE_RATE, StreamingEngine
from recognizer.engines.ctc_utterance import CtcUtterance
from recognizer.engines.t_one import TOneEngine
from recognizer.model import Audio

SENTENCE = "номер временно заблокирован"
START_S = 7.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "t-one-stand-in"
    write_t_one(folder, SENTENCE)
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> TOneEngine:
    return TOneEngine(folder)


def sound(duration_s: float) -> Audio:
    noise = np.random.default_rng(1).normal(size=round(duration_s * ENGINE_SAMPLE_RATE)) * 0.1
    return Audio(noise.astype(np.float32), ENGINE_SAMPLE_RATE, "a.wav", START_S)


def in_pieces(audio: Audio, piece_s: float) -> Iterator[Audio]:
    start_s = audio.start_s
    while start_s < audio.start_s + audio.duration_s:
        piece = audio.slice(start_s, start_s + piece_s)
        if len(piece.samples):
            yield piece
        start_s += piece_s


@pytest.mark.parametrize("piece_s", [0.01, 0.1, 0.3, 1.7])
def test_sound_that_comes_in_pieces_is_heard_as_sound_at_once(
    engine: TOneEngine, piece_s: float
) -> None:
    audio = sound(3.0)
    stream = engine.stream()
    for piece in in_pieces(audio, piece_s):
        stream.push(piece)
    in_time, at_once = stream.finish(), engine.listen(audio)
    assert in_time.transcript == at_once.transcript
    assert in_time.transcript.text == SENTENCE
    assert in_time.score([SENTENCE]) == at_once.score([SENTENCE])


def test_pieces_torn_anywhere_are_heard_as_sound_at_once(engine: TOneEngine) -> None:
    audio = sound(2.5)
    cuts = np.random.default_rng(7).integers(1, len(audio.samples), 40).tolist()
    stream = engine.stream()
    for first, last in pairwise(sorted({0, *cuts, 1, 2, 3, len(audio.samples)})):
        stream.push(replace(audio, samples=audio.samples[first:last]))
        stream.so_far()  # asking changes nothing
    in_time, at_once = stream.finish(), engine.listen(audio)
    assert isinstance(in_time, CtcUtterance)
    assert isinstance(at_once, CtcUtterance)
    assert in_time.transcript == at_once.transcript
    assert np.array_equal(in_time.logprobs, at_once.logprobs)
    louder = engine.listen(replace(audio, samples=audio.samples * 2))
    assert isinstance(louder, CtcUtterance)
    assert not np.array_equal(louder.logprobs, at_once.logprobs)


@pytest.mark.parametrize("until_s", [0.01, 0.6, 1.31, 2.5])
def test_what_was_heard_so_far_is_what_a_recording_of_it_would_say(
    engine: TOneEngine, until_s: float
) -> None:
    audio = sound(3.0)
    stream = engine.stream()
    for piece in in_pieces(audio.slice(START_S, START_S + until_s), 0.25):
        stream.push(piece)
    heard, recording = stream.so_far(), engine.listen(audio.slice(START_S, START_S + until_s))
    assert heard.transcript == recording.transcript
    assert heard.score([SENTENCE]) == recording.score([SENTENCE])


def test_an_utterance_that_was_never_begun_says_nothing(engine: TOneEngine) -> None:
    stream = engine.stream()
    assert stream.partial == "" == stream.so_far().transcript.text
    assert stream.finish().transcript.text == ""


def test_two_utterances_know_nothing_of_each_other(engine: TOneEngine) -> None:
    one, other = engine.stream(), engine.stream()
    for piece in in_pieces(sound(3.0), 0.3):
        one.push(piece)
        other.push(piece)
    assert one.finish().transcript == other.finish().transcript
    assert one.finish().transcript.text == SENTENCE  # as one whose state were shared would not be


def test_what_was_said_so_far_is_known_while_it_is_said(engine: TOneEngine) -> None:
    stream = engine.stream()
    assert isinstance(engine, StreamingEngine)
    partials = []
    for piece in in_pieces(sound(3.0), 0.3):
        stream.push(piece)
        partials.append(stream.partial)
    assert partials[0] == ""
    assert all(SENTENCE.startswith(partial) for partial in partials)
    assert partials == sorted(partials, key=len)
    # Letters lag by 0.33 s and the chunk they are in.
    assert partials[4].startswith("номер")
    assert stream.finish().transcript.text == SENTENCE == stream.partial
    with pytest.raises(EngineError, match=r"a\.wav: the utterance is finished"):
        stream.push(sound(0.3))


def test_words_lie_where_they_were_said(engine: TOneEngine) -> None:
    words = engine.listen(sound(3.0)).transcript.words
    # The stand-in says a letter every 90 ms from 0.2 s on.
    for word in words:
        said_s = START_S + 0.2 + 0.09 * SENTENCE.index(word.text)
        assert word.start_s == pytest.approx(said_s, abs=0.03)
        assert word.end_s == pytest.approx(said_s + 0.09 * (len(word.text) - 1), abs=0.06)


@pytest.mark.parametrize("cut_s", [0.31, 0.59, 0.6, 0.61, 0.9])
def test_the_last_letter_comes_out_wherever_the_sound_ends(tmp_path: Path, cut_s: float) -> None:
    write_t_one(tmp_path / "short", "да", first_s=cut_s - 0.12)
    transcript = TOneEngine(tmp_path / "short").listen(sound(cut_s)).transcript
    assert transcript.text == "да"
    assert transcript.words[-1].end_s <= START_S + cut_s


def test_wordings_part_where_they_differ(engine: TOneEngine) -> None:
    heard = engine.listen(sound(3.0))
    temporarily, blocked, other = heard.score(
        ["Номер временно заблокирован.", "Номер заблокирован.", "Абонент занят."]
    )
    assert temporarily.total_logprob > blocked.total_logprob + 20
    assert blocked.total_logprob > other.total_logprob
    # The beginning is the same; what parts them is the word that follows it.
    assert temporarily.word_logprobs[0] == pytest.approx(blocked.word_logprobs[0])
    assert blocked.word_logprobs[1] < temporarily.word_logprobs[1] - 10
    assert sum(blocked.token_logprobs) == pytest.approx(blocked.total_logprob)
    assert blocked.token_logprobs[:-1] == blocked.word_logprobs


def test_a_wording_is_found_among_other_words(engine: TOneEngine) -> None:
    heard = engine.listen(sound(3.0))
    assert isinstance(heard, CtcUtterance)
    inside, skipping, part_of_a_word = heard.find(
        ["временно заблокирован", "номер заблокирован", "блокирован"]
    )
    assert inside > -1.0
    assert skipping < -20.0
    assert part_of_a_word < -7.0  # a space would have had to be said


def test_a_word_that_cannot_be_spelt_counts_as_not_said(engine: TOneEngine) -> None:
    heard = engine.listen(sound(3.0))
    plain, foreign, nothing = heard.score([SENTENCE, f"МТС2 {SENTENCE}", "—"])
    assert foreign.total_logprob == pytest.approx(plain.total_logprob - 8.0)
    assert foreign.word_logprobs[0] == -8.0
    assert nothing.word_logprobs == (0.0,)
    assert nothing.token_logprobs[-1] == pytest.approx(nothing.total_logprob)


def test_that_nothing_follows_is_a_token_of_its_own(engine: TOneEngine) -> None:
    heard = engine.listen(sound(3.0))
    early, whole = heard.score(["номер временно", SENTENCE])
    assert early.token_logprobs[-1] < -20.0
    assert whole.token_logprobs[-1] > -2.0
    assert early.end_logprob == early.token_logprobs[-1]
    assert early.word_logprobs[0] == pytest.approx(whole.word_logprobs[0])
    # Whole, a word is said with the space that ends it; of a last word that is not known.
    assert early.word_logprobs[1] > whole.word_logprobs[1] > -1.0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param(
            {"state_size": 100}, r"input 'state': expected float16 \[any, 219729\]", id="state"
        ),
        pytest.param(
            {"signal_type": TensorProto.INT64}, r"input 'signal': expected int32", id="signal"
        ),
    ],
)
def test_another_graph_is_refused_by_what_differs(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    path = write_t_one(tmp_path / "odd", SENTENCE, **changed)
    with pytest.raises(EngineError, match=message) as refusal:
        TOneEngine(path.parent)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("content", [None, b"", b"not a graph"])
def test_a_missing_or_damaged_file_is_one_clear_error(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(EngineError, match=r"model\.onnx: expected an ONNX graph"):
        TOneEngine(tmp_path)


@pytest.mark.parametrize(
    ("version", "is_bad"),
    [("1.24.1", True), ("1.24.10", False), ("1.25.3", True), ("1.26.0", True), ("1.26.1", False)],
)
def test_a_version_of_onnxruntime_known_as_bad_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_bad: bool
) -> None:
    monkeypatch.setattr("onnxruntime.__version__", version)
    if is_bad:
        with pytest.raises(EngineError, match=r"pip install --upgrade onnxruntime"):
            TOneEngine(folder)
    else:
        TOneEngine(folder)


def test_sound_with_holes_and_beyond_full_scale_is_survived(engine: TOneEngine) -> None:
    samples = sound(1.0).samples.copy()
    samples[100:200], samples[300:400], samples[500:600] = np.nan, np.inf, -50.0
    audio = replace(sound(1.0), samples=samples)
    assert engine.listen(audio).transcript.engine == "t-one"


def test_a_public_runner_of_the_same_graph_reads_the_same(folder: Path) -> None:
    onnx_asr = pytest.importorskip("onnx_asr")
    (folder / "config.json").write_text(
        json.dumps(
            {
                "model_type": "t-one-ctc",
                "decoder_params": {"vocabulary": [*RUSSIAN, " "]},
                "encoder_params": {"reduction_kernel_size": 3},
                "pad_token_id": 34,
            }
        )
    )
    theirs = onnx_asr.load_model("t-one-ctc", folder)
    said = sound(3.0).samples[::2]
    assert theirs.recognize(said, sample_rate=8_000) == SENTENCE
