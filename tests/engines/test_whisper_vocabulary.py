"""Whisper's decoder without the writings no Russian announcement has: what stays the same."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from phrase_lists import shipped_book
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from recognizer.audio import read_audio
from recognizer.base.errors import ModelFileError
from recognizer.base.settings import load_settings
from recognizer.engines import faster_whisper, load_engine
from recognizer.engines.base import ENGINE_SAMPLE_RATE
from recognizer.engines.faster_whisper import WhisperEngine
from recognizer.engines.models.install import ensure_model
from recognizer.engines.whisper_vocabulary import (
    Vocabulary,
    WhisperFiles,
    without_other_writings,
)

CLIP = Path(__file__).parents[1] / "data/engines/ru-number-does-not-exist.wav"
FLOAT16, INT8 = 4, 1
N_COLUMNS = 8


@pytest.fixture(scope="module")
def folder() -> Path:
    return ensure_model("whisper-base", load_settings())


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def vocabulary(folder: Path, tokenizer: Tokenizer) -> Vocabulary:
    return without_other_writings(folder, tokenizer).vocabulary


@pytest.mark.model
def test_what_is_heard_is_as_the_whole_decoder_has_it_and_no_less_probable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = read_audio(CLIP, sample_rate=ENGINE_SAMPLE_RATE)
    wordings = ["Номер временно заблокирован.", "The subscriber is switched off."]
    fewer = WhisperEngine(folder).listen(audio)
    monkeypatch.setattr(
        faster_whisper,
        "without_other_writings",
        lambda *_: WhisperFiles(None, Vocabulary()),
    )
    whole = WhisperEngine(folder).listen(audio)
    assert fewer.transcript.text == whole.transcript.text
    for one, other in zip(fewer.transcript.words, whole.transcript.words, strict=True):
        assert (one.start_s, one.end_s) == (other.start_s, other.end_s)
        assert one.confidence == pytest.approx(other.confidence, abs=0.02)
    # Taking choices away makes those that are left more probable, each by the same factor.
    for one_score, other_score in zip(fewer.score(wordings), whole.score(wordings), strict=True):
        gained = np.subtract(one_score.token_logprobs, other_score.token_logprobs)
        assert gained.min() > -1e-3
    assert fewer.language_probability("ru") == pytest.approx(
        whole.language_probability("ru"), abs=1e-3
    )


@pytest.mark.model
def test_listed_wordings_are_spelt_with_the_tokens_they_always_were(
    tokenizer: Tokenizer, vocabulary: Vocabulary
) -> None:
    phrases = shipped_book().phrases
    assert len(phrases) > 1000
    respelt = [
        phrase.text
        for phrase in phrases
        if vocabulary.spelt(tokens := _encoded(tokenizer, phrase.text)) != tokens
    ]
    assert [text for text in respelt if not text.isascii()] == []
    english = [phrase.text for phrase in phrases if phrase.text.isascii()]
    assert len(respelt) < len(english) / 2  # with a rare word: spelt by its parts


@pytest.mark.model
@pytest.mark.parametrize("text", ["你好", "Größe, naïve", "unquestionably", "номер ☎ занят", "№ 5"])
def test_any_text_can_still_be_spelt(
    tokenizer: Tokenizer, vocabulary: Vocabulary, text: str
) -> None:
    tokens = vocabulary.spelt(_encoded(tokenizer, text))
    assert tokenizer.decode(tokens).strip() == text
    assert vocabulary.tokens(vocabulary.places(tokens)) == tokens


def _encoded(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(f" {text}", add_special_tokens=False).ids
    return ids


def write_model(
    folder: Path,
    *,
    version: int = 6,
    kind: int = FLOAT16,
    is_tied: bool = True,
    n_other_bytes: int = 100,
) -> Path:
    """Write the files of a model of 400 tokens, one of them Chinese, in CTranslate2's layout."""
    folder.mkdir()
    spellings = [*_letters_of_bytes(), "ä½ł", "ĠÐ½Ð¾", *(f"<|{n}|>" for n in range(142))]
    spellings[258] = "<|endoftext|>"
    n_tokens = len(spellings)
    rows = _rows(n_tokens)

    def string(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    def variable(name: str, kind: int, shape: tuple[int, ...], content: bytes) -> bytes:
        dimensions = struct.pack(f"<B{len(shape)}I", len(shape), *shape)
        return string(name) + dimensions + struct.pack("<BI", kind, len(content)) + content

    content = struct.pack("<I", version) + string("WhisperSpec") + struct.pack("<II", 3, 2)
    content += variable("decoder/embeddings/weight", kind, rows.shape, rows.tobytes())
    content += variable("other", INT8, (n_other_bytes,), bytes(n_other_bytes))
    content += struct.pack("<I", int(is_tied))
    if is_tied:
        content += string("decoder/projection/weight") + string("decoder/embeddings/weight")
    (folder / "model.bin").write_bytes(content)
    (folder / "vocabulary.txt").write_text("\n".join(spellings) + "\n", encoding="utf-8")
    ids = {"lang_ids": [260, 261], "suppress_ids": [1, 256, 259], "suppress_ids_begin": [220]}
    (folder / "config.json").write_text(json.dumps({**ids, "alignment_heads": [[0, 0]]}))
    return folder


def _rows(n_tokens: int) -> npt.NDArray[np.float16]:
    rows = np.random.default_rng(0).normal(size=(n_tokens, N_COLUMNS))
    return rows.astype(np.float16)


def _letters_of_bytes() -> list[str]:
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(n if n in printable else next(others)) for n in range(256)]


