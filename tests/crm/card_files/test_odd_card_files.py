"""What a spreadsheet or a CRM does to a file of cards, and that it never makes a mark."""

import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from recognizer.base.errors import ContactError
from recognizer.crm.card_facts import card_facts
from recognizer.crm.card_files import RejectedRow, load_card_columns, open_cards, write_cards
from recognizer.crm.contacts import ContactCard, NumberState
from recognizer.crm.office import load_office

COLUMNS = load_card_columns()
OFFICE = load_office()
HEADING = ("Номер контакта", "Мобильный телефон", "Владелец")
PHONE = "8 905 770-89-45"


def read(path: Path, *, no_phone: bool = False) -> list[ContactCard | RejectedRow]:
    with open_cards(path, COLUMNS, no_phone=no_phone) as reader:
        return list(reader)


def csv_file(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "cards.csv"
    path.write_bytes(text.encode(encoding))
    return path


def workbook(tmp_path: Path, *rows: tuple[Any, ...], heading: tuple[str, ...] = HEADING) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (heading, *rows):
        sheet.append(row)
    path = tmp_path / "cards.xlsx"
    book.save(path)
    return path


def rewritten(path: Path, old: str, new: str) -> Path:
    """Change the text of a workbook's sheet, as another writer would have it."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    assert old in sheet
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(old, new).encode()
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return path


def marks(row: ContactCard | RejectedRow) -> bool:
    if isinstance(row, RejectedRow):
        return False
    return bool(card_facts(row, OFFICE) & {"number_missing", "number_malformed"})


@pytest.mark.parametrize("size", ["A1", "A1:A2", "A1:B1", "A1:XFD1", "B2:C2", "A1:C900"])
def test_a_wrong_dimension_loses_nothing(tmp_path: Path, size: str) -> None:
    path = workbook(tmp_path, ("1", PHONE, "Иванов"), ("2", "89261234567", "Ким"))
    cards = read(rewritten(path, '<dimension ref="A1:C3"', f'<dimension ref="{size}"'))
    assert [(card.ref, card.number_state) for card in cards if isinstance(card, ContactCard)] == [
        ("1", NumberState.VALID),
        ("2", NumberState.VALID),
    ]


@pytest.mark.parametrize(
    "value",
    [
        "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#Н/Д", "#ЗНАЧ!",
        "#ССЫЛКА!", "#ИМЯ?", "########", "###", "7,90577E+10", "7.90577E+10", "8,9E+10",
        '="+7"&"9057708945"', "=A1", "=0", 8905770894589261234567, "Err:508",
    ],
)  # fmt: skip
def test_what_is_no_value_is_a_rejected_row(tmp_path: Path, value: Any) -> None:
    bad, good = read(workbook(tmp_path, ("1", value, "Иванов"), ("2", PHONE, "Ким")))
    assert isinstance(bad, RejectedRow)
    assert "телефон" in bad.reason
    assert isinstance(good, ContactCard)


@pytest.mark.parametrize("cached", ["<v>0</v>", "<v></v>", "<v />", "", "<v>0.0</v>"])
def test_a_formula_without_a_value_is_a_rejected_row(tmp_path: Path, cached: str) -> None:
    path = workbook(tmp_path, ("1", "=B9", "Иванов"))
    (row,) = read(rewritten(path, "<f>B9</f><v />", f"<f>B9</f>{cached}"))
    assert isinstance(row, RejectedRow)


@pytest.mark.parametrize("value", [79057708945, 9057708945, 79057708945.0, 89057708945, PHONE])
def test_a_number_of_any_type_is_read(tmp_path: Path, value: Any) -> None:
    (card,) = read(workbook(tmp_path, ("1", value, "Иванов")))
    assert isinstance(card, ContactCard)
    assert card.number_state is NumberState.VALID


@pytest.mark.parametrize(
    "heading",
    [
        "Сотовый", "Мобильный телефон:", "МОБИЛЬНЫЙ ТЕЛЕФОН", "Мобильный\nтелефон",
        "Мобильный  телефон ", "\ufeffМобильный телефон", "Мобильный\u00a0телефон",
        unicodedata.normalize("NFD", "Мобильный телефон"), "«Мобильный телефон»",
        "Моби\u00adльный телефон", "Телефон", "Сот. телефон",
    ],
)  # fmt: skip
def test_a_heading_is_understood_however_it_is_written(tmp_path: Path, heading: str) -> None:
    (card,) = read(csv_file(tmp_path, f'Номер контакта;"{heading}";Владелец\r\n1;{PHONE};Один\r\n'))
    assert isinstance(card, ContactCard)
    assert card.number_state is NumberState.VALID


@pytest.mark.parametrize("heading", ["Связь", "Тлф", "Абонент", "Contact", "Дом. тел."])
def test_a_file_without_a_known_column_of_numbers_is_refused(tmp_path: Path, heading: str) -> None:
    path = csv_file(tmp_path, f"Номер контакта;{heading};Владелец\r\n1;{PHONE};Один\r\n")
    with pytest.raises(ContactError, match="--no-phone"):
        read(path)
    (card,) = read(path, no_phone=True)
    assert isinstance(card, ContactCard)
    assert card.number_state is NumberState.UNKNOWN
    assert not marks(card)


def test_a_second_column_of_numbers_that_is_not_ours_stops_an_import(tmp_path: Path) -> None:
    path = csv_file(tmp_path, f"Номер контакта;Мобильный телефон;Дом. телефон\r\n1;;{PHONE}\r\n")
    with pytest.raises(ContactError, match=r"Дом\. телефон"):
        read(path)


def test_a_number_in_a_column_that_is_not_ours_is_no_missing_number(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, f"Номер контакта;Мобильный телефон;Связь\r\n1;;{PHONE}\r\n2;нет;-\r\n"
    )
    bad, missing = read(path)
    assert isinstance(bad, RejectedRow)
    assert "Связь" in bad.reason
    assert marks(missing)


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
def test_the_separator_line_of_excel_is_not_the_heading(tmp_path: Path, line: str) -> None:
    (card,) = read(
        csv_file(tmp_path, f"{line}\r\nНомер контакта;Мобильный телефон\r\n1;{PHONE}\r\n", "cp1251")
    )
    assert isinstance(card, ContactCard)
    assert card.number_state is NumberState.VALID


@pytest.mark.parametrize("ref", ["159 273", "159\u00a0273", "159\u202f273", " 159273 ", "159273"])
def test_a_card_has_one_number_however_it_is_grouped(tmp_path: Path, ref: str) -> None:
    (card,) = read(csv_file(tmp_path, f"Номер контакта;Мобильный телефон\r\n{ref};{PHONE}\r\n"))
    assert isinstance(card, ContactCard)
    assert card.ref == "159273"


@pytest.mark.parametrize("owner", ['ООО "Ромашка"', '"Ромашка" ООО', '"Ромашка', 'Ромашка"'])
def test_bare_quotes_cost_no_row(tmp_path: Path, owner: str) -> None:
    rows = read(
        csv_file(
            tmp_path,
            f"Номер контакта;Владелец;Мобильный телефон\r\n1;{owner};{PHONE}\r\n2;Ким;{PHONE}\r\n",
        )
    )
    assert [row.owner for row in rows if isinstance(row, ContactCard)] == [owner, "Ким"]
    assert not any(map(marks, rows))


def test_a_line_break_in_a_heading_is_part_of_it(tmp_path: Path) -> None:
    text = f'"Номер\nконтакта","Мобильный\nтелефон",Владелец\n1,{PHONE},Один\n'
    (card,) = read(csv_file(tmp_path, text, "utf-8-sig"))
    assert isinstance(card, ContactCard)
    assert card.number_state is NumberState.VALID


def test_a_workbook_is_told_by_its_content(tmp_path: Path) -> None:
    path = workbook(tmp_path, ("1", PHONE, "Иванов")).rename(tmp_path / "cards.xls")
    (card,) = read(path)
    assert isinstance(card, ContactCard)


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b"<html><table>", "web page"),
        (b'<?xml version="1.0"?>', "web page or XML"),
    ],
)
def test_another_form_is_refused_with_what_to_do(tmp_path: Path, start: bytes, found: str) -> None:
    path = tmp_path / "cards.xls"
    path.write_bytes(start + bytes(600))
    with pytest.raises(ContactError, match=rf"{found}.*save it as \.xlsx"):
        read(path)


@pytest.mark.parametrize("name", ["out.csv", "out.xlsx"])
def test_an_unknown_number_comes_back_unknown(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_cards(path, [ContactCard(ref="1", number_unknown=True), ContactCard(ref="2")], COLUMNS)
    unknown, absent = read(path)
    assert not marks(unknown)
    assert marks(absent)


@pytest.mark.parametrize(
    "text",
    ["НЕ ЗВОНИТЬ КЛИЕНТУ", "Не звонить", "не звонить!", "ВНИМАНИЕ! НЕ  ЗВОНИТЬ", "НЕЗВОНИТЬ"],
)
def test_the_red_notice_is_read_in_its_usual_spellings(tmp_path: Path, text: str) -> None:
    path = csv_file(
        tmp_path, f"Номер контакта;Мобильный телефон;Предупреждение\r\n1;+7 ( );{text}\r\n"
    )
    (card,) = read(path)
    assert isinstance(card, ContactCard)
    assert card_facts(card, OFFICE) >= {"number_missing", "do_not_call_notice"}


# --- the longest cell ------------------------------------------------------------------------


def long_card(n_characters: int, line_end: str = "\n", char: str = "я") -> ContactCard:
    """Return a card whose comments are so long, the newest line last."""
    newest = f"{line_end}27/11 Не отвечает"
    return ContactCard(
        ref="7", mobile_phone=PHONE, comments=char * (n_characters - len(newest)) + newest
    )


@pytest.mark.parametrize(
    "card",
    [
        long_card(32_768),
        long_card(40_000),
        long_card(32_766, line_end="\r\n"),  # one that XML holds as seven
        long_card(32_700, char="\N{TELEPHONE RECEIVER}"),  # two to a spreadsheet
    ],
)
def test_comments_that_no_cell_holds_refuse_the_export(tmp_path: Path, card: ContactCard) -> None:
    path = tmp_path / "out.xlsx"
    path.write_bytes(b"of yesterday")
    with pytest.raises(ContactError, match=r"'7', «Комментарии»: .*32,767.*\.csv"):
        write_cards(path, [ContactCard(ref="6"), card], COLUMNS)
    assert path.read_bytes() == b"of yesterday"
    assert [file.name for file in tmp_path.iterdir()] == ["out.xlsx"]
    write_cards(tmp_path / "out.csv", [card], COLUMNS)
    assert read(tmp_path / "out.csv") == [card]


@pytest.mark.parametrize("n_characters", [32_766, 30_000])
def test_comments_that_a_cell_holds_come_back_whole(tmp_path: Path, n_characters: int) -> None:
    card = long_card(n_characters)
    write_cards(tmp_path / "out.xlsx", [card], COLUMNS)
    assert read(tmp_path / "out.xlsx") == [card]


@pytest.mark.parametrize("name", ["torn.xlsx", "torn.csv"])
def test_a_line_that_another_program_tore_does_not_come_back(tmp_path: Path, name: str) -> None:
    whole = long_card(40_000)
    rows = [
        ("Номер контакта", "Мобильный телефон", "Комментарии"),
        ("7", PHONE, whole.comments[:32_767]),
    ]
    path = tmp_path / name
    if name.endswith("xlsx"):
        book = openpyxl.Workbook()
        for row in rows:
            book.worksheets[0].append(row)
        book.save(path)
    else:
        path.write_text("\n".join(";".join(f'"{cell}"' for cell in row) for row in rows), "utf-8")
    (torn,) = read(path)
    assert isinstance(torn, RejectedRow)
    assert "конец мог быть отрезан" in torn.reason


# --- rows that were moved or torn ------------------------------------------------------------

WIDE = "Номер контакта;Владелец;Доверенное лицо;Мобильный телефон;Комментарии"


@pytest.mark.parametrize(
    "row",
    [
        f'1;"ООО "Р"; филиал";;{PHONE};',
        f'1;"ООО "Р"; филиал";;{PHONE}',
        f'1;ООО "Р;;{PHONE};;',
        f'1;"АО "А";"Б";;{PHONE};',
    ],
)
def test_columns_that_stray_quotes_moved_mark_nobody(tmp_path: Path, row: str) -> None:
    rows = read(csv_file(tmp_path, f"{WIDE}\r\n{row}\r\n2;Ким;;{PHONE};\r\n"))
    assert not any(map(marks, rows))
    assert isinstance(rows[-1], ContactCard)
    assert rows[-1].number_state is NumberState.VALID


@pytest.mark.parametrize("torn", ["8 905 770\n89-45", "\n8 905 770-89-45", "8 905 770-89\n-45"])
def test_a_number_torn_by_a_bare_line_break_marks_nobody(tmp_path: Path, torn: str) -> None:
    text = f"Номер контакта;Владелец;Телефон\n1;Иванов;{torn}\n2;Ким;{PHONE}\n3;Ли;\n"
    rows = read(csv_file(tmp_path, text))
    assert [marks(row) for row in rows] == [False, False, False, True]
    assert isinstance(rows[0], RejectedRow)
    assert isinstance(rows[1], RejectedRow)


@pytest.mark.parametrize("torn", ["\n", "x\n", "8 905 770-89-45\n"])
def test_a_row_behind_its_own_beginning_marks_nobody(tmp_path: Path, torn: str) -> None:
    text = f"Телефон;Номер контакта;Владелец\n{torn};1;Иванов\n{PHONE};2;Ким\n;3;Ли\n"
    rows = read(csv_file(tmp_path, text))
    marked = [row for row in rows if marks(row)]
    assert [row.ref for row in marked if isinstance(row, ContactCard)] == (
        ["1", "3"] if torn == "\n" else ["3"]
    )


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        ("Комментарии", "22/11 новый номер 8 905 770-89-45, после шести"),
        ("Комментарии", "8 (495) 730-11-22"),
        ("Доверенное лицо", "Иванова Мария +7(905)7708945"),
        ("Владелец", "Клиент 89057708945"),
        ("Примечание", "моб. 8 905 770-89-45"),
        ("Связь", "8 (905) 770-89-45"),
    ],
)
@pytest.mark.parametrize("phone", ["", "+7 ( )", "8 905 770"])
def test_a_number_in_another_column_is_no_missing_number(
    tmp_path: Path, heading: str, cell: str, phone: str
) -> None:
    text = f"Номер контакта;Телефон;{heading}\r\n1;{phone};{cell}\r\n2;;без номера\r\n"
    bad, missing = read(csv_file(tmp_path, text))
    assert isinstance(bad, RejectedRow)
    assert heading in bad.reason
    assert marks(missing)


@pytest.mark.parametrize("ref", ["Итого", "ИТОГО:", "Всего 12", "Total", "Итого по отделу"])
def test_a_line_of_totals_is_no_card(tmp_path: Path, ref: str) -> None:
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Телефон\r\n{ref};\r\n"))
    assert isinstance(row, RejectedRow)


@pytest.mark.parametrize(
    "rows",
    [
        # A delimiter that nobody quoted, and an empty cell at the end.
        f"1;Иванов; два;;{PHONE};",
        # Two stray quotes make one cell of two rows.
        f'1;";;{PHONE};\n2;";Ким;;',
    ],
)
def test_cells_that_are_not_what_was_written_mark_nobody(tmp_path: Path, rows: str) -> None:
    assert not any(map(marks, read(csv_file(tmp_path, f"{WIDE}\n{rows}\n"))))


@pytest.mark.parametrize("cell", [f"моб. {PHONE} (жена)", "тел: 8 495 730-11-22 /"])
def test_a_number_amid_a_column_that_is_not_ours_is_no_missing_number(
    tmp_path: Path, cell: str
) -> None:
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Телефон;Связь\r\n1;;{cell}\r\n"))
    assert isinstance(row, RejectedRow)


def test_a_workbook_is_no_row_shorter_or_longer(tmp_path: Path) -> None:
    path = workbook(tmp_path, ("1", "", "Иванов", "", ""), ("2", None, "Ким"), ("3", "-"))
    assert [marks(row) for row in read(path)] == [True] * 3


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "utf-16"])
def test_a_number_at_the_end_of_a_file_that_was_cut_marks_nobody(
    tmp_path: Path, encoding: str
) -> None:
    text = f"Номер контакта;Владелец;Телефон\r\n1;Иванов;{PHONE}\r\n2;Ким;8 905 770"
    whole, cut = read(csv_file(tmp_path, text, encoding))
    assert isinstance(whole, ContactCard)
    assert isinstance(cut, RejectedRow)
    *_, ended = read(csv_file(tmp_path, text + "\r\n", encoding))
    assert marks(ended)


@pytest.mark.parametrize("phone", ["+7 ( )", "нет", "-", "+7 (___) ___-__-__"])
def test_what_begins_no_number_is_none_at_the_end_of_a_file_too(tmp_path: Path, phone: str) -> None:
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Телефон\n1;{phone}"))
    assert marks(row)


ROW = "2;Иван;+7 (926) 555-01-02"


@pytest.mark.parametrize("n_characters", range(1, len(ROW) + 1))
@pytest.mark.parametrize("quoted", [False, True])
def test_a_file_cut_anywhere_in_its_last_row_marks_nobody(
    tmp_path: Path, n_characters: int, quoted: bool
) -> None:
    row = ROW.replace("+", '"+') + '"' if quoted else ROW
    text = f"Номер контакта;Владелец;Телефон\r\n1;Пётр;89265550101\r\n{row[:n_characters]}"
    rows = read(csv_file(tmp_path, text))
    assert not any(marks(row) for row in rows if not isinstance(row, RejectedRow))
    assert not isinstance(rows[0], RejectedRow)


@pytest.mark.parametrize("phone", ["89265550102", "+7 (926) 555-01-02", '"8 926 555-01-02"'])
def test_a_valid_number_at_the_end_of_a_file_written_by_hand_is_taken(
    tmp_path: Path, phone: str
) -> None:
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Телефон\n1;{phone}"))
    assert isinstance(row, ContactCard)
    assert row.number_state is NumberState.VALID


def test_a_quote_that_a_cut_left_open_marks_nobody(tmp_path: Path) -> None:
    text = 'Номер контакта;Владелец;Телефон\r\n1;Иван;"8 926 555\r\n'
    (row,) = read(csv_file(tmp_path, text))
    assert isinstance(row, RejectedRow)
    assert "кавычки не закрыты" in row.reason


def test_a_card_that_stands_twice_is_not_marked_for_the_row_without_a_number(
    tmp_path: Path,
) -> None:
    text = "Номер контакта;Телефон;Владелец\n1;89265550101;Иван\n2;;Пётр\n1;;Иван\n1;8926555;Иван\n"
    rows = read(csv_file(tmp_path, text))
    assert [marks(row) for row in rows] == [True, False, False, False]
    for row in rows[1:3]:
        assert isinstance(row, RejectedRow)
        assert "эта карточка есть и в другой строке файла" in row.reason
    again = read(csv_file(tmp_path, "Номер контакта;Телефон\n1;нет\n1;89265550101\n"))
    assert [isinstance(row, RejectedRow) for row in again] == [True, False]


@pytest.mark.parametrize(
    "caption", ["Отдел сервиса", "2 записи", "Отчёт сформирован 27.11.2026", "Конец", "* * *"]
)
def test_a_caption_among_the_cards_is_no_card(tmp_path: Path, caption: str) -> None:
    text = f"Номер контакта;Телефон;Владелец\n1;89265550101;Иван\n{caption};;\n2;;Пётр\n"
    first, row, last = read(csv_file(tmp_path, text))
    assert isinstance(first, ContactCard)
    assert isinstance(row, RejectedRow)
    assert marks(last)


@pytest.mark.parametrize("ref", ["159273", "А-17", "К159273", "15/92"])
@pytest.mark.parametrize("others", ["", "-", "нет", "0", "12 500,00"])
def test_a_row_of_nothing_but_a_card_s_number_does_not_say_that_it_has_no_telephone(
    tmp_path: Path, ref: str, others: str
) -> None:
    heading = "Номер контакта;Телефон;Владелец;Сумма\n"
    is_sum = others[:1].isdigit()
    bare = f"{ref};;;{others}\n" if is_sum else f"{ref};;{others};\n"
    (row,) = read(csv_file(tmp_path, heading + bare))
    assert isinstance(row, ContactCard)
    assert row.number_state is NumberState.UNKNOWN
    for said in (f"{ref};;Иванов;\n", f"{ref};нет;{bare.split(';')[2]};\n", f"{ref};+7 ( );;\n"):
        (row,) = read(csv_file(tmp_path, heading + said))
        assert marks(row)


def test_headings_that_are_repeated_are_no_card(tmp_path: Path) -> None:
    text = "Номер контакта;Телефон\n1;89265550101\nНомер контакта;Телефон\n2;89265550102\n"
    rows = read(csv_file(tmp_path, text))
    assert [isinstance(row, RejectedRow) for row in rows] == [False, True, False]


@pytest.mark.parametrize(
    ("code", "local", "is_rejected"),
    [("926", "5550101", True), ("(495)", "730-44-00", True), ("8 926", "5550101", True),
     ("84", "5550101", False), ("", "5550101", False), ("100", "5550101", False)],
)  # fmt: skip
def test_a_code_in_a_column_of_its_own_marks_nobody(
    tmp_path: Path, code: str, local: str, is_rejected: bool
) -> None:
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Код;Телефон\n1;{code};{local}\n"))
    assert isinstance(row, RejectedRow) is is_rejected
    assert marks(row) is (code == "")  # what a code is that completes nothing, a person says


@pytest.mark.parametrize("value", [False, True])
def test_a_truth_value_in_the_place_of_a_number_is_doubtful(tmp_path: Path, value: bool) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["Номер контакта", "Телефон", "Общий номер"])
    sheet.append(["1", value, value])
    book.save(tmp_path / "cards.xlsx")
    (row,) = read(tmp_path / "cards.xlsx")
    assert isinstance(row, ContactCard)
    assert row.number_state is NumberState.DOUBTFUL
    assert row.general_number is value


def test_a_sheet_that_nobody_sees_is_not_the_first(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["справочник"])
    book.worksheets[0].sheet_state = "hidden"
    sheet = book.create_sheet("Карточки")
    sheet.append(["Номер контакта", "Телефон"])
    sheet.append(["1", "89265550101"])
    book.active = 1
    book.save(tmp_path / "cards.xlsx")
    (row,) = read(tmp_path / "cards.xlsx")
    assert isinstance(row, ContactCard)


def test_a_workbook_that_unpacks_to_more_than_it_can_hold_is_refused_before_it_is_read(
    tmp_path: Path,
) -> None:
    path = workbook(tmp_path, ("1", PHONE, "Иванов"))
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    end = b"</sheetData>"
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(
        end, b" " * 40_000_000 + end
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)
    with pytest.raises(ContactError, match=r"cards\.xlsx.*unpacks from"):
        read(path)
