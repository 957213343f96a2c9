"""Tell what a recording is: by its content, and only where that says nothing by its name.

Headerless files (bare samples or codec frames) have no content to go by; their names are the
ones Asterisk and FreeSWITCH give them.

Source: extensions in Asterisk ``formats/format_*.c`` (`ulaw|ul|mu|ulw`, `alaw|al|alw`,
`sln|raw`, `sln12` ... `sln192`, `gsm`, `vox`, `g722`) and FreeSWITCH ``mod_sndfile`` and
``mod_native_file`` (`r8`, `r16` ..., `pcma`, `pcmu`). `pcm` is left out: mu-law for Asterisk,
16-bit linear for everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from recognizer.audio.sources import SourceFile

__all__ = ["HEADERLESS", "Container", "Headerless", "foreign_content", "sniff"]


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file that says what it is.

    Attributes
    ----------
    name : str
        For people.
    demuxer : str
        libav's name.
    is_for_soundfile : bool
        Whether libsndfile is asked first. Not for MP3: its decoder writes to stderr.
    """

    name: str
    demuxer: str
    is_for_soundfile: bool = False


@dataclass(frozen=True, slots=True)
class Headerless:
    """Mono samples or codec frames with nothing before them.

    Attributes
    ----------
    name : str
        For people.
    subtype : str or None
        libsndfile's name; None where it cannot.
    sample_rate : int
        Hz.
    demuxer : str or None
        libav's name, where libsndfile cannot.
    """

    name: str
    subtype: str | None
    sample_rate: int = 8000
    demuxer: str | None = None


WAV = Container("WAV", "wav", is_for_soundfile=True)
MP3 = Container("MP3", "mp3")
_AAC = Container("AAC", "aac")
_AMR = Container("AMR", "amr")
_MPEG_4 = Container("MP4/M4A", "mov")
# libsndfile stops at the length that a FLAC header claims, though sound may follow.
_FLAC = Container("FLAC", "flac")
_AIFF = Container("AIFF", "aiff", is_for_soundfile=True)
_W64 = Container("W64", "w64", is_for_soundfile=True)
AU = Container("AU", "au", is_for_soundfile=True)

