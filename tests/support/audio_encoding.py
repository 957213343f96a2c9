"""Recordings for the audio tests, made by the encoders inside soundfile and PyAV."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile

SECTION_S = 0.4
SECTIONS_HZ = (425, 950, 1400)
DURATION_S = 1.2
AMR_WB = Path(__file__).parents[1] / "data" / "audio" / "425_then_1400_hz.awb"

Sound = npt.NDArray[np.float64]


def melody(sample_rate: int) -> Sound:
    """Three tones one after the other, each swelling and fading: no two moments are alike."""
    times_s = np.arange(round(SECTION_S * sample_rate)) / sample_rate
    swell = 0.3 * np.sin(np.pi * times_s / SECTION_S) ** 2
    return np.concatenate([swell * np.sin(2 * np.pi * hz * times_s) for hz in SECTIONS_HZ])


def by_soundfile(sound: Sound, sample_rate: int, container: str, subtype: str) -> bytes:
    file = io.BytesIO()
    endian = "LITTLE" if container == "RAW" else "FILE"
    soundfile.write(file, sound, sample_rate, format=container, subtype=subtype, endian=endian)
    return file.getvalue()


def by_pyav(
    sound: Sound,
    sample_rate: int,
    container: str,
    codec: str,
    *,
    layout: str = "mono",
    has_video: bool = False,
) -> bytes:
    """Encode `sound`, the same in every channel of `layout`."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        video: Any = None
        if has_video:
            video = output.add_stream("libvpx" if container == "webm" else "mpeg4", rate=5)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
        stream: Any = output.add_stream(codec, rate=sample_rate, layout=layout)
        if codec == "libopencore_amrnb":
            stream.codec_context.bit_rate = 12_200
        resampler = av.AudioResampler(stream.codec_context.format.name, layout, sample_rate)
        n_channels = av.AudioLayout(layout).nb_channels
        interleaved = sound.repeat(n_channels)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate = sample_rate
        fifo = av.AudioFifo()
        for piece in resampler.resample(frame) + resampler.resample(None):
            fifo.write(piece)
        n_frame = stream.codec_context.frame_size or 1024
        while part := fifo.read(n_frame) or fifo.read(n_frame, partial=True):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
        if video is not None:
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            for _ in range(6):
                output.mux(video.encode(picture))
            output.mux(video.encode(None))
    return file.getvalue()


@dataclass(frozen=True)
class Case:
    """A way to write `melody`, and what must come back."""

    id: str
    encode: Callable[[], bytes]
    sample_rate: int
    format: str
    codec: str
    name: str | None = None
    correlation: float = 0.999
    spare_s: float = 0.0
    is_index_last: bool = False

    def data(self) -> bytes:
        if self.id not in _ENCODED:
            _ENCODED[self.id] = self.encode()
        return _ENCODED[self.id]


_ENCODED: dict[str, bytes] = {}


def _sf(container: str, subtype: str, rate: int, /, **more: Any) -> Case:
    more.setdefault("format", "WAV" if container in ("WAVEX", "RF64") else container)
    more.setdefault("codec", subtype)
    return Case(
        f"{container}-{subtype}-{rate}",
        lambda: by_soundfile(melody(rate), rate, container, subtype),
        rate,
        **more,
    )


def _av(
    container: str, encoder: str, rate: int, /, *, has_video: bool = False, **more: Any
) -> Case:
    return Case(
        f"{container}-{encoder}-{rate}{'-video' * has_video}",
        lambda: by_pyav(melody(rate), rate, container, encoder, has_video=has_video),
        rate,
        **more,
    )


_MP4: dict[str, Any] = {"format": "MP4/M4A", "is_index_last": True}

