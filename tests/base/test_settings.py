"""Settings are checked when they are read, by the name under which they were given."""

from __future__ import annotations

from pathlib import Path

import pytest

from recognizer.base.errors import SettingsError
from recognizer.base.settings import load_settings

CHANNEL = "RECOGNIZER_RECOGNITION_CHANNEL"


@pytest.mark.parametrize("channel", ["auto", "mix", "0", "3"])
def test_a_channel_is_taken_from_the_environment(channel: str) -> None:
    assert load_settings({CHANNEL: channel}).recognition.channel == channel


@pytest.mark.parametrize("channel", ["", "left", "-1", "1.5", "auto "])
def test_a_channel_that_is_none_is_refused_by_its_variable(channel: str) -> None:
    with pytest.raises(SettingsError, match=f"environment variable {CHANNEL}"):
        load_settings({CHANNEL: channel})


def test_a_channel_that_is_none_is_refused_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[recognition]\nthreads = 1\nchannel = "left"\n', "utf-8")
    with pytest.raises(SettingsError, match=r"settings\.toml, line 3: .*auto\|mix"):
        load_settings({"RECOGNIZER_SETTINGS": str(path)})


def test_a_url_in_place_of_a_folder_is_refused_by_its_variable() -> None:
    variable = "RECOGNIZER_SERVER_STATE_DIR"
    with pytest.raises(
        SettingsError, match=f"{variable}: expected a path, got the URL 'file:///x'"
    ):
        load_settings({variable: "file:///x"})
