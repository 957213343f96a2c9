"""Live calls: when a verdict is final, whether it is that of the recording, what it costs.

    python -m benchmarks.live clips tests/data/calls/manifest.tsv [--tail 3] [--only announcements]
    python -m benchmarks.live load --channels 10 [--seconds 60] [--sound mix|announcements|signals]

`clips` feeds each labelled clip in pieces of 20 ms to a live channel and says after how much of the
announcement (from the first to the last speech of the call) the verdict was final, against the
same clip classified as a file in the same run. After the clip the line stays open, silent, for
`--tail` seconds, for announcements are not the end of a call; the file has that silence too. Time
is that of the sound: a verdict is given at the second of sound that was pushed when it came.
What a machine adds by working it out is told apart, in seconds of processor time. `load` starts
`recognizer listen` and sends so many calls at once over AudioSocket, in real time; it says how
late events came and what CPU the listener took.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import statistics
import struct
import subprocess
import sys
import time
import uuid
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recognizer import Recognizer
from recognizer.audio import read_audio
from recognizer.base.threads import compute_in_one_thread
from recognizer.evaluation.labelled_clips import is_wrong_mark, read_manifest
from recognizer.model import (
    CallOutcome,
    CallReport,
    PhraseListName,
    Samples,
    SegmentKind,
    phrase_list_of,
)
from recognizer.streaming import LiveChannel

_PIECE_S = 0.02
_RATE = 8000
_CALLS = Path("tests/data/calls")


@dataclass(frozen=True, slots=True)
class _Played:
    """One clip, as a file and live."""

    name: str
    expected: tuple[CallOutcome, ...]
    file_outcome: CallOutcome | None
    live_outcome: CallOutcome | None
    final_outcome: CallOutcome | None
    final_s: float | None
    speech: tuple[float, float] | None
    duration_s: float
    file_cpu_s: float
    live_cpu_s: float
    lag_s: float

    @property
    def verdict_s(self) -> float:
        """When the verdict was final: before the end, or at the end."""
        return self.duration_s if self.final_s is None else self.final_s

    @property
    def is_understood(self) -> bool:
        """Whether the file came to what the clip says."""
        return self.file_outcome in self.expected


def _kind(report: CallReport | None) -> CallOutcome | None:
    return None if report is None or report.outcome is None else report.outcome.kind


def _speech(report: CallReport) -> tuple[float, float] | None:
    segments = () if report.evidence is None else report.evidence.segments
    spoken = [s for s in segments if s.kind is SegmentKind.SPEECH]
    return (spoken[0].start_s, spoken[-1].end_s) if spoken else None


def _play(
    recognizer: Recognizer, path: Path, expected: tuple[CallOutcome, ...], tail_s: float
) -> _Played:
    samples = read_audio(path, sample_rate=_RATE).samples
    recording = _wav(np.concatenate([samples, np.zeros(round(tail_s * _RATE), np.float32)]))
    samples = read_audio(recording, sample_rate=_RATE).samples  # what both hear is the same
    began = time.process_time()
    as_file = recognizer.recognize(recording, name=path.stem + ".wav")
    file_cpu_s, began = time.process_time() - began, time.process_time()
    channel = LiveChannel(recognizer, "live:benchmark")
    final_s: float | None = None
    lag_s = 0.0
    n_piece = round(_PIECE_S * _RATE)
    for start in range(0, len(samples), n_piece):
        before = time.process_time()
        channel.push(samples[start : start + n_piece], _RATE)
        if final_s is None and channel.final is not None:
            final_s, lag_s = channel.duration_s, time.process_time() - before
    before = time.process_time()
    whole = channel.finish()
    return _Played(
        path.name,
        expected,
        _kind(as_file),
        _kind(whole),
        _kind(channel.final),
        final_s,
        _speech(as_file),
        channel.duration_s,
        file_cpu_s,
        time.process_time() - began,
        time.process_time() - before if final_s is None else lag_s,
    )


def _wav(samples: Samples) -> bytes:
    """Return samples as a WAV file."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, _RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).round().astype("<i2").tobytes())
    return sound.getvalue()


def clips(arguments: argparse.Namespace) -> None:
    """Play labelled clips and print what came of them."""
    recognizer = Recognizer.load(engine=arguments.engine)
    compute_in_one_thread()
    played: list[_Played] = []
    for clip in read_manifest(arguments.manifest)[: arguments.limit]:
        if arguments.only not in str(clip.path):
            continue
        one = _play(recognizer, clip.path, clip.expected, arguments.tail)
        played.append(one)
        at = "-" if one.final_s is None else f"{one.final_s:5.1f}"
        print(
            f"{at} of {one.duration_s:5.1f} s  {one.final_outcome or '-'}  live {one.live_outcome}"
            f"  file {one.file_outcome}  {clip.name}  speech {one.speech}"
            f"  CPU {one.live_cpu_s:.2f} file {one.file_cpu_s:.2f} lag {one.lag_s:.2f}",
            file=sys.stderr,
        )
    _print_clips(played)


