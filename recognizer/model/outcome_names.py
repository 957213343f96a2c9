"""What people read for an outcome: reports and the operators' page are Russian."""

from __future__ import annotations

from collections.abc import Mapping

from recognizer.model import CallOutcome

__all__ = ["OUTCOME_NAMES"]

OUTCOME_NAMES: Mapping[CallOutcome, str] = {
    CallOutcome.TEMPORARILY_UNAVAILABLE: "Номер временно недоступен",
    CallOutcome.TEMPORARILY_BLOCKED: "Номер временно заблокирован",
    CallOutcome.SERVICE_SUSPENDED: "Обслуживание приостановлено",
    CallOutcome.NOT_REGISTERED: "Не зарегистрирован в сети",
    CallOutcome.SERVICE_TYPE_UNAVAILABLE: "Вид связи недоступен",
    CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE: "Выключен или вне зоны сети",
    CallOutcome.CONNECTION_IMPOSSIBLE: "Соединение невозможно",
    CallOutcome.LINE_BUSY: "Абонент разговаривает",
    CallOutcome.NOT_IN_SERVICE: "Номер не обслуживается",
    CallOutcome.BLOCKED: "Номер заблокирован",
    CallOutcome.MISDIALLED: "Неправильно набран номер",
    CallOutcome.DOES_NOT_EXIST: "Номер не существует",
    CallOutcome.AVAILABLE_FOR_PURCHASE: "Номер доступен для приобретения",
    CallOutcome.NO_ANSWER: "Абонент не отвечает (автоответчик)",
    CallOutcome.VOICEMAIL: "Голосовая почта",
    CallOutcome.CALL_ASSISTANT: "Голосовой помощник",
    CallOutcome.COMPANY_IVR: "Голосовое меню организации",
    CallOutcome.CALL_PROGRESS: "Продолжается дозвон",
    CallOutcome.CALLER_RESTRICTED: "Ограничение на нашей линии",
    CallOutcome.NETWORK_CONGESTION: "Сеть перегружена",
    CallOutcome.BUSY_TONE: "Короткие гудки",
    CallOutcome.RINGBACK_ONLY: "Длинные гудки, никто не ответил",
    CallOutcome.SILENCE: "Тишина",
    CallOutcome.DISCONNECTED: "Сразу сбросилось",
    CallOutcome.FAX: "Факс или модем",
    CallOutcome.MUSIC: "Только музыка",
    CallOutcome.LIVE_PERSON: "Ответил человек",
    CallOutcome.UNDETERMINED: "Не удалось определить",
}
