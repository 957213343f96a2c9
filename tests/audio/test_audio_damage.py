"""A damaged recording gives the sound that is left, or one clear error; never anything else."""

import io
import struct
from collections.abc import Callable

import av
import numpy as np
import pytest
from audio_encoding import CASES, DURATION_S, Case, by_pyav, by_soundfile, melody
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recognizer.audio import open_audio, probe_audio, read_audio
from recognizer.base.errors import AudioError

KINDS = {"unreadable_audio", "unsupported", "no_samples", "invalid_samples", "no_audio_track"}
RATE = 8_000

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def read_or_refuse(data: bytes, name: str) -> float:
    """Return the seconds read, 0 where the file is refused; anything else fails the test."""
    try:
        audio = read_audio(data, sample_rate=RATE, name=name, max_duration_s=20)
    except AudioError as problem:
        refusal = problem
    else:
        assert np.isfinite(audio.samples).all()
        assert np.abs(audio.samples).max(initial=0) <= 2
        return audio.duration_s
    assert refusal.kind in KINDS
    assert str(refusal).startswith(f"{name}: expected ")
    return 0.0


@pytest.mark.slow
@every_case
def test_a_file_cut_anywhere_gives_what_is_left(
    case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    data = case.data()
    name = case.name or "call.bin"
    lengths = {*range(1, 64, 5), *(round(len(data) * part / 24) for part in range(1, 24))}
    seconds = [read_or_refuse(data[:length], name) for length in sorted(lengths)]
    assert max(seconds) <= DURATION_S + case.spare_s + 0.2
    almost_s = read_or_refuse(data[: round(len(data) * 0.95)], name)
    if case.is_index_last:
        assert almost_s == 0
    elif case.format not in ("Ogg", "AVI", "MPEG-TS"):  # pages of a second, a short clip
        assert almost_s >= 0.75 * DURATION_S
    assert capfd.readouterr() == ("", "")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.property
@given(
    case=st.sampled_from(CASES),
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1),
    is_in_header=st.booleans(),
)
def test_changed_bytes_never_get_past_the_error(
    case: Case,
    changes: list[tuple[int, int]],
    is_in_header: bool,
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = bytearray(case.data())
    for position, value in changes:
        data[position % (100 if is_in_header else len(data))] = value
    read_or_refuse(bytes(data), case.name or "call.bin")
    assert capfd.readouterr() == ("", "")


def wav(body: bytes, *, data_length: int, tag: int = 1, bits: int = 16, n_channels: int = 1,
        sample_rate: int = RATE, before: bytes = b"", after: bytes = b"",
        riff_length: int = 0) -> bytes:  # fmt: skip
    """Return a WAV file with exactly these numbers in its header, right or wrong."""
    frame = n_channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, n_channels, sample_rate & 0xFFFFFFFF,
                      sample_rate * frame & 0xFFFFFFFF, frame & 0xFFFF, bits)  # fmt: skip
    return (
        struct.pack("<4sI4s4sI", b"RIFF", riff_length, b"WAVE", b"fmt ", 16) + fmt + before
        + struct.pack("<4sI", b"data", data_length) + body + after
    )  # fmt: skip


PCM = by_soundfile(melody(RATE), RATE, "RAW", "PCM_16")
SOUND = melody(RATE)


def assert_is_melody(data: bytes, n_samples: int = len(SOUND), atol: float = 1e-4) -> None:
    audio = read_audio(data, sample_rate=RATE)
    assert len(audio.samples) == n_samples
    np.testing.assert_allclose(audio.samples[: len(SOUND)], SOUND[:n_samples], atol=atol)


@pytest.mark.parametrize(
    "length", [0, 1, 100, 4096, len(PCM) - 200, len(PCM) + 2, 10**6, 0x7FFFFFFF, 0xFFFFFFFF]
)
def test_a_wrong_data_length_costs_no_sample_and_is_noted(length: int) -> None:
    data = wav(PCM, data_length=length)
    assert_is_melody(data)
    (note,) = probe_audio(data).notes
    assert note == f"its header says {length} bytes of samples, {len(PCM)} are there"


