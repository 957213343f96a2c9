"""Whisper's decoder with the tokens that a Russian telephone needs, and no others.

Of what Whisper base multiplies for every token it says, half is the choice among 51,865 tokens: all
the writings of the world. Those with Cyrillic letters, signs and digits, single bytes and the
commonest pieces in Latin letters are a fifth of them. The rows of the others are left out of the
matrix as the model is loaded; nothing else of it changes. What remains is more probable by the
share of what was left out: next to nothing where Russian is spoken (docs/decisions/0011).

Models whose choice of a token is a small part of their work are left as they are: they would be
held in memory twice while they are loaded, for little.

Source: CTranslate2's model format, `ctranslate2/specs/model_spec.py`, binary version 6: numbers are
little-endian, a string has its length with a final zero before it.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer as TokenizerFile

__all__ = ["Vocabulary", "WhisperFiles", "without_other_writings"]

_EMBEDDINGS = "decoder/embeddings/weight"
_PROJECTION = "decoder/projection/weight"
_BINARY_VERSION = 6
_FLOAT16 = 4
_LEAST_SHARE = 0.25  # of the file's bytes: Whisper tiny 0.5, base 0.37, small 0.17
_CYRILLIC = ("\u0400", "\u04ff")
_COMMON_LATIN = 6_000  # tokens are numbered by how common they are
# What announcements say in English, with a token to each where the model has one.
_ENGLISH = (
    "answer answering assistant automatic automated beep blocked circuits coverage extension "
    "greeting incoming insufficient invalid mailbox operator outgoing recorded representative "
    "roaming subscriber suspended switched unavailable voice mail currently calling called dial "
    "dialed dialled busy mobile phone phones connection network service services number numbers "
    "again check hold line off zone message tone text speaking sorry thank press"
)
_ID_LISTS = ("lang_ids", "suppress_ids", "suppress_ids_begin")


class Vocabulary:
    """The tokens that a loaded decoder has, and their places in it.

    Tokens are numbered as in tokenizer.json everywhere else.

    Parameters
    ----------
    kept : sequence of int or None
        In order; None: all of them.
    bytes_of : dict of int to list of int
        Tokens of single bytes that spell a token that is not kept.
    """

    def __init__(
        self, kept: Sequence[int] | None = None, bytes_of: dict[int, list[int]] | None = None
    ) -> None:
        self._kept = kept
        self._places = None if kept is None else {token: place for place, token in enumerate(kept)}
        self._bytes_of = bytes_of or {}

    def spelt(self, tokens: Sequence[int]) -> list[int]:
        """Return tokens that the decoder has for the same text."""
        return [part for token in tokens for part in self._bytes_of.get(token, (token,))]

    def places(self, tokens: Sequence[int]) -> list[int]:
        """Return where the decoder has its tokens.

        Raises
        ------
        KeyError
            If it has not got one of them.
        """
        return list(tokens) if self._places is None else [self._places[token] for token in tokens]

    def tokens(self, places: Sequence[int]) -> list[int]:
        """Return the tokens at the decoder's places."""
        return list(places) if self._kept is None else [self._kept[place] for place in places]


class WhisperFiles(NamedTuple):
    """A model to be loaded.

    Attributes
    ----------
    files : dict of str to bytes, or None
        By name, as `ctranslate2.models.Whisper` takes them; None: those of the folder.
    vocabulary : Vocabulary
    """

    files: dict[str, bytes] | None
    vocabulary: Vocabulary


def without_other_writings(model_folder: Path, tokenizer: TokenizerFile) -> WhisperFiles:
    """Return the files of a model whose decoder knows no writings but Cyrillic and some Latin.

    A model that would gain little, or that is laid out otherwise, is returned as it is.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If one is damaged.
    """
    whole = WhisperFiles(None, Vocabulary())
    names = model_folder / "vocabulary.txt"
    if not names.is_file():  # later ones have a .json and are larger
        return whole
    spellings = names.read_text(encoding="utf-8").splitlines()
    kept, bytes_of = _chosen(spellings, tokenizer)
    model = _with_rows(model_folder / "model.bin", kept, len(spellings))
    if model is None:
        return whole
    vocabulary = Vocabulary(kept, bytes_of)
    config: dict[str, Any] = json.loads((model_folder / "config.json").read_bytes())
    has = set(kept)
    for name in _ID_LISTS:
        config[name] = vocabulary.places([token for token in config[name] if token in has])
    files = {
        "model.bin": model,
        "config.json": json.dumps(config).encode(),
        "vocabulary.txt": "".join(f"{spellings[token]}\n" for token in kept).encode(),
    }
    return WhisperFiles(files, vocabulary)


