"""The command line with the fake recogniser, as a program of its own: `command_program.py watch …`.

Its worker processes load the fake too.
"""

from typing import Any

from fake_recognizer import FakeRecognizer, loader

from recognizer.batch import worker_pool
from recognizer.cli import main


class Pool(worker_pool.WorkerPool):
    def __init__(self, _load: Any, n_workers: int, **more: Any) -> None:
        super().__init__(loader(), n_workers, **more)


if __name__ == "__main__":
    from recognizer import pipeline

    worker_pool.WorkerPool = Pool  # type: ignore[misc,assignment]
    pipeline.Recognizer.load = lambda *_, **__: FakeRecognizer()  # type: ignore[assignment,method-assign]
    main()
