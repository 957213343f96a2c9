"""In which encoding a text file of somebody else's is written."""

from __future__ import annotations

import codecs
from pathlib import Path

__all__ = ["find_encoding"]

_BLOCK = 1 << 20  # bytes: a file of any size is looked through


def find_encoding(path: Path) -> str:
    """Return UTF-16 or UTF-8 by mark, UTF-8 where all of it is, else windows-1251.

    Every byte means something in windows-1251, so it is what remains.

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
            return "cp1251"
    return "utf-8-sig"