def _print_clips(played: Sequence[_Played]) -> None:
    n = len(played)
    same = sum(p.live_outcome is p.file_outcome for p in played)
    finals = [p for p in played if p.final_outcome is not None]
    back = [p for p in finals if p.final_outcome is not p.live_outcome]
    wrong = [
        p.name
        for p in played
        for kind in (p.final_outcome, p.live_outcome)
        if kind is not None and is_wrong_mark(p.expected, kind)
    ]
    print(f"clips {n}; same outcome live as from the file {same} ({same / n:.1%})")
    print(f"final before the end {len(finals)}; taken back {len(back)}; wrong marks {len(wrong)}")
    for p in back:
        print(f"  taken back: {p.name}: {p.final_outcome} -> {p.live_outcome}")
    for name, chosen in (
        ("all", played),
        ("understood as a file", [p for p in played if p.is_understood]),
    ):
        retries = [p for p in chosen if _lists(p, PhraseListName.TEMPORARILY_UNAVAILABLE)]
        marks = [p for p in chosen if _lists(p, PhraseListName.INVALID_NUMBER)]
        signals = [p for p in chosen if p.live_outcome is CallOutcome.BUSY_TONE]
        _print_moments(
            f"retries, {name}", retries, [100 * _share(p) for p in retries], "% of speech"
        )
        _print_moments(f"marks, {name}", marks, [_after_end_s(p) for p in marks], "s after speech")
        _print_moments(
            f"short beeps, {name}", signals, [p.verdict_s for p in signals], "s of sound"
        )
    sound_s = sum(p.duration_s for p in played)
    live, file = sum(p.live_cpu_s for p in played), sum(p.file_cpu_s for p in played)
    print(
        f"CPU: live {live:.1f} s, file {file:.1f} s, ratio {live / file:.2f}; "
        f"{sound_s / live:.1f} channels a core"
    )


def _lists(p: _Played, wanted: PhraseListName) -> bool:
    return phrase_list_of(p.live_outcome) is wanted and p.speech is not None


def _print_moments(
    name: str, calls: Sequence[_Played], moments: Sequence[float], unit: str
) -> None:
    """Print when verdicts were final; a call without one before its end counts at its end."""
    if not calls:
        return
    early = sum(p.final_s is not None for p in calls)
    p50, p90 = (float(np.percentile(moments, q)) for q in (50, 90))
    lag50, lag90 = (float(np.percentile([p.lag_s for p in calls], q)) for q in (50, 90))
    print(
        f"{name}: {len(calls)}, {early} before the end; "
        f"final at p50 {p50:.2f}, p90 {p90:.2f} {unit}, "
        f"after {lag50:.2f}, {lag90:.2f} s of a processor's time"
    )


def _share(p: _Played) -> float:
    assert p.speech is not None
    start_s, end_s = p.speech
    return (p.verdict_s - start_s) / (end_s - start_s)


def _after_end_s(p: _Played) -> float:
    assert p.speech is not None
    return p.verdict_s - p.speech[1]


# --- load ---


def _sounds(kind: str) -> list[bytes]:
    names = {
        "announcements": [
            "samples/1-does-not-exist-human.wav",
            "samples/2-temporarily-blocked.alaw",
        ],
        "signals": ["samples/7-busy.ulaw"],
    }
    names["mix"] = [*names["announcements"], *names["signals"]]
    return [_pcm(_CALLS / name) for name in names[kind]] + (
        [_ringing()] if kind != "announcements" else []
    )


def _pcm(path: Path) -> bytes:
    return (read_audio(path, sample_rate=_RATE).samples * 32767).astype("<i2").tobytes()


def _ringing() -> bytes:
    at = np.arange(20 * _RATE) / _RATE
    sound = 0.2 * np.sin(2 * np.pi * 425 * at) * (at % 5 < 1)
    return (sound * 32767).astype("<i2").tobytes()


