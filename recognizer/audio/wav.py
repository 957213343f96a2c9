"""Read the header of a WAV file as telephone systems write it, and write it anew.

A recorder that was killed in mid-call leaves a data length of 0, 0xFFFFFFFF, or of some moments
ago; others count wrongly, forget the padding of odd chunks, or say 16 bits of A-law. Both
decoding libraries follow such numbers to the letter. `repair_wav` takes from the header what
can be trusted, finds where the samples really begin and end, and puts a correct header before
them. The samples themselves are not touched.

Not handled: several data chunks in one file (`wavl` lists).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from recognizer.audio.decoders import DecodeError
from recognizer.audio.sources import SourceFile, View

__all__ = ["WavFile", "repair_wav"]

_PCM, _FLOAT, _ALAW, _MULAW, _MP3, _EXTENSIBLE = 1, 3, 6, 7, 0x55, 0xFFFE
_BITS = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64), _ALAW: (8,), _MULAW: (8,)}
_TAIL_CHUNKS = (
    b"LIST", b"list", b"INFO", b"id3 ", b"ID3 ", b"fact", b"bext", b"iXML", b"cue ", b"smpl",
    b"inst", b"PEAK", b"JUNK", b"junk", b"PAD ", b"FLLR", b"afsp", b"_PMX", b"axml", b"chna",
    b"plst", b"cart", b"acid", b"DISP", b"levl", b"umid",
)  # fmt: skip
_SEARCH_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class WavFile:
    """A WAV file made readable.

    Attributes
    ----------
    view : View
        The file with a correct header; of MP3 in WAV, the bare MP3.
    is_mp3 : bool
    n_channels, sample_rate : int
        As the header says; not checked.
    note : str or None
        What was wrong with the lengths.
    has_unread : bool
        More sound follows that is not in the view.
    """

    view: View
    is_mp3: bool
    n_channels: int
    sample_rate: int
    note: str | None
    has_unread: bool = False


def repair_wav(source: SourceFile) -> WavFile:
    """Return `source`, a RIFF WAVE file, with a header that both libraries read.

    Raises
    ------
    DecodeError
        If there is no format chunk or no data chunk, or the file ends before the samples.
    """
    chunks, data = _walk(source)
    if b"fmt " not in chunks:
        raise DecodeError("no 'fmt ' chunk with rate and coding before the samples")
    if data is None:
        raise DecodeError("the header ends without a 'data' chunk: there are no samples")
    fmt = chunks[b"fmt "]
    if len(fmt) < 16:
        raise DecodeError(f"a 'fmt ' chunk of {len(fmt)} bytes, expected 16 or more")
    tag, n_channels, sample_rate = struct.unpack_from("<HHI", fmt)
    start, declared = data
    end = _data_end(source, start, declared)
    note = None
    if declared != end - start:
        note = f"its header says {declared} bytes of samples, {end - start} are there"
    if _real_tag(tag, fmt) == _MP3:
        return WavFile(View(source, start=start, end=end), True, n_channels, sample_rate, note)
    more, more_note, has_unread = _appended(source, end, fmt)
    n_bytes = end - start + sum(last - first for first, last in more)
    view = View(
        source, prefix=_header(_plain_format(tag, fmt), n_bytes), start=start, end=end, more=more
    )
    notes = "; ".join(text for text in (note, more_note) if text)
    return WavFile(view, False, n_channels, sample_rate, notes or None, has_unread)


def _appended(
    source: SourceFile, end: int, fmt: bytes
) -> tuple[tuple[tuple[int, int], ...], str | None, bool]:
    """Return where the samples of WAV files behind the first lie: a recorder that resumed.

    With them a note, and whether more sound follows that cannot be joined on.
    """
    more: list[tuple[int, int]] = []
    while (riff := _next_riff(source, end)) is not None:
        chunks, data = _walk(source, riff + 12)
        if data is None:
            return tuple(more), "a WAV file without samples is appended, it was not read", True
        if chunks.get(b"fmt ", b"")[:16] != fmt[:16]:
            return tuple(more), "a WAV file of another format is appended, it was not read", True
        end = _data_end(source, *data)
        more.append((data[0], end))
    if not more:
        return (), None, False
    note = f"{len(more)} more WAV file(s) appended to the first, read as one call"
    return tuple(more), note, False


def _next_riff(source: SourceFile, position: int) -> int | None:
    """Return where the next WAV file begins behind samples and the chunks that follow them."""
    while position + 12 <= source.size:
        for place in (position + position % 2, position):
            head = source.read_at(place, 12)
            if head[:4] == b"RIFF" and head[8:] == b"WAVE":
                return place
        place = _after(source, position)
        name, length = struct.unpack("<4sI", source.read_at(place, 8).ljust(8, b"\0"))
        if name not in _TAIL_CHUNKS:
            return None
        position = place + 8 + length
    return None


def _walk(
    source: SourceFile, position: int = 12
) -> tuple[dict[bytes, bytes], tuple[int, int] | None]:
    """Return the chunks before the samples, and where those begin with their declared length."""
    chunks: dict[bytes, bytes] = {}
    while position + 8 <= source.size:
        name, length = struct.unpack("<4sI", source.read_at(position, 8))
        if name == b"data":
            return chunks, (position + 8, length)
        if not _is_name(name) or position + 8 + length > source.size:
            break
        chunks.setdefault(name, source.read_at(position + 8, min(length, 4096)))
        position = _after(source, position + 8 + length)
    # A wrong length on the way: the samples are announced a little further all the same.
    found = source.read_at(position, _SEARCH_BYTES).find(b"data")
    if found < 0 or position + found + 8 > source.size:
        return chunks, None
    (length,) = struct.unpack("<I", source.read_at(position + found + 4, 4))
    return chunks, (position + found + 8, length)


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def _after(source: SourceFile, end: int) -> int:
    """Return where the next chunk begins: an odd one is padded, by most writers."""
    if end % 2 and _is_name(source.read_at(end, 4)) and not _is_name(source.read_at(end + 1, 4)):
        return end
    return end + end % 2


def _data_end(source: SourceFile, start: int, declared: int) -> int:
    """Return where the samples end: by the header, unless it cannot be right."""
    end = start + declared
    if end >= source.size:
        return source.size
    for tail in (end + declared % 2, end):
        head = source.read_at(tail, 8)
        if len(head) < 8:
            return end
        name, length = struct.unpack("<4sI", head)
        if (
            name == b"RIFF"
            or name in _TAIL_CHUNKS
            or (_is_name(name) and tail + 8 + length <= source.size + 1)
        ):
            return end
    return source.size


def _real_tag(tag: int, fmt: bytes) -> int:
    """Return the coding; the extensible form keeps it in the first bytes of its GUID."""
    return int.from_bytes(fmt[24:26], "little") if tag == _EXTENSIBLE and len(fmt) >= 26 else tag


def _plain_format(tag: int, fmt: bytes) -> bytes:
    """Return the body of a correct format chunk; of codings in blocks, the file's own."""
    coding = _real_tag(tag, fmt)
    n_channels, sample_rate = struct.unpack_from("<HI", fmt, 2)
    (bits,) = struct.unpack_from("<H", fmt, 14)
    if coding not in _BITS:
        return fmt
    allowed = _BITS[coding]
    # 12 bits lie in the upper part of 2 bytes; A-law is 8 bits whatever the header says.
    stored = allowed[0] if len(allowed) == 1 else (bits + 7) // 8 * 8
    if stored not in allowed:
        raise DecodeError(f"samples of {bits} bits, expected one of {allowed}")
    frame_bytes = n_channels * stored // 8
    byte_rate = sample_rate * frame_bytes % 2**32
    return struct.pack(
        "<HHIIHH", coding, n_channels, sample_rate, byte_rate, frame_bytes % 2**16, stored
    )


def _header(fmt: bytes, data_length: int) -> bytes:
    # A WAV cannot say more than 4 GiB; what lies beyond is 70 hours of telephone sound.
    data_length = min(data_length, 2**32 - 2**16)
    fmt += b"\0" * (len(fmt) % 2)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", data_length)
    return b"RIFF" + struct.pack("<I", len(body) + data_length) + body