def _chosen(
    spellings: Sequence[str], tokenizer: TokenizerFile
) -> tuple[list[int], dict[int, list[int]]]:
    """Return the tokens to keep, and the bytes of every other one as tokens."""
    byte_of = {letter: value for value, letter in enumerate(_byte_letters())}
    end_of_text = tokenizer.token_to_id("<|endoftext|>") or 0
    single = {letter: token for token, letter in enumerate(spellings) if letter in byte_of}
    english = {
        token
        for word in _ENGLISH.split()
        for spelt in (word, f" {word}", word.capitalize())
        for token in tokenizer.encode(spelt, add_special_tokens=False).ids
    }
    kept, bytes_of = [], {}
    for token, spelling in enumerate(spellings):
        if token >= end_of_text or token in english or _is_kept(token, spelling, byte_of):
            kept.append(token)
        else:
            bytes_of[token] = [single[letter] for letter in spelling]
    return kept, bytes_of


def _is_kept(token: int, spelling: str, byte_of: dict[str, int]) -> bool:
    raw = bytes(byte_of[letter] for letter in spelling)
    if len(raw) == 1:
        return True
    try:
        text = raw.decode()
    except UnicodeDecodeError:  # a part of a letter: it may be any
        return True
    if not all(c.isascii() or _CYRILLIC[0] <= c <= _CYRILLIC[1] for c in text):
        return False
    return token < _COMMON_LATIN or not any("a" <= c <= "z" for c in text.lower())


def _byte_letters() -> list[str]:
    """Return the letter that byte-level tokenizers write each byte with (GPT-2's table)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = (chr(256 + n) for n in range(256))
    return [chr(value) if value in printable else next(others) for value in range(256)]


def _with_rows(path: Path, kept: Sequence[int], n_tokens: int) -> bytes | None:
    """Return a model with these rows of its embeddings alone, None if it is not that kind."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            found = _find_embeddings(data)
        except struct.error as problem:
            raise ValueError(f"{path}: the file ends before its end") from problem
        if found is None or found.n_rows != n_tokens or found.n_bytes < _LEAST_SHARE * len(data):
            return None
        end = found.data_at + found.n_bytes
        rows = np.frombuffer(data, np.float16, found.n_rows * found.n_columns, found.data_at)
        fewer = rows.reshape(found.n_rows, found.n_columns)[kept]
        del rows  # it holds the file open
        header = struct.pack("<IIBI", len(kept), found.n_columns, _FLOAT16, fewer.nbytes)
        return b"".join([data[: found.shape_at], header, fewer.tobytes(), data[end:]])


class _Embeddings(NamedTuple):
    """Where in a file the matrix of tokens lies, bytes from its beginning."""

    shape_at: int
    data_at: int
    n_rows: int
    n_columns: int

    @property
    def n_bytes(self) -> int:
        return self.n_rows * self.n_columns * 2


def _find_embeddings(data: mmap.mmap) -> _Embeddings | None:
    """Return where the embeddings are, None if they are not float16 or not the projection, too."""
    at = 0

    def number(layout: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(layout, data, at)
        at += struct.calcsize(layout)
        return int(value)

    def string() -> str:
        nonlocal at
        length = number("<H")
        at += length
        return data[at - length : at - 1].decode("utf-8", "replace")

    if number("<I") != _BINARY_VERSION:
        return None
    string()  # the kind of model
    number("<I")  # its revision
    found = None
    for _ in range(number("<I")):
        name, shape_at = string(), at + 1
        shape = [number("<I") for _ in range(number("<B"))]
        kind, n_bytes = number("<B"), number("<I")
        if name == _EMBEDDINGS and kind == _FLOAT16 and len(shape) == 2:
            found = _Embeddings(shape_at, at, *shape)
        at += n_bytes
    aliases = {string(): string() for _ in range(number("<I"))}
    return found if aliases.get(_PROJECTION) == _EMBEDDINGS else None
