"""Learned announcements in a running program: taken anew when their folder changes."""

from __future__ import annotations

import logging

from recognizer.base.errors import AnnouncementError
from recognizer.recognition.announcements.library import AnnouncementLibrary
from recognizer.recognition.announcements.store import AnnouncementStore, State

__all__ = ["FollowedLibrary"]

_log = logging.getLogger(__name__)


class FollowedLibrary:
    """The library of a folder, as the folder is now.

    Parameters
    ----------
    store : AnnouncementStore

    Raises
    ------
    AnnouncementError
        If the folder holds something wrong at the start.
    """

    def __init__(self, store: AnnouncementStore) -> None:
        self._store = store
        self._state: State | None = store.state()
        self.library = AnnouncementLibrary(store.load())
        self.version = store.version()

    def refresh(self) -> None:
        """Take over what has changed; where that is wrong the old stays, with a warning."""
        state = self._store.state()
        if state == self._state:
            return
        self._state = state
        try:
            library = AnnouncementLibrary(self._store.load())
            self.library, self.version = library, self._store.version()
        except AnnouncementError as problem:
            _log.warning("the changed announcements are not used: %s", problem)
