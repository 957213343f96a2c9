"""The thread that all calls of a listener share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator

import numpy as np
import pytest
from fakes import ScriptedEngine, ScriptedSpeech

from recognizer.engines.base import Utterance
from recognizer.live.worker import SharedWorker
from recognizer.model import Audio


def hearing(engine: ScriptedEngine, name: str) -> Generator[Utterance, None, str]:
    utterance = engine.listen(Audio(np.zeros(1600, np.float32), 16_000, name))
    yield utterance
    return utterance.transcript.text


def failing() -> Generator[Utterance, None, str]:
    yield from ()
    raise ValueError("not this one")


def engine() -> ScriptedEngine:
    return ScriptedEngine({n: ScriptedSpeech(f"said {n}") for n in "abcdef"})


def test_calls_that_wait_are_decoded_together_and_each_has_its_own_words() -> None:
    heard = engine()

    async def run() -> list[str]:
        worker = SharedWorker(heard)
        return await asyncio.gather(*(worker.submit(hearing(heard, n)) for n in "abcde"))

    assert asyncio.run(run()) == [f"said {n}" for n in "abcde"]
    assert heard.together == [4]  # the first came alone, the others had to wait for it


def test_what_fails_fails_alone() -> None:
    heard = engine()

    async def run() -> list[object]:
        worker = SharedWorker(heard)
        tasks = [worker.submit(hearing(heard, "a")), worker.submit(failing())]
        tasks += [worker.submit(hearing(heard, "b"))]
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(run())
    assert (first, third) == ("said a", "said b")
    assert isinstance(second, ValueError)


def test_what_is_urgent_comes_before_what_waits() -> None:
    order: list[str] = []

    async def run() -> None:
        worker = SharedWorker(engine())
        begun = threading.Event()
        first = worker.run(lambda: begun.wait(10))
        waiting = [worker.run(lambda n=n: order.append(n)) for n in "abcde"]  # type: ignore[misc]

        def ended() -> Generator[Utterance, None, None]:
            yield from ()
            order.append("end")

        urgent = worker.submit(ended(), is_urgent=True)
        begun.set()
        await asyncio.gather(first, urgent, *waiting)

    asyncio.run(run())
    assert order == ["end", *"abcde"]


def test_after_it_is_closed_nothing_is_left_to_wait_for() -> None:
    async def run() -> None:
        worker = SharedWorker(engine())
        assert await worker.run(lambda: 1) == 1
        worker.close()
        with pytest.raises(asyncio.CancelledError):
            await worker.run(lambda: 2)

    asyncio.run(run())
