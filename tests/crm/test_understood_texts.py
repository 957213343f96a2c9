"""Beside an empty or wrong number only a text understood to the last word leaves the mark."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment

from recognizer.base.data_files import data_folder
from recognizer.crm.card_files import load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard, NumberState
from recognizer.crm.understood_texts import (
    is_code_understood,
    is_column_understood,
    is_make_understood,
    is_name_understood,
    is_plate_understood,
    is_result_understood,
    is_text_understood,
    is_vin_understood,
)

NAMES = (
    """
Иванов Иван Иванович|ИВАНОВ ИВАН ИВАНОВИЧ|иванов иван иванович|Иванов И.И.|Иванов И. И.
И.И. Иванов|Ли|А|Петрова-Сидорова Анна Сергеевна|Алиев Руслан Магомед оглы
Почтарёв|ООО "Ромашка"|Ромашка, ООО|АО "Тинькофф Лизинг"
ИП Кузнецов А.В.|ПАО Сбербанк|МУП «Водоканал»|Клиент Один|ООО "Торговый дом "Альфа"
Общество с ограниченной ответственностью "Вега"|Частное лицо|не указан|Теленков А. Б.
""".strip()
    .replace("\n", "|")
    .split("|")
)
MAKES = (
    """
Kia|KIA Rio|Toyota Camry 2.5|Лада Веста|LADA Granta, седан|BMW X5 xDrive30d
Mercedes-Benz GLC 220 d 4MATIC|ГАЗ 2705|Hyundai Solaris (2019)|Skoda Octavia A7|Peugeot 308
УАЗ Патриот|Nissan X-Trail|CHERY TIGGO 7 PRO
""".strip()
    .replace("\n", "|")
    .split("|")
)
CODES = (
    """
XW8ZZZ61ZJG012345|xw8zzz61zjg012345|А123ВС77|а123вс77|А 123 ВС 77|О001ОО 777|ЗН-00012345|КП-17
159273|б/н|Заказ-наряд № 4471 от 12.05.2024|Договор КП-17 от 01.02.2024
Реализация товаров и услуг 000000123 от 01.02.2024|Акт выполненных работ № 5
Заказ-наряд 0000012345 от 12.05.2024 10:30:00
""".strip()
    .replace("\n", "|")
    .split("|")
)
TEXTS = (
    """
04/01 Не отвечает|нет номера|Клиент не оставил телефон|номер телефона не указан
ТО-2, замена масла|ТО 60 000 км|Замена колодок, 12 500 руб.|Вежливый|VIP клиент
гос. номер А123ВС77|НЕ ЗВОНИТЬ|12.05.2024 ремонт бампера|пробег 120000 км|заказ-наряд 4471
номер заказа 4471|ivan@mail.ru|Кузовной ремонт по ОСАГО|Масло 5W-40|шиномонтаж R17|Недозвон
Клиент доволен, претензий нет|04/01 Короткие гудки; 05/01 Абонент занят|—
""".strip()
    .replace("\n", "|")
    .split("|")
)
HINTS = (
    """
до понедельника|в сервисе|@ivan|номер у менеджера|спросить Ивана|потом|позднее|у Иванова
на бумаге|есть|да|уехал|новая симка|временно|пока нет|?|!!!|***|Петров знает|в группе
оставит при визите|не успел|не видно|потерян|удалён|удалено по 152-ФЗ|ниже|прежний|общий
служебный|г. Тула|код Тулы|доб 305|внутр 12|ivan_77|wa|ok.ru/ivan|instagram|курьер|с 10 до 18
до 15.04|после отпуска|сверить|файл.docx|папка 5|сейф|закрыт|ошибка|null?|нет?|нет (пока)|305
нет, но есть|не дал, но есть у жены|звонили на|от клиента|два|пять шесть|до ТО|с клиента
https://crm.example/17|Просил не звонить утром|купил в 2019|договор|не отвечает 55-01-02
ТО 555 01 02|—//—|дискорд|«»|"|+7|...|заменит|ОК|ЧС
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize(
    ("is_understood", "texts"),
    [
        (is_name_understood, NAMES),
        (is_make_understood, MAKES),
        (is_code_understood, CODES),
        (is_text_understood, TEXTS),
        (is_result_understood, ["Новый", "Не обработан", "Недоступен", "Неэффективный", ""]),
    ],
)
def test_what_cards_ordinarily_say_is_understood(is_understood: Any, texts: list[str]) -> None:
    assert [text for text in texts if not is_understood(text)] == []


@pytest.mark.parametrize(
    "is_understood",
    [is_name_understood, is_make_understood, is_text_understood, is_result_understood],
)
def test_a_word_that_is_in_no_list_is_not_understood(is_understood: Any) -> None:
    assert [text for text in HINTS if is_understood(text)] == []


