"""Files of cards: what one would lead to, saving it once a person says so, taking it back."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from recognizer.base.errors import ContactError, JournalError
from recognizer.crm.card_files import (
    CardColumns,
    CardReader,
    CardSurvey,
    RejectedRow,
    RejectWriter,
    Sheets,
    load_card_columns,
    open_cards,
)
from recognizer.crm.contacts import PHONE_FIELDS, ContactCard, masked, number_state, read_numbers
from recognizer.crm.import_forecast import ImportForecast, forecast_import, refused_row
from recognizer.crm.journal.imports import ImportTakenBack
from recognizer.crm.journal.records import CardChange
from recognizer.web.jobs.submissions import QueueFullError, UploadError
from recognizer.web.pages import import_wording, wording
from recognizer.web.pages.card_uploads import CardUpload, SavedImport, UploadBusyError
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.rendering import render, see
from recognizer.web.pages.signed_in import SendingSupervisor, Supervisor, note
from recognizer.web.parameters import IdInPath
from recognizer.web.receiving import chunks, shown_name, with_timeout

__all__ = ["router"]

router = APIRouter()
_Numbers = Annotated[str, Query(pattern="^(unknown)?$")]
_N_IMPORTS = 50
_N_REJECTED = 20
_N_LEFT = 50


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a file: its heading, what it stands for, and how its samples were read."""

    heading: str
    meaning: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Examined:
    """What a file holds and would lead to."""

    columns: tuple[_Column, ...]
    sheets: Sheets | None
    survey: CardSurvey
    forecast: ImportForecast


# -- what was imported, and what waits -----------------------------------------------------------


@router.get("/imports")
def imports_page(request: Request, page: ThePage, session: Supervisor) -> Response:
    """Show the way to upload a file, files that wait, and what was imported."""
    del session
    return render(
        request,
        "imports.html",
        imports=page.journal.imports(limit=_N_IMPORTS),
        import_name=import_wording.import_name,
        waiting=page.card_uploads.waiting(),
        max_bytes=page.settings.server.max_upload_bytes,
    )


@router.post("/imports")
async def upload(request: Request, page: ThePage, session: SendingSupervisor) -> Response:
    """Take a file to look at; nothing of it is stored in the journal.

    The form is no parameter: FastAPI would read the file of anybody, to ask who sends it
    afterwards.
    """
    try:
        with request.app.state.uploads.entered(f"page:{session.user.login}"):
            kept = await _receive(request, page, session.user.name)
    except UploadError as problem:
        status = 413 if problem.kind == "too_large" else 400
        raise PageProblemError(status, *import_wording.UPLOAD_PROBLEMS[problem.kind]) from problem
    except (TimeoutError, ClientDisconnect) as problem:
        raise PageProblemError(408, "Загрузка прервалась", "Отправьте файл ещё раз.") from problem
    except QueueFullError as problem:
        raise PageProblemError(
            503, "Сервер занят", "Файл сейчас не принять. Попробуйте через минуту."
        ) from problem
    await run_in_threadpool(
        note, request, session, "upload_cards", target=kept.name, detail=kept.digest[:16]
    )
    return see(f"/imports/files/{kept.token}")


async def _receive(request: Request, page: Page, made_by: str) -> CardUpload:
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise PageProblemError(422, "Нет файла", "Выберите файл и отправьте ещё раз.")
        uploads = page.card_uploads
        await run_in_threadpool(uploads.forget_old)
        path = await uploads.receive(with_timeout(chunks(file), page.settings.server))
        name = shown_name(file.filename, unnamed="карточки")
        return await run_in_threadpool(uploads.keep, path, name=name, made_by=made_by)


# -- one file ------------------------------------------------------------------------------------


@router.get("/imports/files/{token}")
def file_page(
    *,
    request: Request,
    page: ThePage,
    session: Supervisor,
    token: str,
    numbers: _Numbers = "",
) -> Response:
    """Show what was understood of a file and what it would lead to, or what saving it did."""
    del session
    kept = _kept(page, token)
    n_saved = page.card_uploads.n_saved_so_far(token)
    if n_saved is not None or kept.saved is not None:
        return render(request, "import_saved.html", upload=kept, n_saved=n_saved)
    return _show(request, page, kept, numbers=numbers)


def _show(
    request: Request, page: Page, kept: CardUpload, *, numbers: str, problem: str = ""
) -> Response:
    """Show a file that nobody has saved; after a `problem` of saving it."""
    examined, refusal, asks_numbers = None, "", False
    headings = load_card_columns(page.settings.journal.columns_file).headings
    try:
        examined = _examine(page, kept, numbers=numbers)
    except ContactError as found:
        refusal = import_wording.refusal(found)
        asks_numbers = getattr(found, "problem", "") == "no-phone"
    return render(
        request,
        "import_file.html",
        status=409 if problem else 200,
        upload=kept,
        examined=examined,
        refusal=refusal,
        asks_numbers=asks_numbers,
        numbers=numbers,
        problem=problem,
        is_much=examined is not None
        and examined.forecast.share > page.settings.journal.max_marked_share,
        share_allowed=page.settings.journal.max_marked_share,
        number_states=import_wording.NUMBER_STATES,
        card_headings=headings,
        rule_wordings={rule.id: rule.wording for rule in page.regulation.rules},
    )


