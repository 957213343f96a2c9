"""A number that is said to be elsewhere, and cards that cannot be told apart: nobody is marked."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import openpyxl
import pytest
from openpyxl.comments import Comment

from recognizer.base.data_files import data_folder
from recognizer.crm.card_facts import card_facts
from recognizer.crm.card_files import RejectedRow, load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard, NumberState
from recognizer.crm.number_hints import may_complete, points_elsewhere
from recognizer.crm.office import load_office
from recognizer.regulation.loading import load_regulation

COLUMNS = load_card_columns()
OFFICE = load_office()
PHONE = "8 905 770-89-45"
OWN = "8 495 730-44-87"


def read(tmp_path: Path, text: str) -> list[ContactCard | RejectedRow]:
    path = tmp_path / "cards.csv"
    path.write_text(text, encoding="utf-8")
    with open_cards(path, COLUMNS, own_numbers=OFFICE.own_numbers) as reader:
        return list(reader)


def rule(row: ContactCard | RejectedRow) -> str | None:
    """Return the rule that marks a row's card without a call."""
    if isinstance(row, RejectedRow):
        return None
    ruling = load_regulation().rule_on_card(card_facts(row, OFFICE))
    return None if ruling is None else ruling.decision.rule_id


# --- where a number is -------------------------------------------------------------------------

ELSEWHERE = [
    "номер у менеджера Петрова",
    "тел. появится завтра",
    "номер уточняется",
    "см. в почте",
    "Номер: см. договор",
    "НОМЕР В 1С",
    "телефон жены в другой карточке",
    "спросить у Иванова",
    "узнать у мастера",
    "перезвоним сами",
    "контакты в CRM",
    "WhatsApp",
    "пишите в телеграм",
    "тел у мужа",
    "через секретаря",
    "смотри примечание",
    "номер скрыт",
    "по запросу",
    "моб. на визитке",
    "ном. уточнить",
    "номера нет, есть у жены",
    "телефона нет, звонить мужу",
    "нет номера, уточнить",
    "номер забыл, у продавца",
    "ждём номер от клиента",
    "номер пришлёт позже",
    "есть у директора",
    "в архиве",
    "Тлф у кассира",
    "phone: ask manager",
    "number TBD",
    "call back later",
    "городской, код не знаем",
]

NOWHERE = [
    "Вежливый",
    "гос. номер А123ВС77",
    "нет номера",
    "Номер не указан",
    "телефон отсутствует",
    "клиент не оставил",
    "не оставил номер",
    "не дал телефон",
    "ТО-2, замена масла",
    "заказ-наряд 4471",
    "номер заказа 4471",
    "номер договора КП-17",
    "номер VIN проверен",
    "номер двигателя стёрт",
    "НЕ ЗВОНИТЬ КЛИЕНТУ",
    "не звонить",
    "04/01 Не отвечает",
    "телематика подключена",
    "Смирнов",
    "Почтарёв",
    "ivan.telefon@mail.ru",
    "https://crm.example/contact/17",
    "Теленков А. Б.",
    "Некорректный контакт",
    "номера телефона нет",
    "нет номера телефона",
]


@pytest.mark.parametrize("text", ELSEWHERE)
def test_words_of_where_a_number_is_are_seen(text: str) -> None:
    assert points_elsewhere(text)
    assert points_elsewhere(f"04/01 {text.upper()}, как договорились")


@pytest.mark.parametrize("text", NOWHERE)
def test_numbers_of_cars_papers_and_none_at_all_are_no_telephone_elsewhere(text: str) -> None:
    assert not points_elsewhere(text)


@pytest.mark.parametrize("phone", ["", "нет", "+7 ( )", "8 905 770"])
@pytest.mark.parametrize("heading", ["Комментарии", "Владелец", "Доверенное лицо", "Прим"])
@pytest.mark.parametrize("text", ELSEWHERE[:6])
def test_a_card_whose_number_is_said_to_be_elsewhere_is_not_marked(
    tmp_path: Path, heading: str, phone: str, text: str
) -> None:
    other = "Вежливый" if heading in {"Комментарии", "Прим"} else "Смирнов"
    rows = read(
        tmp_path,
        f"Номер контакта;Телефон;Марка;{heading}\n1;{phone};Kia;{text}\n2;{phone};Kia;{other}\n",
    )
    pointed, plain = rows
    assert rule(pointed) is None
    if heading == "Прим":
        assert isinstance(pointed, RejectedRow)
        assert "«Прим»" in pointed.reason
    else:
        assert isinstance(pointed, ContactCard)
        assert pointed.number_state is NumberState.DOUBTFUL
    assert rule(plain) == ("number-malformed" if phone[:1] == "8" else "number-missing")


