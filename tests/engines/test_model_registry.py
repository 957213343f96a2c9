from __future__ import annotations

import hashlib
import os
import textwrap
from pathlib import Path

import pytest

from recognizer.base.errors import ModelError
from recognizer.engines.models.finding import ENGINE_MODELS, find_model
from recognizer.engines.models.model_folders import (
    FileState,
    check_files,
    find_folder,
    find_installed,
    is_complete,
    is_verified,
    write_stamp,
)
from recognizer.engines.models.registry import (
    Manifest,
    ModelFile,
    get_manifest,
    load_manifests,
    path_problem,
)

# SHA-256 of the four letters "abcd" and of nothing, as `sha256sum` prints them.
SHA256_ABCD = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
SHA256_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# `printf 'hello\n' | git hash-object --stdin`, known from every introduction to git.
GIT_HELLO = "ce013625030ba8dba906f756967f9e9ca394464a"

GOOD = f"""\
    name = "toy"
    engine = "whisper"
    languages = ["ru"]
    licence = "MIT"

    [[files]]
    path = "model.bin"
    size_bytes = 4
    sha256 = "{SHA256_ABCD}"

    [[sources]]
    kind = "files"
    base_url = "https://models.example/toy/"
"""


def _write(folder: Path, text: str, name: str = "toy") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


# --- shipped manifests --------------------------------------------------------------------------


def test_every_shipped_model_names_its_licence_source_and_digests() -> None:
    manifests = load_manifests()
    assert {"whisper-base", "vosk-model-small-ru-0.22"} <= set(manifests)
    for manifest in manifests.values():
        assert manifest.licence
        assert manifest.sources
        assert manifest.is_pinned or manifest.known_digests or manifest.files[0].reported_sha256


def test_the_vocabulary_of_gigaam_is_pinned_by_what_it_says() -> None:
    letters = ["▁", *map(chr, range(ord("а"), ord("я") + 1)), "<blk>"]
    lines = "".join(f"{letter} {number}\n" for number, letter in enumerate(letters))
    _, vocabulary = get_manifest("gigaam-v3-ctc").files
    assert vocabulary.size_bytes == len(lines.encode())
    assert vocabulary.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_whisper_base_is_the_official_one() -> None:
    # The digests public projects pin for revision ebe41f70 of Systran/faster-whisper-base.
    files = {file.path: file for file in get_manifest("whisper-base").files}
    assert files["model.bin"].size_bytes == 145_217_532
    assert {path: (file.sha256 or "")[:16] for path, file in files.items()} == {
        "model.bin": "d01c3014881c9c6f",
        "config.json": "56a6d8110d311f19",
        "tokenizer.json": "fb7b63191e9bb045",
        "vocabulary.txt": "34ce3fe1c5041027",
    }


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"'whisper-bass'; known models: .*whisper-base"):
        get_manifest("whisper-bass")


# --- wrong manifests ----------------------------------------------------------------------------


def test_a_good_manifest_loads(tmp_path: Path) -> None:
    _write(tmp_path, GOOD)
    manifest = load_manifests(tmp_path)["toy"]
    assert manifest.size_bytes == 4
    assert manifest.is_pinned


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "toy"', 'name = "boy"', r"toy\.toml, line 1: expected .* 'toy', found 'boy'"),
        ('engine = "whisper"', 'engine = "siri"', r"toy\.toml, line 2: .*siri"),
        ('licence = "MIT"', "licence = 3", r"toy\.toml, line 4: .*str.*int"),
        ('licence = "MIT"', "", r"toy\.toml, line 1: .*licence"),
        ('licence = "MIT"', 'license = "MIT"', r"toy\.toml, line \d: .*license"),
        ("size_bytes = 4", 'size_bytes = "4"', r"toy\.toml, line 8: .*int"),
        ("size_bytes = 4", "", r"toy\.toml, line 7: expected size_bytes"),
        (SHA256_ABCD, SHA256_ABCD.upper(), r"toy\.toml, line 9: expected 64 lower-case"),
        (SHA256_ABCD, SHA256_ABCD[:-1], r"toy\.toml, line 9: expected 64 lower-case"),
        ('"model.bin"', '"../model.bin"', r"toy\.toml, line 7: .*climbs out"),
        ('"model.bin"', '"/model.bin"', r"toy\.toml, line 7: .*absolute"),
        ("https://", "ftp://", r"toy\.toml, line 13: expected an https address"),
        ('kind = "files"', 'kind = "torrent"', r"toy\.toml, line 1\d: .*torrent"),
        (f'sha256 = "{SHA256_ABCD}"', "", r"toy\.toml, line 11: .*need a sha256"),
        ('sha256 = "8', 'reported_sha256 = "', r"line 9: expected 64 lower-case"),
        ("[[files]]", "[[files", r"toy\.toml: not valid TOML"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert GOOD.count(old) == 1
    _write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ModelError, match=message):
        load_manifests(tmp_path)