def test_a_right_data_length_is_not_noted() -> None:
    assert probe_audio(wav(PCM, data_length=len(PCM))).notes == ()


@pytest.mark.parametrize(
    "before",
    [
        b"LIST" + struct.pack("<I", 12) + b"INFOISFTabcd",
        b"bext" + struct.pack("<I", 602) + b"\0" * 602,
        b"JUNK" + struct.pack("<I", 5) + b"abcde\0",
        b"JUNK" + struct.pack("<I", 5) + b"abcde",
        b"LIST" + struct.pack("<I", 70_000_000) + b"INFOISFTabcd",
        b"\0\0\0\0\0\0\0\0",
    ],
    ids=["list", "bext", "odd, padded", "odd, not padded", "far too long", "zeros"],
)
def test_chunks_before_the_samples_are_stepped_over(before: bytes) -> None:
    assert_is_melody(wav(PCM, data_length=len(PCM), before=before))


@pytest.mark.parametrize(
    "after",
    [
        b"LIST" + struct.pack("<I", 12) + b"INFOISFTabcd",
        b"id3 " + struct.pack("<I", 500) + b"ID3 cut",
        b"zzzz" + struct.pack("<I", 4) + b"abcd",
        b"\0\0\0",
    ],
    ids=["list", "cut tag", "unknown", "padding"],
)
def test_chunks_after_the_samples_are_not_sound(after: bytes) -> None:
    assert_is_melody(wav(PCM, data_length=len(PCM), after=after))


def test_an_odd_number_of_data_bytes_loses_half_a_sample_only() -> None:
    assert_is_melody(wav(PCM[:-1], data_length=len(PCM) - 1), len(SOUND) - 1)


def test_a_law_that_calls_itself_16_bit_is_read() -> None:
    alaw = by_soundfile(SOUND, RATE, "RAW", "ALAW")
    assert_is_melody(wav(alaw, data_length=len(alaw), tag=6), atol=0.02)