@pytest.mark.parametrize("heading", ["Комментарии", "Прим"])
def test_the_company_s_number_is_no_client_s_where_his_own_is_said_to_be_elsewhere(
    tmp_path: Path, heading: str
) -> None:
    text = f"Номер контакта;Телефон;Владелец;{heading}\n"
    pointed, plain = read(
        tmp_path, f"{text}1;{OWN};Иванов;номер у менеджера\n2;{OWN};Иванов;вежливый\n"
    )
    assert rule(pointed) is None
    assert rule(plain) == "own-company-number"


@pytest.mark.parametrize("heading", ["Комментарии", "Прим"])
@pytest.mark.parametrize("text", ["@ivan", "в сервисе", "45-67-80", "10:30"])
def test_the_company_s_number_marks_nobody_beside_what_is_not_understood(
    tmp_path: Path, heading: str, text: str
) -> None:
    head = f"Номер контакта;Телефон;Владелец;{heading}\n"
    for row in read(tmp_path, f"{head}1;{OWN};Иванов;{text}\n"):
        assert rule(row) is None


def test_a_note_on_a_cell_that_says_where_a_number_is_keeps_its_card_from_a_mark(
    tmp_path: Path,
) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["Номер контакта", "Телефон", "Владелец"], ["1", None, "А"], ["2", None, "Б"]):
        sheet.append(row)
    sheet["B2"].comment = Comment("номер у менеджера", "x")
    sheet["B3"].comment = Comment("вежливый", "x")
    book.save(tmp_path / "a.xlsx")
    with open_cards(tmp_path / "a.xlsx", COLUMNS) as reader:
        noted, plain = reader
    assert isinstance(noted, RejectedRow)
    assert rule(plain) == "number-missing"


@pytest.mark.parametrize(
    ("target", "is_rejected"), [("https://crm.example/contacts/1", True), ("tel:x", False)]
)
def test_a_link_behind_an_empty_field_of_a_number_keeps_its_card_from_a_mark(
    tmp_path: Path, target: str, is_rejected: bool
) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["Номер контакта", "Телефон", "Владелец"], ["1", " ", "А"]):
        sheet.append(row)
    sheet["B2"].hyperlink = target
    sheet["B2"].value = " "
    book.save(tmp_path / "a.xlsx")
    with open_cards(tmp_path / "a.xlsx", COLUMNS) as reader:
        (read_row,) = reader
    assert isinstance(read_row, RejectedRow) is is_rejected


def test_no_comment_that_a_rule_writes_says_that_a_number_is_elsewhere() -> None:
    content = tomllib.loads((data_folder(".") / "regulation.toml").read_text(encoding="utf-8"))
    comments = [
        entry["comment"].format(name="Иван", plate="А123ВС77", make="Kia", words="Это не мой а/м")
        for entries in content.values()
        if isinstance(entries, list)
        for entry in entries
        if "comment" in entry
    ]
    assert len(comments) > 20
    assert [text for text in comments if points_elsewhere(f"04/01 {text}")] == []


@pytest.mark.parametrize(
    "heading",
    [
        "Контакты",
        "Контакт",
        "Контакты клиента",
        "Доп. контакты",
        "Контактные данные",
        "Способ связи",
        "Мессенджер",
        "Контакт 2",
        "Телеграм",
        "Рабочий",
        "Доп. номер",
        "Факс",
        "Как связаться",
        "тлф",
    ],
)
@pytest.mark.parametrize("says", ["скрыт", "по запросу", "@ivan", "Анна"])
def test_a_column_of_contacts_that_says_anything_but_none_keeps_a_card_from_a_mark(
    tmp_path: Path, heading: str, says: str
) -> None:
    text = f"Номер контакта;Телефон;Владелец;{heading}\n1;;А;{says}\n2;;Б;нет\n3;{PHONE};В;{says}\n"
    said, absent, valid = read(tmp_path, text)
    assert isinstance(said, RejectedRow)
    assert heading in said.reason
    assert rule(absent) == "number-missing"
    assert isinstance(valid, ContactCard)
    assert valid.number_state is NumberState.VALID


# --- what a short number lacks -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "код 905",
        "код города 495",
        "(495)",
        "495",
        "8495",
        "8 (495)",
        "+7 495",
        "межгород",
        "местный номер",
        "городской",
    ],
)
@pytest.mark.parametrize("heading", ["Комментарии", "Доверенное лицо", "Прим"])
def test_a_code_beside_a_short_number_keeps_its_card_from_a_mark(
    tmp_path: Path, heading: str, text: str
) -> None:
    head = f"Номер контакта;Телефон;Владелец;{heading}\n"
    other = "Смирнов" if heading == "Доверенное лицо" else "ТО 60 000 км"
    coded, plain = read(tmp_path, f"{head}1;7708945;А;{text}\n2;7708945;А;{other}\n")
    assert rule(coded) is None
    assert rule(plain) == "number-malformed"


