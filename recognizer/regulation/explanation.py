"""Why a decision is what it is, in Russian: heard, rule, counted, what would have changed it.

What was heard is read from a classification in its JSON form (`report_json.report_to_dict`), so
that a decision made today and one read back from the journal explain themselves the same way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recognizer.model import CallOutcome, CallReport, NextStep
from recognizer.regulation.rule_table import Rule, RuleSource
from recognizer.regulation.rules import Regulation, Ruling, Statement

__all__ = ["explain", "explained"]

_TONES = {
    "ringback": "длинные гудки",
    "busy": "короткие гудки",
    "congestion": "частые гудки (перегрузка)",
    "sit": "сигнал «соединение невозможно»",
    "dial": "сигнал ответа станции",
    "fax": "сигнал факса",
    "beep": "сигнал записи сообщения",
    "dtmf": "тоновый набор",
}
_PARTIES = {
    "remote": "собеседник",
    "agent": "наш оператор (его слова ничего не решают)",
    "unknown": "чей он, понять нельзя",
}
_VETOED = {
    "no_mark": "Отметка не поставлена",
    "undetermined": "Решение не принято",
    "person": "Принято за живого человека",
}
_HEARD = {
    CallOutcome.BUSY_TONE: "короткие гудки",
    CallOutcome.RINGBACK_ONLY: "длинные гудки, никто не ответил",
    CallOutcome.SILENCE: "тишина",
    CallOutcome.DISCONNECTED: "звонок оборвался сразу, больше ничего не слышно",
    CallOutcome.FAX: "факс или модем",
    CallOutcome.MUSIC: "только музыка",
    CallOutcome.LIVE_PERSON: "живой человек",
    CallOutcome.UNDETERMINED: "установить не удалось",
    CallOutcome.VOICEMAIL: "голосовая почта",
    CallOutcome.CALL_ASSISTANT: "голосовой помощник",
    CallOutcome.COMPANY_IVR: "голосовое меню организации",
    CallOutcome.NO_ANSWER: "объявление, что абонент не отвечает",
    CallOutcome.NETWORK_CONGESTION: "объявление, что линии перегружены",
    CallOutcome.CALL_PROGRESS: "объявление, что дозвон продолжается",
    CallOutcome.CALLER_RESTRICTED: "объявление о нашей собственной линии",
}


def explain(
    ruling: Ruling,
    regulation: Regulation,
    *,
    report: Mapping[str, Any] | None = None,
    outcome: CallOutcome | None = None,
    statement: Statement | None = None,
    corrected_by: str | None = None,
) -> tuple[str, ...]:
    """Return Russian sentences on a decision, in the order an operator asks.

    Parameters
    ----------
    ruling : Ruling
    regulation : Regulation
        The rules it was made by.
    report : mapping or None
        The classification in its JSON form; None for a decision without a recording.
    outcome : CallOutcome or None
        What it was decided for.
    statement : Statement or None
        What an operator stated, where that decided.
    corrected_by : str or None
        Who corrected what the program heard.
    """
    return (
        *_heard(report, outcome, statement, corrected_by),
        *_rule(ruling, regulation, outcome),
        *_counted(ruling),
        *_would_change(ruling, regulation),
    )


def explained(report: CallReport, regulation: Regulation) -> CallReport:
    """Return a classification whose decision, made without a card, says why it is what it is."""
    from recognizer.model.report_json import report_to_dict  # noqa: PLC0415 - brings the speech stages

    if report.outcome is None or report.decision is None:
        return report
    kind = report.outcome.kind
    ruling = regulation.rule_on_call(kind, attempt=report.decision.attempt)
    sentences = explain(ruling, regulation, report=report_to_dict(report), outcome=kind)
    decision = dataclasses.replace(report.decision, explanation=sentences)
    return dataclasses.replace(report, decision=decision)


def _heard(
    report: Mapping[str, Any] | None,
    outcome: CallOutcome | None,
    statement: Statement | None,
    corrected_by: str | None,
) -> Iterator[str]:
    if report is not None:
        yield from _heard_in_recording(report)
    elif outcome is not None and corrected_by is None:
        yield f"Услышано: {_HEARD.get(outcome, 'объявление оператора связи')}."
    if statement is not None:
        said = f", со слов: «{statement.words}»" if statement.words else ""
        named = f", ответил: {statement.name}" if statement.name else ""
        yield f"Указал оператор ({corrected_by or 'не назван'}): {statement.reason}{named}{said}."
    elif corrected_by is not None and outcome is not None:
        heard = _HEARD.get(outcome, "объявление")
        yield f"Исправлено ({corrected_by}): на записи {heard}."


def _heard_in_recording(report: Mapping[str, Any]) -> Iterator[str]:
    heard = report.get("outcome")
    if heard is None:
        error = report.get("error") or {}
        yield f"Запись не прочитана: {error.get('message', 'причина неизвестна')}."
        return
    phrase, transcript = report.get("phrase"), report.get("transcript") or {}
    kind = CallOutcome(heard)
    if phrase is not None:
        moment = _moment(phrase.get("start_s"), phrase.get("end_s"))
        yield f"Услышано{moment}: «{phrase['text']}», совпадение {phrase['score']:.0f} из 100."
    else:
        yield f"Услышано: {_HEARD.get(kind, 'объявление оператора связи')}."
    if transcript.get("text"):
        yield f"Распознано дословно: «{transcript['text']}»."
    tones = [
        f"{_TONES.get(tone['kind'], tone['kind'])}{_moment(tone['start_s'], tone['end_s'])}"
        for tone in report.get("tones") or ()
    ]
    if tones:
        yield f"Сигналы на линии: {'; '.join(tones)}."
    yield from _announcements(report.get("announcements") or ())
    yield from _parties(report.get("parties") or ())
    for veto in report.get("vetoes") or ():
        yield f"{_VETOED[veto['effect']]}: {veto['reason_ru']}."
    if report.get("confidence") is not None:
        sure = f"{report['confidence']:.1%}".replace(".", ",").replace("%", " %")
        yield f"Уверенность программы: {sure}."


def _announcements(announcements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say which learned announcement was heard, how surely, and who had confirmed it."""
    for heard in announcements:
        name = heard["text"].rstrip(".") or heard["id"]
        carrier = f" ({heard['carrier']})" if heard["carrier"] else ""
        known = "Узнано известное объявление" if heard["decides"] else "Похоже на объявление"
        day = ".".join(reversed(heard["confirmed_at"][:10].split("-")))
        yield (
            f"{known} «{name}»{carrier}: сходство {heard['similarity']:.0%}, самый непохожий "
            f"отрезок {max(0.0, heard['worst_part']):.0%}, объясняет {heard['coverage']:.0%} "
            f"услышанного; подтверждено: {heard['confirmed_by']}, {day}."
        ).replace("%", " %")


