"""Blocks, parts, rates and offsets of the reader."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_encoding import by_pyav, by_soundfile, melody

from recognizer.audio import open_audio, probe_audio, read_audio
from recognizer.base.errors import AudioError


def wav(sound: np.ndarray, sample_rate: int = 8_000, subtype: str = "PCM_16") -> bytes:
    return by_soundfile(sound, sample_rate, "WAV", subtype)


def test_blocks_follow_each_other_without_gap_and_can_be_read_twice() -> None:
    with open_audio(wav(melody(8_000)), block_s=0.5) as reader:
        blocks = list(reader.blocks())
        assert [block.start_s for block in blocks] == [0.0, 0.5, 1.0]
        assert [len(block.samples) for block in blocks] == [8_000, 8_000, 3_200]
        again = list(reader.blocks())
    assert all(
        np.array_equal(one.samples, two.samples) for one, two in zip(blocks, again, strict=True)
    )


@pytest.mark.parametrize("block_s", [0.01, 0.33, 1.2, 500.0])
def test_the_length_of_blocks_changes_no_sample(block_s: float) -> None:
    data = wav(melody(44_100), 44_100)
    with open_audio(data, block_s=block_s) as reader:
        joined = np.concatenate([block.samples for block in reader.blocks()])
    assert np.array_equal(joined, read_audio(data).samples)


@pytest.mark.parametrize("container", ["wav", "mp3"])
def test_parts_may_be_read_between_blocks(container: str) -> None:
    sound = np.concatenate([melody(8_000)] * 5)
    data = wav(sound) if container == "wav" else by_pyav(sound, 8_000, "mp3", "libmp3lame")
    whole = read_audio(data).samples
    with open_audio(data, block_s=0.7) as reader:
        found = []
        for block in reader.blocks():
            found.append(block.samples)
            reader.read(5.0 - block.start_s / 2, 5.5)
    np.testing.assert_array_equal(np.concatenate(found), whole)


def test_a_part_knows_where_it_lies_and_ends_with_the_recording() -> None:
    with open_audio(wav(melody(8_000))) as reader:
        assert reader.read(1.0, 5.0).start_s == 1.0
        assert reader.read(1.0, 5.0).duration_s == pytest.approx(0.2)
        assert len(reader.read(7.0, 8.0).samples) == 0
        for start_s, end_s in ((-1.0, 1.0), (1.0, 1.0), (0.0, float("inf")), (0, float("nan"))):
            with pytest.raises(ValueError, match="expected 0 <= start_s < end_s"):
                reader.read(start_s, end_s)


@pytest.mark.parametrize("rate_in", [4_000, 7_915, 8_000, 11_025, 16_000, 44_100, 192_000])
@pytest.mark.parametrize("rate_out", [8_000, 16_000])
def test_resampling_keeps_time_level_and_pitch(rate_in: int, rate_out: int) -> None:
    audio = read_audio(wav(melody(rate_in), rate_in, "FLOAT"), sample_rate=rate_out)
    expected = melody(rate_out)
    assert abs(len(audio.samples) - len(expected)) <= 1
    n_samples = min(len(audio.samples), len(expected))
    # 1400 Hz lies far below half of every rate: what is left is the filter's ripple.
    np.testing.assert_allclose(audio.samples[:n_samples], expected[:n_samples], atol=3e-3)


def test_what_lies_above_half_the_new_rate_is_gone() -> None:
    times_s = np.arange(44_100) / 44_100
    audio = read_audio(wav(0.5 * np.sin(2 * np.pi * 12_000 * times_s), 44_100), sample_rate=16_000)
    assert np.abs(audio.samples[500:-500]).max() < 1e-3


def test_at_its_own_rate_every_sample_is_as_it_was() -> None:
    pcm = np.random.default_rng(1).integers(-20_000, 20_000, 8_000)
    samples = read_audio(wav(pcm / 32768), sample_rate=8_000).samples
    np.testing.assert_array_equal(samples * 32768, pcm)


def test_a_constant_offset_is_removed() -> None:
    audio = read_audio(wav(melody(8_000) + 0.2), sample_rate=8_000)
    np.testing.assert_allclose(audio.samples, melody(8_000), atol=2e-4)
    with open_audio(wav(melody(8_000) - 0.2), sample_rate=8_000) as reader:
        np.testing.assert_allclose(
            reader.read(0.4, 0.8).samples, melody(8_000)[3200:6400], atol=2e-4
        )


def test_digital_silence_stays_silence() -> None:
    audio = read_audio(wav(np.zeros(8_000)))
    assert audio.duration_s == 1.0
    assert not audio.samples.any()


def test_one_sample_is_a_recording() -> None:
    assert len(read_audio(wav(np.array([0.5])), sample_rate=8_000).samples) == 1
    assert read_audio(wav(np.array([0.5]))).duration_s <= 3 / 16_000


def test_a_clipped_recording_stays_within_full_scale() -> None:
    square = np.sign(melody(8_000)) * 0.9999
    assert np.abs(read_audio(wav(square)).samples).max() <= 1.0


def test_only_the_beginning_is_read_if_asked() -> None:
    data = wav(melody(8_000))
    part = read_audio(data, max_duration_s=0.5)
    assert part.duration_s == 0.5
    np.testing.assert_allclose(part.samples, read_audio(data).samples[:8_000], atol=1e-6)


def test_the_duration_is_told_without_reading() -> None:
    assert probe_audio(wav(np.zeros(80_000))).duration_s == 10.0


@pytest.mark.parametrize("wrong", [{"sample_rate": 0}, {"block_s": 0.0}, {"block_s": -1.0}])
def test_a_rate_or_block_of_nothing_is_wrong_usage(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected a rate and a block above 0") as caught:
        open_audio(wav(melody(8_000)), **wrong)  # type: ignore[arg-type]
    assert not isinstance(caught.value, AudioError)


_READ = """
import sys
from pathlib import Path
from recognizer.audio import open_audio
with open_audio(sys.argv[1]) as reader:
    n_samples = sum(len(block.samples) for block in reader.blocks())
    reader.read(5.0, 10.0)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(status["VmHWM"].split()[0], n_samples)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read in /proc")
