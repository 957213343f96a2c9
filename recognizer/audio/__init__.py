"""Read the sound of a recording, whatever container, codec, rate and channels it has.

`open_audio` reads block by block, `read_audio` all at once, `probe_audio` only says what is
there. Out comes float32 mono at the rate asked for.

Not here: what is heard in it, but for which channel is the other party's.
"""

from __future__ import annotations

from recognizer.audio.channels import RequestedChannel
from recognizer.audio.reader import AudioInfo, AudioReader, open_audio, probe_audio, read_audio
from recognizer.model import AudioSource

__all__ = [
    "AudioInfo",
    "AudioReader",
    "AudioSource",
    "RequestedChannel",
    "open_audio",
    "probe_audio",
    "read_audio",
]
