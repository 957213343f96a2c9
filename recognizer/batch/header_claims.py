"""What a recording's header says of its own length, against the bytes that are there.

Recorders write the length last (Asterisk, Python, ffmpeg), or first and then copy (a file server).
Either way a header that does not fit its file says that somebody is not done with it yet.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

__all__ = ["is_unfinished"]

_UNKNOWN = 0x7FFF0000
"""What writes to a pipe claims such lengths, and never corrects them: they say nothing."""
_MOST_CHUNKS = 100
_OGG_PAGE = b"OggS"
_LONGEST_OGG_PAGE = 27 + 255 + 255 * 255
_OGG_END = 4


def is_unfinished(file: BinaryIO) -> bool:
    """Tell whether a header says that sound is still to come, or nothing yet.

    Known are RIFF (WAV, RF64), ISO media (M4A, MP4, 3GP) and Ogg; of others nothing is said.

    Parameters
    ----------
    file : binary file
        At its start.
    """
    size_bytes = os.fstat(file.fileno()).st_size
    start = file.read(12)
    if start[:4] in {b"RIFF", b"RF64"} and start[8:] == b"WAVE":
        return _is_wave_unfinished(file, size_bytes)
    if start[4:8] == b"ftyp":
        return _is_media_unfinished(file, size_bytes)
    return start[:4] == _OGG_PAGE and _is_ogg_unfinished(file, size_bytes)


def _is_wave_unfinished(file: BinaryIO, size_bytes: int) -> bool:
    """Look for the sound's chunk: empty still, or longer than what is there."""
    place = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return True  # no sound has come yet
        name, length = head[:4], struct.unpack("<I", head[4:])[0]
        place += 8
        if name == b"data":
            return bool(length == 0 or size_bytes - place < length < _UNKNOWN)
        place += length + length % 2
    return False


def _is_media_unfinished(file: BinaryIO, size_bytes: int) -> bool:
    """Look whether every box ends inside the file, and the index is among them."""
    place, has_index = 0, False
    for _ in range(_MOST_CHUNKS):
        if place >= size_bytes:
            return not has_index
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return True
        length = struct.unpack(">I", head[:4])[0]
        has_index = has_index or head[4:8] in {b"moov", b"moof"}
        if length == 0:  # to the end of the file
            return not has_index
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8 or place + length > size_bytes:
            return True
        place += length
    return False


def _is_ogg_unfinished(file: BinaryIO, size_bytes: int) -> bool:
    """Look whether the last page is whole and says that it is the last."""
    file.seek(max(0, size_bytes - _LONGEST_OGG_PAGE))
    tail = file.read(_LONGEST_OGG_PAGE)
    page = tail[max(0, tail.rfind(_OGG_PAGE)) :]
    if len(page) < 27 or page[:4] != _OGG_PAGE:
        return True
    lengths = page[27 : 27 + page[26]]
    is_whole = len(lengths) == page[26] and len(page) >= 27 + page[26] + sum(lengths)
    return not (is_whole and page[5] & _OGG_END)
