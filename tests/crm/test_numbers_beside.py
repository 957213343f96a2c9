"""A number in another field or column keeps a card from a mark; days, VINs and plates do not."""

from typing import Any

import pytest

from recognizer.crm.card_facts import card_facts
from recognizer.crm.contacts import ContactCard, NumberState
from recognizer.crm.numbers_beside import may_hold_number
from recognizer.crm.office import load_office


def with_field(field: str, text: str) -> ContactCard:
    values: dict[str, Any] = {"ref": "1", field: text}
    return ContactCard(**values)


OFFICE = load_office()
OWN = "8 495 730-44-87"

NUMBERS = (
    """
дом. 8 495 555-01-02|926 555-01-02|8.926.555.01.02 жена|звонить 8–926–555–01–02|8(926)55-50-102 Оля
+375 29 555-01-02 Минск|89l65550102 Оля|8 9 2 6 5 5 5 0 1 0 2|8/926/555-01-02|+7  926  555  01  02
wa.me/79265550102|9265550102 Оля|8-926-55-50-102|8-926-555.01.02|12125550102|8926I550102|555-01-02
8926***0102|8 926 5XX XX XX|8926…0102|8926×××0102
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
AS_SHOWN = [
    "тел. %2B7%20905%20770%2089%2045",
    "&#43;7&nbsp;&#40;905&#41; 770&ndash;89&ndash;45",
    "8 <b>905</b> <span style='color:red'>770</span>89<br/>45",
    "8️⃣9️⃣0️⃣5️⃣7️⃣7️⃣0️⃣8️⃣9️⃣4️⃣5️⃣",
    "8 (905)       770          89        45",
    "8=905=770=89=45",
    "код 905, 770*89*45",
]
IN_WORDS = [
    "тел. восемь девятьсот пять семьсот семьдесят восемьдесят девять сорок пять",
    "Девятьсот двадцать шесть, пятьсот, десять, двенадцать",
    "04.01.2026 не отвечает, дал: девять один шесть два три ноль ноль семь один два",
    "четыреста девяносто пять - сто - двести - девяносто",
]
OTHERS = (
    """
04/01 Не отвечает 05/01 Не отвечает
12.05.2024 10:30 ТО-2, пробег 123 456|XW8ZZZ61ZJG012345
А123ВС777|Заказ-наряд 0000012345 от 12.05.2024
ИНН 7707083893, КПП 770701001|с 10-00 до 19-00
10.01-15.01 отпуск|Lada 2107|159273
до 18.00|123 456,00 руб|2024-05-12 10:30:00|12.05.24 в 10.30, 13.05.24 в 11.40
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("field", ["comments", "result", "make", "owner", "payer"])
def test_a_card_whose_number_stands_in_another_field_is_doubtful(text: str, field: str) -> None:
    assert may_hold_number(text)
    assert with_field(field, text).number_state is NumberState.DOUBTFUL


@pytest.mark.parametrize(
    "text",
    [
        "89'057'708'945", "8`905`770`89`45", "8~905~770~89~45", "890577089Ч5", "89Ч57708945",
        "VIN 89057708945",
        "инн: 8 905 770 89 45", "******45", "+7 9** *** ** **", "8 905 ●●● ●● ●●",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["comments", "owner", "make"])
def test_a_number_between_odd_signs_behind_a_code_s_name_or_hidden_keeps_a_card_from_a_mark(
    field: str, text: str
) -> None:
    assert with_field(field, text).number_state is NumberState.DOUBTFUL


@pytest.mark.parametrize("text", ["****", "5** отель", "VIN XW8ZZZ61ZJG012345", "ИНН 7707083893"])
def test_stars_and_codes_alone_are_no_numbers(text: str) -> None:
    assert not may_hold_number(text)


@pytest.mark.parametrize("text", AS_SHOWN)
def test_a_number_as_pages_show_it_keeps_a_card_from_a_mark(text: str) -> None:
    assert ContactCard(ref="1", comments=text).number_state is NumberState.DOUBTFUL


@pytest.mark.parametrize(
    "text", ["скидка 20%, 5*2=10", "<b>не отвечает</b> 04.01", "a < 5 > 3 &amp; 7"]
)
def test_tags_shares_and_sums_are_no_numbers(text: str) -> None:
    assert not may_hold_number(text)


@pytest.mark.parametrize("text", IN_WORDS)
def test_a_card_whose_number_stands_in_words_in_a_comment_is_doubtful(text: str) -> None:
    assert ContactCard(ref="1", comments=text).number_state is NumberState.DOUBTFUL


@pytest.mark.parametrize(
    "text",
    ["сто двадцать три тысячи четыреста пятьдесят шесть рублей", "звонил два раза, потом три"],
)
def test_sums_and_counts_in_words_are_no_numbers(text: str) -> None:
    assert not may_hold_number(text)


@pytest.mark.parametrize("text", OTHERS)
def test_days_sums_vins_plates_and_tax_numbers_are_no_numbers(text: str) -> None:
    assert not may_hold_number(text)


CODES = ("159273", "0000012345", "1234567890", "555-01-02")


@pytest.mark.parametrize("field", ["ref", "vin", "plate", "basis"])
def test_of_codes_only_what_is_hardly_anything_else_is_a_number(field: str) -> None:
    mobile = with_field(field, "89265550102")
    assert mobile.number_state is NumberState.DOUBTFUL
    both = ("XW8ZZZ61ZJG012345", "А123ВС77")
    own = {"vin": both[:1], "plate": both[1:]}.get(field, (*CODES, *both))
    for code in own:
        assert with_field(field, code).number_state is NumberState.ABSENT


@pytest.mark.parametrize("field", ["vin", "plate"])
def test_digits_alone_under_a_plate_or_a_vin_are_a_persons_to_read(field: str) -> None:
    for code in CODES:
        assert with_field(field, code).number_state is NumberState.DOUBTFUL


@pytest.mark.parametrize(
    "beside",
    [
        {"mobile_phone": "8926I550102"},
        {"mobile_phone": "см. прим."},
        {"mobile_phone": "555-01-02"},
        {"mobile_phone": "???"},
        {"trusted_phone": f"{OWN}, 8926I550102"},
        {"trusted_phone": f"{OWN} / 12125550102"},
        {"trusted_phone": f"{OWN} не он"},
        {"comments": "8926***0102"},
        {"make": "89265550102"},
    ],
)
def test_a_number_of_the_company_beside_one_that_may_be_another_is_no_fact(
    beside: dict[str, Any],
) -> None:
    fields: dict[str, Any] = {"ref": "1", "owner": "Иванов", "trusted_phone": OWN} | beside
    assert "number_is_company" not in card_facts(ContactCard(**fields), OFFICE)


@pytest.mark.parametrize(
    "beside",
    [
        {},
        {"mobile_phone": "-"},
        {"mobile_phone": "8 (495) 781-81-82"},
        {"trusted_phone": f"{OWN} доб. 123"},
        {"comments": "04/01 Не отвечает"},
        {"vin": "XW8ZZZ61ZJG012345"},
    ],
)
def test_numbers_that_are_all_the_company_s_are_a_fact(beside: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"ref": "1", "owner": "Иванов", "trusted_phone": OWN} | beside
    assert {"number_is_company", "owner_is_client"} <= card_facts(ContactCard(**fields), OFFICE)


@pytest.mark.parametrize(
    "owner",
    [
        "не указан",
        "уточнить",
        "н/д",
        "нет",
        "Клиент",
        "???",
        "-",
        "Aвилон",
        "AVILON",
        "ABИЛOH",
        "Авилон-Трейд",
        'ООО "АвилонТрейд"',
        "Avilon Trade",
        "АО Авилон",
    ],
)
def test_an_owner_who_is_nobody_known_or_may_be_the_company_is_no_client(owner: str) -> None:
    card = ContactCard(ref="1", owner=owner, trusted_phone=OWN)
    assert "owner_is_client" not in card_facts(card, OFFICE)


@pytest.mark.parametrize("owner", ["Иванов", "Иванов И.И.", "ООО Ромашка", "Клиентов Пётр"])
def test_an_owner_with_a_name_is_a_client(owner: str) -> None:
    card = ContactCard(ref="1", owner=owner, trusted_phone=OWN)
    assert "owner_is_client" in card_facts(card, OFFICE)
