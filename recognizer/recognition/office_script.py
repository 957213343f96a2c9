"""What the office's own agents say, from ``data/office_script.toml``.

An agent who says «номер не существует, поставлю отметку» into a recording is no announcement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recognizer.base import similarity
from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError
from recognizer.recognition.transcript_words import KNOWN_WORD_RATIO, TranscriptWords

__all__ = ["OfficeScript", "load_office_script"]

_MIN_WORDS = 2  # a single word is like what was misrecognized by chance


@dataclass(frozen=True, slots=True)
class OfficeScript:
    """Phrases that only an agent says.

    Attributes
    ----------
    phrases : tuple of (str, tuple of str)
        As written, and its words as they sound.
    """

    phrases: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, phrases: Iterable[str]) -> OfficeScript:
        """Return the script of phrases as they are written."""
        return cls(tuple((text, TranscriptWords.of(text.split()).sounds) for text in phrases))

    def find(self, words: Iterable[str]) -> str | None:
        """Return the first phrase heard among the words of a transcript, None if there is none."""
        heard = TranscriptWords.of(words).sounds
        for text, wanted in self.phrases:
            joined, n = "".join(wanted), len(wanted)
            parts = [
                "".join(heard[first : first + size])
                for size in (n - 1, n, n + 1)
                for first in range(len(heard) - size + 1)
            ]
            if similarity.best_ratio(joined, parts) >= KNOWN_WORD_RATIO:
                return text
        return None


class _Agent(msgspec.Struct, forbid_unknown_fields=True):
    notes: list[str] = []
    greetings: list[str] = []


class _File(msgspec.Struct, forbid_unknown_fields=True):
    agent: _Agent


def load_office_script(path: Path | None = None) -> OfficeScript:
    """Read the office's script.

    Parameters
    ----------
    path : Path or None
        The office's own file; None: the shipped one.

    Raises
    ------
    DataFileError
        Naming file and line.
    """
    file = read_toml(path or data_folder(".") / "office_script.toml")
    agent = convert_toml(file, _File).agent
    for key in ("notes", "greetings"):
        for text in getattr(agent, key):
            if len(TranscriptWords.of(text.split()).sounds) < _MIN_WORDS:
                place = file.place("agent", key=key)
                raise DataFileError(
                    f"{place}: expected two or more Russian words in a phrase, found {text!r}"
                )
    return OfficeScript.of((*agent.notes, *agent.greetings))