def test_12_bit_samples_lie_in_16_bits() -> None:
    assert_is_melody(wav(PCM, data_length=len(PCM), bits=12))


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (wav(PCM, data_length=0, n_channels=0), "unsupported", "1 to 8 channels, found 0"),
        (wav(PCM, data_length=0, n_channels=9), "unsupported", "1 to 8 channels, found 9"),
        (wav(PCM, data_length=0, n_channels=65535), "unsupported", "found 65535"),
        (wav(PCM, data_length=0, sample_rate=0), "unsupported", "4000 to 192000 .*found 0"),
        (wav(PCM, data_length=0, sample_rate=3999), "unsupported", "found 3999"),
        (wav(PCM, data_length=0, sample_rate=2**32 - 1), "unsupported", "found 4294967295"),
        (wav(PCM, data_length=0, bits=7 * 8), "unreadable_audio", "56 bits, expected one of"),
        (wav(PCM, data_length=0, tag=0x1234), "unreadable_audio", "libsndfile: .* libav: "),
        (wav(b"", data_length=0), "no_samples", "found none; the recorder wrote a header only"),
        (wav(b"\0", data_length=1), "no_samples", "found none"),
        (wav(PCM, data_length=0)[:36], "unreadable_audio", "without a 'data' chunk"),
        (b"RIFF\0\0\0\0WAVE" + PCM, "unreadable_audio", "no 'fmt ' chunk"),
        (b"Dear colleagues, this is no recording. " * 9, "unreadable_audio", "found text"),
        ("Это не запись, это письмо.\r\n".encode() * 500, "unreadable_audio", "found text"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "unreadable_audio", "found text"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "unreadable_audio", "found text"),
        (b"%PDF-1.7\n\xff\xfe" + bytes(99), "unsupported", "found a PDF document; give"),
        (b"PK\x03\x04" + bytes(99), "unsupported", "found a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "unsupported", "found a picture"),
        (bytes(5000), "unreadable_audio", "no known header; if these are bare samples"),
        (PCM, "unreadable_audio", r"name the file \.alaw, \.ulaw, \.sln or \.gsm"),
        (np.random.default_rng(7).bytes(50_000), "unreadable_audio", "no known header"),
    ],
)
def test_each_kind_of_bad_file_has_one_clear_error(data: bytes, kind: str, words: str) -> None:
    with pytest.raises(AudioError, match=words) as caught:
        read_audio(data, name="запись.wav")
    assert caught.value.kind == kind
    assert str(caught.value).startswith("запись.wav: expected ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["call.alaw", "call.sln", "call.gsm", "call.mp3", "call.m4a"])
def test_text_is_no_sound_whatever_its_name(name: str) -> None:
    with pytest.raises(AudioError, match="found text"):
        read_audio(b"01.02.2024;10:15;lost\n" * 50, name=name)


def test_a_video_without_sound_has_no_audio_track() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        video = output.add_stream("mpeg4", rate=5)
        video.width = video.height = 64
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for _ in range(6):
            output.mux(video.encode(picture))
        output.mux(video.encode(None))
    with pytest.raises(
        AudioError, match=r"found an? MP4/M4A file without an audio track"
    ) as caught:
        read_audio(file.getvalue(), name="call.mp4")
    assert caught.value.kind == "no_audio_track"


def floats(change: Callable[[np.ndarray], None]) -> bytes:
    sound = SOUND.astype(np.float32)
    change(sound)
    return wav(sound.tobytes(), data_length=len(sound) * 4, tag=3, bits=32)


def test_a_few_samples_that_are_no_numbers_become_zero() -> None:
    def change(sound: np.ndarray) -> None:
        sound[1000], sound[2000], sound[3000] = np.nan, np.inf, -np.inf

    samples = read_audio(floats(change), sample_rate=RATE).samples
    assert (samples[[1000, 2000, 3000]] == 0).all()
    np.testing.assert_allclose(np.delete(samples, [1000, 2000, 3000]),
                               np.delete(SOUND, [1000, 2000, 3000]), atol=1e-6)  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_file_of_no_numbers_is_refused(value: float) -> None:
    with pytest.raises(AudioError, match="found 100% that are no numbers") as caught:
        read_audio(floats(lambda sound: sound.fill(value)), name="nan.wav")
    assert caught.value.kind == "invalid_samples"


def test_floats_in_the_scale_of_integers_are_refused_not_clipped() -> None:
    with pytest.raises(AudioError, match=r"within -1 to 1, found .* save the recording as 16-bit"):
        read_audio((floats(lambda sound: np.multiply(sound, 32768, out=sound))), name="loud.wav")


def test_a_damaged_flac_is_read_past_the_damage() -> None:
    data = bytearray(by_soundfile(melody(RATE).repeat(20), RATE, "FLAC", "PCM_16"))
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    whole_s = 20 * DURATION_S
    assert whole_s - 2 <= read_audio(bytes(data)).duration_s <= whole_s


def test_a_cut_flac_loses_one_frame_at_most() -> None:
    data = by_pyav(melody(RATE).repeat(20), RATE, "flac", "flac")
    with open_audio(data) as reader:
        n_frame = 4608  # libav's encoder at 8 kHz: 105 ms is its rule, rounded up to this
        assert reader.info.duration_s == pytest.approx(20 * DURATION_S)
    for share in (0.4, 0.6, 0.8):
        cut = data[: round(len(data) * share)]
        # The encoder leaves 8 kB of padding before the first frame.
        left_s = 20 * DURATION_S * (len(cut) - 8300) / (len(data) - 8300)
        assert read_audio(cut).duration_s >= left_s - n_frame / RATE - 0.3