async def _call(port: int, sound: bytes, sent_at: dict[str, list[float]]) -> None:
    """Send one call in real time; note when each second of it was sent."""
    identifier = uuid.uuid4()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.create_task(reader.read())
    writer.write(b"\x01\x00\x10" + identifier.bytes)
    began, times = time.monotonic(), sent_at.setdefault(str(identifier), [])
    for i, start in enumerate(range(0, len(sound), 320)):
        piece = sound[start : start + 320]
        writer.write(struct.pack(">BH", 0x10, len(piece)) + piece)
        times.append(time.monotonic())
        await asyncio.sleep(max(0.0, began + (i + 1) * _PIECE_S - time.monotonic()))
    writer.write(b"\x00\x00\x00")
    times.append(time.monotonic())
    await writer.drain()
    writer.write_eof()
    await reading
    writer.close()


async def _channel(
    port: int, sounds: Sequence[bytes], first: int, until: float, sent_at: dict[str, list[float]]
) -> None:
    await asyncio.sleep((first * 0.37) % 5)  # calls do not begin all at once
    turn = first
    while time.monotonic() < until:
        await _call(port, sounds[turn % len(sounds)], sent_at)
        turn += 1


async def _drive(arguments: argparse.Namespace, port: int) -> dict[str, list[float]]:
    sounds = _sounds(arguments.sound)
    sent_at: dict[str, list[float]] = {}
    until = time.monotonic() + arguments.seconds
    await asyncio.gather(
        *(_channel(port, sounds, i, until, sent_at) for i in range(arguments.channels))
    )
    return sent_at


def load(arguments: argparse.Namespace) -> None:
    """Send calls in real time to a listener and print how late it was."""
    command = [sys.executable, "-c", "from recognizer.cli import main; main()", "listen"]
    command += ["--engine", arguments.engine]
    command += ["--audiosocket", "127.0.0.1:0", "--max-channels", str(arguments.channels + 8)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as listener:
        assert listener.stdout is not None
        assert listener.stderr is not None
        port = int(listener.stderr.readline().rsplit(":", 1)[1])
        os.set_blocking(listener.stdout.fileno(), False)
        came: list[tuple[float, dict[str, object]]] = []
        reading = asyncio.new_event_loop()

        async def both() -> dict[str, list[float]]:
            driving = asyncio.create_task(_drive(arguments, port))
            while not driving.done() or len(came) < 1:
                await asyncio.sleep(0.02)
                _take_lines(listener, came)
            for _ in range(500):
                await asyncio.sleep(0.02)
                _take_lines(listener, came)
            return await driving

        before = _cpu_s(listener.pid)
        began = time.monotonic()
        sent_at = reading.run_until_complete(both())
        cpu_s, wall_s = _cpu_s(listener.pid) - before, time.monotonic() - began
        listener.terminate()
    _print_load(arguments, sent_at, came, cpu_s, wall_s)


def _take_lines(
    listener: subprocess.Popen[str], came: list[tuple[float, dict[str, object]]]
) -> None:
    assert listener.stdout is not None
    while line := listener.stdout.readline():
        came.append((time.monotonic(), json.loads(line)))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print_load(
    arguments: argparse.Namespace,
    sent_at: dict[str, list[float]],
    came: Sequence[tuple[float, dict[str, object]]],
    cpu_s: float,
    wall_s: float,
) -> None:
    late: dict[str, list[float]] = {}
    for moment, event in came:
        times = sent_at.get(str(event["call"]))
        if not times or event["event"] == "start":
            continue
        sent = times[min(len(times) - 1, round(float(str(event["at_s"])) / _PIECE_S))]
        late.setdefault(str(event["event"]), []).append(moment - sent)
    n_ended = sum(event["event"] == "end" for _, event in came)
    print(f"channels {arguments.channels}, calls {len(sent_at)}, ended {n_ended}, {wall_s:.0f} s")
    print(f"CPU {cpu_s:.1f} s, {cpu_s / wall_s:.2f} of a core")
    for name, lags in sorted(late.items()):
        lags.sort()
        p95 = lags[min(len(lags) - 1, int(0.95 * len(lags)))]
        print(f"{name}: {len(lags)}, lag median {statistics.median(lags):.2f} s, p95 {p95:.2f} s")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="whisper")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("clips")
    one.add_argument("manifest", type=Path)
    one.add_argument("--limit", type=int)
    one.add_argument("--tail", type=float, default=3.0)
    one.add_argument("--only", default="", help="clips whose path has this in it")
    one.set_defaults(run=clips)
    two = commands.add_parser("load")
    two.add_argument("--channels", type=int, default=10)
    two.add_argument("--seconds", type=float, default=60.0)
    two.add_argument("--sound", choices=["mix", "announcements", "signals"], default="mix")
    two.set_defaults(run=load)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