def _parties(parties: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say which channel is whose, and what our own agent said."""
    for heard in parties:
        said = f": «{heard['text']}»" if heard.get("text") else ", слов нет"
        yield f"Канал {heard['channel']}, {_PARTIES[heard['party']]}{said}."


def _moment(start_s: float | None, end_s: float | None) -> str:
    if start_s is None or end_s is None:
        return ""
    return f" с {_seconds(start_s)} по {_seconds(end_s)} с записи"


def _seconds(value: float) -> str:
    return f"{value:.1f}".replace(".", ",")


def _rule(ruling: Ruling, regulation: Regulation, outcome: CallOutcome | None) -> Iterator[str]:
    decision = ruling.decision
    rule = regulation.rule(decision.rule_id)
    if rule is None:
        reason = None if outcome is None else regulation.reason_undecided(outcome)
        if reason is not None:
            yield f"Правила, которое дало бы статус, нет: {reason}."
        return
    if decision.by_analogy:
        yield (
            "В регламенте этого случая нет, решено по аналогии с правилом "
            f"{rule.id}: {rule.wording.rstrip('.')}."
        )
    else:
        yield f"Правило {rule.id}: {rule.wording.rstrip('.')}."
    yield f"Результат по правилу: {_result(rule, regulation)}."


def _result(rule: Rule, regulation: Regulation) -> str:
    mark = "с отметкой" if rule.result.incorrect_contact else "без отметки"
    when = (
        "до звонка"
        if rule.source is RuleSource.CARD
        else f"после {rule.result.after_attempt}-й попытки"
    )
    return f"«{rule.result.status}» {mark} «{regulation.mark}», {when}"


def _counted(ruling: Ruling) -> Iterator[str]:
    decision = ruling.decision
    if ruling.resets:
        yield "Счёт попыток начинается заново."
    elif decision.next is NextStep.CHECK_LINE:
        yield "Попытка не засчитана, контакт не меняется: проверьте собственную линию."
    elif not ruling.counts and decision.rule_id is None:
        yield "Попытка не засчитана."
    elif ruling.counts and decision.after_attempt is not None:
        yield f"Засчитана попытка № {decision.attempt}; нужно: {decision.after_attempt}."


def _would_change(ruling: Ruling, regulation: Regulation) -> Iterator[str]:
    decision = ruling.decision
    rule = regulation.rule(decision.rule_id)
    if rule is None:
        if decision.next is NextStep.OPERATOR and not ruling.resets:
            yield "Статус появится, когда оператор укажет, что было на линии."
        return
    if not decision.final and decision.after_attempt is not None:
        left = decision.after_attempt - decision.attempt
        yield (
            f"Статус будет установлен, если не удастся ещё попыток: {left}; "
            "причины складываются, состоявшийся разговор начинает счёт заново."
        )
    for other in filter(None, map(regulation.rule, rule.contrast)):
        yield (
            f"Если на записи на самом деле {other.wording}, действует правило {other.id}: "
            f"{_result(other, regulation)}."
        )
    if rule.source is RuleSource.CARD:
        yield "Решение изменится, если исправить карточку."
