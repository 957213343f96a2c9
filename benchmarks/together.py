"""What it saves to give a worker several recordings at once.

    python -m benchmarks.together --calls FOLDER [--together 16] [--rounds 3]

Every group of recordings is recognised one by one and together, in turn, in one process with one
thread; printed are the seconds of CPU a call, their ratio round by round, and whether the answers
are the same, which they must be. `FOLDER` is what ``python -m benchmarks.recognition build``
writes, or any folder of recordings.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from recognizer.batch.recording_files import find_recordings
from recognizer.model import CallReport, RecordedCall
from recognizer.model.report_json import report_to_dict
from recognizer.pipeline import Recognizer


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--calls", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--together", type=int, default=16, help="recordings in a group")
    parser.add_argument("--at-most", type=int, default=96, help="recordings taken")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    recordings = list(find_recordings([options.calls]))[: options.at_most]
    calls = [RecordedCall(source=path) for path in recordings]
    groups = [calls[i : i + options.together] for i in range(0, len(calls), options.together)]
    recognizer = Recognizer.load()
    _alone(recognizer, groups[0][:2])  # what is loaded lazily is loaded now
    ratios = []
    for number in range(1, options.rounds + 1):
        alone_s = together_s = 0.0
        n_different = 0
        for group in groups:
            began = time.process_time()
            one_by_one = _alone(recognizer, group)
            between = time.process_time()
            at_once = list(recognizer.recognize_together(group))
            together_s += time.process_time() - between
            alone_s += between - began
            n_different += sum(
                _answer(one) != _answer(other)
                for one, other in zip(one_by_one, at_once, strict=True)
            )
        ratios.append(together_s / alone_s)
        print(
            f"round {number}: {len(calls)} calls, CPU a call: alone {alone_s / len(calls):.3f} s, "
            f"{options.together} together {together_s / len(calls):.3f} s, "
            f"ratio {ratios[-1]:.3f}, different answers {n_different}"
        )
    print(f"median ratio {statistics.median(ratios):.3f}")


def _alone(recognizer: Recognizer, calls: Sequence[RecordedCall]) -> list[CallReport]:
    return [recognizer.recognize(call.source) for call in calls]


def _answer(report: CallReport) -> dict[str, object]:
    times = {"elapsed_s", "stage_s"}
    return {name: value for name, value in report_to_dict(report).items() if name not in times}


if __name__ == "__main__":
    main()
