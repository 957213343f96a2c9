"""What the page calls things, in Russian, and how it writes numbers and moments.

Typography: «ёлочки», a dash with spaces, a no-break space between a number and its unit.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from recognizer.crm.contacts import ContactKind, OwnerKind
from recognizer.model import CallOutcome, NextStep
from recognizer.model.outcome_names import OUTCOME_NAMES
from recognizer.web.auth.users import Role

__all__ = [
    "ACTION_NAMES",
    "ASSIGNMENT_NAMES",
    "CARD_FIELD_NAMES",
    "CONTACT_KINDS",
    "ERROR_ADVICE",
    "INTERVAL_NAMES",
    "MARKING",
    "NBSP",
    "NEXT_NAMES",
    "OUTCOME_GROUPS",
    "OUTCOME_NAMES",
    "OWNER_KINDS",
    "ROLE_NAMES",
    "STATED_NAMES",
    "TONE_NAMES",
    "confidence_words",
    "counted",
    "day",
    "mask_number",
    "moment",
    "moment_in",
    "percent",
    "refusal",
    "seconds",
    "timecode",
    "without_rule_ids",
]

NBSP = "\u00a0"

_C = CallOutcome
OUTCOME_GROUPS: tuple[tuple[str, tuple[CallOutcome, ...]], ...] = (
    ("Человек", (_C.LIVE_PERSON,)),
    (
        "Временно недоступен",
        (
            _C.TEMPORARILY_UNAVAILABLE,
            _C.TEMPORARILY_BLOCKED,
            _C.SERVICE_SUSPENDED,
            _C.NOT_REGISTERED,
            _C.SERVICE_TYPE_UNAVAILABLE,
            _C.SWITCHED_OFF_OR_OUT_OF_COVERAGE,
            _C.CONNECTION_IMPOSSIBLE,
            _C.LINE_BUSY,
        ),
    ),
    (
        "Неправильный номер",
        (
            _C.NOT_IN_SERVICE,
            _C.BLOCKED,
            _C.MISDIALLED,
            _C.DOES_NOT_EXIST,
            _C.AVAILABLE_FOR_PURCHASE,
        ),
    ),
    (
        "Гудки и тишина",
        (_C.RINGBACK_ONLY, _C.BUSY_TONE, _C.SILENCE, _C.DISCONNECTED, _C.FAX, _C.MUSIC),
    ),
    (
        "Другие объявления",
        (
            _C.NO_ANSWER,
            _C.VOICEMAIL,
            _C.CALL_ASSISTANT,
            _C.COMPANY_IVR,
            _C.CALL_PROGRESS,
            _C.NETWORK_CONGESTION,
            _C.CALLER_RESTRICTED,
        ),
    ),
    ("Неясно", (_C.UNDETERMINED,)),
)
"""Every outcome once, in the order a person looks for it."""

MARKING: frozenset[CallOutcome] = frozenset(dict(OUTCOME_GROUPS)["Неправильный номер"])
"""Outcomes that put the mark «Некорректный контакт» on a card."""

INTERVAL_NAMES: Mapping[str, str] = {
    "ringing": "Гудки вызова",
    "tone": "Сигнал",
    "announcement": "Объявление",
    "person": "Человек",
    "speech": "Речь",
    "music": "Музыка",
    "noise": "Шум",
    "silence": "Тишина",
}

TONE_NAMES: Mapping[str, str] = {
    "ringback": "Гудки вызова",
    "busy": "Короткие гудки",
    "congestion": "Частые гудки (перегрузка)",
    "sit": "Сигнал перед объявлением",
    "dial": "Ответ станции",
    "fax": "Факс или модем",
    "beep": "Сигнал записи",
    "dtmf": "Тональный набор",
}

STATED_NAMES: Mapping[str, str] = {
    "conversation": "Разговор состоялся",
    "no-dialogue": "Взял трубку, в диалог не вступает",
    "cannot-hear": "Взял трубку, нас не слышит",
    "stranger-service": "Посторонний: к обслуживанию а/м не имеет отношения",
    "stranger-sales": "Посторонний: к покупке а/м не имеет отношения",
    "not-responsible-employee": "Сотрудник организации, за а/м не отвечает",
    "employee-answered": "Ответил сотрудник компании вместо клиента",
}
"""By the operator's reason (rules on statements and `[[stated]]` of the regulation)."""

NEXT_NAMES: Mapping[NextStep, str] = {
    NextStep.SET_STATUS: "поставить статус",
    NextStep.RETRY: "повторить",
    NextStep.OPERATOR: "решает оператор",
    NextStep.CHECK_LINE: "проверить нашу линию",
}

OWNER_KINDS: Mapping[OwnerKind, str] = {
    OwnerKind.PERSON: "Физическое лицо",
    OwnerKind.ORGANISATION: "Организация",
}

