"""Whether a file goes on behind the recording that decoders read: another one was appended to it.

A recorder that resumes, or `cat`, writes files one behind the other. Of some kinds libsndfile and
libav read the first and pass over the rest, which may be where a person answers.

Not handled: an Ogg file whose last page says fewer samples than are there.
"""

from __future__ import annotations

import re

from recognizer.audio.sources import SourceFile

__all__ = ["appended_note"]

_STARTS = {
    b"OggS": re.compile(rb"OggS\0[\x02\x03\x06\x07]"),  # flag 2: a page that begins a stream
    b"fLaC": re.compile(rb"fLaC[\0\x80]\0\0\x22"),
    b"ftyp": re.compile(rb"\0\0[\0-\x04].ftyp", re.DOTALL),
    b"FORM": re.compile(rb"FORM.{4}AIF[FC]", re.DOTALL),
    b"RF64": re.compile(rb"R(?:IFF|F64).{4}WAVE", re.DOTALL),
    b"riff": re.compile(rb"riff\x2e\x91\xcf\x11"),
    b"FLV\x01": re.compile(rb"FLV\x01[\0\x01\x04\x05]\0\0\0\x09"),
    b"caff": re.compile(rb"caff\0\x01\0\0"),
    b"\x30\x26\xb2\x75": re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa"),
}
"""How a recording begins, by its first or second four bytes."""
_OGG_GOES_ON = re.compile(rb"OggS\0[^\x02\x03\x06\x07]")
_BLOCK_BYTES = 2**20
_LONGEST_START = 12
_MOST_BYTES = 2**28
"""Looked through in a moment; an hour of telephone sound in two channels is half of it."""


def appended_note(source: SourceFile) -> str | None:
    """Return in words that another recording follows the first, or may; None if none does."""
    head = source.read_at(0, 8)
    start = _STARTS.get(head[:4]) or _STARTS.get(head[4:])
    if start is None:
        return None
    if source.size > _MOST_BYTES:
        return "the file is too large to see whether another recording is appended to the first"
    first = len(head)
    if head[:4] == b"OggS":  # several streams side by side begin together, before all else
        goes_on = _OGG_GOES_ON.search(source.read_at(0, _BLOCK_BYTES))
        if goes_on is None:
            return None
        first = goes_on.start()
    for place in range(first, source.size, _BLOCK_BYTES):
        if start.search(source.read_at(place, _BLOCK_BYTES + _LONGEST_START)):
            return "another recording is appended to the first, it may not be read"
    return None
