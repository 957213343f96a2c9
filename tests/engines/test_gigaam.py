"""GigaAM v3: its features against a second implementation, its contract by a stand-in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_stand_ins import GIGAAM_TOKENS, write_gigaam

from recognizer.audio import read_audio
from recognizer.base.errors import EngineError
from recognizer.engines.base import ENGINE_SAMPLE_RATE
from recognizer.engines.gigaam import GigaAmEngine, log_mel
from recognizer.model import Audio, Samples

SENTENCE = "абонент временно недоступен"
START_S = 7.5
SPEECH = Path(__file__).parents[1] / "data/engines/ru-number-does-not-exist.wav"


def sound(duration_s: float) -> Audio:
    noise = np.random.default_rng(1).normal(size=round(duration_s * ENGINE_SAMPLE_RATE)) * 0.1
    return Audio(noise.astype(np.float32), ENGINE_SAMPLE_RATE, "a.wav", START_S)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(read_audio(SPEECH, sample_rate=ENGINE_SAMPLE_RATE).samples, id="speech"),
        pytest.param(sound(1.0).samples, id="noise"),
        pytest.param(np.zeros(4_000, np.float32), id="silence"),
        pytest.param(np.ones(320, np.float32), id="one window"),
        pytest.param(sound(1.0).samples[:479], id="a sample less than two windows"),
    ],
)
def test_features_are_those_of_a_second_implementation(samples: Samples) -> None:
    numpy_preprocessor = pytest.importorskip("onnx_asr.preprocessors.numpy_preprocessor")
    theirs = numpy_preprocessor.GigaamPreprocessorNumpy("gigaam_v3")
    (expected,), (n_expected,) = theirs(samples[None], np.array([len(samples)]))
    found = log_mel(samples)
    assert found.dtype == np.float32
    assert found.shape == (64, n_expected)
    assert found == pytest.approx(expected[:, :n_expected], abs=1e-4)


def test_a_pure_tone_is_loudest_in_the_filter_around_it() -> None:
    t = np.arange(ENGINE_SAMPLE_RATE) / ENGINE_SAMPLE_RATE
    features = log_mel(np.sin(2 * np.pi * 1_000 * t).astype(np.float32))
    # HTK: 1 kHz is 1000 mel of 2840; 65 steps of 43.7 mel make the 22nd filter its own.
    assert (features.argmax(axis=0) == 22).all()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> GigaAmEngine:
    folder = tmp_path_factory.mktemp("models") / "gigaam-stand-in"
    write_gigaam(folder, SENTENCE)
    return GigaAmEngine(folder)


def test_words_lie_where_they_were_said(engine: GigaAmEngine) -> None:
    transcript = engine.listen(sound(3.0)).transcript
    assert transcript.text == SENTENCE
    # The stand-in says a letter every 80 ms from 0.2 s on.
    for word in transcript.words:
        said_s = START_S + 0.2 + 0.08 * SENTENCE.index(word.text)
        assert word.start_s == pytest.approx(said_s, abs=0.001)
        assert word.end_s == pytest.approx(said_s + 0.08 * (len(word.text) - 1) + 0.04, abs=0.001)


def test_frames_of_padding_are_not_heard(tmp_path: Path) -> None:
    # One second is 99 features, 25 frames; the 26th, padding, is where the stand-in goes on.
    write_gigaam(tmp_path / "cut", "да нет", first_s=22 * 0.04)
    assert GigaAmEngine(tmp_path / "cut").listen(sound(1.0)).transcript.text == "да"


def test_yo_is_heard_as_ye(engine: GigaAmEngine) -> None:
    heard = engine.listen(sound(3.0))
    dotted, plain = heard.score(["абонёнт врёменно недоступен", SENTENCE])
    assert dotted.total_logprob == plain.total_logprob


def test_the_variant_that_spells_with_pieces_of_words_is_refused(tmp_path: Path) -> None:
    write_gigaam(tmp_path, SENTENCE)
    (tmp_path / "v3_vocab.txt").write_text("▁ 0\n▁номер 1\n<blk> 2\n", encoding="utf-8")
    with pytest.raises(EngineError, match=r"v3_vocab\.txt, line 2: .* e2e variant"):
        GigaAmEngine(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("▁ 0\nа 2\n<blk> 3\n", "without a gap", id="gap"),
        pytest.param("а 0\n<blk> 1\n", "without a gap, with ▁", id="no space"),
        pytest.param("▁ 0\nа b\n", "line 2: expected a letter", id="no number"),
        pytest.param("", "without a gap", id="empty"),
        pytest.param(None, "expected GigaAM's vocabulary", id="missing"),
        pytest.param(
            "▁ 0\nа 1\nб 1\n<blk> 2\n", "line 3: 'б 1': is there twice", id="number twice"
        ),
        pytest.param(
            "▁ 0\nа 1\nа 2\n<blk> 3\n", "line 3: 'а 2': is there twice", id="letter twice"
        ),
        pytest.param("▁ 0\na 1\nb 2\n<blk> 3\n", "of Russian, found none of: абв", id="English"),
    ],
)
def test_a_wrong_vocabulary_is_refused_by_line(
    tmp_path: Path, content: str | None, message: str
) -> None:
    write_gigaam(tmp_path, SENTENCE)
    path = tmp_path / "v3_vocab.txt"
    path.unlink()
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(EngineError, match=message):
        GigaAmEngine(tmp_path)


@pytest.mark.parametrize(
    ("n_mels", "message"),
    [
        pytest.param(80, r"input 'features': expected float \[any, 64, any\]", id="mels"),
        pytest.param(
            64, r"\[any, any, 35\], .*34\] \(v3_vocab\.txt beside it has 35", id="letters"
        ),
    ],
)
def test_another_graph_is_refused_by_what_differs(
    tmp_path: Path, n_mels: int, message: str
) -> None:
    write_gigaam(tmp_path, SENTENCE, n_mels=n_mels)
    if n_mels == 64:
        with (tmp_path / "v3_vocab.txt").open("a", encoding="utf-8") as vocabulary:
            vocabulary.write("ё 34\n")
    with pytest.raises(EngineError, match=message):
        GigaAmEngine(tmp_path)


def test_the_full_graph_serves_where_the_small_one_is_not(tmp_path: Path) -> None:
    small = write_gigaam(tmp_path, SENTENCE)
    small.rename(tmp_path / "v3_ctc.onnx")
    assert GigaAmEngine(tmp_path).listen(sound(3.0)).transcript.text == SENTENCE


def test_a_public_runner_of_the_same_graph_reads_the_same(tmp_path: Path) -> None:
    onnx_asr = pytest.importorskip("onnx_asr")
    write_gigaam(tmp_path, SENTENCE)
    (tmp_path / "config.json").write_text('{"model_type": "gigaam-v3-ctc", "version": "v3"}')
    theirs = onnx_asr.load_model("gigaam-v3-ctc", tmp_path, quantization="int8")
    found = theirs.recognize(sound(3.0).samples, sample_rate=ENGINE_SAMPLE_RATE)
    assert found == SENTENCE == GIGAAM_TOKENS[0].join(SENTENCE.split())