def _examine(page: Page, kept: CardUpload, *, numbers: str) -> _Examined:
    columns = load_card_columns(page.settings.journal.columns_file)
    with _opened(page, kept, columns, numbers) as reader:
        survey = CardSurvey(reader, n_rejected_kept=_N_REJECTED)
        forecast = forecast_import(survey.cards(), reader.present, page.journal)
    understood = tuple(
        _Column(
            " ".join(heading.split())[:120],
            "" if field is None else columns.headings[field],
            () if field is None else tuple(_shown(card, field) for card in survey.samples),
        )
        for heading, field in zip(reader.heading, reader.fields, strict=True)
    )
    return _Examined(understood, reader.sheets, survey, forecast)


def _opened(
    page: Page, kept: CardUpload, columns: CardColumns, numbers: str
) -> AbstractContextManager[CardReader]:
    return open_cards(
        page.card_uploads.path(kept),
        columns,
        no_phone=numbers == "unknown",
        own_numbers=page.journal.office.own_numbers,
    )


def _shown(card: ContactCard, field: str) -> str:
    """Return what a card has in a field as people read it, its number masked."""
    value: Any = getattr(card, field)
    if field in PHONE_FIELDS:
        known = import_wording.NUMBER_STATES[number_state(read_numbers(value))]
        return f"{masked(value)} ({known})" if value.strip() else known
    if isinstance(value, bool):
        return "да" if value else "нет"
    if value is None or value == "":
        return "—"
    if field == "kind":
        return wording.CONTACT_KINDS[value]
    if field == "owner_kind":
        return wording.OWNER_KINDS[value]
    text = f"{value:%d.%m.%Y}" if field == "contact_date" else str(value)
    return text if field == "ref" else masked(text)[:200]


