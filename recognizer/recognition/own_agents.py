"""Words that may be our own agent's: they mark nobody.

Words of the office's script say so, an utterance that is the leak of a louder channel, and sound
in which both parties are mixed.
"""

from __future__ import annotations

from collections.abc import Sequence

from recognizer.audio import AudioReader
from recognizer.recognition.listening import JudgedUtterance
from recognizer.recognition.office_script import OfficeScript
from recognizer.recognition.precedence import is_mark
from recognizer.recognition.utterance_intervals import PAD_S
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.vetoes import raised
from recognizer.signals.crosstalk import is_leak_of

__all__ = ["of_mixed_parties", "script_heard", "without_agents", "without_script"]


def script_heard(script: OfficeScript, judged: Sequence[JudgedUtterance]) -> str | None:
    """Return a phrase of the office's own script that was heard, if one was."""
    return script.find([word.text for _, heard in judged for word in heard.transcript.words])


def without_script(script: OfficeScript, judged: list[JudgedUtterance]) -> list[JudgedUtterance]:
    """Take the mark away where words of the office's own script are heard."""
    if not any(is_mark(verdict.outcome) for verdict, _ in judged):
        return judged
    words = script_heard(script, judged)
    vetoes = [] if words is None else [raised("own-agent", words=words)]
    return [JudgedUtterance(verdict.vetoed(vetoes), heard) for verdict, heard in judged]


def without_agents(
    script: OfficeScript, reader: AudioReader, judged: list[JudgedUtterance]
) -> list[JudgedUtterance]:
    """Take the mark away where it may be our own agent who speaks in this channel.

    Raises
    ------
    AudioError
        If the other channels cannot be read.
    """
    here = reader.info.channel
    others = [n for n in range(reader.info.n_channels) if here not in {n, "mix"}]
    return [
        JudgedUtterance(verdict.vetoed([raised("leak-of-another-channel")]), heard)
        if is_mark(verdict.outcome) and any(_is_leak(reader, n, verdict) for n in others)
        else JudgedUtterance(verdict, heard)
        for verdict, heard in without_script(script, judged)
    ]


def of_mixed_parties(judged: Sequence[JudgedUtterance]) -> list[JudgedUtterance]:
    """Take the mark away where nothing tells the parties apart."""
    vetoes = [raised("parties-mixed")]
    return [JudgedUtterance(verdict.vetoed(vetoes), heard) for verdict, heard in judged]


def _is_leak(reader: AudioReader, channel: int, verdict: SpokenVerdict) -> bool:
    """Return whether what an utterance says is the leak of another channel."""
    match = verdict.match
    if match is None or match.start_s is None or match.end_s is None:
        return False
    start_s, end_s = max(0.0, match.start_s - PAD_S), match.end_s + PAD_S
    other = reader.only(channel, "compared").read(start_s, end_s)
    return is_leak_of(reader.read(start_s, end_s), other)
