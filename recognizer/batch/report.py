"""A report on many calls as one HTML file: counts, a chart, and the calls that need a person.

Russian, for the people who run the call centre; everything is inside the file, nothing is loaded
from anywhere, and every name and transcript is text, never markup.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from recognizer.base.whole_files import write_whole
from recognizer.model import CallOutcome
from recognizer.model.outcome_names import OUTCOME_NAMES

__all__ = ["needs_person", "write_html_report"]

_MAX_ROWS = 1000
_STEPS = {
    "set_status": "поставить статус",
    "retry": "повторить звонок",
    "operator": "решает оператор",
    "check_line": "проверить нашу линию",
}


def needs_person(result: Mapping[str, Any]) -> str | None:
    """Return why a person should look at a result (Russian), None if nobody needs to."""
    decision = result.get("decision") or {}
    signalling = result.get("signalling") or {}
    reasons = (
        (result.get("error") is not None, "запись не прочитана"),
        (_unrecorded(result) == "journal_row", "не записан в журнал: см. строку результата"),
        (_unrecorded(result) is not None, "нет такой карточки"),
        (signalling.get("agreement") == "disagrees", "код сети не сходится с записью"),
        (decision.get("next") == "check_line", "проверить нашу линию"),
        (result.get("outcome") == CallOutcome.LIVE_PERSON, "ответил человек"),
        (decision.get("next") == "operator", "решает оператор"),
    )
    return next((reason for holds, reason in reasons if holds), None)


def _unrecorded(result: Mapping[str, Any]) -> str | None:
    """Return the kind of error that kept a call out of the journal; None if there was none."""
    journal = result.get("journal") or {}
    return None if journal.get("error") is None else journal.get("kind", "contact")


@dataclass(slots=True)
class _Totals:
    """What the report says, gathered in one pass with bounded memory."""

    n_calls: int = 0
    n_marks: int = 0
    n_final: int = 0
    duration_s: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    rows: list[tuple[float, int, str, dict[str, Any]]] = field(default_factory=list)

    def add(self, result: dict[str, Any]) -> None:
        self.n_calls += 1
        self.duration_s += result["duration_s"] or 0.0
        decision = result.get("decision") or {}
        self.n_marks += bool(decision.get("incorrect_contact"))
        self.n_final += bool(decision.get("final"))
        if result["error"] is None:
            self.outcomes[result["outcome"]] += 1
        else:
            self.errors[result["error"]["kind"]] += 1
        reason = needs_person(result)
        if reason is not None:
            self.reasons[reason] += 1
            # The least certain are kept: what was not understood at all comes first.
            row = (1.0 - (result["confidence"] or 0.0), -self.n_calls, reason, result)
            if len(self.rows) < _MAX_ROWS:
                heapq.heappush(self.rows, row)
            else:
                heapq.heappushpop(self.rows, row)


def write_html_report(
    path: Path, results: Iterable[dict[str, Any]], *, title: str, made_at: dt.datetime
) -> None:
    """Write the report on `results`; `made_at` is shown in it."""
    totals = _Totals()
    for result in results:
        totals.add(result)
    page = "\n".join(_page(totals, title, made_at))
    write_whole(path, lambda file: file.write(page.encode("utf-8", "backslashreplace")))


def _page(totals: _Totals, title: str, made_at: dt.datetime) -> Iterator[str]:
    yield _HEAD.format(title=escape(title))
    yield f"<h1>{escape(title)}</h1>"
    yield f"<p class=muted>Составлено {made_at:%d.%m.%Y %H:%M}</p>"
    yield "<dl class=cards>"
    for name, value in (
        ("Звонков", _number(totals.n_calls)),
        ("Записей, минут", _number(round(totals.duration_s / 60))),
        ("Статус поставлен", _number(totals.n_final)),
        ("Из них «Некорректный контакт»", _number(totals.n_marks)),
        ("Нужен человек", _number(totals.reasons.total())),
        ("Не прочитано", _number(totals.errors.total())),
    ):
        yield f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>"
    yield "</dl>"
    yield "<h2>Что услышано</h2>"
    yield from _chart(totals)
    yield "<h2>Нужен человек</h2>"
    yield from _table(totals)
    yield "</main></body></html>"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")


def _name(outcome: str) -> str:
    return OUTCOME_NAMES[CallOutcome(outcome)]


def _chart(totals: _Totals) -> Iterator[str]:
    """Draw bars, most frequent first, as SVG inside the page; the numbers are text beside them."""
    bars = [(_name(kind), n, "bar") for kind, n in totals.outcomes.most_common()]
    bars += [(f"Ошибка: {kind}", n, "bar error") for kind, n in totals.errors.most_common()]
    if not bars:
        yield "<p>Ни одного звонка.</p>"
        return
    step, left, width = 28, 290, 520
    longest = max(n for _, n, _ in bars)
    height = step * len(bars)
    yield (
        f'<svg viewBox="0 0 {left + width + 130} {height}" role=img '
        f'aria-label="Звонки по исходам" class=chart>'
    )
    for index, (name, n, kind) in enumerate(bars):
        y = index * step
        length = max(2.0, width * n / longest)
        share = 100 * n / totals.n_calls
        yield (
            f'<text x="{left - 10}" y="{y + 19}" text-anchor=end>{escape(name)}</text>'
            f'<rect x="{left}" y="{y + 4}" width="{length:.1f}" height="{step - 8}" rx="3" '
            f'class="{kind}"></rect>'
            f'<text x="{left + length + 8:.1f}" y="{y + 19}">{_number(n)} · {share:.1f} %</text>'
        )
    yield "</svg>"


def _table(totals: _Totals) -> Iterator[str]:
    if not totals.rows:
        yield "<p>Таких звонков нет.</p>"
        return
    summary = ", ".join(f"{escape(name)}: {_number(n)}" for name, n in totals.reasons.most_common())
    yield f"<p>{summary}.</p>"
    if totals.reasons.total() > len(totals.rows):
        yield f"<p>Показаны {_number(len(totals.rows))} наименее уверенных.</p>"
    yield (
        "<table><thead><tr><th>Запись<th>Почему<th>Услышано<th>Уверенность<th>Расшифровка"
        "<th>Дальше</thead><tbody>"
    )
    for _, _, reason, result in sorted(totals.rows, key=lambda row: row[:2], reverse=True):
        yield _table_row(reason, result)
    yield "</tbody></table>"


def _table_row(reason: str, result: Mapping[str, Any]) -> str:
    outcome = result["outcome"]
    heard = "—" if outcome is None else _name(outcome)
    confidence = result["confidence"]
    decision = result.get("decision") or {}
    text = (result.get("transcript") or {}).get("text", "")
    if result["error"] is not None:
        text = result["error"]["message"]
    cells = (
        result["recording"],
        reason,
        heard,
        "—" if confidence is None else f"{100 * confidence:.0f} %",
        text,
        _STEPS.get(decision.get("next", ""), "—"),
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


_HEAD = """<!doctype html>
<html lang="ru"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light; }}
body {{ margin: 0; background: #f5f6f8; color: #1c2430; font: 16px/1.5 system-ui, sans-serif; }}
main {{ max-width: 1100px; margin: 0 auto; padding: 24px 20px 48px; }}
h1 {{ font-size: 26px; margin: 0 0 4px; }}
h2 {{ font-size: 20px; margin: 36px 0 12px; }}
.muted {{ color: #566170; margin: 0 0 20px; }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }}
.cards div {{ background: #fff; border: 1px solid #dde1e7; border-radius: 10px;
 padding: 12px 16px; }}
.cards dt {{ color: #566170; font-size: 14px; }}
.cards dd {{ margin: 0; font-size: 26px; font-weight: 600; }}
.chart {{ width: 100%; background: #fff; border: 1px solid #dde1e7; border-radius: 10px;
 padding: 12px 0; font-size: 15px; }}
.chart text {{ fill: #1c2430; }}
.bar {{ fill: #2f6fb3; }}
.error {{ fill: #b3452f; }}
table {{ width: 100%; border-collapse: collapse; background: #fff; font-size: 14px; }}
th, td {{ text-align: left; vertical-align: top; padding: 8px 10px; border: 1px solid #dde1e7; }}
td:nth-child(1), td:nth-child(5) {{ overflow-wrap: anywhere; }}
th {{ background: #eef1f5; }}
@media (max-width: 700px) {{ table {{ font-size: 12px; }} .chart {{ font-size: 22px; }} }}
</style></head><body><main>"""