def test_memory_does_not_grow_with_duration(tmp_path: Path) -> None:
    """Half an hour against half a minute; benchmarks/long_audio.py measures two hours."""
    peaks_mb = []
    for minutes in (0.5, 30):
        path = tmp_path / f"{minutes}.wav"
        path.write_bytes(wav(np.tile(melody(8_000), round(minutes * 50)), subtype="ALAW"))
        command = [sys.executable, "-c", _READ, str(path)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peak_kb, n_samples = map(int, answer.split())
        assert n_samples / 16_000 == pytest.approx(minutes * 60, abs=0.1)
        peaks_mb.append(peak_kb / 1024)
    # 30 minutes at 16 kHz are 110 MB; the blocks in hand are some 4 MB.
    assert peaks_mb[1] - peaks_mb[0] < 10


def test_a_cut_recording_says_so_once_it_is_read() -> None:
    sound = np.random.default_rng(2).normal(scale=0.1, size=80_000)
    for container, words in (("FLAC", "it is damaged: after"), ("MP3", "it is cut: its header")):
        subtype = "PCM_16" if container == "FLAC" else "MPEG_LAYER_III"
        data = by_soundfile(sound, 8_000, container, subtype)
        for length, is_cut in ((len(data), False), (len(data) // 2, True)):
            with open_audio(data[:length]) as reader:
                list(reader.blocks())
                assert [note[: len(words)] for note in reader.notes] == [words] * is_cut


def test_what_is_longer_than_the_limit_is_refused_whatever_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "ten.wav"
    soundfile.write(path, np.zeros(80_000), 8000)
    with open_audio(path, limit_s=10.0) as reader:
        assert sum(block.duration_s for block in reader.blocks()) == pytest.approx(10.0)
    with pytest.raises(AudioError, match=r"lasts 10 s or more, at most 9\.5 s") as refused:
        open_audio(path, limit_s=9.5)
    assert refused.value.kind == "too_long"


def test_what_says_no_length_is_refused_where_the_limit_is_passed(tmp_path: Path) -> None:
    """A FLAC made by a program that did not know how long it would be."""
    path = tmp_path / "streamed.flac"
    soundfile.write(path, np.zeros(80_000), 8000, format="FLAC")
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4  # claims 99 days
    path.write_bytes(content)
    with open_audio(path, limit_s=10.0) as reader:
        assert sum(block.duration_s for block in reader.blocks()) == pytest.approx(10.0)
    with (
        open_audio(path, limit_s=9.0, block_s=1.0) as reader,
        pytest.raises(AudioError, match="lasts 10 s or more, at most 9 s"),
    ):
        list(reader.blocks())
