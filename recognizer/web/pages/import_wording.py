"""What the page says of files of cards: why one is refused, states of numbers, cards left."""

from __future__ import annotations

from collections.abc import Mapping

from recognizer.crm.card_files import CardFileError
from recognizer.crm.journal.imports import LeftCard
from recognizer.crm.numbers import NumberState

__all__ = ["NUMBER_STATES", "UPLOAD_PROBLEMS", "import_name", "left_words", "refusal"]

NUMBER_STATES: Mapping[NumberState, str] = {
    NumberState.VALID: "номер есть",
    NumberState.DOUBTFUL: "под вопросом",
    NumberState.UNKNOWN: "неизвестен",
    NumberState.ABSENT: "номера нет",
    NumberState.WRONG: "неправильный",
}

UPLOAD_PROBLEMS: Mapping[str, tuple[str, str]] = {
    "empty": ("Файл пустой", "Проверьте, что выгрузка закончилась, и загрузите ещё раз."),
    "too_large": ("Файл слишком большой", "Разделите выгрузку на части и загрузите по очереди."),
}

_REFUSALS: Mapping[str, str] = {
    "old-workbook": "Это старая книга Excel или книга с паролем. Сохраните её как XLSX без пароля.",
    "opendocument": "Это таблица OpenDocument. Сохраните её как XLSX.",
    "web-page": "Это страница или разметка, которую умеет открыть Excel. Откройте её и сохраните "
    "как XLSX.",
    "empty": "В файле нет ни одной строки.",
    "no-ref": "Нет столбца с номером контакта. Найдены столбцы: {headings}. Заголовки должны "
    "стоять в первой строке. Если вместо букв кракозябры, сохраните файл как XLSX; если столбец "
    "называется иначе, администратор может назвать его в файле столбцов.",
    "heading-below": "Заголовки столбцов стоят не в первой строке. Удалите строки над ними и "
    "загрузите файл ещё раз.",
    "sheets": "Карточки стоят на нескольких листах: {headings}. Оставьте в книге один лист с "
    "карточками или загрузите листы отдельными файлами.",
    "no-sheet": "Нет такого листа. Найдены листы: {headings}.",
    "twice": "Несколько столбцов значат одно и то же: {headings}. Оставьте один из них.",
    "no-phone": "Нет столбца с телефоном. Найдены столбцы: {headings}. Если столбец называется "
    "иначе, администратор может назвать его в файле столбцов. Если номеров в файле и не должно "
    "быть, скажите об этом ниже: они останутся неизвестными.",
    "another-phone": "Столбец {headings} похож на телефоны, но программе не знаком. Удалите его из "
    "файла или попросите администратора назвать его в файле столбцов.",
    "encoding": "Непонятно, какими буквами написан файл. Сохраните его как XLSX.",
    "damaged": "Файл повреждён или загружен не до конца. Откройте его, сохраните как XLSX и "
    "загрузите ещё раз.",
    "unreadable": "Файл не удалось прочитать на сервере. Загрузите его ещё раз.",
}
_N_HEADINGS = 12


def refusal(problem: Exception) -> str:
    """Return why a file is refused as a whole."""
    if not isinstance(problem, CardFileError):
        return _REFUSALS["damaged"]
    named = [f"«{' '.join(heading.split())[:60]}»" for heading in problem.headings]
    more = " и другие" if len(named) > _N_HEADINGS else ""
    headings = ", ".join(named[:_N_HEADINGS]) + more
    return _REFUSALS[problem.problem].format(headings=headings or "ни одного")


def import_name(source: str) -> str:
    """Return the file's name of what the journal keeps as the source of an import."""
    return source.removeprefix("import ")


_LEFT = (
    ("merged into another card", "объединена с другой карточкой"),
    ("another card was merged", "с ней объединена другая карточка"),
    ("a person said", "с тех пор сотрудник сказал, что было в звонке"),
    ("called since", "с тех пор по ней звонили"),
    ("calls were given", "к ней отнесли звонки"),
)


def left_words(card: LeftCard) -> str:
    """Return why a card stays as an import made it."""
    known = (words for part, words in _LEFT if card.reason.startswith(part))
    return next(known, "с тех пор её меняли")
