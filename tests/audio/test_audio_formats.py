"""Every format gives back the sound that was put in, whatever the file is called."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from audio_encoding import (
    AMR_WB,
    CASES,
    DURATION_S,
    SECTION_S,
    SECTIONS_HZ,
    Case,
    by_pyav,
    by_soundfile,
    melody,
)

from recognizer.audio import open_audio, opening, probe_audio, read_audio
from recognizer.audio.decoders import DecodeError
from recognizer.audio.formats import HEADERLESS
from recognizer.base.errors import AudioError

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def loudest_hz(samples: npt.NDArray[np.float32], sample_rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * sample_rate / len(samples)


def correlation(found: npt.NDArray[np.float32], sample_rate: int) -> float:
    """Best normalised correlation with the melody, allowing for a codec's delay of 150 ms."""
    wanted = melody(sample_rate)
    length = len(found) + len(wanted)
    crossed = np.fft.irfft(
        np.fft.rfft(found, length) * np.conj(np.fft.rfft(wanted, length)), length
    )
    near = int(0.15 * sample_rate)
    peak = max(crossed[: near + 1].max(), crossed[-near:].max())
    return float(peak / (np.linalg.norm(found) * np.linalg.norm(wanted)))


@every_case
def test_the_sound_comes_back_from_every_format(case: Case) -> None:
    audio = read_audio(case.data(), sample_rate=8_000, name=case.name)
    assert audio.sample_rate == 8_000
    assert DURATION_S - 0.05 <= audio.duration_s <= DURATION_S + case.spare_s + 0.001
    assert correlation(audio.samples, 8_000) >= case.correlation
    for section, hz in enumerate(SECTIONS_HZ):
        middle_s = (section + 0.5) * SECTION_S
        part = audio.slice(middle_s - 0.1, middle_s + 0.1)
        assert loudest_hz(part.samples, 8_000) == pytest.approx(hz, abs=10)


@every_case
def test_what_is_in_the_file_is_told(case: Case) -> None:
    info = probe_audio(case.data(), name=case.name)
    assert (info.format, info.codec) == (case.format, case.codec)
    assert (info.sample_rate, info.n_channels, info.channel) == (case.sample_rate, 1, 0)
    assert info.notes == ()
    if case.format in ("AAC", "AMR"):
        assert info.duration_s is None
    else:
        assert info.duration_s == pytest.approx(DURATION_S, abs=case.spare_s + 0.05)


@pytest.mark.slow
@every_case
def test_a_part_read_alone_is_the_same_as_in_the_whole(case: Case) -> None:
    with open_audio(case.data(), name=case.name, block_s=0.25) as reader:
        whole = np.concatenate([block.samples for block in reader.blocks()])
        for start_s, end_s in ((0.5, 0.9), (0.1, 0.3), (0.0, 1.0)):
            part = reader.read(start_s, end_s)
            assert part.start_s == start_s
            expected = whole[round(start_s * 16_000) : round(end_s * 16_000)]
            np.testing.assert_allclose(part.samples, expected, atol=1e-4)


def refuse(*_: object, **__: object) -> None:
    raise DecodeError("refused by the test")


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.name is None and c.codec.isupper() and c.correlation > 0.98],
    ids=lambda case: case.id,
)
def test_both_libraries_decode_the_same(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    by_libsndfile = read_audio(case.data(), sample_rate=8_000)
    monkeypatch.setattr(opening, "SoundfileDecoder", refuse)
    by_libav = read_audio(case.data(), sample_rate=8_000)
    n_samples = min(len(by_libsndfile.samples), len(by_libav.samples))
    assert n_samples >= 8_000 * DURATION_S - 150
    assert probe_audio(case.data()).codec != case.codec
    # libopus at 16 and at 48 kHz delays voice by a fraction of a sample more or less.
    atol = 0.05 if case.codec == "OPUS" else 2e-3
    for by_either in (by_libsndfile, by_libav):
        assert correlation(by_either.samples, 8_000) >= case.correlation
    np.testing.assert_allclose(
        by_libsndfile.samples[: n_samples - 150], by_libav.samples[: n_samples - 150], atol=atol
    )


def test_amr_wb_is_decoded() -> None:
    audio = read_audio(AMR_WB)
    assert audio.duration_s == 1.0
    assert loudest_hz(audio.samples[1000:7000], 16_000) == pytest.approx(425, abs=5)
    assert loudest_hz(audio.samples[9000:15000], 16_000) == pytest.approx(1400, abs=5)
    assert probe_audio(AMR_WB).codec == "amr_wb"


@pytest.mark.parametrize(
    ("name", "sample_rate"),
    [
        ("a.sln", 8_000), ("a.raw", 8_000), ("a.r8", 8_000), ("a.sln12", 12_000),
        ("a.sln16", 16_000), ("a.r16", 16_000), ("a.sln24", 24_000), ("a.sln32", 32_000),
        ("a.sln44", 44_100), ("a.sln48", 48_000), ("a.sln96", 96_000), ("a.sln192", 192_000),
    ],
)  # fmt: skip
def test_the_rate_of_headerless_linear_sound_is_in_its_name(name: str, sample_rate: int) -> None:
    data = by_soundfile(melody(sample_rate), sample_rate, "RAW", "PCM_16")
    audio = read_audio(data, sample_rate=8_000, name=name)
    assert correlation(audio.samples, 8_000) > 0.999


@pytest.mark.parametrize("extension", ["alaw", "al", "alw", "PCMA", "ulaw", "ul", "mu", "PCMU"])
def test_asterisk_and_freeswitch_names_of_companded_sound(extension: str, tmp_path: Path) -> None:
    subtype = "ALAW" if extension.lower() in ("alaw", "al", "alw", "pcma") else "ULAW"
    path = tmp_path / f"звонок.{extension}"
    path.write_bytes(by_soundfile(melody(8_000), 8_000, "RAW", subtype))
    assert correlation(read_audio(path, sample_rate=8_000).samples, 8_000) > 0.999


def test_a_hint_outranks_the_name_of_headerless_sound() -> None:
    data = by_soundfile(melody(8_000), 8_000, "RAW", "ALAW")
    audio = read_audio(data, sample_rate=8_000, name="call.wav", format_hint="alaw")
    assert correlation(audio.samples, 8_000) > 0.999
    with pytest.raises(AudioError, match=r"expected one of al, alaw, .* got 'alow'"):
        read_audio(data, format_hint="alow")


@pytest.mark.parametrize("byte", [0x55, 0xD5])
def test_a_law_silence_is_not_taken_for_letters(byte: int) -> None:
    audio = read_audio(bytes([byte]) * 8_000, name="call.alaw")
    assert audio.duration_s == 1.0
    assert np.abs(audio.samples).max() < 1e-3


@pytest.mark.parametrize("name", ["call.wav", "call.mp3", "call.gsm", "call.alaw", "call.txt", "x"])
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.name is None and case.sample_rate in (8_000, 44_100)],
    ids=lambda case: case.id,
)
def test_content_is_trusted_over_the_name(case: Case, name: str) -> None:
    if case.format == "MP3" and name in ("call.gsm", "call.alaw"):
        # A bare MP3 frame header can occur in samples; with a tag it is told from them.
        return
    assert probe_audio(case.data(), name=name).format == case.format


