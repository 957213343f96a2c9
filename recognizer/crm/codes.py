"""What a CRM calls an outcome: data/crm_codes.toml, or a file of the office's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from recognizer.base.data_files import data_folder, read_toml
from recognizer.base.errors import DataFileError
from recognizer.model import CallOutcome, PhraseListName, phrase_list_of

__all__ = ["CodeTable", "load_codes"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wrong_number: str
    otherwise: str
    by_outcome: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class CodeTable:
    """The codes of one CRM."""

    name: str
    wrong_number: str
    otherwise: str
    by_outcome: Mapping[CallOutcome, str]

    def code(self, outcome: CallOutcome | None, *, is_marked: bool) -> str:
        """Return the code; the one for a wrong number only where the mark stands.

        Parameters
        ----------
        outcome : CallOutcome or None
            In force; None: nothing could be heard.
        is_marked : bool
            Whether the decision is final and puts the mark on the card.
        """
        if is_marked:
            return self.wrong_number
        return self.otherwise if outcome is None else self.by_outcome.get(outcome, self.otherwise)


def load_codes(path: Path | None = None) -> Mapping[str, CodeTable]:
    """Return the tables by the CRM's name; None: the shipped ones.

    Raises
    ------
    DataFileError
        Naming file and line of what is wrong.
    """
    file = read_toml(path or data_folder(".") / "crm_codes.toml")
    tables: dict[str, CodeTable] = {}
    for name, values in file.values.items():
        try:
            table = msgspec.convert(values, _Table)
        except msgspec.ValidationError as problem:
            raise DataFileError(f"{file.place(name)}: {problem}") from problem
        if table.otherwise == table.wrong_number:
            raise DataFileError(
                f"{file.place(name, key='otherwise')}: {table.otherwise!r} says «wrong number»; "
                "expected a code for calls without the mark"
            )
        codes: dict[CallOutcome, str] = {}
        for outcome, code in table.by_outcome.items():
            codes[_outcome(outcome, code, table, file.place(f"{name}.by_outcome", key=outcome))] = (
                code
            )
        tables[name] = CodeTable(name, table.wrong_number, table.otherwise, codes)
    return tables


def _outcome(written: str, code: str, table: _Table, place: str) -> CallOutcome:
    if written not in set(CallOutcome):
        raise DataFileError(f"{place}: there is no outcome {written!r}")
    outcome = CallOutcome(written)
    if code == table.wrong_number or phrase_list_of(outcome) is PhraseListName.INVALID_NUMBER:
        raise DataFileError(
            f"{place}: «wrong number» is sent where the mark stands, by wrong_number; expected "
            "no outcome of that list here, and no such code"
        )
    return outcome