def test_a_file_listed_twice_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, GOOD + '\n    [[files]]\n    path = "model.bin"\n')
    with pytest.raises(ModelError, match=r"line 16: 'model.bin' is listed twice"):
        load_manifests(tmp_path)


def test_parts_must_cover_the_files_exactly(tmp_path: Path) -> None:
    source = '\n    [[sources]]\n    kind = "packages"\n    packages = ["p"]\n'
    parts = '    parts = {"model.bin" = ["p/a"], "extra.bin" = ["p/b"]}\n'
    _write(tmp_path, GOOD + source + parts)
    with pytest.raises(ModelError, match=r"line 15: expected parts for exactly .*extra\.bin"):
        load_manifests(tmp_path)


def test_a_wrong_line_of_known_digests_is_named(tmp_path: Path) -> None:
    _write(
        tmp_path, GOOD.replace('licence = "MIT"', 'licence = "MIT"\n    known_digests = "t.tsv"')
    )
    (tmp_path / "t.tsv").write_text("path\tgit_blob_sha1\nREADME\tnonsense\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"t\.tsv, line 2: expected a path, a tab and 40"):
        load_manifests(tmp_path)


def test_a_folder_without_manifests_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="found none"):
        load_manifests(tmp_path)


@pytest.mark.parametrize(
    ("path", "is_safe"),
    [
        ("model.bin", True),
        ("am/final.mdl", True),
        ("a..b/c", True),
        ("", False),
        ("/etc/passwd", False),
        ("../x", False),
        ("a/../../x", False),
        ("a\\..\\x", False),
        ("C:/x", False),
        ("a\0b", False),
    ],
)
def test_only_plain_relative_paths_are_safe(path: str, is_safe: bool) -> None:
    assert (path_problem(path) is None) == is_safe


# --- installed files ----------------------------------------------------------------------------


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        name="toy",
        engine="whisper",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.bin", 4, SHA256_ABCD), ModelFile("notes/any.txt")),
        sources=(),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "toy"
    (folder / "notes").mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"abcd")
    (folder / "notes/any.txt").write_bytes(b"anything")
    return folder


def _states(manifest: Manifest, folder: Path) -> dict[str, FileState]:
    return {check.path: check.state for check in check_files(manifest, folder)}


def test_a_right_model_is_ok_and_unpinned_files_are_just_present(
    manifest: Manifest, folder: Path
) -> None:
    seen: list[int] = []
    checks = check_files(manifest, folder, progress=seen.append)
    assert [check.state for check in checks] == [FileState.OK, FileState.PRESENT]
    assert not any(check.is_error for check in checks)
    assert sum(seen) == 4


def test_a_changed_byte_is_a_wrong_digest(manifest: Manifest, folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"abcX")
    [check, _] = check_files(manifest, folder)
    assert check.state is FileState.WRONG_DIGEST
    assert check.is_error
    assert SHA256_ABCD in check.detail


def test_a_truncated_file_is_a_wrong_size(manifest: Manifest, folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"abc")
    assert _states(manifest, folder)["model.bin"] is FileState.WRONG_SIZE
    assert not is_complete(manifest, folder)


def test_an_absent_file_is_missing(manifest: Manifest, folder: Path) -> None:
    (folder / "notes/any.txt").unlink()
    assert _states(manifest, folder)["notes/any.txt"] is FileState.MISSING
    assert not is_complete(manifest, folder)


def test_known_digests_are_compared_and_refuse_nothing(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "same").write_bytes(b"hello\n")
    (model / "other").write_bytes(b"hello?\n")
    lines = ["path\tgit_blob_sha1", *(f"{name}\t{GIT_HELLO}" for name in ("same", "other", "gone"))]
    (tmp_path / "known.tsv").write_text("\n".join(lines), encoding="utf-8")
    manifest = Manifest(
        name="toy",
        engine="vosk",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("same"),),
        sources=(),
        known_digests="known.tsv",
    )
    checks = check_files(manifest, model, manifests_folder=tmp_path)
    assert {check.path: check.state for check in checks} == {
        "same": FileState.MATCHES,
        "other": FileState.DIFFERS,
        "gone": FileState.DIFFERS,
    }
    assert not any(check.is_error for check in checks)


