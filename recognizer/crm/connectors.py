"""Who is told of decisions: webhooks, Bitrix24 telephony, amoCRM. Off until a file names them.

Thin clients of what each documents: a signed JSON object; `telephony.externalcall.register`,
`.finish` and `crm.timeline.comment.add`; ``POST /api/v4/calls``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import urlsplit

import msgspec

from recognizer.base.data_files import convert_toml, read_toml
from recognizer.base.errors import DataFileError
from recognizer.crm.codes import CodeTable, load_codes
from recognizer.crm.dispatching import DeliveryError, Target
from recognizer.crm.sending import error_code, post
from recognizer.model import CallOutcome
from recognizer.model.outcome_names import OUTCOME_NAMES

__all__ = ["AmoCrm", "Bitrix24", "Webhook", "load_targets", "signature"]


def signature(secret: str, body: bytes, at_s: int) -> str:
    """Return what stands in ``X-Recognizer-Signature``: HMAC-SHA256 of ``<seconds>.<body>``."""
    digest = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Gets every event as one signed JSON object."""

    name: str
    url: str
    secret: str
    codes: CodeTable | None = None

    def deliver(self, event: Mapping[str, Any]) -> None:
        """Tell it; DeliveryError if it did not answer 2xx."""
        payload = dict(event)
        if self.codes is not None:
            payload["code"] = _code(self.codes, event)
        body = json.dumps(payload, ensure_ascii=False).encode()
        headers = {
            "X-Recognizer-Event": str(event["id"]),
            "X-Recognizer-Signature": signature(self.secret, body, int(time.time())),
        }
        post(self.url, body, headers, reads_answer=False)


def _outcome(event: Mapping[str, Any]) -> CallOutcome | None:
    return None if event["outcome"] is None else CallOutcome(event["outcome"])


def _code(codes: CodeTable, event: Mapping[str, Any]) -> str:
    return codes.code(_outcome(event), is_marked=event["incorrect_contact"])


def _name(event: Mapping[str, Any]) -> str:
    outcome = _outcome(event)
    return "Запись не прочитана" if outcome is None else OUTCOME_NAMES[outcome]


@dataclass(frozen=True, slots=True)
class Bitrix24:
    """An incoming webhook of Bitrix24: a call is registered and finished, later words are comments.

    `url` is the webhook's address, ending in ``/rest/<user>/<code>/``.
    """

    name: str
    url: str
    user_id: int
    codes: CodeTable

    def deliver(self, event: Mapping[str, Any]) -> None:
        """Tell it; a call known only by its card, or by neither, is a comment or nothing."""
        if event["event"] == "decision" and event["number"]:
            self._register_call(event)
            return
        for card in dict.fromkeys((event["card"], event["left_card"])):
            if _is_entity_id(card):
                self._comment(event, card)

    def _register_call(self, event: Mapping[str, Any]) -> None:
        card = event["card"]
        # Without an id of ours Bitrix24 takes a second call to a number within half an hour for
        # the first one; with it, a call that is sent again after a kill is the same call.
        client = (
            {"CRM_ENTITY_TYPE": "CONTACT", "CRM_ENTITY_ID": int(card)}
            if _is_entity_id(card)
            else {}
        )
        registered = self._call(
            "telephony.externalcall.register",
            USER_ID=self.user_id,
            PHONE_NUMBER=event["number"],
            CALL_START_DATE=event["called_at"],
            TYPE=1,
            CRM_CREATE=0,
            SHOW=0,
            ADD_TO_CHAT=0,
            EXTERNAL_CALL_ID=event["id"],
            **client,
        )
        result = registered.get("result")
        call_id = result.get("CALL_ID") if isinstance(result, dict) else None
        if not call_id:
            raise DeliveryError("telephony.externalcall.register: expected a CALL_ID, found none")
        self._call(
            "telephony.externalcall.finish",
            CALL_ID=call_id,
            USER_ID=self.user_id,
            DURATION=round(event["duration_s"] or 0),
            STATUS_CODE=_code(self.codes, event),
            FAILED_REASON=_name(event),
            ADD_TO_CHAT=0,
        )

    def _comment(self, event: Mapping[str, Any], card: str) -> None:
        withdrawn = event["event"] == "mark_withdrawn" and (
            event["left_card"] == card or not event["incorrect_contact"]
        )
        words = "Отметка «Некорректный контакт» снята." if withdrawn else event["comment"]
        if words:
            fields = {"ENTITY_ID": int(card), "ENTITY_TYPE": "contact", "COMMENT": words}
            self._call("crm.timeline.comment.add", fields=fields)

    def _call(self, method: str, **values: Any) -> dict[str, Any]:
        body = json.dumps(values, ensure_ascii=False).encode()
        return _object(post(f"{self.url.rstrip('/')}/{method}.json", body, {}), method)


_ENTITY_ID = re.compile(r"[1-9][0-9]{0,17}")


def _is_entity_id(card: str | None) -> TypeGuard[str]:
    """Return whether a card's number is an ID as Bitrix24 writes them; «0501» is not its 501."""
    return card is not None and _ENTITY_ID.fullmatch(card) is not None


