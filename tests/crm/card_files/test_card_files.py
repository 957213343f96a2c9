"""Cards as a CRM exports them: encodings, separators, headings, dates, bad rows."""

import csv
import dataclasses
import datetime as dt
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.base.errors import ContactError, DataFileError
from recognizer.crm.card_files import (
    RejectedRow,
    RejectWriter,
    load_card_columns,
    open_cards,
    write_cards,
    write_table,
)
from recognizer.crm.contacts import ContactCard, ContactKind, OwnerKind

COLUMNS = load_card_columns()
FULL = ContactCard(
    ref="К-17",
    contact_date=dt.date(2013, 2, 5),
    trusted_phone="8 926 123-45-67",
    mobile_phone="+7 (495) 123-45-67 доб. 5",
    general_number=False,
    trusted_person="Клиент Первый",
    owner='ООО "Ромашка"; и другие',
    owner_kind=OwnerKind.ORGANISATION,
    payer="Плательщик",
    vin="XTA00000000000001",
    plate="А111АА77",
    make="Марка",
    basis="Заказ-наряд № 5",
    result="Недоступен",
    incorrect_contact=True,
    comments='04/01 Не отвечает\r\n05/01 Сказал: "перезвоните"; позже',
    kind=ContactKind.AFTER_SALE,
    do_not_call=True,
)


def read(path: Path, encoding: str | None = None) -> list[ContactCard | RejectedRow]:
    with open_cards(path, COLUMNS, encoding=encoding, no_phone=True) as reader:
        return list(reader)


def written(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "cards.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_csv_file_of_any_crm_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [
        ["Номер контакта", "Дата контакта", "Телефон довер. лица", "Владелец", "Вид контакта"],
        ["1", "05.02.2013 0:00:00", "8 926 123-45-67", "Клиент, Первый; сын", "После сервиса"],
        ["2", "05.02.2013", "", 'ООО "Ёлка"', "после продажи"],
        ["3", "", "", "", ""],
    ]
    path = tmp_path / "cards.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    day = dt.date(2013, 2, 5)
    assert read(path) == [
        ContactCard(
            ref="1",
            contact_date=day,
            trusted_phone="8 926 123-45-67",
            owner="Клиент, Первый; сын",
            kind=ContactKind.AFTER_SERVICE,
        ),
        ContactCard(ref="2", contact_date=day, owner='ООО "Ёлка"', kind=ContactKind.AFTER_SALE),
        ContactCard(ref="3", number_unknown=True),  # nothing is said of it, its number neither
    ]


@pytest.mark.parametrize("name", ["cards.csv", "cards.xlsx"])
def test_what_is_written_is_read_back_whole(tmp_path: Path, name: str) -> None:
    cards = [FULL, ContactCard(ref="2"), dataclasses.replace(FULL, ref="3", general_number=None)]
    assert write_cards(tmp_path / name, cards, COLUMNS) == 3
    assert read(tmp_path / name) == cards


texts = st.text(
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
)


@settings(max_examples=60, deadline=None)
@pytest.mark.property
@given(comments=st.lists(texts, min_size=1, max_size=3), name=st.sampled_from(["a.csv", "a.xlsx"]))
def test_comments_survive_both_formats_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, comments: list[str], name: str
) -> None:
    path = tmp_path_factory.mktemp("cards") / name
    cards = [
        ContactCard(ref=str(n), mobile_phone="8 926 123-45-67", comments=text)
        for n, text in enumerate(comments, start=1)
    ]
    write_cards(path, cards, COLUMNS)
    assert read(path) == cards


def test_a_text_that_looks_like_a_formula_stays_a_text(tmp_path: Path) -> None:
    path = tmp_path / "cards.xlsx"
    write_cards(path, [ContactCard(ref="1", comments="=1+1")], COLUMNS)
    sheet = openpyxl.load_workbook(path).worksheets[0]
    (cell,) = [cell for cell in sheet[2] if cell.value == "=1+1"]
    assert cell.data_type == "s"


def test_cells_of_a_workbook_may_be_numbers_and_dates(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Номер контакта", "Дата", "Мобильный", "Некорректный контакт", None])
    sheet.append([17, dt.datetime(2013, 2, 5), 89261234567.0, True])  # noqa: DTZ001
    book.save(tmp_path / "cards.xlsx")
    assert read(tmp_path / "cards.xlsx") == [
        ContactCard(
            ref="17",
            contact_date=dt.date(2013, 2, 5),
            mobile_phone="89261234567",
            incorrect_contact=True,
        )
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (";05.02.2013;Да;;", "«Номер контакта»: не заполнено"),
        ("1;32.02.2013;Да;;", "«Дата контакта»: ожидалась дата вида 05.02.2013"),
        ("1;;может быть;;", "«Некорректный контакт»: ожидалось да или нет"),
        ("1;;;после обеда;", "«Вид контакта»: ожидалось «После сервиса», «После продажи»"),
        ("1;;;;\0", "«Комментарии»: содержит нулевой символ"),
        ("1;;", "ожидалось столбцов: 5, найдено: 3"),
        ("1;;;;;;лишнее", "ожидалось столбцов: 5, найдено: 7"),
        (f"{'9' * 101};;;;", "длиннее 100 знаков"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_reason_and_the_others_go_on(
    tmp_path: Path, row: str, reason: str
) -> None:
    path = written(
        tmp_path,
        "Номер контакта;Дата;Некорректный контакт;Тип контакта;Комментарий\r\n"
        '3;;;;"две\r\nстроки"\r\n'
        f"{row}\r\n\r\n"
        "2;;нет;;\r\n",
    )
    before, bad, after = read(path)
    assert before == ContactCard(ref="3", comments="две\r\nстроки", number_unknown=True)
    assert after == ContactCard(ref="2", number_unknown=True)
    assert isinstance(bad, RejectedRow)
    assert bad.line == 4
    assert reason in bad.reason


def test_rejected_rows_go_to_a_file_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    with RejectWriter(path, ["Номер контакта", "Дата"]) as writer:
        writer.add(RejectedRow(7, "причина; одна", ("1", "32.01.2013")))
        assert not path.exists()
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file, delimiter=";")) == [
            ["Строка", "Причина", "Номер контакта", "Дата"],
            ["7", "причина; одна", "1", "32.01.2013"],
        ]


def test_without_rejected_rows_there_is_no_file(tmp_path: Path) -> None:
    with RejectWriter(tmp_path / "rejected.csv", ["Номер контакта"]):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["ВНИМАНИЕ НЕ ЗВОНИТЬ КЛИЕНТУ", "Внимание! Не звонить клиенту!!!", "да", "1"]
)
def test_the_red_notice_is_understood(tmp_path: Path, text: str) -> None:
    (card,) = read(written(tmp_path, f"Номер контакта;Предупреждение\r\n1;{text}\r\n"))
    assert isinstance(card, ContactCard)
    assert card.do_not_call


