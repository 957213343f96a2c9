"""What becomes of a call when something goes wrong in it that nobody foresaw."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from scripted_recognizer import scripted_recognizer

from recognizer.live.calls import LiveCalls
from recognizer.live.live_facts import LiveFacts
from recognizer.model import CallReport, Samples

SILENCE: Samples = np.zeros(16_000, np.float32)


class Keeper:
    """Keeps calls, or fails at it."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.kept: list[tuple[str, CallReport]] = []

    def begin(self, call: str, started_at: Any) -> None:
        pass

    def keep(self, call: str, started_at: Any, facts: Any, report: CallReport) -> dict[str, Any]:
        if self.problem is not None:
            raise self.problem
        self.kept.append((call, report))
        return {"journal": {"attempt_id": len(self.kept), "error": None, "is_owed": False}}


def told(keeper: Keeper, monkeypatch: pytest.MonkeyPatch | None = None) -> list[dict[str, Any]]:
    """Let one call of a second go by; return its events."""
    events: list[dict[str, Any]] = []

    async def run() -> None:
        calls = LiveCalls(scripted_recognizer(), events.append, keeper=keeper)
        live = calls.start(LiveFacts(), "a")
        live.push(SILENCE, 16_000)
        await live.end("hangup")
        assert calls.running == {}
        await asyncio.to_thread(calls.close)

    if monkeypatch is not None:

        def broken(*_: object, **__: object) -> None:
            raise IndexError("list index out of range")

        monkeypatch.setattr("recognizer.signals.scanner.Scanner.finish", broken)
    asyncio.run(run())
    return events


def test_a_call_that_cannot_be_weighed_ends_and_is_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keeper = Keeper()
    end = told(keeper, monkeypatch)[-1]
    assert (end["event"], end["why"]) == ("end", "hangup")
    assert "IndexError" in end["error"]["message"]
    ((_, report),) = keeper.kept
    assert report.outcome is None
    assert report.error is not None


@pytest.mark.parametrize("problem", [OSError(28, "No space left"), KeyError("contact")])
def test_a_call_that_cannot_be_written_down_is_told_all_the_same(problem: Exception) -> None:
    end = told(Keeper(problem))[-1]
    assert (end["event"], end["outcome"]) == ("end", "disconnected")
    assert end["journal"]["attempt_id"] is None
    assert end["journal"]["is_owed"]


def test_who_was_cut_off_and_comes_back_while_the_call_still_ends_is_heard() -> None:
    events: list[dict[str, Any]] = []
    keeper = Keeper()

    async def run() -> None:
        calls = LiveCalls(scripted_recognizer(), events.append, keeper=keeper)
        first = calls.start(LiveFacts(), "a")
        first.push(SILENCE, 16_000)
        ending = asyncio.ensure_future(first.end("cut_off"))
        await asyncio.sleep(0)
        second = calls.start(LiveFacts(), "a")
        assert second.started_at == first.started_at  # one attempt
        await ending
        assert calls.running == {"a": second}
        second.push(SILENCE, 16_000)
        await second.end("hangup")
        assert calls.running == {}
        await asyncio.to_thread(calls.close)

    asyncio.run(run())
    assert [e["why"] for e in events if e["event"] == "end"] == ["cut_off", "hangup"]
    assert len(keeper.kept) == 2