@pytest.mark.parametrize(
    ("phone", "text", "completes"),
    [
        ("7708945", "905", True),
        ("770-89-45", "звонить на 905", True),
        ("8 7708945", "код 905", True),
        ("8 905 770", "89-45", True),
        ("8 905 770", "894", False),
        ("8 926 555", "01-02", True),
        ("7708945", "А905АА77", False),
        ("7708945", "15/04", False),
        ("7708945", "ТО 60 000 км", False),
        ("89057708945123", "код 905", False),
        ("", "код 905", False),
    ],
)
def test_a_part_completes_a_number_where_the_two_are_as_long_as_one(
    phone: str, text: str, completes: bool
) -> None:
    assert may_complete(phone, text) is completes


# --- whose card it is ----------------------------------------------------------------------------

NAMELESS = [
    "0",
    "00",
    "0.0",
    "новая",
    "Новая карта",
    "-",
    "б/н",
    "нет",
    "н/д",
    "клиент",
    "не присвоен",
    "№ 0",
    "test",
    "x",
    "физлицо",
    "в работе",
    "???",
    "TBD",
]


@pytest.mark.parametrize("ref", NAMELESS)
def test_a_card_s_number_that_names_nothing_is_a_rejected_row(tmp_path: Path, ref: str) -> None:
    text = "Номер контакта;Телефон;Владелец;VIN\n"
    rows = read(tmp_path, f"{text}{ref};{PHONE};Иванов;X1\n5;{PHONE};К;X3\n{ref};;Петров;X2\n")
    assert [type(row) for row in rows] == [RejectedRow, ContactCard, RejectedRow]
    assert "не номер карточки" in str(rows[0])


@pytest.mark.parametrize("ref", ["10", "А-17", "А", "I-0", "7f3a-00", "2026/1", "№5"])
def test_a_card_s_number_that_names_a_card_is_one(tmp_path: Path, ref: str) -> None:
    (card,) = read(tmp_path, f"Номер контакта;Телефон\n{ref};{PHONE}\n")
    assert isinstance(card, ContactCard)


CLIENTS = [
    ("Владелец", "Иванов Иван", "Петров Пётр"),
    ("Владелец", "Иванов Иван", "Иванов Пётр"),
    ("Владелец", "ООО «Ромашка»", "ООО «Василёк»"),
    ("VIN", "XW8ZZZ61ZJG000001", "XW8ZZZ61ZJG000002"),
    ("Гос. номер", "А123ВС77", "А124ВС77"),
]


@pytest.mark.parametrize(("heading", "one", "other"), CLIENTS)
@pytest.mark.parametrize("phones", [("", PHONE), (PHONE, ""), ("", ""), (PHONE, "89265550102")])
def test_rows_of_different_clients_under_one_number_are_refused_all_of_them(
    tmp_path: Path, heading: str, one: str, other: str, phones: tuple[str, str]
) -> None:
    text = f"Номер контакта;Телефон;{heading};Марка\n"
    lines = [f"5;{phones[0]};{one};Kia\n", f"6;{PHONE};;Kia\n", f"5;{phones[1]};{other};Kia\n"]
    rows = read(tmp_path, text + "".join(lines))
    assert [row.ref for row in rows if isinstance(row, ContactCard)] == ["6"]
    refused = [row for row in rows if isinstance(row, RejectedRow)]
    assert {row.cells[2] for row in refused if "разные владельцы" in row.reason} == {one, other}


SAME = [
    ("Владелец", "Иванов Иван Иванович", "Иванов И. И."),
    ("Владелец", "ИВАНОВ", "Иванов Иван"),
    ("Владелец", "Ромашка ООО", "ООО «Ромашка»"),
    ("Владелец", "не указан", "Иванов"),
    ("VIN", "XW8ZZZ61ZJG000001", "xw8zzz61zjg000001"),
    ("VIN", "ZJG000001", "XW8ZZZ61ZJG000001"),
    ("Гос. номер", "А123ВС77", "A 123 BC 77"),
    ("Гос. номер", "А123ВС", "А123ВС77"),
    ("Гос. номер", "", "А123ВС77"),
]


@pytest.mark.parametrize(("heading", "one", "other"), SAME)
def test_rows_of_one_client_written_in_two_ways_are_one_card(
    tmp_path: Path, heading: str, one: str, other: str
) -> None:
    text = f"Номер контакта;Телефон;{heading}\n"
    for first, last in itertools.permutations((one, other)):
        (card,) = read(tmp_path, f"{text}5;{PHONE};{first}\n5;89265550102;{last}\n")
        assert isinstance(card, ContactCard)
        assert len(card.numbers()) == 2
