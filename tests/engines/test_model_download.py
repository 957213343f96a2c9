"""Downloading a model from a real server, good or bad."""

from __future__ import annotations

import re
import shutil
import socket
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
from recognizer.engines.models.install import has_local_source, install_model
from recognizer.engines.models.model_folders import is_verified
from recognizer.engines.models.registry import (
    FilesSource,
    Manifest,
    ModelFile,
    PackagesSource,
)


def test_a_download_is_verified_and_moved_in_place(model_address: str, models: Path) -> None:
    told: list[tuple[str, int, int]] = []
    manifest = toy_manifest(FilesSource(model_address))
    folder = install_model(manifest, models, progress=lambda *args: told.append(args))
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert is_verified(manifest, folder)
    assert left_over(models) == INSTALLED
    assert told[-1] == (model_address + "model.bin", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})


def test_an_intact_model_is_not_downloaded_again(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    for _ in range(2):
        install_model(toy_manifest(FilesSource(model_address)), models)
    assert len(model_server.requests) == 1
    install_model(toy_manifest(FilesSource(model_address)), models, force=True)
    assert len(model_server.requests) == 2
    assert left_over(models) == INSTALLED


def test_a_server_that_dies_midway_is_asked_for_the_rest(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    model_server.dies_after, model_server.n_deaths = 300_000, 3
    folder = install_model(toy_manifest(FilesSource(model_address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert model_server.requests[0] is None
    starts = [int(re.sub(r"\D", "", wanted or "0")) for wanted in model_server.requests]
    assert len(starts) == 4
    assert 0 < starts[1] < starts[2] < starts[3] < len(CONTENT)


def test_a_download_continues_in_the_next_attempt(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    manifest = toy_manifest(FilesSource(model_address))

    def interrupt(_what: str, done: int, _total: int) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install_model(manifest, models, progress=interrupt)
    assert not (models / "toy").exists()
    folder = install_model(manifest, models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert int((model_server.requests[1] or "0").strip("bytes=-")) > 400_000
    assert left_over(models) == INSTALLED


def _two_files(model_address: str) -> Manifest:
    files = (
        ModelFile("model.bin", len(CONTENT), DIGEST),
        ModelFile("tokenizer.json", len(CONTENT), DIGEST),
    )
    return msgspec.structs.replace(toy_manifest(FilesSource(model_address)), files=files)


def _break_off_in_the_second(what: str, _done: int, _total: int) -> None:
    if what.endswith("tokenizer.json"):
        raise KeyboardInterrupt


def test_a_file_that_came_whole_is_not_fetched_again(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    manifest = _two_files(model_address)
    with pytest.raises(KeyboardInterrupt):
        install_model(manifest, models, progress=_break_off_in_the_second)
    model_server.status = 503
    with pytest.raises(ModelError, match=r"tokenizer\.json: the server answers 503"):
        install_model(manifest, models)
    model_server.status = None
    fetched = set()
    folder = install_model(manifest, models, progress=lambda what, _done, _total: fetched.add(what))
    assert fetched == {f"{model_address}tokenizer.json"}
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert (folder / "tokenizer.json").read_bytes() == CONTENT
    assert left_over(models) == {*INSTALLED, "toy/tokenizer.json"}


def test_a_file_that_came_whole_and_was_changed_is_fetched_again(
    model_address: str, models: Path
) -> None:
    manifest = _two_files(model_address)
    with pytest.raises(KeyboardInterrupt):
        install_model(manifest, models, progress=_break_off_in_the_second)
    (models / ".toy.partial" / "file-0.part").write_bytes(bytes(len(CONTENT)))
    folder = install_model(manifest, models)
    assert (folder / "model.bin").read_bytes() == CONTENT


def test_what_was_fetched_needs_no_room_again(
    model_address: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = _two_files(model_address)
    with pytest.raises(KeyboardInterrupt):
        install_model(manifest, models, progress=_break_off_in_the_second)
    usage = shutil.disk_usage(models)._replace(free=len(CONTENT))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert (install_model(manifest, models) / "model.bin").is_file()


def test_without_an_etag_the_date_of_change_is_the_validator(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    model_server.etag = 'W/"weak"'  # promises no equal bytes
    model_server.last_modified = "Sun, 22 Nov 2026 10:00:00 GMT"
    model_server.dies_after, model_server.n_deaths = 300_000, 1
    folder = install_model(toy_manifest(FilesSource(model_address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert model_server.requests[1] is not None


@pytest.mark.parametrize("reason", ["no validator", "ranges ignored"])
def test_what_cannot_be_continued_begins_again(
    model_address: str, model_server: Behaviour, models: Path, reason: str
) -> None:
    model_server.dies_after, model_server.n_deaths = 300_000, 1
    if reason == "no validator":
        model_server.etag = None
    else:
        model_server.takes_ranges = False
    folder = install_model(toy_manifest(FilesSource(model_address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT


@pytest.mark.slow
def test_content_that_changes_between_attempts_is_not_mixed(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    model_server.content, model_server.etag = bytes(len(CONTENT)), '"old"'
    model_server.dies_after, model_server.takes_ranges = 300_000, False
    with pytest.raises(ModelError, match="bytes are kept"):
        install_model(toy_manifest(FilesSource(model_address)), models)
    model_server.content, model_server.etag, model_server.dies_after = CONTENT, '"new"', None
    model_server.takes_ranges = True
    folder = install_model(toy_manifest(FilesSource(model_address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT


def test_a_server_that_continues_at_another_place_is_not_believed(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    model_server.dies_after, model_server.n_deaths = 300_000, 1
    model_server.range_shift = 7
    folder = install_model(toy_manifest(FilesSource(model_address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_begins_again(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    staging = models / ".toy.partial"
    staging.mkdir(parents=True)
    (staging / "file-0.part").write_bytes(CONTENT + b"too much")
    note = {"url": model_address + "model.bin", "validator": '"v1"'}
    (staging / "file-0.part.json").write_bytes(msgspec.json.encode(note))
    folder = install_model(toy_manifest(FilesSource(model_address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert model_server.requests == [f"bytes={len(CONTENT) + 8}-", None]


@pytest.mark.parametrize("note", [b"", b"[]", b'{"url": "http://elsewhere/", "validator": "1"}'])
def test_a_part_of_unknown_origin_is_thrown_away(
    model_address: str, model_server: Behaviour, models: Path, note: bytes
) -> None:
    staging = models / ".toy.partial"
    staging.mkdir(parents=True)
    (staging / "file-0.part").write_bytes(b"something else")
    (staging / "file-0.part.json").write_bytes(note)
    folder = install_model(toy_manifest(FilesSource(model_address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert model_server.requests == [None]


def test_a_wrong_digest_leaves_nothing(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    model_server.content = CONTENT[:-1] + b"?"
    with pytest.raises(
        ModelError, match=rf"{model_address}model\.bin: wrong digest: expected sha256 {DIGEST}"
    ):
        install_model(toy_manifest(FilesSource(model_address)), models)
    assert left_over(models) == set()


def test_a_wrong_digest_leaves_an_older_model_alone(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    manifest = toy_manifest(FilesSource(model_address))
    install_model(manifest, models)
    model_server.content = CONTENT[:-1] + b"?"
    with pytest.raises(ModelError, match="wrong digest"):
        install_model(manifest, models, force=True)
    assert is_verified(manifest, models / "toy")
    assert left_over(models) == INSTALLED


@pytest.mark.parametrize("announced", [True, False])
def test_more_bytes_than_promised_are_refused(
    model_address: str, model_server: Behaviour, models: Path, announced: bool
) -> None:
    model_server.content = CONTENT * 2
    if not announced:
        model_server.announces = len(CONTENT)
    with pytest.raises(ModelError, match=r"expected at most 1024000 bytes|wrong digest"):
        install_model(toy_manifest(FilesSource(model_address), digest="0" * 64), models)
    assert left_over(models) == set()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_names_the_address_and_the_status(
    model_address: str, model_server: Behaviour, models: Path, status: int
) -> None:
    model_server.status = status
    with pytest.raises(
        ModelError,
        match=rf"{model_address}model\.bin: the server answers {status}.*install toy --from FOLDER",
    ):
        install_model(toy_manifest(FilesSource(model_address)), models)
    assert left_over(models) == set()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_for_a_moment_is_asked_again(
    model_address: str, model_server: Behaviour, models: Path, status: int
) -> None:
    model_server.status, model_server.n_refusals = status, 2
    install_model(toy_manifest(FilesSource(model_address)), models)
    assert len(model_server.requests) == 3
    assert left_over(models) == INSTALLED


def test_a_refusal_that_stays_is_not_asked_again(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    model_server.status = 404
    with pytest.raises(ModelError):
        install_model(toy_manifest(FilesSource(model_address)), models)
    assert len(model_server.requests) == 1


def test_a_server_that_dies_and_is_busy_then_is_asked_for_the_rest(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    def grow_busy(_what: str, done: int, _total: int) -> None:
        if done < len(CONTENT) and model_server.n_deaths == 0:
            model_server.status = 503

    model_server.dies_after, model_server.n_deaths, model_server.n_refusals = 300_000, 1, 2
    install_model(toy_manifest(FilesSource(model_address)), models, progress=grow_busy)
    assert model_server.requests[0] is None
    assert all(wanted and wanted != "bytes=0-" for wanted in model_server.requests[1:])
    assert left_over(models) == INSTALLED


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_an_address_that_leads_in_a_circle_is_told(
    model_address: str, model_server: Behaviour, models: Path, status: int
) -> None:
    model_server.status = status
    with pytest.raises(ModelError, match=r"cannot be downloaded: Exceeded 30 redirects.*--from"):
        install_model(toy_manifest(FilesSource(model_address)), models)
    assert left_over(models) == set()


@pytest.mark.slow
def test_no_network_is_one_clear_error(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as unused:  # bound, not listening: nobody answers there
        unused.bind(("127.0.0.1", 0))
        model_address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(ModelError, match=r"cannot be downloaded: .*refused.*--from") as caught:
            install_model(toy_manifest(FilesSource(model_address)), models)
    assert "Max retries" not in str(caught.value)
    assert left_over(models) == set()


@pytest.mark.slow
def test_a_server_that_keeps_dying_is_given_up_and_the_part_kept(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    model_server.takes_ranges = False
    model_server.dies_after = 300_000
    with pytest.raises(ModelError, match=r"bytes are kept"):
        install_model(toy_manifest(FilesSource(model_address)), models)
    assert not (models / "toy").exists()


def test_the_second_source_is_tried_when_the_first_fails(model_address: str, models: Path) -> None:
    nowhere = PackagesSource(("no-such-package",), {"model.bin": ("no_such_package/model.bin",)})
    manifest = toy_manifest(nowhere, FilesSource(model_address))
    assert not has_local_source(manifest)
    folder = install_model(manifest, models)
    assert (folder / "model.bin").read_bytes() == CONTENT


def test_when_all_sources_fail_each_reason_is_told(
    model_address: str, model_server: Behaviour, models: Path
) -> None:
    model_server.status = 404
    nowhere = PackagesSource(("no-such-package",), {"model.bin": ("no_such_package/model.bin",)})
    with pytest.raises(ModelError, match=r"pip install no-such-package; .*answers 404"):
        install_model(toy_manifest(nowhere, FilesSource(model_address)), models)
