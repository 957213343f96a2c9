"""Paths, bytes and file objects; and every way in which there is no file."""

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_encoding import by_soundfile, melody

from recognizer.audio import open_audio, probe_audio, read_audio
from recognizer.base.errors import AudioError

RATE = 8_000
WAV = by_soundfile(melody(RATE), RATE, "WAV", "PCM_16")
ALAW = by_soundfile(melody(RATE), RATE, "RAW", "ALAW")


def is_melody(samples: np.ndarray, atol: float = 1e-4) -> bool:
    return len(samples) == len(melody(RATE)) and np.allclose(samples, melody(RATE), atol=atol)


@pytest.mark.parametrize(
    "name",
    [
        "звонок 8(495) №1.wav", "call.wav", "with space .wav", "ещё.один.файл", "-", "+7999.wav",
        "a" * 250 + ".wav", os.fsdecode(b"\xe7\xe2\xee\xed\xee\xea.wav"), "line\nbreak.wav",
        "'quote\".wav", "$HOME.wav", "CON.wav", "مكالمة.wav",
    ],
)  # fmt: skip
def test_any_file_name_is_read_and_printable(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(WAV)
    for given_path in (path, str(path)):
        audio = read_audio(given_path, sample_rate=RATE)
        assert is_melody(audio.samples)
        assert audio.source.isprintable()
        audio.source.encode("utf-8")
    path.write_bytes(WAV[:44])
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert str(caught.value).isprintable()
    str(caught.value).encode("utf-8")


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_and_file_objects_are_read(wrap: type) -> None:
    assert is_melody(read_audio(wrap(WAV), sample_rate=RATE).samples)


def test_a_file_object_is_read_from_its_beginning_and_left_open(tmp_path: Path) -> None:
    path = tmp_path / "call.alaw"
    path.write_bytes(ALAW)
    with path.open("rb") as file:
        file.read(100)
        # The name of an opened file says what headerless sound is.
        assert is_melody(read_audio(file, sample_rate=RATE).samples, atol=0.02)
        assert not file.closed


class Pipe(io.RawIOBase):
    """A stream that cannot seek and gives 1000 bytes at a time."""

    def __init__(self, data: bytes, *, failing: bool = False) -> None:
        super().__init__()
        self._data = io.BytesIO(data)
        self._failing = failing

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._failing and self._data.tell() > 2000:
            raise ConnectionResetError("the other side hung up")
        return self._data.readinto(memoryview(buffer)[:1000])


def test_a_stream_that_cannot_seek_is_read() -> None:
    assert is_melody(read_audio(Pipe(WAV), sample_rate=RATE).samples)  # type: ignore[arg-type]


def test_a_real_pipe_is_read() -> None:
    end_of_reader, end_of_writer = os.pipe()
    with os.fdopen(end_of_writer, "wb") as writer, os.fdopen(end_of_reader, "rb") as reader:
        writer.write(WAV[:8000])
        writer.close()
        assert read_audio(reader).duration_s == pytest.approx((8000 - 44) / 2 / RATE, abs=1e-3)


def test_a_stream_that_fails_is_one_error() -> None:
    with pytest.raises(AudioError, match="reading failed: the other side hung up") as caught:
        read_audio(Pipe(WAV, failing=True), name="upload.wav")  # type: ignore[arg-type]
    assert caught.value.kind == "unreadable_file"


class FailingDisk(io.BytesIO):
    """Reads well until `fails` is set."""

    fails = False

    def read(self, size: int | None = -1) -> bytes:
        if self.fails:
            raise OSError(5, "Input/output error")
        return super().read(size)


@pytest.mark.slow
@pytest.mark.parametrize("container", ["WAV", "FLAC", "MP3"])
def test_a_disk_that_fails_on_the_way_is_one_error(
    container: str, capfd: pytest.CaptureFixture[str]
) -> None:
    subtype = "MPEG_LAYER_III" if container == "MP3" else "PCM_16"
    sound = np.random.default_rng(3).normal(scale=0.1, size=60 * RATE)
    disk = FailingDisk(by_soundfile(sound, RATE, container, subtype))
    with open_audio(disk, name="call.bin", block_s=1.0) as reader:
        blocks = reader.blocks()
        next(blocks)
        disk.fails = True
        with pytest.raises(AudioError, match=r"call\.bin: .*Input/output error") as caught:
            list(blocks)
        assert caught.value.kind == "unreadable_file"
        disk.fails = False
        assert reader.read(50.0, 51.0).duration_s == 1.0
    assert capfd.readouterr() == ("", "")


class Interrupting(FailingDisk):
    """Ctrl-C arrives while a library asks for bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.fails:
            raise KeyboardInterrupt
        return super().read(size)


def test_ctrl_c_inside_a_library_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    file = Interrupting(by_soundfile(np.zeros(60 * RATE), RATE, "WAV", "PCM_16"))
    with open_audio(file) as reader:
        file.fails = True
        with pytest.raises(KeyboardInterrupt):
            list(reader.blocks())
    assert capfd.readouterr() == ("", "")


def kind_of(source: object) -> str:
    with pytest.raises(AudioError) as caught:
        read_audio(source)  # type: ignore[arg-type]
    return caught.value.kind


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"нет\.wav: expected a recording, found no such file"):
        read_audio(tmp_path / "нет.wav")
    (tmp_path / "file").write_bytes(WAV)
    assert kind_of(tmp_path / "нет.wav") == "not_found"
    assert kind_of(tmp_path / "file" / "inside.wav") == "not_found"
    assert kind_of("") == "not_found"
    assert kind_of("a\0b.wav") == "unreadable_file"
    assert kind_of(tmp_path / ("x" * 300)) == "unreadable_file"


def test_a_dead_link_and_a_circle_of_links_are_told(tmp_path: Path) -> None:
    (tmp_path / "dead.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "round.wav").symlink_to(tmp_path / "round.wav")
    assert kind_of(tmp_path / "dead.wav") == "not_found"
    assert kind_of(tmp_path / "round.wav") == "unreadable_file"


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="found a folder; name a file in it"):
        read_audio(tmp_path)
    assert kind_of(tmp_path) == "is_directory"


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(AudioError, match=r"empty\.wav: .* an empty file \(0 bytes\)"):
        read_audio(path)
    assert [kind_of(source) for source in (path, b"", io.BytesIO())] == ["empty_file"] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="no such users there")
def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(WAV)
    path.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:  # who may read everything: be nobody for a moment
        os.seteuid(65534)
    try:
        with pytest.raises(AudioError, match="found no permission; give this user") as caught:
            read_audio(path)
    finally:
        if is_root:
            os.seteuid(0)
    assert caught.value.kind == "permission"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_a_named_pipe_and_a_device_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="found a pipe, socket or device"):
        read_audio(tmp_path / "pipe.wav")
    assert kind_of(tmp_path / "pipe.wav") == kind_of("/dev/zero") == "not_a_file"


def test_a_file_that_becomes_a_pipe_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(WAV)
    ordinary = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda _: ordinary)
    # The check by name sees the file that was there; the one after opening sees the pipe.
    assert kind_of(path) == "not_a_file"


def test_a_file_removed_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(WAV)
    with open_audio(path, sample_rate=RATE, block_s=0.1) as reader:
        blocks = reader.blocks()
        parts = [next(blocks).samples]
        path.unlink()
        parts.extend(block.samples for block in blocks)
        assert is_melody(np.concatenate(parts))
        assert is_melody(np.concatenate([block.samples for block in reader.blocks()]))


def test_a_file_cut_while_it_is_read_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(by_soundfile(np.zeros(100 * RATE), RATE, "WAV", "PCM_16"))
    with open_audio(path, sample_rate=RATE, block_s=1.0) as reader:
        blocks = reader.blocks()
        next(blocks)
        os.truncate(path, 50 * RATE * 2)
        assert 45 < sum(block.duration_s for block in blocks) < 51


def test_a_file_opened_as_text_is_told() -> None:
    assert kind_of(io.StringIO("text")) == "unsupported"


def test_a_closed_file_object_is_told() -> None:
    file = io.BytesIO(WAV)
    file.close()
    assert kind_of(file) == "unreadable_file"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_no_file_stays_open(tmp_path: Path) -> None:
    good, bad, text = tmp_path / "good.wav", tmp_path / "bad.mp3", tmp_path / "text.wav"
    good.write_bytes(WAV)
    bad.write_bytes(b"ID3\3\0\0\0\0\0\0" + bytes(1000))
    text.write_text("nothing to hear")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(5):
        probe_audio(good)
        for path in (bad, text):
            with pytest.raises(AudioError):
                probe_audio(path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
