"""The parts of the page that every route finds: journal, access, recordings, calls, reviews."""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from recognizer.base.settings import Settings
from recognizer.crm.journal.journal import Journal
from recognizer.web.auth.access import Access
from recognizer.web.pages.announcements import Announcements
from recognizer.web.pages.calls import Calls, Recordings
from recognizer.web.pages.card_uploads import CardUploads
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.proposals import Proposals
from recognizer.web.pages.review import LabelledClips, Reviews

__all__ = ["Page", "ThePage", "page_of", "the_page"]


class Page:
    """The parts of the page, made when the first request comes and the journal is open.

    Attributes
    ----------
    regulation, office : the journal's.
    access, recordings, calls, reviews, proposals, announcements, card_uploads :
        the parts.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.settings = settings
        self.journal = journal
        self.regulation = journal.regulation
        self.office = journal.office
        folder = settings.server.state_folder
        self.access = Access(journal.database.engine)
        self.recordings = Recordings(folder / "recordings", settings.server.max_upload_bytes)
        self.recordings.forget_purged(journal.database)
        self.calls = Calls(journal, self.recordings, self.regulation)
        self.clips = LabelledClips(folder / "labelled")
        self.reviews = Reviews(journal, self.clips)
        self.proposals = Proposals(journal.database, settings.phrases, self.clips)
        self.card_uploads = CardUploads(
            folder / "card_files",
            settings.server.max_upload_bytes,
            keep_s=settings.server.keep_results_s,
        )
        self.announcements = Announcements(settings.announcements, settings.phrases)


_making = threading.Lock()


def page_of(app: FastAPI) -> Page:
    """Return the page of an application, making it at first."""
    with _making:
        page: Page | None = getattr(app.state, "page", None)
        if page is None:
            journal = app.state.journal
            if journal is None:
                raise PageProblemError(
                    503, "Журнал не открыт", "Сообщите администратору: recognizer doctor."
                )
            page = app.state.page = Page(app.state.settings, journal)
        return page


def the_page(request: Request) -> Page:
    """Return the page a request is for."""
    return page_of(request.app)


ThePage = Annotated[Page, Depends(the_page)]
