"""The package of an XLSX workbook: parts of another case, merged cells, notes and links."""

from __future__ import annotations

import contextlib
import html
import posixpath
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from recognizer.base.errors import ContactError

__all__ = ["MergedCells", "readable_package", "survey_sheet", "texts_beside"]

_TYPES = "[Content_Types].xml"
_PART_NAME = re.compile(rb'PartName\s*=\s*["\']/([^"\']+)["\']')
_MERGED = re.compile(
    rb'<(?:\w+:)?mergeCell\s[^>]*ref\s*=\s*["\']([A-Z]{1,3})(\d+):([A-Z]{1,3})(\d+)["\']'
)
_PLACE = re.compile(
    rb'<(?:\w+:)?(?:row\s[^>]*?(?<!\w)r\s*=\s*["\'](\d+)["\']|c\s[^>]*?(?<!\w)r\s*=\s*["\']([A-Z]{1,3})\d+["\'])'
)
_BLOCK = 1 << 20
# Deflate makes at most 1,032 of one byte; sheets of cards unpack to 10 to 50 times their size.
_MOST_OF_ONE_BYTE = 200
_LARGE_PART_BYTES = 32 * 1024 * 1024


@contextlib.contextmanager
def readable_package(path: Path) -> Iterator[IO[bytes]]:
    """Give a workbook whose parts are called what its table of contents calls them.

    Old 1C writes `xl/SharedStrings.xml` and lists `xl/sharedStrings.xml`: to Windows the same.
    """
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(path.open("rb"))
        package = opened.enter_context(zipfile.ZipFile(file))
        _refuse_bombs(package)
        there = package.namelist()
        by_case = {name.casefold().replace("\\", "/"): name for name in there}
        listed = [_TYPES]
        if by_case.get(_TYPES.casefold()) is not None:
            types = package.read(by_case[_TYPES.casefold()])
            listed += [name.decode() for name in _PART_NAME.findall(types)]
        wanted = {by_case[name.casefold()]: name for name in listed if name.casefold() in by_case}
        if all(name == wanted.get(name, name) and "\\" not in name for name in there):
            yield file
            return
        copy = opened.enter_context(tempfile.TemporaryFile())
        with zipfile.ZipFile(copy, "w") as renamed:
            for name in there:
                renamed.writestr(wanted.get(name, name.replace("\\", "/")), package.read(name))
        yield copy


def _refuse_bombs(package: zipfile.ZipFile) -> None:
    """Refuse a workbook of a few kilobytes that says it unpacks to more than a memory holds."""
    for part in package.infolist():
        is_bomb = part.file_size > _MOST_OF_ONE_BYTE * max(part.compress_size, 1)
        if part.file_size > _LARGE_PART_BYTES and is_bomb:
            raise ContactError(
                f"{part.filename} unpacks from {part.compress_size:,} to {part.file_size:,} bytes, "
                f"expected at most {_MOST_OF_ONE_BYTE} times as much; save the cards anew"
            )


class MergedCells:
    """Which cells of a sheet show the value of another; fed row by row, from the first.

    Parameters
    ----------
    ranges : list of (int, int, int, int)
        First row, first column, last row, last column; rows from 1, columns from 0.
    """

    def __init__(self, ranges: list[tuple[int, int, int, int]]) -> None:
        self._coming = sorted(ranges, reverse=True)
        self._open: list[tuple[tuple[int, int, int, int], str]] = []

    def fill(self, row: int, texts: list[str]) -> None:
        """Give merged cells of a row the text of the first of them, in place."""
        self._open = [entry for entry in self._open if entry[0][2] >= row]
        while self._coming and self._coming[-1][0] <= row:
            place = self._coming.pop()
            text = texts[place[1]] if place[1] < len(texts) else ""
            self._open.append((place, text))
        if not any(text.strip() for text in texts):
            return  # a row without anything of its own is none
        for (_, first, _, last), text in self._open:
            if text and len(texts) <= last:
                texts.extend([""] * (last + 1 - len(texts)))
            for column in range(first, min(last + 1, len(texts))):
                texts[column] = texts[column] or text


def survey_sheet(file: IO[bytes], part: str) -> tuple[MergedCells, bool]:
    """Look through a sheet once: which cells are merged, and whether any holds a formula.

    Raises
    ------
    ContactError
        If rows or cells do not follow each other: some would be left out without a word.
    """
    ranges: list[tuple[int, int, int, int]] = []
    last_place = (0, -1)
    has_formulas = False
    with zipfile.ZipFile(file) as package, package.open(part) as sheet:
        rest = b""
        while block := sheet.read(_BLOCK):
            whole, closing, rest = (rest + block).rpartition(b">")
            for row, column in _PLACE.findall(whole + closing):
                place = int(row or last_place[0]), _column(column)
                if place <= last_place:
                    raise ContactError(
                        f"rows or cells are twice or out of order near row {place[0]}: expected "
                        "each once; open the workbook and save it again"
                    )
                last_place = place
            has_formulas = has_formulas or _FORMULA.search(whole + closing) is not None
            for first, top, last, bottom in _MERGED.findall(whole + closing):
                ranges.append((int(top), _column(first), int(bottom), _column(last)))
    return MergedCells(ranges), has_formulas


_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_LINK = re.compile(rb"<(?:\w+:)?hyperlink\s[^>]*>")
_NOTE = re.compile(rb"<(?:\w+:)?comment\s[^>]*>.*?</(?:\w+:)?comment>", re.DOTALL)
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^>]*>")
_TEXT = re.compile(rb"<(?:\w+:)?t(?:\s[^>]*)?>([^<]*)<")
_CELL = re.compile(rb'\bref\s*=\s*["\']([A-Z]{1,3})(\d+)')


def texts_beside(file: IO[bytes], part: str) -> dict[tuple[int, int], str]:
    """Return what notes on cells and links behind them say, by row from 1 and column from 0."""
    found: dict[tuple[int, int], str] = {}

    def add(element: bytes, text: bytes) -> None:
        cell = _CELL.search(element)
        if cell is not None and text.strip():
            place = int(cell[2]), _column(cell[1])
            found[place] = (
                f"{found.get(place, '')} {html.unescape(text.decode('utf-8', 'replace'))}"
            )

    with zipfile.ZipFile(file) as package:
        there = set(package.namelist())
        folder, _, name = part.rpartition("/")
        relations = f"{folder}/_rels/{name}.rels"
        if relations not in there:
            return found
        targets: dict[bytes, bytes] = {}
        for relation in _RELATION.findall(package.read(relations)):
            target = _attribute(relation, b"Target")
            targets[_attribute(relation, b"Id")] = target
            notes = posixpath.normpath(posixpath.join("/", folder, target.decode())).lstrip("/")
            if _attribute(relation, b"Type").endswith(b"/comments") and notes in there:
                for note in _NOTE.findall(package.read(notes)):
                    add(note, b"".join(_TEXT.findall(note)))
        with package.open(part) as sheet:
            rest = b""
            while block := sheet.read(_BLOCK):
                whole, closing, rest = (rest + block).rpartition(b">")
                for link in _LINK.findall(whole + closing):
                    add(link, targets.get(_attribute(link, b"id"), b""))
    return found


def _attribute(element: bytes, name: bytes) -> bytes:
    found = re.search(rb"""(?<![\w])(?:\w+:)?%b\s*=\s*["']([^"']*)["']""" % name, element)
    return b"" if found is None else found[1]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1
