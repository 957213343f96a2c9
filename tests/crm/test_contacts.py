"""Numbers as people write them, and what a card establishes."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.base.errors import DataFileError
from recognizer.crm.card_facts import card_facts
from recognizer.crm.contacts import (
    ContactCard,
    ContactKind,
    NumberProblem,
    NumberState,
    OwnerKind,
    PhoneKind,
    masked,
    number_state,
    read_numbers,
)
from recognizer.crm.office import Office, load_office
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rule_table import CONDITIONS

OFFICE = load_office()
# Section E of the regulation, written out.
OWN_NUMBERS = (
    "7304487 7304447 7304445 7304433 7304446 7304449 7818182 7304450 7304033 7817707 7304448 "
    "2324141 7818197 7304452 7304458 7818113 7304460 7817708 2048555 7304401 7370406 7818199 "
    "2048700 2048589 2048640 7304451 7817701 7818112"
).split()

VALID = [
    ("+7 495 123-45-67", ["+74951234567"]),
    ("8 (495) 123-45-67", ["+74951234567"]),
    ("84951234567", ["+74951234567"]),
    ("74951234567", ["+74951234567"]),
    ("4951234567", ["+74951234567"]),
    ("007 495 123 45 67", ["+74951234567"]),
    ("+8 495 123 45 67", ["+74951234567"]),
    ("8-926-123-45-67", ["+79261234567"]),
    ("8.926.123.45.67", ["+79261234567"]),
    ("  +7(926)1234567  ", ["+79261234567"]),
    ("\u202a+7\u00a0926\u00a0123\u201145\u201167\u202c", ["+79261234567"]),
    ("моб. 8 926 123-45-67 (Мария, после 18:00)", ["+79261234567"]),
    ("8 926 123 45 67 доб. 12", ["+79261234567"]),
    ("8 926 123-45-67, 8 495 123-45-67", ["+79261234567", "+74951234567"]),
    ("8 926 123-45-67; 8 926 123-45-67", ["+79261234567"]),
    ("89261234567/84951234567", ["+79261234567", "+74951234567"]),
    ("89261234567 84951234567", ["+79261234567", "+74951234567"]),
    ("89261234567\n84951234567", ["+79261234567", "+74951234567"]),
    ("8 926 123-45-67 или 8 495 123-45-67", ["+79261234567", "+74951234567"]),
    ("+7 930 000 12 34", ["+79300001234"]),
    ("8 926 123 45 67, 12345", ["+79261234567"]),
    ("123, 8 926 123 45 67", ["+79261234567"]),
    ("8 800 123 45 67", ["+78001234567"]),
    ("+7 701 123 45 67", ["+77011234567"]),
    ("+375 29 123 45 67", ["+375291234567"]),
    ("8-10-375-29-123-45-67", ["+375291234567"]),
]


@pytest.mark.parametrize(("written", "read"), VALID)
def test_a_number_is_read_however_it_is_written(written: str, read: list[str]) -> None:
    assert [number.e164 for number in read_numbers(written)] == read
    assert all(number.problem is None for number in read_numbers(written))


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("123-45-67", NumberProblem.TOO_SHORT),
        ("8 926 123-45-6", NumberProblem.TOO_SHORT),
        ("+7 926 12345", NumberProblem.TOO_SHORT),
        ("8 926 123-45-678", NumberProblem.TOO_LONG),
        ("+7 926 123 45 678", NumberProblem.TOO_LONG),
        ("1" * 40, NumberProblem.TOO_LONG),
        ("8 000 123-45-67", NumberProblem.WRONG_PREFIX),
        ("+7 100 123 45 67", NumberProblem.WRONG_PREFIX),
        ("+999 123 456 789", NumberProblem.WRONG_PREFIX),
        ("5", NumberProblem.DOUBTFUL),
    ],
)
def test_a_wrong_number_says_what_is_wrong(written: str, problem: NumberProblem) -> None:
    (number,) = read_numbers(written)
    assert (number.e164, number.kind, number.problem) == (None, None, problem)


@pytest.mark.parametrize("empty", ["", "  ", "-", "нет", "б/н", "не указан", "\n"])
def test_a_field_without_digits_has_no_number(empty: str) -> None:
    assert read_numbers(empty) == ()


def test_kind_and_extension_are_read() -> None:
    (mobile,) = read_numbers("8 926 123 45 67")
    (fixed,) = read_numbers("8 495 123 45 67 доб. 305")
    (free,) = read_numbers("8 800 123 45 67")
    assert (mobile.kind, mobile.extension) == (PhoneKind.MOBILE, None)
    assert (fixed.kind, fixed.extension) == (PhoneKind.FIXED, "305")
    assert free.kind is PhoneKind.TOLL_FREE


@pytest.mark.property
@given(st.text(alphabet="0123456789+-() .,;/доби\nx٣", max_size=60) | st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    numbers = read_numbers(text)
    assert all((number.e164 is None) == (number.problem is not None) for number in numbers)
    if sum(char.isdigit() for char in text) < 7:
        assert number_state(numbers) is not NumberState.WRONG


@pytest.mark.property
@given(
    digits=st.from_regex(r"9[0-9]{9}", fullmatch=True),
    prefix=st.sampled_from(["+7", "8", "7", "007", "+8", ""]),
    gaps=st.lists(st.sampled_from(["", " ", "-", "  "]), min_size=4, max_size=4),
    brackets=st.booleans(),
)
def test_every_russian_mobile_is_read_in_every_spelling(
    digits: str, prefix: str, gaps: list[str], brackets: bool
) -> None:
    code = f"({digits[:3]})" if brackets else digits[:3]
    parts = [code, digits[3:6], digits[6:8], digits[8:]]
    written = prefix + gaps[0].replace("-", " ") + "".join(
        part + gap for part, gap in zip(parts, [*gaps[1:], ""], strict=True)
    )  # fmt: skip
    assert [number.e164 for number in read_numbers(written)] == [f"+7{digits}"]


# --- masking ---


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("8 (926) 123-45-67", "8926*****67"),
        ("+79261234567", "+7926*****67"),
        ("9261234567", "926*****67"),
        ("1234567", "*****67"),
        ("call 89261234567.wav", "call 8926*****67.wav"),
        ("12345", "12345"),
        ("нет", "нет"),
    ],
)
def test_a_masked_number_keeps_its_ends_only(text: str, hidden: str) -> None:
    assert masked(text) == hidden


@pytest.mark.property
@given(st.from_regex(r"[^0-9]{0,5}(\+7|8)[0-9]{10}[^0-9]{0,5}", fullmatch=True))
def test_no_masked_text_holds_a_whole_number(text: str) -> None:
    assert not re.search(r"\d{7}", re.sub(r"[\s\-().]", "", masked(text)))


# --- facts ---


def card(**fields: Any) -> ContactCard:
    return dataclasses.replace(
        ContactCard(ref="1", mobile_phone="8 926 123-45-67", owner="Клиент Первый"),
        **fields,
    )


def facts(office: Office = OFFICE, answered_by: str | None = None, **fields: Any) -> set[str]:
    return set(card_facts(card(**fields), office, answered_by=answered_by))


def rule(office: Office = OFFICE, **fields: Any) -> str | None:
    ruling = load_regulation().rule_on_card(card_facts(card(**fields), office))
    return None if ruling is None else ruling.decision.rule_id


def test_facts_are_conditions_a_rule_may_name() -> None:
    every = facts(do_not_call=True, kind=ContactKind.AFTER_SALE, answered_by="Другой")
    assert every <= set(CONDITIONS)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"mobile_phone": ""}, "number-missing"),
        ({"mobile_phone": "нет"}, "number-missing"),
        ({"mobile_phone": "", "do_not_call": True}, "number-missing-do-not-call"),
        ({"do_not_call": True}, None),
        ({"mobile_phone": "8 926 123"}, "number-malformed"),
        ({"mobile_phone": "8 000 123 45 67"}, "number-malformed"),
        ({"mobile_phone": "8 926 123", "do_not_call": True}, "number-malformed"),
        ({"mobile_phone": "8 926 123", "trusted_phone": "8 495 123-45-67"}, None),
        ({"mobile_phone": "", "trusted_phone": "8 495 123-45-67"}, None),
        ({"mobile_phone": "+7 495 7304487"}, "own-company-number"),
        ({"mobile_phone": "8 (926) 711-70-10"}, "own-company-number"),
        ({"mobile_phone": "+7 495 7304487", "owner": 'ООО "Ромашка"'}, "own-company-number"),
        ({"mobile_phone": "+7 495 7304487", "owner": ""}, None),
        ({"mobile_phone": "+7 495 7304487, 8 926 123-45-67"}, None),
        ({"mobile_phone": "+7 495 7304488"}, None),
        ({}, None),
    ],
)
def test_a_card_alone_gives_its_rule(fields: dict[str, Any], expected: str | None) -> None:
    assert rule(**fields) == expected


@pytest.mark.parametrize("number", [f"+7 495 {own}" for own in OWN_NUMBERS] + ["+7 926 7117010"])
def test_every_number_of_section_e_is_the_companys_own(number: str) -> None:
    assert rule(mobile_phone=number) == "own-company-number"


def test_the_sample_office_has_no_other_numbers() -> None:
    assert len(OFFICE.company_numbers) == len(OWN_NUMBERS) + 1


@pytest.fixture
def staffed() -> Office:
    return dataclasses.replace(
        OFFICE,
        employee_numbers=frozenset({"+79031234567"}),
        own_names=frozenset({"сотрудник семен", "наша компания"}),
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"mobile_phone": "8 903 123 45 67"}, "own-employee-mobile"),
        ({"mobile_phone": "8 903 123 45 67", "owner": 'ООО "Ромашка"'}, "own-employee-mobile"),
        ({"mobile_phone": "8 903 123 45 67, 8 495 730 44 87"}, "own-employee-mobile"),
        ({"mobile_phone": "8 903 123 45 67", "owner": "Сотрудник  СЕМЁН"}, None),
        ({"mobile_phone": "8 903 123 45 67", "owner": "«Наша компания»"}, None),
        ({"mobile_phone": "8 495 730 44 87", "owner": "«Наша компания»"}, None),
        ({"mobile_phone": "8 903 123 45 67, 8 926 123 45 67"}, None),
        ({"mobile_phone": "8 903 123 45 68"}, None),
    ],
)
def test_an_employees_mobile_gives_its_rule_unless_the_car_is_ours(
    staffed: Office, fields: dict[str, Any], expected: str | None
) -> None:
    assert rule(staffed, **fields) == expected


@pytest.mark.parametrize(
    ("owner", "kind", "is_organisation"),
    [
        ('ООО "Ромашка"', None, True),
        ("Ромашка, ООО", None, True),
        ("АО «Завод»", None, True),
        ("Ромашка", OwnerKind.ORGANISATION, True),
        ("ИП Клиент Первый", None, False),
        ("Клиент Первый", None, False),
        ("Аоки Клиент", None, False),
        ('ООО "Ромашка"', OwnerKind.PERSON, False),
        ("", None, False),
    ],
)
def test_an_organisation_is_known_by_its_legal_form(
    owner: str, kind: OwnerKind | None, is_organisation: bool
) -> None:
    assert ("owner_is_organisation" in facts(owner=owner, owner_kind=kind)) is is_organisation


@pytest.mark.parametrize(
    ("fields", "is_general"),
    [
        ({"mobile_phone": "8 495 123 45 67", "owner": 'ООО "Ромашка"'}, True),
        ({"mobile_phone": "8 800 123 45 67", "owner": 'ООО "Ромашка"'}, True),
        ({"mobile_phone": "8 495 123 45 67 доб. 5", "owner": 'ООО "Ромашка"'}, False),
        ({"mobile_phone": "8 926 123 45 67", "owner": 'ООО "Ромашка"'}, False),
        (
            {"mobile_phone": "8 926 123 45 67", "owner": 'ООО "Р"', "general_number": True},
            True,
        ),
        (
            {"mobile_phone": "8 495 123 45 67", "owner": 'ООО "Р"', "general_number": False},
            False,
        ),
        ({"mobile_phone": "8 495 123 45 67", "owner": "Клиент Первый"}, False),
        ({"mobile_phone": "", "owner": 'ООО "Ромашка"'}, False),
    ],
)
def test_a_landline_of_an_organisation_without_extension_is_its_general_number(
    fields: dict[str, Any], is_general: bool
) -> None:
    assert ("number_is_general" in facts(**fields)) is is_general


def test_kind_of_contact_is_known_only_if_the_card_says_so() -> None:
    assert "contact_after_service" in facts(kind=ContactKind.AFTER_SERVICE)
    assert "contact_after_sale" in facts(kind=ContactKind.AFTER_SALE)
    assert not facts() & {"contact_after_service", "contact_after_sale"}


@pytest.mark.parametrize(
    ("fields", "is_client"),
    [
        ({"trusted_person": "Клиент  ПЕРВЫЙ"}, True),
        ({"trusted_person": "Жена Клиента"}, False),
        ({"trusted_person": ""}, False),
        ({"trusted_person": "Водитель", "owner": 'ООО "Ромашка"'}, True),
        ({"trusted_person": "Сотрудник Семён", "owner": 'ООО "Ромашка"'}, False),
        ({"trusted_person": "Сотрудник Семён", "owner": "Сотрудник Семён"}, False),
    ],
)
def test_the_trusted_person_is_the_client_by_name(
    staffed: Office, fields: dict[str, Any], is_client: bool
) -> None:
    assert ("trusted_person_is_client" in facts(staffed, **fields)) is is_client


@pytest.mark.parametrize(
    ("answered_by", "is_another"),
    [("Сотрудник", True), ("клиент первый", False), ("Доверенный", False), ("", False)],
)
def test_who_answered_is_another_than_the_card_names(answered_by: str, is_another: bool) -> None:
    known = facts(answered_by=answered_by, trusted_person="Доверенный")
    assert ("answered_by_another" in known) is is_another


# --- the office's file ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[office]\ntimezone = "Mars/North"', r"line 2: expected a time zone"),
        ('[office]\ntimezone = "UTC"\n[company]\nnumbers = ["12"]', r"line 4: expected one valid"),
        (
            '[office]\ntimezone = "UTC"\n[[employee]]\nname = "x"\nmobile = "8"',
            r"line 5: expected one valid",
        ),
        ('[office]\ntimezone = "UTC"\n[firm]\nx = 1', r"unknown field `firm`"),
        ("[office]\ntimezone = 3", r"line 2: Expected `str`"),
    ],
)
def test_a_mistake_in_the_offices_file_is_named_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "office.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataFileError, match=message):
        load_office(path)


OFFICE_WITHOUT_NAMES = """
[office]
timezone = "Europe/Moscow"
{names}
[company]
numbers = ["+7 495 7304487"]
[[employee]]
name = "Сотрудник Семён"
mobile = "+7 926 5550102"
[organisations]
legal_forms = ["ООО", "АО"]
"""


def own_rule(tmp_path: Path, names: str, owner: str, phone: str = "84957304487") -> str | None:
    path = tmp_path / "office.toml"
    path.write_text(OFFICE_WITHOUT_NAMES.format(names=names), encoding="utf-8")
    facts = card_facts(ContactCard(ref="1", owner=owner, mobile_phone=phone), load_office(path))
    ruling = load_regulation().rule_on_card(facts)
    return None if ruling is None else ruling.decision.rule_id


@pytest.mark.parametrize("owner", ["Авилон АО", "АО «Авилон»", "ООО Ромашка"])
@pytest.mark.parametrize("phone", ["84957304487", "89265550102"])
@pytest.mark.parametrize("names", ["", "names = []", 'names = [" "]'])
def test_without_the_companys_name_no_organisation_is_known_to_be_another(
    tmp_path: Path, owner: str, phone: str, names: str
) -> None:
    assert own_rule(tmp_path, names, owner, phone) is None


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("Авилон АО", None),
        ("АО «Авилон»", None),
        ("авилон", None),
        ("ООО Авилон Трейд", None),
        ("Семён Сотрудник", None),
        ("ООО Ромашка", "own-company-number"),
        ("ООО Авил", "own-company-number"),
        ("Клиент Первый", "own-company-number"),
        ("", None),
    ],
)
def test_the_company_is_known_by_its_name_in_any_order(
    tmp_path: Path, owner: str, expected: str | None
) -> None:
    assert own_rule(tmp_path, 'names = ["АО Авилон"]', owner) == expected


def test_a_person_is_a_client_without_the_companys_name_too(tmp_path: Path) -> None:
    assert own_rule(tmp_path, "", "Клиент Первый") == "own-company-number"
    assert own_rule(tmp_path, "", "Клиент Первый", "89265550102") == "own-employee-mobile"


def test_the_sample_office_does_not_mark_itself() -> None:
    card = ContactCard(ref="1", owner="Авилон АО", mobile_phone="84957304487")
    assert load_regulation().rule_on_card(card_facts(card, OFFICE)) is None
