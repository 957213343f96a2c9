"""`recognizer evaluate --fit` with an engine named by a folder, from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from onnx_stand_ins import write_t_one
from typer.testing import CliRunner

from recognizer.base.data_files import read_toml
from recognizer.cli import app
from recognizer.evaluation import fitting

pytestmark = pytest.mark.slow

SPEECH = Path(__file__).parents[1] / "data/engines/ru-number-does-not-exist.wav"


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four clips, one labelled with another outcome than the engine hears, and one missing."""
    write_t_one(tmp_path / "t-one", "абонент заблокирован", n_chunks=30)
    monkeypatch.setenv("T_ONE_MODEL_PATH", str(tmp_path / "t-one"))
    lines = ["path\texpected"]
    for n in range(4):
        shutil.copy(SPEECH, tmp_path / f"{n}.wav")
        lines.append(f"{n}.wav\t{'blocked' if n else 'does_not_exist'}")
    lines.append("missing.wav\tblocked")
    (tmp_path / "clips.tsv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "clips.tsv"


def test_too_few_clips_leave_no_file(clips: Path) -> None:
    target = clips.parent / "fit.toml"
    result = CliRunner().invoke(
        app, ["evaluate", str(clips), "--engine", "t-one", "--fit", str(target)]
    )
    assert result.exit_code != 0
    assert "label more clips" in f"{result.output}{result.exception}"
    assert not target.exists()


def test_a_fit_names_engine_and_model_and_says_what_to_type(
    clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "_MIN_RIGHT", 3)
    monkeypatch.setattr(fitting, "_MIN_WRONG", 1)
    target = clips.parent / "fit.toml"
    result = CliRunner().invoke(
        app, ["evaluate", str(clips), "--engine", "t-one", "--fit", str(target)]
    )
    assert result.exit_code == 0, result.output
    assert "missing.wav" in result.output  # left out, and said
    assert "3 right marks are fewer than 20" in result.output
    assert f"RECOGNIZER_RECOGNITION_CALIBRATION_FILE={target}" in result.output
    written = read_toml(target).values
    assert (written["engine"], written["model"]) == ("t-one", "t-one")
    assert "mark_cutoff" not in written


def test_a_fit_is_made_anew_while_the_settings_still_name_one_that_is_refused(
    clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "_MIN_RIGHT", 3)
    monkeypatch.setattr(fitting, "_MIN_WRONG", 1)
    target = clips.parent / "fit.toml"
    target.write_text('engine = "t-one"\n[coefficients]\n', encoding="utf-8")
    monkeypatch.setenv("RECOGNIZER_RECOGNITION_CALIBRATION_FILE", str(target))
    command = ["evaluate", str(clips), "--engine", "t-one"]
    refused = CliRunner().invoke(app, command)
    assert "fit anew" in f"{refused.output}{refused.exception}"
    made = CliRunner().invoke(app, [*command, "--fit", str(target)])
    assert made.exit_code == 0, made.output
    used = CliRunner().invoke(app, command)
    assert "fit anew" not in f"{used.output}{used.exception}"
