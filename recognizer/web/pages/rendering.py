"""How pages are rendered: templates, their filters, what was just done, redirects."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from markupsafe import Markup

from recognizer.base.moments import read_day
from recognizer.web.auth.sessions import Session
from recognizer.web.auth.users import Role
from recognizer.web.pages import wording
from recognizer.web.pages.page import page_of

__all__ = ["FLASHES", "PLACES", "Flash", "render", "see"]
_HERE = Path(__file__).resolve().parent

PLACES = (
    ("home", "/", "upload", "Записи", Role.OPERATOR),
    ("queue", "/queue", "inbox", "Очередь", Role.OPERATOR),
    ("calls", "/calls", "list", "Звонки", Role.OPERATOR),
    ("live", "/live", "ear", "Сейчас", Role.SUPERVISOR),
    ("overview", "/overview", "chart", "Обзор", Role.SUPERVISOR),
    ("phrases", "/phrases", "book", "Фразы", Role.OPERATOR),
)

FLASHES: Mapping[str, tuple[str, str]] = {
    "accepted": ("good", "Результат подтверждён, запись стала образцом для проверок."),
    "accepted-unheard": ("good", "Результат подтверждён. Запись не слушали, образцом не станет."),
    "listen-first": (
        "bad",
        "Выборка проверяется на слух: послушайте запись. Если её нет, пропустите звонок.",
    ),
    "corrected": ("good", "Исправлено. Решение пересчитано, прежнее осталось в журнале."),
    "stated": ("good", "Внесено со слов оператора, решение пересчитано."),
    "card": ("good", "Карточка сохранена, решение пересчитано."),
    "moved": ("good", "Звонок теперь в этой карточке, решения обеих пересчитаны."),
    "detached": ("good", "Звонок откреплён от карточки, её решение пересчитано."),
    "merged": ("good", "Карточки объединены, попытки посчитаны вместе."),
    "together-undone": ("good", "Отменено всё, что решили вместе. Звонки снова в очереди."),
    "withdrawn": ("good", "Отменено, решение прежнее."),
    "phrase-saved": ("good", "Фраза внесена в список. Новые записи распознаются уже с ней."),
    "phrase-proposed": ("good", "Предложение отправлено старшему смены."),
    "phrase-undone": ("good", "Изменение отменено, список прежний."),
    "phrase-rejected": ("info", "Предложение отклонено."),
    "announcement-offered": ("good", "Объявление ждёт решения старшего смены."),
    "announcement-accepted": ("good", "Запомнено. Со следующей записи оно узнаётся по звуку."),
    "announcement-rejected": ("info", "Объявление отклонено, ничего не сохранено."),
    "announcement-forgotten": ("good", "Объявление забыто; его можно вернуть отменой."),
    "announcement-undone": ("good", "Последнее изменение отменено."),
    "upload-dropped": ("info", "Файл удалён, ничего не сохранено."),
    "import-undone": ("good", "Загрузка отменена: карточки и решения прежние."),
    "key-revoked": ("good", "Ключ отозван: программа с ним больше не войдёт."),
    "parcel-retried": ("good", "Будет отправлено ещё раз."),
    "user-created": ("good", "Пользователь создан."),
    "user-changed": ("good", "Изменения сохранены."),
    "password-changed": ("good", "Пароль изменён. Войдите с новым."),
    "password-set": ("good", "Новый пароль назначен, прежние сеансы этого сотрудника завершены."),
    "setup": ("good", "Администратор создан. Войдите."),
    "signed-out": ("info", "Вы вышли."),
}


@cache
def _static_address(name: str) -> str:
    """Return the address of a static file with a digest: a new version is fetched at once."""
    digest = hashlib.sha256((_HERE / "static" / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


def _iso_day(text: str) -> str:
    """Return a day as a picker of days wants it; empty: it is none."""
    day = read_day(text)
    return "" if day is None else day.isoformat()


def _typed_day(text: str) -> str:
    """Return a day as it is typed here; what is none comes back as it was typed."""
    day = read_day(text)
    return text if day is None else f"{day:%d.%m.}{day.year:04}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _dialled(number: str) -> str:
    """Return what a telephone dials: digits, with the plus if there is one."""
    digits = "".join(char for char in number if char.isdigit())
    return f"+{digits}" if number.strip().startswith("+") else digits


@jinja2.pass_context
def _moment(context: jinja2.runtime.Context, value: dt.datetime) -> str:
    """Return a moment by the office's clock: a server may stand anywhere."""
    return wording.moment_in(value, page_of(context["request"].app).office.timezone)


@jinja2.pass_context
def _moment_s(context: jinja2.runtime.Context, value: float) -> str:
    return _moment(context, dt.datetime.fromtimestamp(value, dt.UTC))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=wording.percent,
        seconds=wording.seconds,
        timecode=wording.timecode,
        grouped=wording.grouped,
        sentence=_sentence,
        iso_day=_iso_day,
        typed_day=_typed_day,
        dialled=_dialled,
        without_rule_ids=wording.without_rule_ids,
        moment=_moment,
        moment_s=_moment_s,
    )
    environment.globals.update(
        static=_static_address,
        nbsp=wording.NBSP,
        roles=Role,
        role_names=wording.ROLE_NAMES,
        outcome_names=wording.OUTCOME_NAMES,
        marking=wording.MARKING,
        assignment_names=wording.ASSIGNMENT_NAMES,
        mask_number=wording.mask_number,
        counted=wording.counted,
    )
    return environment


_templates = Jinja2Templates(env=_environment())


@dataclass(frozen=True, slots=True)
class Flash:
    """A word on what was just done."""

    kind: str
    text: str
    href: str = ""
    link: str = ""


def _flash(request: Request) -> Flash | None:
    """Return the message a redirect named; only our own texts can be named."""
    found = FLASHES.get(request.query_params.get("done", ""))
    return None if found is None else Flash(*found)


def render(
    request: Request,
    template: str,
    *,
    here: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return a page made of `template`; `here` is the section it belongs to."""
    session: Session | None = getattr(request.state, "session", None)
    n_waiting = 0
    if session is not None and not template.startswith("_"):
        n_waiting = page_of(request.app).reviews.n_waiting()
    values.setdefault("flash", _flash(request))
    context = {
        "session": session,
        "here": here,
        "undo": None,
        "undo_batch": None,
        "kept": "",
        "n_waiting": n_waiting,
        "places": [
            place[:4]
            for place in PLACES
            if session
            and session.user.role.includes(place[4])
            and (place[0] != "live" or request.app.state.live is not None)
        ],
        "csrf": lambda: Markup('<input type="hidden" name="csrf" value="{}">').format(
            session.csrf_token if session else ""
        ),
        **values,
    }
    return _templates.TemplateResponse(
        request, template, context, status_code=status, headers=dict(headers or {})
    )


def see(path: str, done: str = "") -> RedirectResponse:
    """Return «see other»: after a form was taken, so that a reload does not send it again."""
    if done:
        path += ("&" if "?" in path else "?") + f"done={done}"
    return RedirectResponse(path, status_code=303)
