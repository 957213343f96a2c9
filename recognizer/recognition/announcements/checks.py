"""Whether every learned announcement is known as itself and says what it is kept as.

How near it comes to others is told, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.learning import NotLearnedError
from recognizer.recognition.announcements.library import AnnouncementLibrary, Limits
from recognizer.recognition.announcements.wordings import JudgeText, check_text

__all__ = ["AnnouncementCheck", "check_announcements"]


@dataclass(frozen=True, slots=True)
class AnnouncementCheck:
    """What was found; `near` are pairs to know of, `failures` are wrong."""

    n_announcements: int
    n_bytes: int
    failures: tuple[str, ...]
    near: tuple[str, ...]


def check_announcements(
    announcements: Sequence[Announcement], judge: JudgeText, *, limits: Limits | None = None
) -> AnnouncementCheck:
    """Look for each announcement in what was learned of it, and read its text."""
    library = AnnouncementLibrary(announcements, limits=limits)
    failures, near = [], []
    for announcement in library.announcements:
        try:
            check_text(announcement, f"'{announcement.id}'", judge, overrule=True)
        except NotLearnedError as problem:
            failures.append(str(problem))
        matches = library.recognize_kept(announcement).matches
        if not any(m.is_known and m.announcement.id == announcement.id for m in matches):
            others = ", ".join(m.announcement.id for m in matches if m.is_known)
            failures.append(
                f"'{announcement.id}' is not known as itself"
                + (f", but as {others}" if others else "; another outcome's comes too near")
            )
        for rival, worst_part in library.rivals(announcement):
            near.append(
                f"'{announcement.id}' ({announcement.outcome}) ~ '{rival.id}' ({rival.outcome}): "
                f"least similar part {worst_part:.2f}"
            )
    return AnnouncementCheck(len(announcements), library.n_bytes, tuple(failures), tuple(near))