CONTACT_KINDS: Mapping[ContactKind, str] = {
    ContactKind.AFTER_SERVICE: "После сервиса",
    ContactKind.AFTER_SALE: "После продажи",
}

CARD_FIELD_NAMES: Mapping[str, str] = {
    "trusted_phone": "Номер телефона",
    "owner": "Имя владельца",
    "owner_kind": "Владелец",
    "trusted_person": "Доверенное лицо",
    "plate": "Гос. номер а/м",
    "kind": "Контакт",
}

ASSIGNMENT_NAMES: Mapping[str, str] = {
    "assign": "карточка назначена",
    "change": "карточка заменена",
    "detach": "звонок откреплён от карточки",
    "merge": "карточки объединены",
}

ROLE_NAMES: Mapping[Role, str] = {
    Role.OPERATOR: "Оператор",
    Role.SUPERVISOR: "Старший смены",
    Role.ADMINISTRATOR: "Администратор",
}

ACTION_NAMES: Mapping[str, str] = {
    "setup": "Первый вход, создан администратор",
    "sign_in": "Вход",
    "sign_in_failed": "Неудачный вход",
    "sign_out": "Выход",
    "upload": "Загружена запись",
    "open_number": "Открыт номер",
    "accept": "Подтверждён результат",
    "correct": "Исправлен результат",
    "save_card": "Заполнена карточка",
    "move_call": "Звонок перенесён в другую карточку",
    "detach_call": "Звонок откреплён от карточки",
    "merge_cards": "Карточки объединены",
    "withdraw": "Решение отменено",
    "together": "Решено вместе",
    "undo_together": "Отменено решённое вместе",
    "stated": "Внесено со слов оператора",
    "propose_phrase": "Предложена фраза",
    "save_phrase": "Фраза внесена в список",
    "undo_phrase": "Изменение списка отменено",
    "reject_phrase": "Предложение отклонено",
    "create_user": "Создан пользователь",
    "change_user": "Изменён пользователь",
    "reset_password": "Назначен новый пароль",
    "change_password": "Сменён свой пароль",
    "export": "Выгрузка таблицы",
    "listen_live": "Прослушан идущий звонок",
    "upload_cards": "Загружен файл карточек",
    "import_cards": "Карточки сохранены из файла",
    "undo_import": "Загрузка карточек отменена",
    "create_key": "Создан ключ программы",
    "revoke_key": "Отозван ключ программы",
    "retry_parcel": "Повторена отправка в CRM",
}

_NO_SOUND = (
    "Файл пустой",
    "В нём нет звука. Проверьте, что запись закончилась, и загрузите ещё раз.",
)
_DAMAGED = (
    "Файл не удалось прочитать",
    (
        "Он повреждён или это не звук. Если на вашем компьютере он звучит, сохраните его в WAV "
        "или MP3 и загрузите ещё раз."
    ),
)
_CLOSED = ("Файл не открывается", "Сообщите администратору: сервер не может его прочитать.")
_STOPPED = (
    "Распознаватель остановился с ошибкой",
    "Запись сохранена. Попробуйте ещё раз; если повторится, сообщите администратору.",
)

ERROR_ADVICE: Mapping[str, tuple[str, str]] = {
    "not_found": ("Запись не найдена", "Файл удалён или перемещён. Загрузите его ещё раз."),
    "empty": _NO_SOUND,
    "empty_file": _NO_SOUND,
    "no_samples": _NO_SOUND,
    "no_audio_track": ("В файле нет звука", "Загрузите саму запись звонка: WAV, MP3 или OGG."),
    "unsupported": ("Это не запись звонка", "Загрузите звук: WAV, MP3 или OGG."),
    "is_directory": ("Это не запись звонка", "Загрузите звук: WAV, MP3 или OGG."),
    "not_a_file": ("Это не запись звонка", "Загрузите звук: WAV, MP3 или OGG."),
    "unreadable_audio": _DAMAGED,
    "invalid_samples": _DAMAGED,
    "sample_rate": _DAMAGED,
    "no_such_channel": _DAMAGED,
    "unreadable_file": _CLOSED,
    "permission": _CLOSED,
    "changed": (
        "Файл менялся, пока его слушали",
        "Запись ещё шла или её заменили. Она будет прослушана, когда станет целой.",
    ),
    "too_long": ("Запись слишком длинная", "Загрузите ту часть, где слышен ответ сети."),
    "too_large": ("Файл слишком большой", "Сохраните запись в MP3 или OGG и загрузите ещё раз."),
    "time_limit": (
        "Распознавание не уложилось во время",
        "Запись сохранена. Попробуйте ещё раз или прослушайте её и укажите результат сами.",
    ),
    "engine": _STOPPED,
    "worker_crashed": _STOPPED,
    "internal": _STOPPED,
    "interrupted": _STOPPED,
    "model": (
        "Речевая модель не установлена",
        "Сообщите администратору: на сервере нужно выполнить recognizer doctor.",
    ),
}
"""By `error.kind` of a classification: what happened, and what to do."""