@pytest.mark.parametrize("phone", ["", "нет", "8 905 770"])
@pytest.mark.parametrize(
    "field", ["comments", "result", "owner", "payer", "trusted_person", "make"]
)
def test_a_card_of_which_not_all_is_understood_is_a_person_s(field: str, phone: str) -> None:
    for text in HINTS:
        values: dict[str, Any] = {"ref": "1", "mobile_phone": phone, field: text}
        assert ContactCard(**values).number_state is NumberState.DOUBTFUL, text


def test_every_comment_that_a_rule_writes_in_its_own_words_is_understood() -> None:
    content = tomllib.loads((data_folder(".") / "regulation.toml").read_text(encoding="utf-8"))
    comments = [
        entry["comment"]
        for entries in content.values()
        if isinstance(entries, list)
        for entry in entries
        if "{" not in entry.get("comment", "{")
    ]
    assert len(comments) > 25
    own = content["regulation"]
    written = [f"04/01 {text}" for text in comments]
    written += [own["correction"].format(day="04/01", comment=text) for text in comments]
    written += [own["withdrawn"].format(day="04/01"), "\n".join(written)]
    assert [text for text in written if not is_text_understood(text)] == []


def states(path: Path) -> list[NumberState]:
    with open_cards(path, load_card_columns()) as reader:
        return [row.number_state for row in reader if isinstance(row, ContactCard)]


COLUMNS = ["Менеджер", "Автор", "Цвет", "Модель", "Код клиента", "Год", "Услуги", "Город", "ID"]


@pytest.mark.parametrize(
    ("heading", "says", "state"),
    [
        ("Прим", "в сервисе", NumberState.UNKNOWN),
        ("Статус", "Активный", NumberState.UNKNOWN),
        ("Прим", "ТО-2, замена масла", NumberState.ABSENT),
        ("Дата последнего звонка", "01.02.2026", NumberState.UNKNOWN),
        ("Кол-во звонков", "3", NumberState.UNKNOWN),
        ("Кол-во звонков", "0", NumberState.ABSENT),
        ("Прим", "8", NumberState.UNKNOWN),
        ("Прим", "10:30", NumberState.UNKNOWN),
        ("Прим", "не отвечает 305", NumberState.UNKNOWN),
        ("Прим", "05.02.2026 10:30", NumberState.ABSENT),
        ("Прим", "-", NumberState.ABSENT),
        ("Менеджер", "Петров", NumberState.ABSENT),
        ("Пробег, км", "123 456", NumberState.ABSENT),
        ("Дата рождения", "05.02.1980", NumberState.ABSENT),
        ("E-mail", "ivan@mail.ru", NumberState.ABSENT),
        ("Город", "Тула", NumberState.ABSENT),
        ("Менеджер", "@petrov", NumberState.UNKNOWN),
        ("Сумма", "по звонку", NumberState.UNKNOWN),
        ("Время", "после 18", NumberState.UNKNOWN),
        ("Адрес", "Ленина 5, код 12", NumberState.UNKNOWN),
        ("Цвет", "белый", NumberState.ABSENT),
        ("Цвет", "тёмно-синий металлик", NumberState.ABSENT),
        ("Модель", "X5 xDrive", NumberState.ABSENT),
        ("Менеджер", "Мельник", NumberState.ABSENT),
        ("Менеджер", "Сидорова А.А.", NumberState.ABSENT),
        ("Организация", "ООО Авто-Центр", NumberState.ABSENT),
        ("Адрес", "г. Тула, ул. Ленина, д. 5", NumberState.ABSENT),
        ("Двигатель", "ABC 1.6", NumberState.ABSENT),
        ("Покупатель", "нет", NumberState.ABSENT),
        *((heading, "спишись с Леной", NumberState.UNKNOWN) for heading in COLUMNS),
        *((heading, "утерян", NumberState.UNKNOWN) for heading in COLUMNS),
        *((heading, "напиши Лене", NumberState.UNKNOWN) for heading in COLUMNS),
    ],
)
def test_a_column_of_no_field_leaves_the_mark_where_it_is_understood(
    tmp_path: Path, heading: str, says: str, state: NumberState
) -> None:
    path = tmp_path / "cards.csv"
    path.write_text(f"Номер контакта;Телефон;Владелец;{heading}\n1;;Иванов;{says}\n", "utf-8")
    assert states(path) == [state]


@pytest.mark.parametrize("phone", ["770-89-45", "7708945", "8 7708945"])
@pytest.mark.parametrize(
    ("heading", "says"),
    [
        ("Город", "Тула"),
        ("Адрес клиента", "Ленина, 5"),
        ("Дилер", "Тула Авто"),
        ("Подразделение", "ОП Тула"),
        ("Паспорт выдан", "УВД г. Тулы"),
        ("Комментарии", "г. Тула"),
        ("Плательщик", "г. Тула"),
    ],
)
def test_a_number_within_a_town_that_is_named_is_a_person_s(
    tmp_path: Path, heading: str, says: str, phone: str
) -> None:
    path = tmp_path / "cards.csv"
    lines = f"1;{phone};Иванов;{says}\n2;{phone};Петров;\n3;8 000 770-89-45;Ким;{says}\n"
    path.write_text(f"Номер контакта;Телефон;Владелец;{heading}\n{lines}", "utf-8")
    named, bare, wrong = states(path)
    assert named in {NumberState.UNKNOWN, NumberState.DOUBTFUL}
    assert bare is NumberState.WRONG  # the regulation's «too few digits»
    assert (wrong is NumberState.WRONG) is (heading not in {"Комментарии", "Плательщик"})


