from __future__ import annotations

import sys
from pathlib import Path

import pytest
from onnx_stand_ins import write_gigaam, write_t_one
from typer.testing import CliRunner, Result

from recognizer.base.settings import load_settings
from recognizer.cli import app
from recognizer.engines.models.finding import ENGINE_MODELS
from recognizer.engines.models.install import ensure_model
from recognizer.recognition.calibration import Coefficients

pytestmark = pytest.mark.slow  # every command reads all lists: a quarter of a second each


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    models = (model.variable for model in ENGINE_MODELS.values())
    for variable in (*models, "RECOGNIZER_SETTINGS", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def _doctor() -> Result:
    return CliRunner().invoke(app, ["doctor"], catch_exceptions=False)


def _line(output: str, what: str) -> str:
    [line] = [line for line in output.splitlines() if line[9:].startswith(what)]
    return line


def test_a_fresh_machine_with_the_packages_can_classify(home: Path) -> None:
    result = _doctor()
    assert result.exit_code == 0, result.output
    assert "recordings can be classified" in result.stdout
    assert _line(result.stdout, "engine").startswith("ok")
    assert "auto: whisper" in _line(result.stdout, "engine")
    for what in ("python", "library numpy", "phrase lists", "regulation", "tone plan", "journal"):
        assert _line(result.stdout, what).startswith("ok")


def test_a_better_engine_comes_in_one_line_with_what_it_brings(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = _line(_doctor().stdout, "better engine")
    assert "recognizer models install t-one" in line
    assert "8.6 %" in line
    write_t_one(home, "номер занят")
    monkeypatch.setenv("T_ONE_MODEL_PATH", str(home))
    output = _doctor().stdout
    assert f"auto: t-one with {home}" in _line(output, "engine")
    assert "better engine" not in output
    named = _line(output, "model t-one")
    assert named.startswith("ok")
    assert f"{home}, named in T_ONE_MODEL_PATH" in named


def test_the_doctor_changes_nothing(home: Path) -> None:
    _doctor()
    assert list(home.iterdir()) == []


def test_what_is_missing_comes_with_what_to_type(home: Path) -> None:
    line = _line(_doctor().stdout, "model vosk-model-small-ru-0.22")
    assert line.startswith("missing")
    assert "recognizer models install vosk-model-small-ru-0.22" in line


def test_an_engine_without_a_model_means_exit_1(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOGNIZER_RECOGNITION_ENGINE", "vosk")
    result = _doctor()
    assert result.exit_code == 1
    assert _line(result.stdout, "engine").startswith("missing")
    assert "cannot be classified" in result.stdout


def test_a_wrong_vosk_model_path_means_exit_1(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOSK_MODEL_PATH", str(home / "nowhere"))
    result = _doctor()
    assert result.exit_code == 1
    assert "VOSK_MODEL_PATH" in _line(result.stdout, "engine")


@pytest.mark.parametrize(
    ("engine", "files"),
    [
        ("t-one", ("model.onnx",)),
        ("gigaam-v3", ("v3_ctc.onnx", "v3_vocab.txt")),
        ("vosk", ("am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst")),
        ("whisper", ("model.bin", "tokenizer.json")),
    ],
)
def test_a_named_model_that_cannot_be_loaded_is_told_and_means_exit_1(
    home: Path, monkeypatch: pytest.MonkeyPatch, engine: str, files: tuple[str, ...]
) -> None:
    for file in files:
        (home / "own" / file).parent.mkdir(parents=True, exist_ok=True)
        (home / "own" / file).write_bytes(b"no such thing")
    model = ENGINE_MODELS[engine]
    monkeypatch.setenv(model.variable, str(home / "own"))
    result = _doctor()
    assert result.exit_code == 1
    for what in (f"model {model.name}", "engine"):
        line = _line(result.stdout, what)
        assert line.startswith("refused")
        assert f"correct the environment variable {model.variable} or unset it" in line
        assert str(home / "own") in line


def test_a_named_model_of_another_contract_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_t_one(home / "own", "номер занят", state_size=100)
    monkeypatch.setenv("T_ONE_MODEL_PATH", str(home / "own"))
    line = _line(_doctor().stdout, "model t-one")
    assert line.startswith("refused")
    assert "219729" in line


def test_a_broken_model_of_an_engine_that_is_not_asked_for_is_told_and_others_classify(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gigaam(home / "own", "номер занят").write_bytes(b"no graph")
    monkeypatch.setenv("GIGAAM_MODEL_PATH", str(home / "own"))
    monkeypatch.setenv("RECOGNIZER_RECOGNITION_ENGINE", "whisper")
    result = _doctor()
    assert result.exit_code == 0
    assert _line(result.stdout, "model gigaam-v3-ctc").startswith("refused")
    assert _line(result.stdout, "engine").startswith("ok")


def test_a_library_that_does_not_load_means_exit_1(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    result = _doctor()
    assert result.exit_code == 1
    assert "pip install" in _line(result.stdout, "library ctranslate2")


def test_a_wrong_settings_file_is_named_and_the_rest_still_looked_at(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = home / "recognizer.toml"
    settings.write_text("[recognition]\nthreads = 'many'\n", encoding="utf-8")
    monkeypatch.setenv("RECOGNIZER_SETTINGS", str(settings))
    result = _doctor()
    assert result.exit_code == 1
    assert f"{settings}, line 2" in _line(result.stdout, "settings")
    assert _line(result.stdout, "engine").startswith("ok")


def test_the_settings_file_in_force_is_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = home / "recognizer.toml"
    settings.write_text("[recognition]\nthreads = 2\n", encoding="utf-8")
    monkeypatch.setenv("RECOGNIZER_SETTINGS", str(settings))
    assert str(settings) in _line(_doctor().stdout, "settings")


def test_wrong_phrase_lists_mean_exit_1(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "own").mkdir()
    (home / "own/broken.toml").write_text("outcome = ", encoding="utf-8")
    monkeypatch.setenv("RECOGNIZER_PHRASES_FOLDERS", str(home / "own"))
    result = _doctor()
    assert result.exit_code == 1
    assert "broken.toml" in _line(result.stdout, "phrase lists")


def test_a_journal_elsewhere_does_not_show_its_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", "postgresql+psycopg://user:secret@host/base")
    result = _doctor()
    assert "secret" not in result.stdout
    assert "not contacted" in _line(result.stdout, "journal")


def test_a_model_that_changed_since_its_check_is_doubted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = home / "models"
    monkeypatch.setenv("RECOGNIZER_RECOGNITION_MODELS_DIR", str(models))
    folder = ensure_model("whisper-base", load_settings())
    assert "verify" not in _line(_doctor().stdout, "model whisper-base")
    config = folder / "config.json"
    config.write_bytes(b"?" * config.stat().st_size)
    line = _line(_doctor().stdout, "model whisper-base")
    assert "type: recognizer models verify whisper-base" in line


def test_a_fit_says_of_which_engine_it_is_and_one_that_is_refused_means_exit_1(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Coefficients.__struct_fields__
    fit = home / "fit.toml"
    monkeypatch.setenv("RECOGNIZER_RECOGNITION_CALIBRATION_FILE", str(fit))
    lines = [
        'engine = "t-one"\nmodel = "mine"\nmin_heard_logprob = -1.0\nunclear_probability = 0.4',
        "features_version = 2",
        "[coefficients]",
        *(f"{name} = {-9.0 if name == 'intercept' else 0.0}" for name in names),
    ]
    fit.write_text("\n".join(lines), encoding="utf-8")
    result = _doctor()
    assert result.exit_code == 0, result.output
    assert "of t-one with mine alone" in _line(result.stdout, "fit")
    fit.write_text("\n".join(lines).replace("features_version = 2", ""), encoding="utf-8")
    result = _doctor()
    assert result.exit_code == 1
    assert "fit anew" in _line(result.stdout, "fit")


def test_an_office_script_that_cannot_be_read_means_exit_1(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOGNIZER_RECOGNITION_SCRIPT_FILE", str(home / "none.txt"))
    result = _doctor()
    assert result.exit_code == 1
    assert "none.txt" in _line(result.stdout, "script")
