"""The command line with the fake recogniser, as a program of its own: `command_program.py watch …`.

Its worker processes load the fake too.
"""

from fake_recognizer import FakeRecognizer, load_fake_for

from recognizer.batch import worker
from recognizer.cli import main

if __name__ == "__main__":
    from recognizer import pipeline

    worker.load_recognizer = load_fake_for  # type: ignore[assignment]
    pipeline.Recognizer.load = lambda *_, **__: FakeRecognizer()  # type: ignore[assignment,method-assign]
    main()
