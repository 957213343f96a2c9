"""What a person filters the queue by, and how an address says it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from recognizer.base.moments import read_day
from recognizer.model import CallOutcome
from recognizer.web.parameters import read_id

__all__ = ["DOUBT_NAMES", "ORDER_NAMES", "QueueFilter", "read_queue_filter"]

DOUBT_NAMES: Mapping[str, str] = {
    "contradiction": "после отметки «Некорректный контакт» по номеру снова отвечают",
    "unread": "запись не прочитана",
    "unknown": "программа не смогла определить результат",
    "unsure": "программа не уверена",
    "no-rule": "в регламенте нет правила для такого результата",
    "network": "код сети не сходится с услышанным",
}
"""Why a person should look."""

ORDER_NAMES: Mapping[str, str] = {
    "": "Сначала давние",
    "new": "Сначала новые",
    "unsure": "Сначала сомнительные",
    "alike": "Сначала одинаковые",
}


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which waiting calls, in what order; empty fields ask for nothing.

    Attributes
    ----------
    alike : int or None
        A call: only those that say the same.
    order : str
        A key of `ORDER_NAMES`.
    sample : first and last day, or None
        The sample of these days in place of what waits; the other fields ask for nothing then.
    """

    reason: str = ""
    outcome: str = ""
    code: str = ""
    order: str = ""
    alike: int | None = None
    is_sure: bool = False
    sample: tuple[dt.date, dt.date] | None = None

    @property
    def query(self) -> str:
        """As part of an address, without the question mark; empty: everything."""
        fields = {
            "reason": self.reason,
            "outcome": self.outcome,
            "code": self.code,
            "order": self.order,
            "alike": str(self.alike or ""),
            "certain": "yes" if self.is_sure else "",
            "sample": "..".join(day.isoformat() for day in self.sample or ()),
        }
        return urlencode({name: value for name, value in fields.items() if value})


def read_queue_filter(query: str) -> QueueFilter:
    """Return the filter of an address; what cannot be read asks for nothing."""
    asked = dict(parse_qsl(query[:500]))
    sample = _read_days(asked.get("sample", ""))
    if sample is not None:
        return QueueFilter(sample=sample)
    code, alike = asked.get("code", ""), asked.get("alike", "")

    def among(name: str, known: object) -> str:
        value = asked.get(name, "")
        return value if value in known else ""  # type: ignore[operator]

    return QueueFilter(
        reason=among("reason", DOUBT_NAMES),
        outcome=among("outcome", set(CallOutcome)),
        code=code if len(code) == 3 and code.isascii() and code.isdigit() else "",
        order=among("order", ORDER_NAMES),
        alike=read_id(alike),
        is_sure=asked.get("certain") == "yes",
    )


def _read_days(text: str) -> tuple[dt.date, dt.date] | None:
    first, _, last = text.partition("..")
    days = read_day(first), read_day(last)
    return None if days[0] is None or days[1] is None else (days[0], days[1])
