from __future__ import annotations

import pytest

from recognizer import Recognizer


@pytest.fixture(scope="session")
def recognizer() -> Recognizer:
    return Recognizer.load(engine="whisper")