CASES = (
    *(_sf("WAV", subtype, 8_000) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32")),
    *(_sf("WAV", subtype, 8_000) for subtype in ("FLOAT", "DOUBLE", "ALAW", "ULAW")),
    _sf("WAV", "GSM610", 8_000, correlation=0.97, spare_s=0.04),
    _sf("WAV", "IMA_ADPCM", 8_000, correlation=0.99, spare_s=0.07),
    _sf("WAV", "MS_ADPCM", 8_000, correlation=0.99, spare_s=0.07),
    _sf("WAVEX", "PCM_16", 44_100),
    _sf("WAVEX", "PCM_24", 8_000),
    _sf("WAVEX", "ALAW", 8_000),
    _sf("RF64", "PCM_16", 8_000),
    _sf("W64", "PCM_16", 8_000),
    _sf("AU", "ULAW", 8_000),
    _sf("AU", "PCM_16", 8_000),
    _sf("AIFF", "PCM_16", 8_000),
    _sf("CAF", "ALAW", 8_000),
    _sf("FLAC", "PCM_16", 16_000, codec="flac"),
    _sf("OGG", "VORBIS", 16_000, format="Ogg", correlation=0.99),
    _sf("OGG", "OPUS", 16_000, format="Ogg", correlation=0.99),
    _sf("MP3", "MPEG_LAYER_III", 8_000, codec="mp3", correlation=0.98),
    _sf("RAW", "ALAW", 8_000, format="headerless A-law", name="call.alaw"),
    _sf("RAW", "ULAW", 8_000, format="headerless mu-law", name="call.ULAW"),
    _sf("RAW", "PCM_16", 8_000, format="headerless 16-bit linear", name="call.sln"),
    _sf("RAW", "PCM_16", 16_000, format="headerless 16-bit linear", name="call.sln16"),
    _sf("RAW", "GSM610", 8_000, format="headerless GSM 6.10", name="call.gsm", correlation=0.97,
        spare_s=0.02),
    _sf("RAW", "VOX_ADPCM", 8_000, format="headerless Dialogic ADPCM", name="call.vox",
        correlation=0.99),
    _av("g722", "g722", 16_000, format="headerless G.722", codec="adpcm_g722", name="call.g722",
        correlation=0.99),
    _av("mp3", "libmp3lame", 44_100, format="MP3", codec="mp3", correlation=0.98),
    _av("wav", "libmp3lame", 8_000, format="WAV", codec="mp3", correlation=0.98, spare_s=0.3),
    _av("wav", "g726", 8_000, format="WAV", codec="adpcm_g726", correlation=0.98),
    _av("ogg", "libopus", 48_000, format="Ogg", codec="OPUS", correlation=0.98),
    _av("mp4", "aac", 16_000, codec="aac", correlation=0.98, spare_s=0.13, **_MP4),
    _av("ipod", "aac", 44_100, codec="aac", correlation=0.98, spare_s=0.05, **_MP4),
    _av("mov", "pcm_alaw", 8_000, codec="pcm_alaw", **_MP4),
    _av("mp4", "aac", 44_100, codec="aac", correlation=0.98, spare_s=0.05, has_video=True, **_MP4),
    _av("adts", "aac", 16_000, format="AAC", codec="aac", correlation=0.98, spare_s=0.2),
    _av("amr", "libopencore_amrnb", 8_000, format="AMR", codec="amr_nb", correlation=0.9,
        spare_s=0.03),
    _av("3gp", "libopencore_amrnb", 8_000, codec="amr_nb", correlation=0.9, spare_s=0.03, **_MP4),
    _av("matroska", "pcm_s16le", 8_000, format="Matroska/WebM", codec="pcm_s16le"),
    _av("webm", "libopus", 48_000, format="Matroska/WebM", codec="opus", correlation=0.98,
        has_video=True),
    _av("avi", "pcm_alaw", 8_000, format="AVI", codec="pcm_alaw", has_video=True),
    _av("mpegts", "aac", 16_000, format="MPEG-TS", codec="aac", correlation=0.98, spare_s=0.2),
    _av("flv", "aac", 44_100, format="FLV", codec="aac", correlation=0.98, spare_s=0.05),
)  # fmt: skip
