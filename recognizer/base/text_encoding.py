"""In which encoding a text file of somebody else's is written."""

from __future__ import annotations

import codecs
from pathlib import Path

__all__ = ["find_encoding"]

_BLOCK = 1 << 20  # bytes: a file of any size is looked through


def find_encoding(path: Path) -> str:
    """Return UTF-16 or UTF-8 by mark, UTF-8 where all of it or its head is, else windows-1251.

    Nearly every byte means something in windows-1251, so it is what remains. Russian letters in it
    are never valid UTF-8: a file that has them in one of its first two lines is UTF-8, and was
    damaged elsewhere.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return "utf-16"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            file.seek(0)
            return "utf-8-sig" if any(_is_utf8(file.readline()) for _ in "12") else "cp1251"
    return "utf-8-sig"


def _is_utf8(line: bytes) -> bool:
    try:
        return not line.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False
