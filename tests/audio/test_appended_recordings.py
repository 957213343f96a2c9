"""Recordings that decoders pass over, behind the first of their file, are known to be there."""

import numpy as np
import pytest
from audio_encoding import by_pyav, by_soundfile, melody

from recognizer.audio import open_audio, probe_audio

SOUND = melody(8000)
KINDS = {
    "vorbis": by_soundfile(SOUND, 8000, "OGG", "VORBIS"),
    "opus": by_soundfile(SOUND, 8000, "OGG", "OPUS"),
    "flac": by_soundfile(SOUND, 8000, "FLAC", "PCM_16"),
    "aiff": by_soundfile(SOUND, 8000, "AIFF", "PCM_16"),
    "caf": by_soundfile(SOUND, 8000, "CAF", "PCM_16"),
    "w64": by_soundfile(SOUND, 8000, "W64", "PCM_16"),
    "rf64": by_soundfile(SOUND, 8000, "RF64", "PCM_16"),
    "wma": by_pyav(melody(16000), 16000, "asf", "mp3"),
    "m4a": by_pyav(SOUND, 8000, "mp4", "aac"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_appended_and_not_read_is_said(kind: str) -> None:
    one = KINDS[kind]
    assert not probe_audio(one).has_unread
    both = probe_audio(one + one)
    assert both.has_unread
    assert "another recording is appended" in both.notes[0]


@pytest.mark.parametrize("place", range(2**20 - 10, 2**20 + 2))
def test_what_is_appended_is_seen_wherever_it_begins(place: int) -> None:
    flac = KINDS["flac"]
    assert probe_audio(flac.ljust(place, b"\0") + flac).has_unread


@pytest.mark.parametrize("claimed_share", [0.0, 0.1, 0.5, 1.0, 3.0])
def test_flac_is_read_to_its_end_whatever_length_its_header_claims(claimed_share: float) -> None:
    whole = KINDS["flac"]
    claimed = round(len(SOUND) * claimed_share)
    length = int.from_bytes(whole[21:26], "big") >> 36 << 36 | claimed
    changed = whole[:21] + length.to_bytes(5, "big") + whole[26:]
    with open_audio(changed) as one, open_audio(whole) as other:
        heard = np.concatenate([block.samples for block in one.blocks()])
        assert np.array_equal(heard, np.concatenate([block.samples for block in other.blocks()]))
