"""Add a phrase to a list file as a careful person would: at its end, nothing else touched."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from recognizer.base.data_files import TomlFile
from recognizer.base.errors import PhraseListError
from recognizer.model import Phrase
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.checking import phrase_problems
from recognizer.phrases.normalization import normalize

__all__ = ["make_id", "place_phrase", "with_phrase", "write_phrase"]

_LATIN = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch  y  e yu ya".split(" "),
        strict=True,
    )
)
_MAX_ID_WORDS = 8


def make_id(text: str, taken: Collection[str]) -> str:
    """Return a readable id for `text` that is not among those taken.

    Examples
    --------
    >>> make_id("Номер заблокирован!", taken={"nomer-zablokirovan"})
    'nomer-zablokirovan-2'
    """
    latin = "".join(_LATIN.get(letter, letter) for letter in text.lower())
    base = "-".join(re.findall(r"[a-z0-9]+", latin)[:_MAX_ID_WORDS]) or "phrase"
    number, found = 1, base
    while found in taken:
        number += 1
        found = f"{base}-{number}"
    return found


def place_phrase(phrase: Phrase, folder: Path) -> tuple[Path, str]:
    """Return the list file that `phrase` belongs into and the file's text with it at the end.

    Nothing is written. A file that is not there yet gets its head.

    Raises
    ------
    PhraseListError
        If the phrase is wrong in itself, or the file cannot be read or would not be valid after.
    """
    for problem in phrase_problems(phrase.id, phrase.text, phrase.seen_in, phrase.language):
        raise PhraseListError(problem)
    path = _list_file(folder, phrase)
    head = f'outcome = "{phrase.outcome}"\nlanguage = "{phrase.language}"\n'
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else head
    except (OSError, UnicodeDecodeError) as problem:
        raise PhraseListError(f"{path}: cannot be read: {problem}") from problem
    entry = {"id": phrase.id, "text": phrase.text, "seen_in": phrase.seen_in}
    lines = "".join(f"{key} = {_quoted(value)}\n" for key, value in entry.items())
    after = f"{before.rstrip()}\n\n[[phrase]]\n{lines}"
    _check_written(path, after, phrase)
    return path, after


def _quoted(text: str) -> str:
    """Return a TOML basic string; JSON's are such strings."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list_file(folder: Path, phrase: Phrase) -> Path:
    """Return where the list lies: by language, or flat where an office keeps it so."""
    name = f"{phrase.outcome}.toml"
    flat = folder / name
    return flat if flat.exists() else folder / phrase.language / name


def _check_written(path: Path, text: str, phrase: Phrase) -> None:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise PhraseListError(f"{path}: not valid TOML: {problem}") from problem
    found = values.get("phrase", [{}])[-1]
    outcome = values.get("outcome")
    if outcome != phrase.outcome or values.get("language") != phrase.language:
        file = TomlFile(path, values, tuple(text.splitlines()))
        raise PhraseListError(
            f"{file.place(key='outcome')}: expected the list of '{phrase.outcome}' in "
            f"'{phrase.language}', found '{outcome}' in '{values.get('language')}'"
        )
    if (found.get("id"), found.get("text")) != (phrase.id, phrase.text):
        raise PhraseListError(
            f"{path}: expected [[phrase]] tables to the end of the file, found another table there"
        )


def with_phrase(book: PhraseBook, phrase: Phrase, path: Path) -> PhraseBook:
    """Return `book` with one more phrase, which is not written yet.

    Raises
    ------
    PhraseListError
        If its id or text is listed already, or a word of it is forbidden to its outcome.
    """
    text = normalize(phrase.text)
    same = next((p for p in book.phrases if normalize(p.text) == text), None)
    if same is not None:
        raise PhraseListError(
            f"{phrase.text!r} is listed already, as '{same.outcome}' at {same.place}"
        )
    if phrase.id in book.by_id:
        raise PhraseListError(f"id '{phrase.id}' is taken, at {book.by_id[phrase.id].place}")
    placed = replace(phrase, place=str(path))
    for forbidden in book.forbidden_words:
        forbidden.check(placed)
    return replace(book, phrases=(*book.phrases, placed))


def write_phrase(path: Path, text: str) -> None:
    """Put `text` in place of the file at once: whoever reads sees the old file or the new one.

    Raises
    ------
    PhraseListError
        If the folder cannot be written; the old file is then untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise PhraseListError(f"{path}: cannot be written: {problem.strerror}") from problem
