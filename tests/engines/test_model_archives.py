"""Models that come as an archive: whole, damaged, or made to harm."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from pathlib import Path

import pytest
from toy_models import (
    CONTENT,
    INSTALLED,
    Behaviour,
    left_over,
    toy_manifest,
    unpinned,
    write_zip,
    zip_source,
)

from recognizer.base.errors import ModelError
from recognizer.engines.models.install import install_model


@pytest.mark.parametrize("top", ["", "toy-1.0/"])
def test_an_archive_is_unpacked_without_its_top_folder(
    model_address: str, model_server: Behaviour, models: Path, tmp_path: Path, top: str
) -> None:
    entries = {f"{top}model.bin": CONTENT, f"{top}conf/a.conf": b"a = 1"}
    model_server.content = write_zip(tmp_path / "a.zip", entries).read_bytes()
    folder = install_model(unpinned(zip_source(model_address + "a.zip")), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert left_over(models) == INSTALLED | {"toy/conf/a.conf"}


def test_an_archive_with_a_wrong_digest_is_not_even_opened(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    model_server.content = b"no archive at all"
    with pytest.raises(ModelError, match="wrong digest"):
        install_model(unpinned(zip_source(model_address, digest="0" * 64)), models)
    assert left_over(models) == set()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil", "climbs out"),
        ("toy/../../evil", "climbs out"),
        ("/tmp/evil", "absolute path"),
        ("C:\\evil", "not a plain relative path"),
        ("..\\evil", "not a plain relative path"),
    ],
)
def test_an_archive_with_paths_that_climb_out_is_refused_whole(
    models: Path, tmp_path: Path, name: str, reason: str
) -> None:
    archive = write_zip(tmp_path / "evil.zip", {"model.bin": CONTENT, name: b"evil"})
    with pytest.raises(ModelError, match=rf"evil\.zip: refused, entry .*{reason}"):
        install_model(unpinned(), models, given=archive)
    assert left_over(models) == set()
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(models: Path, tmp_path: Path, kind: int) -> None:
    archive = write_zip(tmp_path / "a.zip", {"model.bin": CONTENT})
    entry = zipfile.ZipInfo("link")
    entry.create_system = 3  # Unix
    entry.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(entry, "/etc/passwd")
    with pytest.raises(ModelError, match="'link' is a link or a special file"):
        install_model(unpinned(), models, given=archive)
    assert left_over(models) == set()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    model_address: str, model_server: Behaviour, models: Path, tmp_path: Path
) -> None:
    bomb = write_zip(tmp_path / "bomb.zip", {"model.bin": bytes(20_000_000)})
    model_server.content = bomb.read_bytes()
    assert len(model_server.content) < 100_000
    with pytest.raises(
        ModelError, match=r"refused, it unpacks to 20000000 bytes, more than 10000000"
    ):
        install_model(unpinned(zip_source(model_address)), models)
    assert left_over(models) == set()


def test_an_archive_that_lies_about_its_size_is_broken(models: Path, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"model.bin": bytes(20_000_000)})
    declared = (20_000_000).to_bytes(4, "little")
    assert archive.read_bytes().count(declared) == 2  # in front of the file and in the directory
    archive.write_bytes(archive.read_bytes().replace(declared, (1000).to_bytes(4, "little")))
    with pytest.raises(ModelError, match="broken archive"):
        install_model(unpinned(zip_source("http://x/")), models, given=archive)
    assert left_over(models) == set()


def test_an_archive_with_a_name_twice_is_refused(models: Path, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"model.bin": CONTENT})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("model.bin", b"other")
    with pytest.raises(ModelError, match=r"'model\.bin' is there twice"):
        install_model(unpinned(), models, given=archive)


def test_an_archive_where_a_file_is_in_the_way_of_a_folder_is_broken(
    models: Path, tmp_path: Path
) -> None:
    archive = write_zip(tmp_path / "a.zip", {"model.bin": b"", "model.bin/inside": b""})
    with pytest.raises(ModelError, match="broken archive"):
        install_model(unpinned(), models, given=archive)
    assert left_over(models) == set()


@pytest.mark.slow
def test_an_archive_cut_or_changed_anywhere_installs_nothing_wrong(
    models: Path, tmp_path: Path
) -> None:
    whole = write_zip(tmp_path / "a.zip", {"toy/model.bin": CONTENT[:3000]}).read_bytes()
    manifest = toy_manifest(
        zip_source("http://x/"), digest=hashlib.sha256(CONTENT[:3000]).hexdigest(), size=3000
    )
    damaged = [whole[:length] for length in range(0, len(whole), 7)]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in range(0, len(whole), 5)
    ]
    n_refused = 0
    for number, content in enumerate(damaged):
        archive = tmp_path / "damaged.zip"
        archive.write_bytes(content)
        folder = models / str(number)
        try:
            installed = install_model(manifest, folder, given=archive)
        except ModelError as problem:
            assert "damaged.zip" in str(problem)  # noqa: PT017
            assert not (folder / "toy").exists()
            n_refused += 1
        else:  # the damaged byte carried nothing: a date, an attribute
            assert (installed / "model.bin").read_bytes() == CONTENT[:3000]
    assert n_refused > len(damaged) // 2


def test_a_downloaded_archive_that_lacks_a_file_is_not_installed(
    model_address: str, model_server: Behaviour, models: Path, tmp_path: Path
) -> None:
    model_server.content = write_zip(tmp_path / "a.zip", {"README": b"moved"}).read_bytes()
    with pytest.raises(ModelError, match=r"model\.bin: missing"):
        install_model(unpinned(zip_source(model_address)), models)
    assert left_over(models) == set()