@pytest.mark.parametrize("text", ["", "нет", "звонить вечером", "Не звонить: нет", "можно звонить"])
def test_another_notice_is_not_the_red_one(tmp_path: Path, text: str) -> None:
    (card,) = read(written(tmp_path, f"Номер контакта;Предупреждение\r\n1;{text}\r\n"))
    assert isinstance(card, ContactCard)
    assert not card.do_not_call


def test_the_reader_says_which_fields_the_file_has(tmp_path: Path) -> None:
    path = written(tmp_path, "Номер контакта;Чужой столбец;ВЛАДЕЛЕЦ\r\n1;x;y\r\n", "cp1251")
    with open_cards(path, COLUMNS, no_phone=True) as reader:
        assert reader.present == {"ref", "owner"}
        assert reader.form == "CSV, cp1251, ';'"


# --- files that are no cards ---


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a heading line, found an empty file"),
        ("Имя;Адрес\r\n1;2\r\n".encode(), "no column «Номер контакта»; found: «Имя», «Адрес»"),
        ("Номер контакта;Владелец;Владелец а/м\r\n".encode(), "several columns stand for owner"),
        (b"\xd0\x9d\x98\x98\x00\x01;\x98", "not the expected encoding"),
    ],
)
def test_a_wrong_file_is_one_clear_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "cards.csv"
    path.write_bytes(content)
    with pytest.raises(ContactError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_an_open_quote_costs_no_other_row(tmp_path: Path) -> None:
    path = written(tmp_path, 'Номер контакта;Владелец\r\n1;"Один"\r\n2;"Два\r\n3;Три\r\n')
    owners = [row.owner for row in read(path) if isinstance(row, ContactCard)]
    assert owners == ["Один", '"Два', "Три"]


def test_a_missing_file_and_a_folder_are_one_clear_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path / "none.xlsx", tmp_path):
        with pytest.raises(ContactError, match=str(path)):
            read(path)


def test_a_workbook_cut_anywhere_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "cards.xlsx"
    write_cards(path, [FULL], COLUMNS)
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(ContactError, match=r"cards\.xlsx"):
            read(path)


def test_an_error_of_the_reader_of_rows_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "Номер контакта\r\n1\r\n")
    with pytest.raises(KeyError, match="mine"), open_cards(path, COLUMNS, no_phone=True):
        raise KeyError("mine")


# --- writing ---


def test_a_character_the_encoding_lacks_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")
    card = ContactCard(ref="1", comments="привет \N{GRINNING FACE}")
    with pytest.raises(ContactError, match=r"row '1'.*cp1251; use --encoding utf-8-sig"):
        write_cards(path, [card], COLUMNS, encoding="cp1251")
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_a_failing_source_of_rows_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")

    def rows() -> list[list[str]]:
        raise RuntimeError("the journal went away")

    with pytest.raises(RuntimeError):
        write_table(path, ["a"], (row for row in rows()))
    assert path.read_text() == "before"


# --- the settings file ---


def changed(tmp_path: Path, old: str, new: str) -> Path:
    from recognizer.base.data_files import data_folder

    text = (data_folder(".") / "card_columns.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "columns.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_an_office_names_its_own_columns(tmp_path: Path) -> None:
    columns = load_card_columns(changed(tmp_path, '"Номер контакта", ', '"Код обращения", '))
    path = written(tmp_path, "код  обращения;Владелец\r\n1;Клиент\r\n")
    with open_cards(path, columns, no_phone=True) as reader:
        assert list(reader) == [ContactCard(ref="1", owner="Клиент", number_unknown=True)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("payer = [", "payor = [", r"line \d+: a card has no field 'payor'"),
        ('payer = ["Плательщик"]', "", r"no heading for payer"),
        ('payer = ["Плательщик"]', "payer = []", r"line \d+: expected at least one heading"),
        ('payer = ["Плательщик"]', 'payer = ["Владелец"]', r"line \d+: heading 'Владелец' already"),
        ("yes = [", "ja = [", r"line \d+: .*ja"),
        ('formats = ["%d.%m.%Y"', "formats = [3", r"line \d+: Expected `str`"),
    ],
)
def test_a_mistake_in_the_settings_file_is_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(DataFileError, match=message):
        load_card_columns(changed(tmp_path, old, new))
