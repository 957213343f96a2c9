"""The overview of a period, and tables to take away."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import tempfile
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response, StreamingResponse

from recognizer.crm.card_files import fit_cell
from recognizer.crm.journal.records import AttemptFilter, AttemptRecord
from recognizer.web.pages import wording
from recognizer.web.pages.call_routes import read_filter
from recognizer.web.pages.calls import short_name
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.rendering import render
from recognizer.web.pages.signed_in import SendingSupervisor, Supervisor, note
from recognizer.web.pages.statistics import GROUP_NAMES, read_period, read_summary

__all__ = ["router"]

router = APIRouter()
_Word = Annotated[str, Query(max_length=200)]
_BATCH = 500
_KINDS = frozenset({"csv", "xlsx"})
_HEADINGS = (
    "Звонок",
    "Время",
    "Запись",
    "Карточка",
    "Номер",
    "Услышано программой",
    "Результат",
    "Уверенность",
    "Статус",
    "Некорректный контакт",
    "Попытка",
    "Правило",
    "Дальше",
    "Комментарий",
    "Сказано",
)


@router.get("/overview")
def overview(
    *,
    request: Request,
    page: ThePage,
    session: Supervisor,
    period: _Word = "week",
    first: _Word = "",
    last: _Word = "",
) -> Response:
    """Show the counts of a period."""
    del session
    zone = page.office.timezone
    today = dt.datetime.now(zone).date()
    asked = read_period(period, first, last, today=today, zone=zone)
    summary = read_summary(page.journal.database, asked)
    shown = page.journal.attempts_by_id([*summary.slowest, *summary.most_doubtful])
    lines = {attempt.id: page.calls.line(attempt) for attempt in shown}
    return render(
        request,
        "overview.html",
        here="overview",
        period=asked,
        today=today,
        summary=summary,
        groups=GROUP_NAMES,
        slowest=[lines[call] for call in summary.slowest],
        most_doubtful=[lines[call] for call in summary.most_doubtful],
        period_query=urlencode({"since": asked.first.isoformat(), "until": asked.last.isoformat()}),
    )


@router.post("/export.{kind}")
def export(
    *,
    request: Request,
    page: ThePage,
    session: SendingSupervisor,
    kind: str,
    text: _Word = "",
    outcome: _Word = "",
    since: _Word = "",
    until: _Word = "",
    show: _Word = "",
    numbers: Annotated[bool, Query()] = False,
    full: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Send the calls of a filter as CSV or XLSX; numbers are masked unless asked for."""
    if kind not in _KINDS:
        raise PageProblemError(404, "Такой таблицы нет", "Выгрузить звонки можно в XLSX и CSV.")
    which = read_filter(page, text=text, outcome=outcome, since=since, until=until, show=show)
    numbers = numbers or full == "yes"
    note(
        request, session, "export", target=kind, detail="с номерами" if numbers else "номера скрыты"
    )
    rows = _rows(page, which, numbers=numbers)
    total = {"X-Rows": str(page.journal.count_attempts(which))}
    name = f"calls-{dt.datetime.now(page.office.timezone):%Y-%m-%d}"
    if kind == "xlsx":
        return Response(
            _xlsx(rows),
            media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers={"Content-Disposition": f'attachment; filename="{name}.xlsx"', **total},
        )
    return StreamingResponse(
        _csv(rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', **total},
    )


def _rows(page: Page, which: AttemptFilter, *, numbers: bool) -> Iterator[tuple[Cell, ...]]:
    yield _HEADINGS
    before: int | None = None
    while True:
        found = page.journal.attempts(which, limit=_BATCH, before_id=before)
        for attempt in found.items:
            yield _row(page, attempt, numbers=numbers)
        before = found.next_before_id
        if before is None:
            return


Cell = str | int | float | bool | dt.datetime | None


def _row(page: Page, attempt: AttemptRecord, *, numbers: bool) -> tuple[Cell, ...]:
    view = page.calls.line(attempt).view
    decision = None if attempt.decision is None else attempt.decision.decision
    number = attempt.number or ""
    heard = "" if attempt.outcome is None else wording.OUTCOME_NAMES[attempt.outcome]
    # Spreadsheets know no zones: the office's clock, as on the page.
    moment = attempt.called_at.astimezone(page.office.timezone).replace(tzinfo=None, microsecond=0)
    return (
        attempt.id,
        moment,
        short_name(attempt.recording),
        attempt.contact_ref or "",
        _dialled(number) if numbers or not number else wording.mask_number(number).lstrip("+"),
        heard,
        view.heard,
        None if attempt.confidence is None else round(attempt.confidence, 4),
        (decision.status or "") if decision else "",
        ("да" if decision.incorrect_contact else "нет") if decision else "",
        decision.attempt if decision else None,
        view.rule_wording,
        view.next_words,
        (decision.comment or "") if decision else "",
        attempt.transcript or "",
    )


def _dialled(number: str) -> str:
    """Return +79265550102 as 8 (926) 555-01-02: text to a spreadsheet, and it can be dialled."""
    digits = number.removeprefix("+7")
    if number.startswith("+7") and len(digits) == 10:
        return f"8 ({digits[:3]}) {digits[3:6]}-{digits[6:8]}-{digits[8:]}"
    return number.lstrip("+")


_FORMULA = frozenset("=+-@\t\r")


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: what callers say is data.

    A no-break space in front is not seen, unlike an apostrophe, which CSV files show.
    """
    return f"{wording.NBSP}{cell}" if cell[:1] in _FORMULA else cell


def _csv_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return harmless(cell)
    if isinstance(cell, dt.datetime):
        return f"{cell:%d.%m.%Y %H:%M:%S}"
    if isinstance(cell, float):
        return str(cell).replace(".", ",")
    return "" if cell is None else str(cell)


def _csv(rows: Iterator[tuple[Cell, ...]]) -> Iterator[str]:
    yield "\ufeff"  # Excel knows UTF-8 by this mark only
    for row in rows:
        line = io.StringIO()
        csv.writer(line, delimiter=";", lineterminator="\r\n").writerow(map(_csv_cell, row))
        yield line.getvalue()


_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 cannot hold: with one of them a spreadsheet calls the whole file damaged."""


_CUT = " … [обрезано; целиком — в CSV]"


def _xlsx(rows: Iterator[tuple[Cell, ...]]) -> bytes:
    import openpyxl  # noqa: PLC0415 - only who asks for it waits for it
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Звонки")
    sheet.freeze_panes = "A2"
    sheet.column_dimensions["B"].width = 20

    def typed(cell: Cell) -> Any:
        if isinstance(cell, dt.datetime):
            dated = WriteOnlyCell(sheet, cell)
            dated.number_format = "DD.MM.YYYY HH:MM:SS"
            return dated
        if isinstance(cell, float):
            share = WriteOnlyCell(sheet, cell)
            share.number_format = "0%"
            return share
        if isinstance(cell, str):
            text = WriteOnlyCell(sheet, fit_cell(_NOT_XML.sub("", cell), _CUT))
            text.data_type = "s"  # said in so many words: neither a formula nor an error («#N/A»)
            return text
        return cell

    for row in rows:
        sheet.append([typed(cell) for cell in row])
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        return file.read()