# First byte of the signature, signature, kind.
_SIGNATURES: tuple[tuple[int, bytes, Container], ...] = (
    (8, b"AVI ", Container("AVI", "avi")),
    (8, b"AIFF", _AIFF),
    (8, b"AIFC", _AIFF),
    (0, b".snd", AU),
    (0, b"fLaC", _FLAC),
    (0, b"OggS", Container("Ogg", "ogg", is_for_soundfile=True)),
    (0, b"caff", Container("CAF", "caf", is_for_soundfile=True)),
    (0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", _W64),
    (0, b"#!AMR\n", _AMR),
    (0, b"#!AMR-WB\n", _AMR),
    (0, b"\x1a\x45\xdf\xa3", Container("Matroska/WebM", "matroska")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container("ASF/WMA", "asf")),
    (0, b"FLV\x01", Container("FLV", "flv")),
    *((4, box, _MPEG_4) for box in (b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free")),
)

_BY_NAME: Mapping[str, Container] = MappingProxyType(
    {"mp3": MP3, "mp2": MP3, "aac": _AAC, "adts": _AAC}
)

_ULAW = Headerless("headerless mu-law", "ULAW")
_ALAW = Headerless("headerless A-law", "ALAW")
_GSM = Headerless("headerless GSM 6.10", "GSM610")


def _linear(sample_rate: int) -> Headerless:
    return Headerless("headerless 16-bit linear", "PCM_16", sample_rate)


HEADERLESS: Mapping[str, Headerless] = MappingProxyType(
    {
        **dict.fromkeys(("ulaw", "ul", "mu", "ulw", "pcmu"), _ULAW),
        **dict.fromkeys(("alaw", "al", "alw", "pcma"), _ALAW),
        "gsm": _GSM,
        **dict.fromkeys(("sln", "raw", "sln8", "slin", "r8"), _linear(8_000)),
        "sln12": _linear(12_000),
        **dict.fromkeys(("sln16", "slin16", "r16"), _linear(16_000)),
        **dict.fromkeys(("sln24", "r24"), _linear(24_000)),
        **dict.fromkeys(("sln32", "r32"), _linear(32_000)),
        "sln44": _linear(44_100),
        **dict.fromkeys(("sln48", "r48"), _linear(48_000)),
        "sln96": _linear(96_000),
        "sln192": _linear(192_000),
        "vox": Headerless("headerless Dialogic ADPCM", "VOX_ADPCM"),
        "g722": Headerless("headerless G.722", None, 16_000, "g722"),
    }
)
"""Extension or format hint, lower case, to what it means."""

_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff\xe0", "a picture"),
    (b"GIF8", "a picture"),
    (b"MThd", "MIDI notes, not sound"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
)

_HEAD_BYTES = 4096


def sniff(source: SourceFile, hint: str) -> Container | Headerless | None:
    """Return what `source` is, None if neither content nor `hint` tells.

    Parameters
    ----------
    source : SourceFile
    hint : str
        Extension without the dot, lower case.
    """
    found = _by_signature(source, 0)
    if found is not None:
        return found
    if hint in HEADERLESS:
        return HEADERLESS[hint]
    return _by_frames(source) or _by_transport_stream(source) or _BY_NAME.get(hint)


def foreign_content(source: SourceFile) -> str | None:
    """Return what a file that is not sound is, in words; None if that cannot be told."""
    head = source.read_at(0, _HEAD_BYTES)
    for signature, description in _FOREIGN:
        if head.startswith(signature):
            return description
    return "text" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as problem:
        if problem.start < len(head) - 3:
            return False
        text = head[: problem.start].decode("utf-8")
    # A-law silence may be nothing but 0x55, the letter U.
    return len(set(text)) > 4 and all(c.isprintable() or c in "\r\n\t\f\ufeff" for c in text)


def _by_signature(source: SourceFile, start: int) -> Container | None:
    head = source.read_at(start, 16)
    if head[:3] == b"ID3" and start == 0:
        return _behind_id3(source, head)
    if head[8:12] == b"WAVE" and head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return WAV
    for offset, signature, container in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return container
    return None


def _behind_id3(source: SourceFile, head: bytes) -> Container:
    """Return what follows an ID3 tag: MP3 as a rule; libav skips the tag itself."""
    length = 0
    for byte in head[6:10]:  # 4 x 7 bits
        length = length << 7 | byte & 0x7F
    behind = _by_signature(source, 10 + length)
    if behind is _FLAC:
        return _FLAC
    adts = source.read_at(10 + length, 2)
    return _AAC if _is_adts(adts) else MP3


def _by_frames(source: SourceFile) -> Container | None:
    """Find three MPEG or ADTS frames in a row near the beginning: they have no signature."""
    head = source.read_at(0, _HEAD_BYTES)
    offset = head.find(b"\xff")
    while offset >= 0:
        for container, frame_bytes in ((MP3, _mpeg_frame_bytes), (_AAC, _adts_frame_bytes)):
            position = offset
            for _ in range(3):
                length = frame_bytes(source.read_at(position, 7))
                if length is None:
                    break
                position += length
            else:
                return container
        offset = head.find(b"\xff", offset + 1)
    return None


# kbit/s of layer III, index 1 to 14: MPEG-1, then MPEG-2 and 2.5 (ISO 11172-3, 13818-3).
_KBITS_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_RATES = (44_100, 48_000, 32_000)


def _mpeg_frame_bytes(header: bytes) -> int | None:
    """Return the length of an MPEG layer III frame from its header, None if it is not one."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version = header[1] >> 3 & 3  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    kbits_index, rate_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or kbits_index in (0, 15) or rate_index == 3:
        return None
    kbits = (_KBITS_1 if version == 3 else _KBITS_2)[kbits_index - 1]
    sample_rate = _MPEG_RATES[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    padding = header[2] >> 1 & 1
    return (144_000 if version == 3 else 72_000) * kbits // sample_rate + padding


def _is_adts(header: bytes) -> bool:
    return len(header) >= 2 and header[0] == 0xFF and header[1] & 0xF6 == 0xF0


def _adts_frame_bytes(header: bytes) -> int | None:
    """Return the length of an ADTS frame from its header, None if it is not one."""
    if len(header) < 6 or not _is_adts(header) or header[2] >> 2 & 15 > 12:
        return None
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else None


def _by_transport_stream(source: SourceFile) -> Container | None:
    marks = [source.read_at(188 * packet, 1) for packet in range(4)]
    return Container("MPEG-TS", "mpegts") if marks == [b"G"] * 4 else None
