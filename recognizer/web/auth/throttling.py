"""Refusing sign-ins that come too often."""

from __future__ import annotations

import sqlalchemy as sa

from recognizer.web.auth.audit import audit
from recognizer.web.auth.users import AccessError

__all__ = ["SignInRefused", "refuse_if_too_many"]

_MINUTE_S = 60
_LOGIN_LIMIT = 5
_ADDRESS_LIMIT = 20
_LIMIT_WINDOW_S = 15 * _MINUTE_S


class SignInRefused(AccessError):  # noqa: N818 - a refusal, not a failure of ours
    """Wrong name or password, or too many tries.

    Attributes
    ----------
    retry_after_s : int
        Seconds to wait; 0 where the next try may come at once.
    """

    kind = "sign_in_refused"

    def __init__(self, message: str, *, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def refuse_if_too_many(engine: sa.Engine, now: float, login: str, address: str) -> None:
    """Refuse after 5 failures of a name or 20 from an address within a quarter of an hour.

    Counted from the audit log itself, so a restart forgives nobody.

    Raises
    ------
    SignInRefused
        Saying how long to wait.
    """
    recent = (
        audit.c.action == "sign_in_failed",
        # Not far ahead: a clock once wrong would shut them out until it is reached again.
        audit.c.at_s.between(now - _LIMIT_WINDOW_S, now + _LIMIT_WINDOW_S),
    )
    limits = [(audit.c.login == login, _LOGIN_LIMIT)]
    if address:
        limits.append((audit.c.address == address, _ADDRESS_LIMIT))
    with engine.connect() as connection:
        for whose, limit in limits:
            query = (
                sa.select(audit.c.at_s)
                .where(*recent, whose)
                .order_by(audit.c.at_s.desc())
                .limit(limit)
            )
            moments = connection.execute(query).scalars().all()
            if len(moments) >= limit:
                wait_s = max(1, round(moments[-1] + _LIMIT_WINDOW_S - now))
                raise SignInRefused(
                    "Слишком много неудачных попыток входа. "
                    f"Попробуйте снова через {-(-wait_s // _MINUTE_S)} мин.",
                    retry_after_s=wait_s,
                )
