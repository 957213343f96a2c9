"""Workbooks as different programs write them: XML put together by hand, a dialect each.

A cell is None, a text, a number, a bool, or one of `Formula`, `Error`, `Rich`, `Raw`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

__all__ = ["DIALECTS", "Error", "Formula", "Raw", "Rich", "write_book"]

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"


@dataclass(frozen=True)
class Formula:
    """A formula with what was computed of it; None: nothing."""

    text: str
    value: Any = None


@dataclass(frozen=True)
class Error:
    """An error of a formula, as a value."""

    text: str


@dataclass(frozen=True)
class Rich:
    """A text in pieces of different looks."""

    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Raw:
    """A cell's XML, with `{at}` for where it is."""

    xml: str


@dataclass(frozen=True)
class Dialect:
    """How a program writes workbooks.

    Attributes
    ----------
    name : str
    inline : bool
        Texts stand in their cells, not in a table of their own.
    references : bool
        Rows and cells say where they are.
    dimension : str or None
        Size the sheet claims, None: none.
    strings_part : str
        Name of the part with the table of texts.
    trailing : int
        Empty rows, with a style, behind the last.
    prefix : str
        Of the names of elements.
    namespace : str
    """

    name: str
    inline: bool = False
    references: bool = True
    dimension: str | None = None
    strings_part: str = "xl/sharedStrings.xml"
    trailing: int = 0
    prefix: str = ""
    namespace: str = MAIN


DIALECTS = (
    Dialect("excel", dimension="A1:C9"),
    Dialect("libreoffice", dimension="A1:AMJ1048576", trailing=300),
    Dialect("1c", inline=True, references=True, dimension="A1"),
    Dialect("1c_old", strings_part="xl/SharedStrings.xml"),
    Dialect("streaming", inline=True, references=False),
    Dialect("prefixed", prefix="x:"),
)


class _Writer:
    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.texts: list[str] = []

    def tag(self, name: str, attributes: str = "", content: str = "") -> str:
        name = self.dialect.prefix + name
        return f"<{name}{attributes}>{content}</{name}>"

    def text(self, value: str) -> str:
        return self.tag("t", ' xml:space="preserve"', escape(value))

    def string(self, content: str, at: str) -> str:
        if self.dialect.inline:
            return self.tag("c", f'{at} t="inlineStr"', self.tag("is", "", content))
        self.texts.append(content)
        return self.tag("c", f'{at} t="s"', self.tag("v", "", str(len(self.texts) - 1)))

    def cell(self, value: Any, at: str) -> str:
        match value:
            case None:
                made = self.tag("c", f'{at} s="0"')
            case Raw():
                made = value.xml.replace("{at}", at)
            case Rich():
                runs = (self.tag("r", "", self.text(piece)) for piece in value.pieces)
                made = self.string("".join(runs), at)
            case Error():
                made = self.tag("c", f'{at} t="e"', self.tag("v", "", escape(value.text)))
            case Formula():
                made = self.formula(value, at)
            case bool():
                made = self.tag("c", f'{at} t="b"', self.tag("v", "", str(int(value))))
            case int() | float():
                made = self.tag("c", at, self.tag("v", "", repr(value)))
            case _:
                made = self.string(self.text(value), at)
        return made

    def formula(self, formula: Formula, at: str) -> str:
        kind = ' t="str"' if isinstance(formula.value, str) else ""
        source = self.tag("f", "", escape(formula.text))
        value = "" if formula.value is None else self.tag("v", "", escape(str(formula.value)))
        return self.tag("c", at + kind, source + value)

    def rows(self, rows: Sequence[Sequence[Any]]) -> str:
        written = []
        for number, cells in enumerate(rows, start=1):
            places = (
                f' r="{chr(64 + column)}{number}"' if self.dialect.references else ""
                for column in range(1, len(cells) + 1)
            )
            row = "".join(self.cell(*pair) for pair in zip(cells, places, strict=True))
            at = f' r="{number}"' if self.dialect.references else ""
            written.append(self.tag("row", at, row))
        for number in range(len(rows) + 1, len(rows) + 1 + self.dialect.trailing):
            empty = self.tag("c", f' r="A{number}" s="0"')
            written.append(self.tag("row", f' r="{number}" customFormat="1"', empty))
        return self.tag("sheetData", "", "".join(written))


def write_book(
    path: Path, rows: Sequence[Sequence[Any]], dialect: Dialect, *, sheet_names: str = "Лист1"
) -> Path:
    """Write a workbook of one sheet with these rows."""
    writer = _Writer(dialect)
    prefix = dialect.prefix.rstrip(":")
    named = f' xmlns:{prefix}="{dialect.namespace}"' if prefix else f' xmlns="{dialect.namespace}"'
    size = (
        "" if dialect.dimension is None else writer.tag("dimension", f' ref="{dialect.dimension}"')
    )
    sheet = writer.tag("worksheet", named, size + writer.rows(rows))
    strings = "".join(writer.tag("si", "", text) for text in writer.texts)
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    parts = {
        "[Content_Types].xml": _content_types(),
        "_rels/.rels": _relations({"officeDocument": "xl/workbook.xml"}),
        "xl/workbook.xml": writer.tag(
            "workbook",
            f'{named} xmlns:r="{RELATIONS}"',
            writer.tag(
                "sheets", "", writer.tag("sheet", f' name="{sheet_names}" sheetId="1" r:id="rId1"')
            ),
        ),
        "xl/_rels/workbook.xml.rels": _relations(
            {"worksheet": "worksheets/sheet1.xml", "sharedStrings": "sharedStrings.xml"}
        ),
        "xl/worksheets/sheet1.xml": sheet,
        dialect.strings_part: writer.tag("sst", named, strings),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, head + content)
    return path


def _content_types() -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = "".join(
        f'<Override PartName="/xl/{part}" ContentType="{kind}.{name}+xml"/>'
        for part, name in (
            ("workbook.xml", "sheet.main"),
            ("worksheets/sheet1.xml", "worksheet"),
            ("sharedStrings.xml", "sharedStrings"),
        )
    )
    return (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )


def _relations(targets: dict[str, str]) -> str:
    items = "".join(
        f'<Relationship Id="rId{number}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets.items(), start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{items}</Relationships>'