@dataclass(frozen=True, slots=True)
class AmoCrm:
    """amoCRM: each decision is a call of the client with this number; `uniq` keeps it one.

    `url` is the account's address, ``https://<account>.amocrm.ru``.
    """

    name: str
    url: str
    token: str
    codes: CodeTable

    def deliver(self, event: Mapping[str, Any]) -> None:
        """Tell it; without a number there is nobody to tell of."""
        if not event["number"]:
            return
        moment = dt.datetime.fromisoformat(event["called_at"])
        call = {
            "uniq": event["id"],
            "direction": "outbound",
            "duration": round(event["duration_s"] or 0),
            "source": "recognizer",
            "phone": event["number"],
            "call_result": event["comment"] or _name(event),
            "call_status": int(_code(self.codes, event)),
            "created_at": int(moment.timestamp()),
        }
        body = json.dumps([call], ensure_ascii=False).encode()
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = _object(post(f"{self.url.rstrip('/')}/api/v4/calls", body, headers), "calls")
        if answer.get("errors") or answer.get("_total_items") == 0:
            # It adds a call only to a card it has; asking again would not make one.
            raise DeliveryError(
                "calls: expected the call to be taken, found it refused: amoCRM has no card with "
                "this number, or another of its fields is wrong",
                is_final=True,
            )


def _object(body: bytes, method: str) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError as problem:
        raise DeliveryError(f"{method}: expected JSON, found something else") from problem
    if not isinstance(found, dict) or found.get("error"):
        said = error_code(found) or ("an error" if isinstance(found, dict) else "no object")
        raise DeliveryError(f"{method}: expected a result, found {said}")
    return found


# -- the file that names them ------------------------------------------------------------------


class _WebhookEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    url: str
    secret_file: str
    codes: str = ""


class _Bitrix24Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    url_file: str
    user_id: int


class _AmoCrmEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    url: str
    token_file: str


class _Targets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    webhook: list[_WebhookEntry] = []
    bitrix24: list[_Bitrix24Entry] = []
    amocrm: list[_AmoCrmEntry] = []


def load_targets(path: Path, codes_file: Path | None = None) -> tuple[Target, ...]:
    """Return who a file names.

    Raises
    ------
    DataFileError
        Naming file and line of what is wrong.
    """
    file = read_toml(path)
    entries = convert_toml(file, _Targets)
    codes = load_codes(codes_file)
    targets: list[Target] = []
    for index, hook in enumerate(entries.webhook):
        place = file.place("webhook", index)
        if hook.codes and hook.codes not in codes:
            raise DataFileError(f"{place}: codes: there is no table {hook.codes!r}")
        secret = _secret(path, hook.secret_file, place)
        targets.append(Webhook(hook.name, _checked(hook.url, place), secret, codes.get(hook.codes)))
    for index, entry in enumerate(entries.bitrix24):
        place = file.place("bitrix24", index)
        url = _checked(_secret(path, entry.url_file, place), place)
        table = _table(codes, "bitrix24", codes_file)
        targets.append(Bitrix24(entry.name, url, entry.user_id, table))
    for index, account in enumerate(entries.amocrm):
        place = file.place("amocrm", index)
        token = _secret(path, account.token_file, place)
        table = _table(codes, "amocrm", codes_file, codes_of_it=_CALL_STATUS)
        targets.append(AmoCrm(account.name, _checked(account.url, place), token, table))
    names = [target.name for target in targets]
    for name in names:
        if names.count(name) > 1 or not 0 < len(name) <= 64:
            raise DataFileError(f"{path}: name {name!r}: expected one of its own, 1 to 64 letters")
    return tuple(targets)


_CALL_STATUS = frozenset("1234567")
"""What amoCRM knows as ``call_status``."""


def _table(
    codes: Mapping[str, CodeTable],
    name: str,
    path: Path | None,
    *,
    codes_of_it: frozenset[str] = frozenset(),
) -> CodeTable:
    """Return the table of a CRM that is told; `codes_of_it`: those it has, empty: any."""
    if name not in codes:
        raise DataFileError(f"{path}: expected a table [{name}], for that CRM is told; found none")
    table = codes[name]
    for code in (table.wrong_number, table.otherwise, *table.by_outcome.values()):
        if codes_of_it and code not in codes_of_it:
            found = ", ".join(sorted(codes_of_it))
            raise DataFileError(f"{path}: [{name}]: expected one of {found}, found {code!r}")
    return table


def _checked(url: str, place: str) -> str:
    parts = urlsplit(url)
    is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.scheme not in ({"http", "https"} if is_local else {"https"}):
        raise DataFileError(f"{place}: expected an https:// address (http only on this machine)")
    return url


def _secret(path: Path, name: str, place: str) -> str:
    file = path.parent / Path(name).expanduser()
    try:
        found = file.read_text("utf-8").strip()
    except OSError as problem:
        raise DataFileError(f"{place}: {file}: cannot be read: {problem.strerror}") from problem
    if not found:
        raise DataFileError(f"{place}: {file}: expected a secret, found an empty file")
    return found
