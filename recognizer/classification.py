"""One recording from sound to decision: the order of the stages for one call.

The recording is read twice at most. The first reading, block by block, finds tones and segments;
the second fetches only the utterances, which alone reach the speech engine. Memory holds
one block and one utterance, never the whole call; but where announcements are known, a call as
short as they are is first read whole, and compared with them.

What is heard and what it means are rules of `recognizer.recognition`; here is their order.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from recognizer.audio import AudioReader, open_audio
from recognizer.engines.base import ENGINE_SAMPLE_RATE, Utterance
from recognizer.model import CallReport, Outcome, RecordedCall
from recognizer.recognition.announcements.verdicts import (
    KNOWN_WHOLE_RATE,
    MAX_KNOWN_WHOLE_S,
    known_whole,
)
from recognizer.recognition.evidence import Reading, gather_evidence
from recognizer.recognition.listening import (
    NOT_TRANSCRIBED,
    JudgedUtterance,
    KnownUtterances,
    Listener,
    SoundReader,
)
from recognizer.recognition.office_script import OfficeScript
from recognizer.recognition.outcome import decide_call, without_unread
from recognizer.recognition.own_agents import (
    of_mixed_parties,
    script_heard,
    without_agents,
    without_script,
)
from recognizer.recognition.parties import (
    ChannelHeard,
    decide_parties,
    find_remote,
    parties_heard,
)
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.regulation.rules import Regulation
from recognizer.signals.scanner import Scan, Scanner
from recognizer.signals.tone_plans import TonePlan

__all__ = ["UNNAMED", "CallClassifier", "scan_recording"]

UNNAMED = "<recording>"
"""What a report calls a recording without a name."""

_Channel: TypeAlias = tuple[ChannelHeard, list[JudgedUtterance]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallClassifier:
    """The stages that one call goes through.

    Attributes
    ----------
    listener : Listener
    regulation : Regulation
    tone_plan : TonePlan
    script : OfficeScript
        What our own agents say.
    channel : str
        `auto`, `mix` or a number from 0, for a call that names none.
    max_duration_s : float or None
        Longer recordings are refused.
    """

    listener: Listener
    regulation: Regulation
    tone_plan: TonePlan
    script: OfficeScript
    channel: str
    max_duration_s: float | None = None

    def classify(self, call: RecordedCall, label: str) -> Generator[Utterance, None, CallReport]:
        """Classify a recording, pausing at each utterance before its words are needed.

        Parameters
        ----------
        call : RecordedCall
        label : str
            What the report calls it.

        Raises
        ------
        RecognizerError
            If the recording cannot be read or the engine failed.
        """
        stages = self.listener.stages
        requested_channel = self.channel if call.channel is None else call.channel
        # The name of an upload says what headerless sound in it is.
        audio_name = None if label == UNNAMED else label
        with open_audio(
            call.source,
            sample_rate=ENGINE_SAMPLE_RATE,
            channel=requested_channel,
            name=audio_name,
            limit_s=self.max_duration_s,
        ) as reader:
            info = reader.info
            if info.rivals:
                channels = yield from self._hear_channels(reader)
                with stages.timed("decide"):
                    reading = Reading.of(info, reader.notes)
                    return self._conclude_parties(call, label, channels, reading)
            scan, judged = yield from self._hear_channel(reader)
            if info.n_channels > 1 and info.channel == "mix":
                judged = of_mixed_parties(judged)
            judged = without_agents(self.script, reader, judged)
            reading = Reading.of(info, reader.notes, names_channel=info.n_channels > 1)
        with stages.timed("decide"):
            return self._conclude(call, label, scan, judged, reading)

    def classify_scanned(
        self, call: RecordedCall, label: str, scan: Scan, sound: SoundReader, known: KnownUtterances
    ) -> Generator[Utterance, None, CallReport]:
        """Classify sound that is scanned already; see `Recognizer.scanned_steps`."""
        judged = yield from self.listener.listen(sound, scan.segments, known)
        return self._conclude(call, label, scan, without_script(self.script, judged), Reading())

    def _hear_channel(
        self, reader: AudioReader
    ) -> Generator[Utterance, None, tuple[Scan, list[JudgedUtterance]]]:
        """Scan one channel, and judge each utterance in it."""
        known = self._known_whole(reader)
        if known is not None:
            return known
        with self.listener.stages.timed("scan"):
            scan = scan_recording(reader, self.tone_plan)
        return scan, (yield from self.listener.listen(reader, scan.segments))

    def _known_whole(self, reader: AudioReader) -> tuple[Scan, list[JudgedUtterance]] | None:
        """Return what a short recording holds if that is known announcements alone."""
        library = self.listener.announcements
        if library is None or not len(library):
            return None
        stages = self.listener.stages
        with stages.timed("read"):
            audio = reader.at_rate(KNOWN_WHOLE_RATE).read_whole(max_s=MAX_KNOWN_WHOLE_S)
        if audio is None:
            return None
        with stages.timed("announcements"):
            known = known_whole(library, audio)
        if known is None:
            return None
        scan, verdicts = known
        return scan, [JudgedUtterance(verdict, NOT_TRANSCRIBED) for verdict in verdicts]

    def _hear_channels(self, reader: AudioReader) -> Generator[Utterance, None, list[_Channel]]:
        """Hear each channel by itself: every party is judged alone."""
        channels = []
        for number in reader.info.rivals:
            alone = reader.only(number, "recognised alone")
            scan, judged = yield from self._hear_channel(alone)
            script = script_heard(self.script, judged)
            judged = without_agents(self.script, alone, judged)
            heard = ChannelHeard(number, scan, tuple(v for v, _ in judged), script)
            channels.append((heard, judged))
        return channels

    def _conclude_parties(
        self, call: RecordedCall, label: str, channels: list[_Channel], reading: Reading
    ) -> CallReport:
        """Find the other party among channels that were heard alone, and decide by what it says."""
        alone = [channel for channel, _ in channels]
        remote = find_remote(alone)
        known = [pair for pair in channels if remote.channel in {None, pair[0].channel}]
        report = self._report(
            call,
            label,
            known[0][0].scan,
            [utterance for _, judged in known for utterance in judged],
            replace(reading, notes=(*reading.notes, remote.note(len(channels)))),
            decided=decide_parties(alone, remote),
        )
        assert report.evidence is not None
        evidence = replace(report.evidence, parties=parties_heard(alone, remote))
        return replace(report, evidence=evidence)

    def _conclude(
        self,
        call: RecordedCall,
        label: str,
        scan: Scan,
        judged: Sequence[JudgedUtterance],
        reading: Reading,
    ) -> CallReport:
        """Weigh all that was heard, and decide by the regulation."""
        decided = decide_call(
            scan.duration_s,
            scan.tones,
            scan.segments,
            [v for v, _ in judged],
            unknown=scan.unknown,
        )
        return self._report(call, label, scan, judged, reading, decided=decided)

    def _report(
        self,
        call: RecordedCall,
        label: str,
        scan: Scan,
        judged: Sequence[JudgedUtterance],
        reading: Reading,
        *,
        decided: tuple[Outcome, SpokenVerdict | None],
    ) -> CallReport:
        """Decide an outcome by the regulation, and report what it rests on."""
        outcome, deciding = without_unread(*decided) if reading.has_unread else decided
        decision = self.regulation.decide_outcome(
            outcome.kind, attempt=call.attempt, on=call.called_on
        )
        evidence = gather_evidence(scan, judged, (outcome, deciding), reading)
        return CallReport(label, evidence, outcome, decision, elapsed_s=0.0)


def scan_recording(reader: AudioReader, plan: TonePlan) -> Scan:
    """Return the tones and segments of a recording.

    Raises
    ------
    AudioError
        If it cannot be read.
    """
    scanner = Scanner(plan, ENGINE_SAMPLE_RATE)
    for block in reader.blocks():
        scanner.push(block)
    return scanner.finish()
