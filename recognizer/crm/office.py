"""The company's own numbers, people and days: what tells a client from ourselves."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError
from recognizer.base.office_zone import zone_of
from recognizer.crm.numbers import read_numbers

__all__ = ["Office", "fold_name", "load_office"]

_WORD = re.compile(r"\w+")


class _OfficeHeading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    timezone: str
    names: tuple[str, ...] = ()


class _Company(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    numbers: tuple[str, ...] = ()


class _Employee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    mobile: str


class _Organisations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    legal_forms: tuple[str, ...] = ()


class _OfficeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    office: _OfficeHeading
    company: _Company = _Company()
    employee: tuple[_Employee, ...] = ()
    organisations: _Organisations = _Organisations()


@dataclass(frozen=True, slots=True)
class Office:
    """The company's own numbers and people (``data/office.toml``).

    Attributes
    ----------
    company_numbers, employee_numbers : frozenset of str
        E.164.
    own_names : frozenset of str
        Folded names of the company and of its employees: an owner among them is no client.
    legal_forms : frozenset of str
        Folded words that make an owner an organisation.
    timezone : ZoneInfo
        Days of comment lines are days of this zone.
    is_named : bool
        Whether it says what the company is called. Else an organisation may be the company.
    """

    company_numbers: frozenset[str]
    employee_numbers: frozenset[str]
    own_names: frozenset[str]
    legal_forms: frozenset[str]
    timezone: zoneinfo.ZoneInfo
    is_named: bool = True

    @property
    def own_numbers(self) -> frozenset[str]:
        """The numbers of the company and of its employees, E.164."""
        return self.company_numbers | self.employee_numbers

    def day_of(self, moment: dt.datetime) -> dt.date:
        """Return the office's day of an aware moment."""
        return moment.astimezone(self.timezone).date()


def load_office(path: Path | None = None) -> Office:
    """Read and check the office's data; None: the shipped sample.

    Raises
    ------
    DataFileError
        Naming the file and line of the first mistake.
    """
    file = read_toml(path or data_folder(".") / "office.toml")
    content = convert_toml(file, _OfficeFile)
    zone = zone_of(file, content.office.timezone)
    company = file.place("company", key="numbers")
    return Office(
        company_numbers=frozenset(
            _own_number(number, company) for number in content.company.numbers
        ),
        employee_numbers=frozenset(
            _own_number(person.mobile, file.place("employee", index, "mobile"))
            for index, person in enumerate(content.employee)
        ),
        own_names=frozenset(
            fold_name(name)
            for name in (*content.office.names, *(person.name for person in content.employee))
        ),
        legal_forms=frozenset(fold_name(form) for form in content.organisations.legal_forms),
        timezone=zone,
        is_named=any(fold_name(name) for name in content.office.names),
    )


def _own_number(written: str, place: str) -> str:
    numbers = read_numbers(written)
    if len(numbers) != 1 or numbers[0].e164 is None:
        raise DataFileError(f"{place}: expected one valid phone number, found {written!r}")
    return numbers[0].e164


def fold_name(name: str) -> str:
    """Return a name for comparing: case, ё, quotes and spaces do not matter."""
    return " ".join(_WORD.findall(name.casefold().replace("ё", "е")))