@pytest.mark.parametrize(
    ("says", "state"), [("в сервисе", NumberState.UNKNOWN), ("ТО-2", NumberState.ABSENT)]
)
def test_a_note_leaves_the_mark_where_it_is_understood(
    tmp_path: Path, says: str, state: NumberState
) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["Номер контакта", "Телефон", "Владелец"], ["1", None, "А"]):
        sheet.append(row)
    sheet["C2"].comment = Comment(says, "x")
    book.save(tmp_path / "a.xlsx")
    assert states(tmp_path / "a.xlsx") == [state]


def test_digits_beside_a_firm_or_a_car_are_part_of_its_name_or_not_understood() -> None:
    firms = ["ООО «Главстрой-7»", 'АО «НПО "Прибор"»', "ГБОУ Школа № 1534", "ООО «Кафе 33»"]
    others = ["доб. 305", "(4872)", "8-905", "305"]
    said = [*firms, *(f"ООО «Ромашка» {text}" for text in others)]
    assert [name for name in said if is_name_understood(name)] == firms
    cars = ["Kia Rio седан", "УАЗ Патриот"]
    said = [*cars, "KIA RIO ЗВОНИ ЛЕНЕ", "Kia Лена Знает", "BMW u Leny"]
    said += ["Kia +7", "BMW знает Петров", "Audi потом"]
    assert [car for car in said if is_make_understood(car)] == cars


def test_a_word_beside_digits_is_no_code() -> None:
    said = ("доб 305", "ICQ 123456", "id 123456", "ivan_77", "стр 2", "—//—", "см. 17", "в 1С")
    assert [text for text in said if is_code_understood(text)] == []


def test_a_name_is_made_of_names_and_nothing_else() -> None:
    said = (
        "Иванов Дом|Дом Иванов|Иванов Работа|Второй|Запасной|Абонент|Билайн|Аноним|Дубль|Пиши|Звони"
        "|Хозяин|Утерян|Слева|ООО РОМАШКА НАБЕРИ ЛЕНУ|ООО РОМАШКА ГЛАВБУХ|ООО «Ромашка» ЗОВИТЕ ЛЕНУ"
        "|Удалено|Минск|Дубай|ОК|Иванов + 7|Иванов?|Иванов/Петров|ООО Петрова знает|ИП Петров знает"
        "|ООО Ромашка у Петрова|Клиент Завтра|И.О.|банк|ООО «»|Иванов Т. в чате"
    )
    assert [name for name in said.split("|") if is_name_understood(name)] == []
    names = [
        "Шульц Е. С.",
        "Гоголь Николай Васильевич",
        "ИП Петров П.П.",
        "Клиент Первый",
        "Иванов Т.",
    ]
    assert [name for name in names if not is_name_understood(name)] == []


@pytest.mark.parametrize("heading", ["ФИО", "ФИО клиента", "Клиент", "Контрагент"])
def test_a_column_of_names_is_understood_as_the_owner_is(heading: str) -> None:
    assert all(is_column_understood(heading, name) for name in NAMES)
    assert not is_column_understood(heading, "Иванов, у мужа")
    assert not is_column_understood(heading, "Клиент, см. договор")


@pytest.mark.parametrize("heading", ["Авто", "Марка, модель"])
def test_a_column_of_cars_is_understood_as_the_make_is(heading: str) -> None:
    assert all(is_column_understood(heading, make) for make in MAKES)
    assert not is_column_understood(heading, "Kia Rio, спросить в салоне")


def test_any_other_column_is_understood_word_by_word() -> None:
    assert not is_column_understood("Пометка", "Иванов Иван Иванович")
    assert is_column_understood("Пометка", "замена масла")


def test_digits_under_a_plate_or_a_vin_are_neither() -> None:
    plates = ["А123ВС77", "а 123 вс 777", "АВ1234 77", "АВ 123 77", "", "без номера"]
    assert [text for text in plates if not is_plate_understood(text)] == []
    vins = ["XW8ZZZ61ZJG012345", "xw8zzz61zjg012345", "нет"]
    assert [text for text in vins if not is_vin_understood(text)] == []
    others = [
        "7304487",
        "ТЕЛ12345",
        "8905",
        "89057708945",
        "12345678901234567",
    ]
    assert [text for text in others if is_plate_understood(text) or is_vin_understood(text)] == []
