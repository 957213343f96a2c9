"""How many live channels one core carries, whatever else the machine is doing.

    python -m benchmarks.live_capacity --channels 10 [--seconds 30] [--sound announcements|mix|idle]

One core is played: sound arrives on every channel by a clock of its own, and weighing it takes as
long as the processor time it was measured to take. So waiting is that of one core with nothing else
to do, also on a busy machine. Calls follow each other on each channel without a pause.

`announcements`: the labelled announcements one after another, nothing else. `mix`: of four calls
one is an announcement, one rings for 20 s, one is busy, one is a person. `idle`: ringing and
silence.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recognizer import Recognizer
from recognizer.audio import read_audio
from recognizer.base.threads import compute_in_one_thread
from recognizer.engines.base import Utterance
from recognizer.live.calls import LATE_S
from recognizer.live.worker import N_TOGETHER, Steps
from recognizer.model import CallReport, Samples
from recognizer.streaming import LiveChannel

_RATE = 8000
_CALLS = Path("tests/data/calls")
_ARRIVES_S = 0.26


@dataclass(eq=False)
class _Line:
    """A channel with the call on it."""

    calls: Iterator[Samples]
    call: Samples
    channel: LiveChannel
    began_s: float
    n_sent: int = 0
    n_taken: int = 0
    pending: list[Samples] = field(default_factory=list)
    has_final: bool = False
    is_over: bool = False


@dataclass(eq=False)
class _Work:
    line: _Line
    queued_s: float
    steps: Steps[CallReport | None]
    told: str


class _Core:
    """One core with its clock, and the calls on it."""

    def __init__(self, recognizer: Recognizer, sounds: list[Samples], n_channels: int) -> None:
        self.recognizer = recognizer
        self.now_s = self.busy_s = self.sound_s = 0.0
        self.lags: dict[str, list[float]] = {}
        self.n_calls = 0
        self._waiting: deque[tuple[_Line, float]] = deque()
        self._queued: set[int] = set()
        self._arrivals: list[tuple[float, int, _Line]] = []
        for n in range(n_channels):
            calls = itertools.cycle(sounds[n % len(sounds) :] + sounds[: n % len(sounds)])
            line = _Line(calls, next(calls), self._channel(), n * 0.37 % 5)
            heapq.heappush(self._arrivals, (line.began_s + _ARRIVES_S, n, line))

    def _channel(self) -> LiveChannel:
        self.n_calls += 1
        return LiveChannel(self.recognizer, "live:benchmark")

    def run(self, until_s: float) -> None:
        """Let sound arrive until a moment, and the core work."""
        while self.now_s < until_s:
            self._arrive()
            if self._waiting:
                self._work()
            else:
                self.now_s = self._arrivals[0][0]

    def _arrive(self) -> None:
        while self._arrivals[0][0] <= self.now_s:
            at_s, n, line = heapq.heappop(self._arrivals)
            block = line.call[line.n_sent : line.n_sent + round(_ARRIVES_S * _RATE)]
            line.n_sent += len(block)
            line.pending.append(block)
            self.sound_s += len(block) / _RATE
            line.is_over = line.n_sent >= len(line.call)
            if id(line) not in self._queued:
                self._queued.add(id(line))
                self._waiting.append((line, at_s))
            elif line.is_over:  # what has ended goes first
                self._waiting = deque(sorted(self._waiting, key=lambda each: not each[0].is_over))
            if not line.is_over:
                heapq.heappush(self._arrivals, (at_s + _ARRIVES_S, n, line))
            else:
                heapq.heappush(self._arrivals, (at_s + 0.5, n, self._next(line, at_s + 0.5)))

    def _next(self, line: _Line, began_s: float) -> _Line:
        return _Line(line.calls, next(line.calls), self._channel(), began_s)

    def _work(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(N_TOGETHER, len(self._waiting)))]
        work = [_Work(line, at_s, self._steps(line, at_s), "") for line, at_s in taken]
        running, began = work, time.process_time()
        while running:
            utterances: list[Utterance] = []
            left = []
            for one in running:
                try:
                    utterances.append(next(one.steps))
                    left.append(one)
                except StopIteration as done:
                    self._tell(one.line, done.value, self.now_s + time.process_time() - began)
            if len(utterances) > 1:
                self.recognizer.engine.transcribe_together(utterances)
            running = left
        spent_s = time.process_time() - began
        self.now_s += spent_s
        self.busy_s += spent_s

    def _steps(self, line: _Line, queued_s: float) -> Steps[CallReport | None]:
        block = np.concatenate(line.pending)
        line.pending.clear()
        line.n_taken = line.n_sent
        self._queued.discard(id(line))
        is_late = self.now_s - queued_s > LATE_S
        report = yield from line.channel.push_steps(block, _RATE, is_late=is_late)
        if line.is_over:
            return (yield from line.channel.finish_steps())
        return report

    def _tell(self, line: _Line, report: CallReport | None, at_s: float) -> None:
        lag_s = at_s - line.began_s - line.n_taken / _RATE
        if line.channel.final is not None and not line.has_final:
            line.has_final = True
            self.lags.setdefault("final", []).append(lag_s)
        elif report is not None:
            self.lags.setdefault("end" if line.is_over else "look", []).append(lag_s)


def _sounds(kind: str) -> list[Samples]:
    announcements = sorted((_CALLS / "announcements").iterdir())
    samples = [read_audio(path, sample_rate=_RATE).samples for path in announcements]
    at = np.arange(20 * _RATE) / _RATE
    ringing = (0.2 * np.sin(2 * np.pi * 425 * at) * (at % 5 < 1)).astype(np.float32)
    if kind == "announcements":
        return samples
    if kind == "idle":
        return [ringing, np.zeros(20 * _RATE, np.float32)]
    busy = read_audio(_CALLS / "samples/7-busy.ulaw", sample_rate=_RATE).samples
    person = read_audio(_CALLS / "people/hello.wav", sample_rate=_RATE).samples
    return [each for one in samples for each in (one, ringing, busy, person)]


def main() -> None:
    """Play calls to one core and print what it takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="whisper")
    parser.add_argument("--channels", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--sound", choices=["announcements", "mix", "idle"], default="mix")
    arguments = parser.parse_args()
    recognizer = Recognizer.load(engine=arguments.engine)
    compute_in_one_thread()
    core = _Core(recognizer, _sounds(arguments.sound), arguments.channels)
    core.run(arguments.seconds)
    print(f"{arguments.engine}, {arguments.sound}: {arguments.channels} channels")
    print(
        f"{core.n_calls} calls in {core.now_s:.0f} s; {core.busy_s / core.now_s:.2f} of a core; "
        f"{core.sound_s / core.busy_s:.1f} s of sound a second of processor time"
    )
    for name, lags in sorted(core.lags.items()):
        p50, p95 = (float(np.percentile(lags, q)) for q in (50, 95))
        print(f"{name}: {len(lags)}, lag p50 {p50:.2f}, p95 {p95:.2f} s")


if __name__ == "__main__":
    main()
