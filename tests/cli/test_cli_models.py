from __future__ import annotations

from pathlib import Path

import pytest
from onnx_stand_ins import write_t_one
from typer.testing import CliRunner

from recognizer.base.errors import ModelError
from recognizer.cli import app
from recognizer.engines.models.registry import get_manifest

VOSK = "vosk-model-small-ru-0.22"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty models folder, with nothing of vosk's elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VOSK_MODEL_PATH", raising=False)
    monkeypatch.delenv("RECOGNIZER_SETTINGS", raising=False)
    monkeypatch.setenv("RECOGNIZER_RECOGNITION_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def vosk_folder(tmp_path: Path) -> Path:
    """Return a folder with the files of the Russian vosk model, all empty."""
    folder = tmp_path / "given"
    for file in get_manifest(VOSK).files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.path).touch()
    return folder


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["models", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_says_what_is_there_and_what_to_type(models: Path) -> None:
    lines = {line.split()[0]: line for line in _run("list").splitlines()}
    assert "comes with the program" in lines["whisper-base"]
    assert "148 MB" in lines["whisper-base"]
    assert "MIT" in lines["whisper-base"]
    assert f"missing; type: recognizer models install {VOSK}" in lines[VOSK]


def test_list_shows_the_vosk_model_of_the_environment(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOSK_MODEL_PATH", "/opt/own-model")
    assert "VOSK_MODEL_PATH is set: vosk cannot use it: environment variable" in _run("list")


@pytest.mark.parametrize("names", [(), ("t-one",)])
def test_list_and_verify_load_the_model_that_is_named(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    graph = write_t_one(tmp_path / "own", "номер занят")
    monkeypatch.setenv("T_ONE_MODEL_PATH", str(graph.parent))
    assert f"T_ONE_MODEL_PATH is set: t-one takes its model from {graph.parent}" in _run("list")
    verified = _run("verify", *names)
    assert f"t-one in {graph.parent}, named in T_ONE_MODEL_PATH\n  loads" in verified
    assert "t-one: missing" not in verified
    graph.write_bytes(b"no graph")
    told = f"{graph}: expected an ONNX graph"
    assert f"T_ONE_MODEL_PATH is set: t-one cannot use it: {told}" in _run("list")
    result = CliRunner().invoke(app, ["models", "verify", *names])
    assert result.exit_code == 1
    assert f"  refused       {told}" in result.stdout


@pytest.mark.parametrize(
    ("stop", "status"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)], ids=str
)
@pytest.mark.parametrize("kept", [0, 2_500_000])
def test_an_interrupted_installation_says_what_is_kept_and_what_goes_on(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: BaseException,
    status: int,
    kept: int,
) -> None:
    def fetch(_url: str, part: Path, **_more: object) -> None:
        part.write_bytes(bytes(kept))
        raise stop

    monkeypatch.setattr("recognizer.engines.models.sources.download", fetch)
    result = CliRunner().invoke(app, ["models", "install", "t-one"])
    assert result.exit_code == status
    told = {
        0: "interrupted, nothing of it is kept; the same command begins again",
        2_500_000: "interrupted, 2.5 MB are kept; the same command goes on from there",
    }
    assert result.stderr.splitlines() == [f"recognizer: {told[kept]}"]


def test_an_interrupted_copy_leaves_nothing(
    models: Path, vosk_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("recognizer.engines.models.install._require_intact", stop)
    result = CliRunner().invoke(app, ["models", "install", VOSK, "--from", str(vosk_folder)])
    assert result.exit_code == 130
    assert [path.name for path in models.iterdir()] == [f".{VOSK}.lock"]


def test_install_verify_path_and_list_agree(models: Path, vosk_folder: Path) -> None:
    assert _run("install", VOSK, "--from", str(vosk_folder)).strip().endswith(str(models / VOSK))
    assert _run("path", VOSK) == f"{models / VOSK}\n"
    assert f"installed in {models / VOSK}" in _run("list")
    verified = _run("verify", VOSK)
    assert "differs       am/final.mdl" in verified  # an empty file is not the known one
    assert "damaged" not in verified


def test_a_damaged_model_fails_verification_and_says_what_to_type(
    models: Path, vosk_folder: Path
) -> None:
    _run("install", VOSK, "--from", str(vosk_folder))
    (models / VOSK / "graph/Gr.fst").unlink()
    result = CliRunner().invoke(app, ["models", "verify"])
    assert result.exit_code == 1
    assert "missing       graph/Gr.fst" in result.stdout
    assert f"damaged; type: recognizer models install {VOSK}" in result.stdout


def test_verify_of_a_model_that_is_not_there_fails_only_if_it_was_named(models: Path) -> None:
    assert f"type: recognizer models install {VOSK}" in _run("verify")
    assert CliRunner().invoke(app, ["models", "verify", VOSK]).exit_code == 1


def test_path_of_a_missing_model_is_an_error(models: Path) -> None:
    with pytest.raises(ModelError, match=f"type: recognizer models install {VOSK}"):
        _run("path", VOSK)


def test_an_unknown_model_is_an_error(models: Path) -> None:
    with pytest.raises(ModelError, match="known models"):
        _run("install", "whisper-huge")


def test_every_command_of_models_has_help_with_an_example() -> None:
    for command in ("list", "install", "verify", "path"):
        assert f"recognizer models {command}" in _run(command, "--help")