@router.post("/imports/files/{token}/save")
def save(
    *,
    request: Request,
    page: ThePage,
    session: SendingSupervisor,
    token: str,
    digest: Annotated[str, Form(max_length=64)],
    marked: Annotated[int, Form(ge=0)],
    numbers: Annotated[str, Form(pattern="^(unknown)?$")] = "",
    yes: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Save the cards of a file: the very bytes that were shown, with what they would lead to."""
    address = f"/imports/files/{token}"
    if _kept(page, token).saved is not None:
        return see(address)
    try:
        with page.card_uploads.saving(token) as progress:
            kept = _kept(page, token)  # somebody else may have saved it meanwhile
            if kept.saved is not None:
                return see(address)
            if not page.card_uploads.is_as_examined(kept, digest):
                raise PageProblemError(409, "Файл уже другой", "Загрузите его ещё раз.")
            problem = _why_not(page, kept, numbers=numbers, n_seen=marked, is_agreed=yes == "yes")
            if problem:
                return _show(request, page, kept, numbers=numbers, problem=problem)
            saved = _save(page, kept, session.user.name, numbers, progress)
    except UploadBusyError as problem_now:
        raise PageProblemError(
            409, "Уже сохраняется", "Сейчас сохраняется файл карточек. Повторите через минуту."
        ) from problem_now
    note(
        request,
        session,
        "import_cards",
        target=f"загрузка {saved.import_id}",
        detail=f"{kept.digest[:16]}, добавлено {saved.n_added}, изменено {saved.n_changed}",
    )
    return see(address)


def _why_not(page: Page, kept: CardUpload, *, numbers: str, n_seen: int, is_agreed: bool) -> str:
    """Return why a file is not saved yet, empty if it may be."""
    try:
        forecast = _examine(page, kept, numbers=numbers).forecast
    except ContactError:
        return "Этот файл сохранить нельзя."
    if forecast.n_marked > n_seen:
        return "Пока вы смотрели, карточки изменились, и отметок станет больше. Посмотрите ещё раз."
    if forecast.share > page.settings.journal.max_marked_share and not is_agreed:
        return "Ничего не сохранено: подтвердите отметки галочкой."
    return ""


def _kind_of(change: CardChange) -> str:
    if change.refused:
        return "refused"
    return "new" if change.is_new else "changed" if change.changes else "same"


def _save(page: Page, kept: CardUpload, made_by: str, numbers: str, progress: Any) -> SavedImport:
    """Store the cards of a file and remember what that did."""
    columns = load_card_columns(page.settings.journal.columns_file)
    counts = {"new": 0, "changed": 0, "same": 0, "refused": 0}
    source = f"import {kept.name}"
    import_id = page.journal.begin_import(source, made_by=made_by)
    try:
        with _opened(page, kept, columns, numbers) as reader:
            survey = CardSurvey(reader)
            changes = page.journal.import_contacts(
                survey.cards(),
                source=source,
                fields=reader.present,
                import_id=import_id,
                other_clients=False,
            )
            for n_done, change in enumerate(changes, start=1):
                counts[_kind_of(change)] += 1
                progress(n_done)
    except (ContactError, JournalError) as problem:
        raise PageProblemError(
            503,
            "Сохранено не всё",
            f"Загрузка {import_id} прервалась. Сохраните файл ещё раз: что уже сохранено, вторым "
            f"разом не станет. Или отмените её в списке загрузок.",
        ) from problem
    saved = SavedImport(
        import_id,
        made_by,
        counts["new"],
        counts["changed"],
        counts["same"],
        survey.n_rejected + counts["refused"],
    )
    page.card_uploads.remember_saved(kept, saved)
    return saved


@router.post("/imports/files/{token}/drop")
def drop(page: ThePage, session: SendingSupervisor, token: str) -> Response:
    """Remove a file that is not to be saved."""
    del session
    if page.card_uploads.n_saved_so_far(token) is None:
        page.card_uploads.forget(_kept(page, token).token)
    return see("/imports", "upload-dropped")


@router.get("/imports/files/{token}/rejected.csv")
def rejected(page: ThePage, session: Supervisor, token: str, numbers: _Numbers = "") -> Response:
    """Send the rows that are no cards, each with its reason."""
    del session
    kept = _kept(page, token)
    columns = load_card_columns(page.settings.journal.columns_file)
    path = page.card_uploads.path(kept).with_suffix(f".{secrets.token_hex(4)}.csv")
    try:
        with (
            _opened(page, kept, columns, numbers) as reader,
            RejectWriter(path, reader.heading) as writer,
        ):
            for change in page.journal.import_contacts(
                _accepted(reader, writer),
                source="rejected",
                fields=reader.present,
                dry_run=True,
                other_clients=False,
            ):
                if change.refused:
                    writer.add(refused_row(change, reader, columns))
    except ContactError as problem:
        text = import_wording.refusal(problem)
        raise PageProblemError(409, "Файл не читается", text) from problem
    if not path.exists():
        raise PageProblemError(404, "Отклонённых строк нет", "Все строки файла понятны.")
    return FileResponse(
        path,
        media_type="text/csv",
        filename=f"{kept.name}.отклонено.csv",
        background=BackgroundTask(path.unlink, missing_ok=True),
    )


def _accepted(reader: CardReader, writer: RejectWriter) -> Iterator[ContactCard]:
    """Yield the cards of a file, writing the rows that are none."""
    for row in reader:
        if isinstance(row, RejectedRow):
            writer.add(row)
        else:
            yield row


def _kept(page: Page, token: str) -> CardUpload:
    kept = page.card_uploads.find(token)
    if kept is None:
        raise PageProblemError(
            404,
            "Такого файла нет",
            "Его удалили, или прошёл срок хранения. Загрузите файл ещё раз.",
        )
    return kept


# -- taking back ---------------------------------------------------------------------------------


@router.get("/imports/{import_id}/undo")
def undo_page(
    request: Request, page: ThePage, session: Supervisor, import_id: IdInPath
) -> Response:
    """Show what taking an import back would do."""
    done = _take_back(page, import_id, session.user.name, dry_run=True)
    return render(
        request,
        "import_undo.html",
        done=done,
        left=[(card.ref, import_wording.left_words(card)) for card in done.left[:_N_LEFT]],
    )


@router.post("/imports/{import_id}/undo")
def undo(
    request: Request, page: ThePage, session: SendingSupervisor, import_id: IdInPath
) -> Response:
    """Take an import back."""
    done = _take_back(page, import_id, session.user.name, dry_run=False)
    note(
        request,
        session,
        "undo_import",
        target=f"загрузка {import_id}",
        detail=f"закрыто {len(done.closed)}, возвращено {len(done.restored)}, "
        f"осталось {len(done.left)}",
    )
    return see("/imports", "import-undone")


def _take_back(page: Page, import_id: int, made_by: str, *, dry_run: bool) -> ImportTakenBack:
    try:
        return page.journal.undo_import(import_id, made_by=made_by, dry_run=dry_run)
    except JournalError as problem:
        if "taken back already" not in str(problem) and "no such import" not in str(problem):
            raise
        raise PageProblemError(
            409,
            "Отменять нечего",
            "Эту загрузку уже отменили, или такой не было. Карточки, которые остались, ещё держит "
            "то, что было после неё: звонки, слова людей, другая загрузка.",
        ) from problem