@pytest.mark.parametrize(
    ("content", "state"), [(b"abcd", FileState.MATCHES), (b"abcX", FileState.DIFFERS)]
)
def test_a_digest_that_one_project_reports_refuses_nothing(
    tmp_path: Path, content: bytes, state: FileState
) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    manifest = Manifest(
        name="toy",
        engine="t-one",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.onnx", 4, reported_sha256=SHA256_ABCD),),
        sources=(),
    )
    (check,) = check_files(manifest, tmp_path)
    assert check.state is state
    assert not check.is_error
    assert not manifest.is_pinned


def test_a_stamp_holds_until_a_file_changes(manifest: Manifest, folder: Path) -> None:
    assert not is_verified(manifest, folder)
    write_stamp(manifest, folder)
    assert is_verified(manifest, folder)
    model = folder / "model.bin"
    before = model.stat()
    model.write_bytes(b"abcX")
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert not is_verified(manifest, folder)


def test_a_stamp_for_another_digest_is_worthless(manifest: Manifest, folder: Path) -> None:
    write_stamp(manifest, folder)
    other = Manifest(
        name="toy",
        engine="whisper",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.bin", 4, SHA256_EMPTY), ModelFile("notes/any.txt")),
        sources=(),
    )
    assert not is_verified(other, folder)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "not json"])
def test_a_damaged_stamp_is_no_stamp(manifest: Manifest, folder: Path, content: str) -> None:
    (folder / ".verified.json").write_text(content, encoding="utf-8")
    assert not is_verified(manifest, folder)


# --- where models lie ---------------------------------------------------------------------------


def _fake_vosk(folder: Path) -> Path:
    for file in get_manifest("vosk-model-small-ru-0.22").files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.path).touch()
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_nothing_is_found_in_an_empty_folder(tmp_path: Path, home: Path) -> None:
    assert find_installed("whisper-base", tmp_path) is None
    assert find_model("vosk", tmp_path, {}) is None


def test_a_half_model_is_found_as_a_folder_but_not_as_installed(tmp_path: Path, home: Path) -> None:
    half = _fake_vosk(tmp_path / "vosk-model-small-ru-0.22")
    (half / "am/final.mdl").unlink()
    assert find_installed(half.name, tmp_path) is None
    assert find_folder(get_manifest(half.name), tmp_path) == half


def test_vosk_models_are_found_where_that_library_keeps_them(tmp_path: Path, home: Path) -> None:
    cached = _fake_vosk(home / ".cache/vosk/vosk-model-small-ru-0.22")
    assert find_model("vosk", tmp_path / "models", {}) == cached
    own = _fake_vosk(tmp_path / "models/vosk-model-small-ru-0.22")
    assert find_model("vosk", tmp_path / "models", {}) == own


@pytest.mark.parametrize("inside", ["", "vosk-model-small-ru-0.22", "vosk-model-ru-0.99"])
def test_vosk_model_path_names_a_model_or_a_folder_of_models(
    tmp_path: Path, home: Path, inside: str
) -> None:
    model = _fake_vosk(tmp_path / "named" / inside)
    own = _fake_vosk(tmp_path / "models/vosk-model-small-ru-0.22")
    assert find_model("vosk", own.parent, {"VOSK_MODEL_PATH": str(tmp_path / "named")}) == model


def test_a_vosk_model_path_without_a_model_is_an_error(tmp_path: Path, home: Path) -> None:
    own = _fake_vosk(tmp_path / "models/vosk-model-small-ru-0.22")
    with pytest.raises(ModelError, match="VOSK_MODEL_PATH"):
        find_model("vosk", own.parent, {"VOSK_MODEL_PATH": str(tmp_path)})


@pytest.mark.parametrize("engine", list(ENGINE_MODELS))
@pytest.mark.parametrize("inside", ["", "{name}"])
def test_a_folder_of_the_users_is_enough_for_every_engine(
    tmp_path: Path, home: Path, engine: str, inside: str
) -> None:
    model = ENGINE_MODELS[engine]
    folder = tmp_path / "named" / inside.format(name=model.name)
    for names in model.needs:
        (folder / names[-1]).parent.mkdir(parents=True, exist_ok=True)
        (folder / names[-1]).touch()
    named = {model.variable: str(tmp_path / "named")}
    assert find_model(engine, tmp_path / "models", named) == folder
    (folder / model.needs[0][-1]).unlink()
    with pytest.raises(ModelError, match=f"{model.variable}: expected a model of {engine}"):
        find_model(engine, tmp_path / "models", named)