def test_only_the_rows_of_other_writings_are_left_out(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "odd")
    files, vocabulary = without_other_writings(folder, _plain_tokenizer())
    assert files is not None
    whole = (folder / "model.bin").read_bytes()
    row = _rows(400)[256].tobytes()
    assert files["model.bin"] == whole.replace(row, b"").replace(
        struct.pack("<IIBI", 400, N_COLUMNS, FLOAT16, 400 * N_COLUMNS * 2),
        struct.pack("<IIBI", 399, N_COLUMNS, FLOAT16, 399 * N_COLUMNS * 2),
    )
    assert vocabulary.places([255, 257, 399]) == [255, 256, 398]
    assert vocabulary.spelt([256]) != [256]
    config = json.loads(files["config.json"])
    assert config == {
        "lang_ids": [259, 260],
        "suppress_ids": [1, 258],
        "suppress_ids_begin": [220],
        "alignment_heads": [[0, 0]],
    }
    assert len(files["vocabulary.txt"].decode().splitlines()) == 399


def _plain_tokenizer() -> Tokenizer:
    """Return a tokenizer that knows where the text ends, and no words."""
    end = "<|endoftext|>"
    return Tokenizer(WordLevel({end: 258}, unk_token=end))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"version": 7}, id="another layout"),
        pytest.param({"kind": INT8}, id="other numbers"),
        pytest.param({"is_tied": False}, id="a projection of its own"),
        pytest.param({"n_other_bytes": 30_000}, id="little to gain"),
    ],
)
def test_a_model_that_is_otherwise_or_gains_little_is_loaded_whole(
    tmp_path: Path, changed: dict[str, int]
) -> None:
    folder = write_model(tmp_path / "odd", **changed)  # type: ignore[arg-type]
    files, vocabulary = without_other_writings(folder, _plain_tokenizer())
    assert files is None
    assert vocabulary.places([5, 256]) == [5, 256] == vocabulary.tokens([5, 256])


@pytest.mark.parametrize("n_bytes", [0, 3, 40, 5_000])
def test_a_file_that_was_cut_is_one_clear_error(tmp_path: Path, n_bytes: int) -> None:
    folder = write_model(tmp_path / "cut")
    path = folder / "model.bin"
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=r"ends before its end|empty"):
        without_other_writings(folder, _plain_tokenizer())


@pytest.mark.model
def test_a_damaged_model_is_named_with_what_to_do(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.bin").write_bytes(b"\x06\0\0\0 no model")
    with pytest.raises(ModelFileError) as of_engine:
        WhisperEngine(tmp_path)
    said = f"{tmp_path}: expected a Whisper model for CTranslate2: "
    assert str(of_engine.value).startswith(said)
    with monkeypatch.context() as named:
        named.setenv("WHISPER_MODEL_PATH", str(tmp_path))
        with pytest.raises(ModelFileError) as problem:
            load_engine("whisper")
    assert str(problem.value) == (
        f"{of_engine.value}; correct the environment variable WHISPER_MODEL_PATH or unset it"
    )
    assert load_engine("whisper").model == "whisper-base"