def test_mp3_is_known_with_junk_or_a_tag_before_it() -> None:
    mp3 = by_pyav(melody(44_100), 44_100, "mp3", "libmp3lame")
    bare = mp3[10 + int.from_bytes(mp3[6:10]) :] if mp3[:3] == b"ID3" else mp3
    cyrillic_tag = (
        b"TPE1" + (20).to_bytes(4) + b"\0\0" + b"\0" + "Звонок из Москвы 1 ".encode("cp1251")
    )
    tagged = b"ID3\x03\0\0" + bytes((0, 0, 0, len(cyrillic_tag))) + cyrillic_tag + bare
    for data in (bare, b"\0" * 700 + bare, tagged):
        audio = read_audio(data, sample_rate=44_100, name="call.wav")
        assert correlation(audio.samples, 44_100) > 0.98


def test_gsm_in_wav_as_asterisk_writes_it() -> None:
    """Asterisk's wav49: its own header, no fact chunk counted, padded to 65-byte blocks."""
    gsm = by_soundfile(melody(8_000), 8_000, "WAV", "GSM610")
    blocks = gsm[gsm.index(b"data") + 8 :]
    header = (
        b"RIFF" + (len(blocks) + 52).to_bytes(4, "little") + b"WAVEfmt " + b"\x14\0\0\0"
        + b"\x31\0" + b"\1\0" + (8000).to_bytes(4, "little") + (1625).to_bytes(4, "little")
        + b"\x41\0" + b"\0\0" + b"\2\0" + b"\x40\1"
        + b"fact\4\0\0\0\0\0\0\0" + b"data" + len(blocks).to_bytes(4, "little")
    )  # fmt: skip
    audio = read_audio(header + blocks, sample_rate=8_000, name="msg0001.WAV")
    assert correlation(audio.samples, 8_000) > 0.97


@pytest.mark.slow
@pytest.mark.parametrize("n_channels", range(1, 9))
@pytest.mark.parametrize("sample_rate", [4_000, 11_025, 192_000])
def test_any_rate_and_up_to_eight_channels(n_channels: int, sample_rate: int) -> None:
    sound = melody(sample_rate)
    file = io.BytesIO()
    soundfile.write(file, np.repeat(sound[:, None], n_channels, axis=1), sample_rate, format="WAV")
    file.seek(0)
    audio = read_audio(file, sample_rate=4_000)
    assert correlation(audio.samples, 4_000) > 0.999


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "n_channels"), [("stereo", 2), ("5.1", 6), ("6.1", 7), ("7.1", 8)]
)
def test_up_to_eight_channels_where_libav_decodes(layout: str, n_channels: int) -> None:
    """7.1 in planes ended in a segmentation fault: PyAV read a ninth plane."""
    data = by_pyav(melody(16_000), 16_000, "mp4", "aac", layout=layout)
    assert probe_audio(data).n_channels == n_channels
    audio = read_audio(data, sample_rate=8_000, channel=n_channels - 1)
    assert correlation(audio.samples, 8_000) > 0.98


def test_headerless_names_are_lower_case() -> None:
    assert all(extension == extension.lower() for extension in HEADERLESS)
