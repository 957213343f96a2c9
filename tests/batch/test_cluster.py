"""The same classification on a real Ray of this machine."""

import contextlib
import hashlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import loader

pytest.importorskip("pyarrow")
ray = pytest.importorskip("ray")
import pyarrow.parquet as pq  # noqa: E402

from recognizer.base.errors import RecognizerError  # noqa: E402
from recognizer.base.settings import Settings  # noqa: E402
from recognizer.batch.cluster import run_on_ray  # noqa: E402

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    # Ray warns of its own old settings when it gives itself their defaults.
    pytest.mark.filterwarnings("ignore:`use_.*deprecated:DeprecationWarning:ray.data.context"),
]
TESTS = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Start Ray with two processors; its workers find the fake recogniser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TESTS))
        # A busy machine starts Ray slowly, and runs last what asks to be run last.
        patch.setenv("RAY_raylet_start_wait_time_s", "180")
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=100 * 1024 * 1024,
        )
        yield
        ray.shutdown()


def run(sources: list[str], output: str, asked: Path) -> Any:
    return run_on_ray("local", sources, output, Settings(), load=loader(asked), time_limit_s=5.0)


def rows(output: Path) -> list[dict[str, Any]]:
    return [row for path in output.glob("*.parquet") for row in pq.read_table(path).to_pylist()]


def write(folder: Path, contents: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.wav").write_text(content)


def kill_an_actor(asked: Path, pids: Path) -> None:
    """Kill a process of the cluster that classifies, once it has done some files."""
    end = time.monotonic() + 240
    while time.monotonic() < end:
        time.sleep(0.05)
        if asked.exists() and len(asked.read_text().splitlines()) >= 5:
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    if b"MapWorker(" in (process / "cmdline").read_bytes():
                        pids.write_text(process.name)
                        os.kill(int(process.name), signal.SIGKILL)
                        return


@pytest.mark.usefixtures("cluster")
def test_every_file_once_though_files_crash_and_a_node_is_lost(tmp_path: Path) -> None:
    calls, output, asked = tmp_path / "calls", tmp_path / "out", tmp_path / "asked"
    write(calls, {f"c{i:02}": "slow 0.1" for i in range(30)})
    write(calls / "sub", {"damaged": "damaged", "crash": "segfault"})
    (calls / "notes.txt").write_text("no recording")
    pids = tmp_path / "pids"
    killer = threading.Thread(target=kill_an_actor, args=(asked, pids))
    killer.start()
    # `local:` is one of fsspec's names for a folder, as s3: is for a bucket
    where = f"local://{output}"
    summary = run([f"local://{calls}"], where, asked)
    killer.join(30)
    assert pids.exists(), "no actor was found to kill"
    expected = {"silence": 30, "error:unreadable_audio": 1, "error:worker_crashed": 1}
    assert summary.counts == expected
    assert len(rows(output)) == len({row["recording"] for row in rows(output)}) == 32
    write(calls, {"late": "busy_tone"})
    again = run([f"local://{calls}"], where, asked)
    assert again.counts == {"busy_tone": 1}
    assert again.n_before == 32


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecognizerError, match="nowhere: no such file or folder"):
        run([str(tmp_path / "nowhere")], str(tmp_path / "out"), tmp_path / "asked")


@pytest.mark.usefixtures("cluster")
def test_what_is_no_file_costs_itself_and_the_digest_is_of_what_was_heard(tmp_path: Path) -> None:
    calls, output = tmp_path / "calls", tmp_path / "out"
    write(calls, {"good": "silence", "hang": "hang", "-dash": "busy_tone", "new\nline": "silence"})
    os.mkfifo(calls / "pipe.wav")
    (calls / "zero.wav").symlink_to("/dev/zero")
    (calls / "link.wav").symlink_to(calls / "good.wav")
    os.utime(calls / "good.wav", (1, 1))  # older than the link to it
    run([str(calls)], str(output), tmp_path / "asked")
    said = {Path(row["recording"]).name: row["error"] or row["outcome"] for row in rows(output)}
    assert said == {
        "good.wav": "silence",
        "hang.wav": "time_limit",
        "-dash.wav": "busy_tone",
        "new\nline.wav": "silence",
        "pipe.wav": "not_a_file",
        "zero.wav": "not_a_file",
        "link.wav": "silence",
    }
    digests = {Path(row["recording"]).name: row["sha256"] for row in rows(output)}
    assert digests["good.wav"] == hashlib.sha256(b"silence").hexdigest()
    assert digests["pipe.wav"] is None
