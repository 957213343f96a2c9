"""A short book of the regulation's own wordings, so that checking it takes no time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["REGULATION", "write_lists"]

REGULATION = {
    "temporarily_blocked": ["абонент временно заблокирован", "номер временно заблокирован"],
    "blocked": ["абонент заблокирован", "номер заблокирован"],
    "service_suspended": ["обслуживание номера временно приостановлено"],
    "not_in_service": ["номер не обслуживается", "номер не используется"],
    "temporarily_unavailable": ["номер временно недоступен"],
    "does_not_exist": ["номер не существует"],
    "not_registered": ["абонент не зарегистрирован в сети", "номер не зарегистрирован в сети"],
    "available_for_purchase": ["номер телефона доступен для приобретения"],
    "service_type_unavailable": ["данный вид связи недоступен для абонента"],
    "caller_restricted": ["ваш номер заблокирован", "ваш номер временно заблокирован"],
    "live_person": ["карту временно заблокировали", "этот номер больше не используется мужем"],
}
"""Texts by outcome."""


def write_lists(folder: Path, lists: Mapping[str, Sequence[str]]) -> None:
    """Write ``<outcome>.toml`` for each; the ids are the outcome's name and a number from 0."""
    for outcome, texts in lists.items():
        entries = "".join(
            f'\n[[phrase]]\nid = "{outcome.replace("_", "-")}-{n}"\n'
            f'text = "{text}"\nseen_in = "test"\n'
            for n, text in enumerate(texts)
        )
        head = f'outcome = "{outcome}"\nlanguage = "ru"\n'
        (folder / f"{outcome}.toml").write_text(head + entries, "utf-8")
