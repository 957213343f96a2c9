"""What the file names of two recordings tell: one file, moved or not, or two sides of a call."""

from __future__ import annotations

import re
from functools import cache
from pathlib import PurePath

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml

__all__ = ["are_two_sides", "is_one_name", "is_one_path"]

_SUFFIX = re.compile(r"\.[A-Za-z]\w{0,4}$")  # of the kind of file; «1763793015.42» has none
_WORD = re.compile(r"[^\W_]+")


class _Sides(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: frozenset[str]


def is_one_name(one: str | None, other: str | None) -> bool:
    """Tell whether two recordings have the same file name, in whatever folder."""
    names = [_parts(each)[-1:] for each in (one, other)]
    return bool(names[0]) and names[0] == names[1]


def is_one_path(one: str | None, other: str | None) -> bool:
    """Tell whether two paths, as they were typed from perhaps other folders, are of one place."""
    parts, others = _parts(one), _parts(other)
    n_common = min(len(parts), len(others))
    return parts == others or (n_common > 1 and parts[-n_common:] == others[-n_common:])


def are_two_sides(one: str | None, other: str | None) -> bool:
    """Tell whether two file names differ by words for a side or a part of a call, and no more."""
    (rest, side), (other_rest, other_side) = (_without_side(each) for each in (one, other))
    return side != other_side and rest == other_rest


def _without_side(recording: str | None) -> tuple[list[str], list[str]]:
    """Return the words of a file name but those for a side, and those."""
    name = _SUFFIX.sub("", PurePath(recording or "").name).casefold()
    words, sides = _WORD.findall(name), _side_words()
    return [each for each in words if each not in sides], [each for each in words if each in sides]


@cache
def _side_words() -> frozenset[str]:
    return convert_toml(read_toml(data_folder(".") / "recording_sides.toml"), _Sides).words


def _parts(recording: str | None) -> tuple[str, ...]:
    """Return the names of a path as it was typed, without what leads up to its first folder."""
    parts = PurePath(recording or "").parts
    return tuple(part for part in parts if part not in {"/", ".", ".."})
