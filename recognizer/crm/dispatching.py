"""Delivering what the outbox holds: who is told, and how often it is tried."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from recognizer.base.errors import RecognizerError
from recognizer.crm.outbox import Outbox

__all__ = ["DeliveryError", "Dispatcher", "Target"]

_LOG = logging.getLogger(__name__)


class DeliveryError(RecognizerError):
    """The other side did not take it; the message holds no number and no secret.

    Attributes
    ----------
    is_final : bool
        It said that it never will: sending the same again is no use.
    wait_s : float
        For how long it asks to be left alone; 0: it does not.
    """

    kind = "delivery"

    def __init__(self, message: str, *, is_final: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.wait_s = wait_s


class Target(Protocol):
    """Somebody who is told."""

    @property
    def name(self) -> str:
        """Its name in the settings; keeps its place in the outbox."""

    def deliver(self, event: Mapping[str, Any]) -> None:
        """Tell it; DeliveryError if it did not take it."""


class Dispatcher:
    """Delivers until it is closed, each target in a thread of its own: a slow one delays nobody."""

    def __init__(self, outbox: Outbox, targets: Sequence[Target], *, every_s: float = 1.0) -> None:
        self._outbox = outbox
        self._targets = targets
        self._every_s = every_s
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=(target,), name=f"outbox {target.name}", daemon=True
            )
            for target in targets
        ]

    def start(self) -> None:
        """Begin to deliver."""
        self._outbox.collect([target.name for target in self._targets])
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop after the delivery in hand."""
        self._stop.set()
        until = time.monotonic() + 15
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self, target: Target) -> None:
        while not self._stop.is_set():
            try:
                self._outbox.collect([target.name])
                is_done = self._try(target)
            except RecognizerError as problem:
                _LOG.error("outbox: %s", problem)
                is_done = False
            if not is_done:
                self._stop.wait(self._every_s)

    def run_once(self) -> int:
        """Collect, and try what is due of each target, once; return how many rows were tried."""
        self._outbox.collect([target.name for target in self._targets])
        return sum(self._try(target) for target in self._targets)

    def _try(self, target: Target) -> bool:
        """Try what is due of a target; return whether anything was."""
        claimed = self._outbox.claim(target.name)
        if claimed is None:
            return False
        row_id, decision_id = claimed
        try:
            target.deliver(self._outbox.event(decision_id, target.name))
        except DeliveryError as problem:
            _LOG.warning("outbox row %d, %s: %s", row_id, target.name, problem)
            self._outbox.failed(
                row_id, str(problem), is_final=problem.is_final, wait_s=problem.wait_s
            )
        except RecognizerError:
            raise
        except Exception as problem:  # noqa: BLE001 - one row must not stop all after it
            _LOG.exception("outbox row %d, %s", row_id, target.name)
            self._outbox.failed(row_id, f"cannot be told: {type(problem).__name__}")
        else:
            self._outbox.delivered(row_id)
        return True
