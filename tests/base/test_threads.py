"""What is heard does not depend on the number of cores."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from threadpoolctl import threadpool_limits

from recognizer.base.threads import computed_alike

SEVERAL = """
from concurrent.futures import ThreadPoolExecutor
import numpy
from threadpoolctl import threadpool_info
from recognizer.base.threads import computed_alike

def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

def block(_):
    with computed_alike():
        return blas_threads()

before = blas_threads()
with ThreadPoolExecutor(8) as several:
    assert all(set(inside) == {1} for inside in several.map(block, range(64)))
assert blas_threads() == before
"""


def test_features_of_speech_are_the_same_with_one_thread_and_with_two() -> None:
    sound = np.random.default_rng(1).normal(scale=0.1, size=8 * 16000).astype(np.float32)
    features = FeatureExtractor(feature_size=80)
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"), computed_alike():
            found.append(features(sound, padding=0))
    assert np.array_equal(*found)


def test_blocks_of_several_threads_leave_the_number_as_it_was() -> None:
    # In a process of its own: what other tests have loaded is limited by whoever came first.
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