UNKNOWN_ERROR = (
    "Запись не обработана",
    "Попробуйте ещё раз; если повторится, сообщите администратору.",
)

_REFUSALS = (
    (
        "has this recording already",
        "Эта запись в той карточке уже есть: звонок посчитался бы дважды.",
    ),
    ("another card", "Звонок уже в другой карточке. Откройте его заново."),
    ("there is no such card", "Такой карточки нет. Нужен её номер целиком."),
    ("into itself", "Это одна и та же карточка."),
    ("merged into another", "Эта карточка уже объединена с другой."),
    ("there is no such attempt", "Такого звонка нет."),
    ("taken back already", "Это решение уже отменили."),
    ("decided it meanwhile", "Звонок успел решить другой сотрудник."),
)


def refusal(problem: Exception) -> str:
    """Return why the journal refused, for an operator; the regulation speaks Russian itself."""
    said = str(problem)
    known = (words for part, words in _REFUSALS if part in said)
    return next(known, said if said[:1] > "\u0400" else "Не получилось. Обновите страницу.")


_CONFIDENCE = ((0.95, "Уверенно"), (0.8, "Скорее всего"), (0.6, "Сомнительно"), (0.0, "Ненадёжно"))
_MONTHS = "янв фев мар апр мая июн июл авг сен окт ноя дек".split()


def confidence_words(confidence: float) -> str:
    """Return how sure the machine is, in a word or two."""
    return next(words for least, words in _CONFIDENCE if confidence >= least)


_RULE_ID = re.compile(r"(правило) [a-z][a-z0-9-]*", re.IGNORECASE)


def without_rule_ids(sentence: str) -> str:
    """Return a sentence of an explanation without the names that rules have in their file."""
    return _RULE_ID.sub(r"\1", sentence)


def percent(share: float) -> str:
    """Return 0-1 as whole per cent; never a rounded-up «100 %» or a rounded-down «0 %»."""
    value = round(share * 100)
    if value == 100 and share < 1:
        value = 99
    if value == 0 and share > 0:
        return f"<{NBSP}1{NBSP}%"
    return f"{value}{NBSP}%"


def counted(number: int, one: str, few: str, many: str) -> str:
    """Return a number with its noun: 1 запись, 2 записи, 5 записей."""
    tens, ones = number % 100, number % 10
    if ones == 1 and tens != 11:
        noun = one
    elif ones in (2, 3, 4) and tens not in (12, 13, 14):
        noun = few
    else:
        noun = many
    return f"{grouped(number)}{NBSP}{noun}"


def grouped(number: int) -> str:
    """Return 12345 as «12 345»."""
    return f"{number:,}".replace(",", NBSP)


def seconds(value: float) -> str:
    """Return a duration as «5,9 с» or «2 мин 05 с»."""
    if value < 60:
        return f"{value:.1f}".replace(".", ",") + f"{NBSP}с"
    return f"{int(value // 60)}{NBSP}мин {int(value % 60):02d}{NBSP}с"


def timecode(value: float) -> str:
    """Return a moment of a recording as 0:05."""
    whole = int(value)
    return f"{whole // 60}:{whole % 60:02d}"


def moment_in(value: dt.datetime, zone: dt.tzinfo) -> str:
    """Return a moment by the office's clock, whatever the server's is; see `moment`."""
    return moment(value, dt.datetime.now(dt.UTC), zone)


def moment(value: dt.datetime, now: dt.datetime, zone: dt.tzinfo) -> str:
    """Return a moment by the clock of `zone`: «14:05» today, «21 ноя, 14:05» before."""
    local, today = value.astimezone(zone), now.astimezone(zone)
    clock = f"{local:%H:%M}"
    if local.date() == today.date():
        return clock
    return f"{day(local.date(), today.year)}, {clock}"


def day(value: dt.date, this_year: int) -> str:
    """Return «21 ноя», or «21 ноя 2025» in another year."""
    text = f"{value.day}{NBSP}{_MONTHS[value.month - 1]}"
    return text if value.year == this_year else f"{text} {value.year}"


def mask_number(number: str) -> str:
    """Return a phone number with only its head and last two digits: «+7 916 •••-••-30».

    Anything that is not a number of 7 to 15 digits is hidden altogether.
    """
    digits = [char for char in number if char.isdigit()]
    if not 7 <= len(digits) <= 15:
        return "•••"
    if len(digits) == 11 and digits[0] in "78":
        code, tail = "".join(digits[1:4]), "".join(digits[-2:])
        return f"+7{NBSP}{code}{NBSP}•••-••-{tail}"
    return f"••• {''.join(digits[-2:])}"
