"""Exceptions of this package.

Every message names the place (file, line or field), what was expected, what was found and,
where there is one, what to do.
"""

from __future__ import annotations

__all__ = [
    "AnnouncementError",
    "AudioError",
    "ConflictError",
    "ContactError",
    "DataFileError",
    "EngineError",
    "FrameError",
    "JournalError",
    "ModelError",
    "ModelFileError",
    "PhraseListError",
    "RecognizerError",
    "RowError",
    "SettingsError",
]


class RecognizerError(Exception):
    """Base of every error this package raises on purpose.

    Attributes
    ----------
    kind : str
        Stable machine-readable name; goes into `error.kind` of a classification.
    """

    kind = "error"


class AudioError(RecognizerError, ValueError):
    """A recording cannot be read: `kind` says why (list: `recognizer.audio.open_audio`)."""

    def __init__(self, message: str, *, kind: str = "unreadable_audio") -> None:
        super().__init__(message)
        self.kind = kind


class DataFileError(RecognizerError, ValueError):
    """A data file (TOML) says something it may not; the message names file and line."""

    kind = "data_file"


class PhraseListError(DataFileError):
    """A phrase list is wrong."""

    kind = "phrase_list"


class AnnouncementError(DataFileError):
    """A learned announcement is wrong, or may not be kept.

    Attributes
    ----------
    reason : str
        Stable name of why, where a person who asked for it is told in other words; else empty.
    """

    kind = "announcement"

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class SettingsError(DataFileError):
    """A setting is wrong."""

    kind = "settings"


class ModelError(RecognizerError):
    """A speech model is missing, damaged or cannot be installed."""

    kind = "model"


class EngineError(RecognizerError):
    """A speech engine failed."""

    kind = "engine"


class ModelFileError(EngineError):
    """A file of a model is not what its engine was written for."""


class FrameError(RecognizerError, ValueError):
    """A live client sent what its protocol does not allow."""

    kind = "frame"


class JournalError(RecognizerError):
    """The journal cannot be opened, read or written."""

    kind = "journal"


class JournalLostError(JournalError):
    """The connection was lost on the way: whether the change was made is not known."""


class RowError(JournalError):
    """One row cannot be stored, whatever is done: it is the row that is wrong, not the journal."""

    kind = "journal_row"


class ConflictError(JournalError):
    """Somebody else decided the same call meanwhile; nothing was overwritten."""

    kind = "conflict"


class ContactError(RecognizerError, ValueError):
    """A contact card, or what an operator says of it, contradicts itself."""

    kind = "contact"
