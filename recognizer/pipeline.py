"""One recording from sound to decision: the only place where the stages meet.

The recording is read twice at most. The first reading, block by block, finds tones and segments;
the second fetches only the utterances, which alone reach the speech engine. Memory holds
one block and one utterance, never the whole call. Several calls go through side by side
(`Recognizer.recognize_together`), because an engine may decode their speech cheaper together.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from recognizer.audio import open_audio
from recognizer.audio.reader import AudioReader
from recognizer.audio.resampling import stretch_time
from recognizer.base import similarity
from recognizer.base.errors import EngineError, RecognizerError
from recognizer.base.settings import Settings, load_settings
from recognizer.engines import load_engine
from recognizer.engines.base import (
    ENGINE_SAMPLE_RATE,
    MAX_UTTERANCE_S,
    Engine,
    LimitedVocabulary,
    Utterance,
)
from recognizer.engines.lazy import LazyEngine
from recognizer.model import (
    AcousticScore,
    Audio,
    AudioSource,
    Basis,
    CallError,
    CallOutcome,
    CallReport,
    Evidence,
    Outcome,
    RecordedCall,
    Segment,
    SegmentKind,
    Transcript,
    phrase_list_of,
)
from recognizer.model.signals import LONGEST_PAUSE_S
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.loading import OfficePhrases, load_phrases
from recognizer.recognition.alignment import KNOWN_WORD_RATIO
from recognizer.recognition.announcements.following import FollowedLibrary
from recognizer.recognition.announcements.store import AnnouncementStore
from recognizer.recognition.announcements.verdicts import (
    checked_against,
    heard_in,
    scan_of,
    verdict_of,
)
from recognizer.recognition.calibration import Calibration, load_calibration
from recognizer.recognition.matching import Matcher
from recognizer.recognition.office_script import OfficeScript, load_office_script
from recognizer.recognition.outcome import decide_call, on_one_scale, unread, without_unread
from recognizer.recognition.parties import (
    ChannelHeard,
    decide_parties,
    find_remote,
    parties_heard,
)
from recognizer.recognition.precedence import CARRIERS, GREETS_AS_A_PERSON, is_mark
from recognizer.recognition.slow_retry import SLOWER, confirms, rescale_times
from recognizer.recognition.spoken_language import judge_language
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.verification import VerifiedTranscript, Verifier
from recognizer.recognition.vetoes import raised
from recognizer.recognition.wholeness import vetoes_of_sound
from recognizer.regulation.explanation import explained
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rules import Regulation
from recognizer.signals.crosstalk import is_leak_of
from recognizer.signals.gaps import find_gaps, quietest_moment
from recognizer.signals.segments import Scan, Scanner
from recognizer.signals.tone_plans import TonePlan, load_known_tones

__all__ = ["KnownUtterances", "Recognizer", "SoundReader", "recognize"]

_log = logging.getLogger(__name__)

_UNNAMED = "<recording>"
_N_SHOWN_WORDS = 20  # of those an engine cannot hear
_KNOWN_AT_ONCE_S = 60.0  # a longer recording is no announcement alone
_PAD_S = 0.25
# So much speech in which nobody is recognised as a person and nothing as an announcement is heard
# before we stop and hand the call to an operator.
_MAX_UTTERANCES = 40


_Heard: TypeAlias = tuple[SpokenVerdict, VerifiedTranscript]
_Channel: TypeAlias = tuple[ChannelHeard, list[_Heard]]
KnownUtterances: TypeAlias = dict[tuple[float, float], list[_Heard]]
"""What was heard in each utterance, by its place in seconds."""


class SoundReader(Protocol):
    """Sound of which any part can be read, such as `AudioReader`."""

    def read(self, start_s: float, end_s: float) -> Audio:
        """Return the sound between two moments, less what is not there."""


class Recognizer:
    """Everything needed to classify recordings, loaded once.

    Not safe to share between threads that call at the same time; give each worker its own.

    Parameters
    ----------
    engine : Engine
    phrases : PhraseBook
    regulation : Regulation
    tone_plan : TonePlan
    calibration : Calibration
    channel : str
        Default of `recognize`: `auto`, `mix` or a number from 0.
    script : OfficeScript or None
        What our own agents say; None: not known.
    announcements : FollowedLibrary or None
        Recordings that are known by their sound.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        phrases: PhraseBook,
        regulation: Regulation,
        tone_plan: TonePlan,
        calibration: Calibration,
        channel: str = "auto",
        script: OfficeScript | None = None,
        announcements: FollowedLibrary | None = None,
    ) -> None:
        self.engine = engine
        self._script = script or OfficeScript()
        self._announcements = announcements
        self.regulation = regulation
        self._tone_plan = tone_plan
        self._calibration = calibration
        self._channel = channel
        self._office: OfficePhrases | None = None
        self.take_phrases(phrases)

    def take_phrases(self, phrases: PhraseBook) -> None:
        """Recognise with these phrases from the next recording on."""
        self.phrases = phrases
        matcher = Matcher(phrases)
        self._verifier = Verifier(matcher)
        self.judge = UtteranceClassifier(matcher, self._calibration)
        _report_missing_words(self.engine, matcher)

    @property
    def version(self) -> str:
        """Of the phrase lists, and of the announcements where some are known."""
        if self._announcements is None or not len(self._announcements.library):
            return self.phrases.version
        return f"{self.phrases.version}+announcements.{self._announcements.version}"

    @classmethod
    def load(
        cls,
        settings: Settings | None = None,
        *,
        engine: str | None = None,
        announcements: bool = True,
    ) -> Recognizer:
        """Load engine, phrase lists, regulation and tone plan as the settings say.

        Parameters
        ----------
        settings : Settings or None
            None: those of this process.
        engine : str or None
            One of `engines.ENGINE_NAMES`, over the settings.
        announcements : bool
            False: everything is heard by the engine, whatever announcements are known.

        Raises
        ------
        RecognizerError
            If a data file is wrong or no speech model can be loaded.
        """
        settings = settings or load_settings()
        office = OfficePhrases(settings.phrases)
        learned = AnnouncementStore(settings.announcements.folder)
        followed = FollowedLibrary(learned) if announcements else None
        load = partial(load_engine, engine or settings.recognition.engine, settings)
        recognizer = cls(
            phrases=load_phrases(settings.phrases),
            regulation=load_regulation(
                settings.journal.regulation_file, office_file=settings.journal.office_file
            ),
            tone_plan=load_known_tones(),
            calibration=load_calibration(fit_file=settings.recognition.calibration_file),
            channel=settings.recognition.channel,
            script=load_office_script(settings.recognition.script_file),
            # What is known by its sound needs no engine; else a missing model shows at once.
            engine=LazyEngine(load) if followed is not None and len(followed.library) else load(),
            announcements=followed,
        )
        recognizer._office = office
        return recognizer

    def recognize(
        self,
        source: AudioSource,
        *,
        attempt: int = 1,
        channel: str | int | None = None,
        called_on: dt.date | None = None,
        name: str | None = None,
    ) -> CallReport:
        """Classify one recording.

        The parameters are the fields of `RecordedCall`.

        Returns
        -------
        CallReport
            With `error` set, and neither outcome nor decision, if the recording cannot be read or
            the engine fails on it; this method raises nothing for a bad recording.
        """
        call = RecordedCall(
            source=source, attempt=attempt, channel=channel, called_on=called_on, name=name
        )
        (report,) = self.recognize_together([call])
        return report

    def recognize_together(
        self, calls: Sequence[RecordedCall]
    ) -> Generator[CallReport, None, None]:
        """Classify several recordings; yield the report on each, in their order.

        Their speech is decoded together where the engine gains from it; the reports are those of
        `recognize`. All the recordings are open at once, and the next utterance of each is
        held encoded: 0.1 MB a second of speech.
        """
        self._follow_changes()
        running = [_Progress(self, call) for call in calls]
        try:
            while running:
                for progress in list(running):
                    progress.advance()
                    while running and (report := running[0].report) is not None:
                        del running[0]
                        yield report
                self._transcribe([progress for progress in running if progress.report is None])
        finally:
            for progress in running:
                progress.close()

    def _follow_changes(self) -> None:
        """Take over what the office has changed since the last call."""
        if self._office is not None and (changed := self._office.changed()) is not None:
            self.take_phrases(changed)
        if self._announcements is not None:
            self._announcements.refresh()

    def _transcribe(self, listening: Sequence[_Progress]) -> None:
        """Work out what the utterances that are listened to now say, their cost shared."""
        if len(listening) < 2:
            return
        started = time.perf_counter()
        # What fails together is decoded again alone, and the call it fails in says so.
        with suppress(EngineError):
            self.engine.transcribe_together([progress.utterance for progress in listening])
        share_s = (time.perf_counter() - started) / len(listening)
        for progress in listening:
            progress.stages.add("listen", share_s)
            progress.elapsed_s += share_s

    def verified_transcripts(self, source: AudioSource) -> tuple[VerifiedTranscript, ...]:
        """Return what was heard at first in each utterance; for calibration.

        Raises
        ------
        RecognizerError
            If the recording cannot be read or the engine fails.
        """
        with open_audio(source, sample_rate=ENGINE_SAMPLE_RATE) as reader:
            utterances = _utterance_intervals(self._scan(reader).segments)
            return tuple(
                self._verifier.hear(self.engine.listen(reader.read(start_s, end_s)))
                for start_s, end_s in utterances
            )

    def steps(
        self, call: RecordedCall, stages: _Stopwatch
    ) -> Generator[Utterance, None, CallReport]:
        """Classify a recording, pausing at each utterance before its words are needed."""
        label = call.name or (str(call.source) if isinstance(call.source, str | Path) else _UNNAMED)
        try:
            report = yield from self._classify(call, label, stages)
        except RecognizerError as problem:
            error = CallError(problem.kind, str(problem))
            report = CallReport(label, None, None, None, 0.0, error)
        return replace(explained(report, self.regulation), phrases_version=self.version)

    def classify_scanned(
        self, call: RecordedCall, scan: Scan, sound: SoundReader, known: KnownUtterances
    ) -> CallReport:
        """Classify sound that is scanned already, such as a call that is still going on.

        Parameters
        ----------
        call : RecordedCall
            Its `source` is not opened; `name` names the report.
        scan : Scan
        sound : SoundReader
            Reads the sound that was scanned.
        known : dict
            Utterances heard before, by their place in seconds; added to.

        Raises
        ------
        EngineError
            If the engine failed.
        """
        started, stages = time.perf_counter(), _Stopwatch()
        self._follow_changes()
        steps = self._listen(sound, scan.segments, stages, known)
        verdicts = self._without_script(_run_through(steps))
        report = self._conclude(call, call.name or _UNNAMED, scan, verdicts, _Reading())
        report = replace(report, elapsed_s=round(time.perf_counter() - started, 4))
        return replace(explained(report, self.regulation), phrases_version=self.version)

    def _classify(
        self, call: RecordedCall, label: str, stages: _Stopwatch
    ) -> Generator[Utterance, None, CallReport]:
        requested_channel = self._channel if call.channel is None else call.channel
        # The name of an upload says what headerless sound in it is.
        audio_name = None if label == _UNNAMED else label
        with open_audio(
            call.source, sample_rate=ENGINE_SAMPLE_RATE, channel=requested_channel, name=audio_name
        ) as reader:
            if reader.info.rivals:
                channels = yield from self._hear_channels(reader, stages)
                with stages.timed("decide"):
                    return self._conclude_parties(call, label, channels, _Reading.of(reader))
            scan, verdicts = yield from self._hear_channel(reader, stages)
            if reader.info.n_channels > 1 and reader.info.channel == "mix":
                verdicts = [(_of_two_parties(verdict), heard) for verdict, heard in verdicts]
            verdicts = self._without_agents(reader, verdicts)
            reading = _Reading.of(reader, names_channel=reader.info.n_channels > 1)
        with stages.timed("decide"):
            return self._conclude(call, label, scan, verdicts, reading)

    def _hear_channel(
        self, reader: AudioReader, stages: _Stopwatch
    ) -> Generator[Utterance, None, tuple[Scan, list[_Heard]]]:
        """Scan one channel, and judge each utterance in it."""
        known = self._known_whole(reader, stages)
        if known is not None:
            return known
        with stages.timed("scan"):
            scan = self._scan(reader)
        return scan, (yield from self._listen(reader, scan.segments, stages))

    def _known_whole(
        self, reader: AudioReader, stages: _Stopwatch
    ) -> tuple[Scan, list[_Heard]] | None:
        """Return what a short recording holds if that is announcements that are known, alone.

        Looking for tones and speech takes longer than this does.
        """
        if self._announcements is None or not len(self._announcements.library):
            return None
        with stages.timed("read"):
            audio = _whole(reader, _KNOWN_AT_ONCE_S)
        if audio is None:
            return None
        with stages.timed("announcements"):
            recognized = self._announcements.library.recognize(audio)
            announced = heard_in(recognized)
        if not announced or not all(a.decides for a in announced):
            return None
        return scan_of(audio, announced), [(verdict_of(a), _NOT_TRANSCRIBED) for a in announced]

    def _hear_channels(
        self, reader: AudioReader, stages: _Stopwatch
    ) -> Generator[Utterance, None, list[_Channel]]:
        """Hear each channel by itself: every party is judged alone."""
        channels = []
        for number in reader.info.rivals:
            alone = reader.only(number, "recognised alone")
            scan, verdicts = yield from self._hear_channel(alone, stages)
            script = self._script.find(_words(verdicts))
            verdicts = self._without_agents(alone, verdicts)
            heard = ChannelHeard(number, scan, tuple(v for v, _ in verdicts), script)
            channels.append((heard, verdicts))
        return channels

    def _without_script(self, verdicts: list[_Heard]) -> list[_Heard]:
        """Take the mark away where words of the office's own script are heard."""
        if not any(is_mark(verdict.outcome) for verdict, _ in verdicts):
            return verdicts
        script = self._script.find(_words(verdicts))
        vetoes = [] if script is None else [raised("own-agent", words=script)]
        return [(v.vetoed(vetoes), heard) for v, heard in verdicts]

    def _without_agents(self, reader: AudioReader, verdicts: list[_Heard]) -> list[_Heard]:
        """Take the mark away where it may be our own agent who speaks in this channel.

        Words of the office's script say so, and an utterance that is the leak of a louder channel.
        """
        here = reader.info.channel
        others = [n for n in range(reader.info.n_channels) if here not in {n, "mix"}]
        return [
            (v.vetoed([raised("leak-of-another-channel")]), heard)
            if is_mark(v.outcome) and any(_is_leak(reader, n, v) for n in others)
            else (v, heard)
            for v, heard in self._without_script(verdicts)
        ]

    def _conclude_parties(
        self, call: RecordedCall, label: str, channels: list[_Channel], reading: _Reading
    ) -> CallReport:
        """Find the other party among channels that were heard alone, and decide by what it says."""
        alone = [channel for channel, _ in channels]
        remote = find_remote(alone)
        known = [pair for pair in channels if remote.channel in {None, pair[0].channel}]
        ((first, _), *_rest) = known
        n_channels = len(channels)
        named = (
            "it cannot be told which channel"
            if remote.channel is None
            else (f"channel {remote.channel} of {n_channels}")
        )
        report = self._reported(
            call,
            label,
            first.scan,
            [heard for _, verdicts in known for heard in verdicts],
            replace(reading, notes=(*reading.notes, f"{named}: {remote.reason}")),
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
        verdicts: Sequence[_Heard],
        reading: _Reading,
    ) -> CallReport:
        """Weigh all that was heard, and decide by the regulation."""
        decided = decide_call(scan.duration_s, scan.tones, scan.segments, [v for v, _ in verdicts])
        return self._reported(call, label, scan, verdicts, reading, decided=decided)

    def _reported(
        self,
        call: RecordedCall,
        label: str,
        scan: Scan,
        verdicts: Sequence[_Heard],
        reading: _Reading,
        *,
        decided: tuple[Outcome, SpokenVerdict | None],
    ) -> CallReport:
        """Decide an outcome by the regulation, and report what it rests on."""
        outcome, deciding = without_unread(*decided) if reading.has_unread else decided
        decision = self.regulation.decide_outcome(
            outcome.kind, attempt=call.attempt, on=call.called_on
        )
        return CallReport(
            recording=label,
            evidence=replace(
                _evidence(scan, verdicts, (outcome, deciding), reading),
                basis=_basis(outcome, deciding),
            ),
            outcome=outcome,
            decision=decision,
            elapsed_s=0.0,
        )

    def _scan(self, reader: AudioReader) -> Scan:
        scanner = Scanner(self._tone_plan, ENGINE_SAMPLE_RATE)
        for block in reader.blocks():
            scanner.push(block)
        return scanner.finish()

    def _listen(
        self,
        reader: SoundReader,
        segments: Sequence[Segment],
        stages: _Stopwatch,
        known: KnownUtterances | None = None,
    ) -> Generator[Utterance, None, list[_Heard]]:
        """Judge each utterance, until a person is heard for certain.

        Yields each utterance before its words are needed, and returns the verdicts. What is
        `known` of an utterance is not heard again.
        """
        known = {} if known is None else known
        heard: list[_Heard] = []
        for interval in _utterance_intervals(segments):
            if interval not in known:
                with stages.timed("read"):
                    audio = reader.read(*interval)
                known[interval] = yield from self._understand_stretch(audio, segments, stages)
            heard += known[interval]
            if any(_is_person(verdict) for verdict, _ in heard):
                break
        return heard

    def _understand_stretch(
        self, audio: Audio, segments: Sequence[Segment], stages: _Stopwatch
    ) -> Generator[Utterance, None, list[_Heard]]:
        """Judge one utterance by the announcements that are known, else by what is said in it."""
        if self._announcements is None:
            return (yield from self._listen_to(audio, segments, stages))
        with stages.timed("announcements"):
            tones = [(s.start_s, s.end_s) for s in segments if s.kind is SegmentKind.TONE]
            announced = heard_in(self._announcements.library.recognize(audio, tones))
        if any(a.decides for a in announced):
            return [(verdict_of(a), _NOT_TRANSCRIBED) for a in announced if a.decides]
        heard = yield from self._listen_to(audio, segments, stages)
        verdicts = checked_against([verdict for verdict, _ in heard], announced)
        return [(v, verified) for v, (_, verified) in zip(verdicts, heard, strict=True)]

    def _listen_to(
        self, audio: Audio, segments: Sequence[Segment], stages: _Stopwatch
    ) -> Generator[Utterance, None, list[_Heard]]:
        """Judge one utterance, and what the recogniser passed over in it."""
        verdict, verified = yield from self._understand(audio, stages)
        is_undecided = verdict.outcome is CallOutcome.UNDETERMINED
        if is_undecided and _is_said_twice(verified.transcript):
            said_twice = yield from self._listen_to_halves(audio, stages)
            if said_twice is not None:
                return said_twice
        heard = [(verdict, verified)]
        if verdict.outcome in GREETS_AS_A_PERSON or _is_person(verdict):  # so would the rest
            return heard
        passed_over = _without_words(segments, audio, verified.transcript)
        for first_s, last_s in _utterance_intervals(passed_over):
            part = audio.slice(first_s, last_s)
            heard.append((yield from self._understand(part, stages)))
        return heard

    def _listen_to_halves(
        self, audio: Audio, stages: _Stopwatch
    ) -> Generator[Utterance, None, list[_Heard] | None]:
        """Judge the halves of an utterance alone, None if they do not mark alike.

        Carriers say an announcement twice, and a recogniser garbles now and then one of two in a
        row. Both have to come to the same by themselves.
        """
        middle_s = quietest_moment(audio, 0.4, 0.6)
        halves: list[_Heard] = []
        for part in (
            audio.slice(audio.start_s, middle_s),
            audio.slice(middle_s, audio.start_s + audio.duration_s),
        ):
            if part.duration_s < _MIN_HALF_S:
                return None
            halves.append((yield from self._hear(part, stages)))
            outcome = halves[-1][0].outcome
            if not is_mark(outcome) or outcome is not halves[0][0].outcome:
                return None
        return halves

    def _understand(
        self, audio: Audio, stages: _Stopwatch
    ) -> Generator[Utterance, None, tuple[SpokenVerdict, VerifiedTranscript]]:
        """Judge one utterance, and hear it again where that may confirm a doubtful one."""
        verdict, verified = yield from self._hear(audio, stages)
        can_be_slowed = audio.duration_s * SLOWER <= MAX_UTTERANCE_S
        slowed: _Heard | None = None
        if self._is_close(verdict):
            if can_be_slowed:
                slowed = yield from self._hear(audio, stages, slower=SLOWER)
            if slowed is None or not _is_alike(slowed[0], verdict):
                verdict = verdict.vetoed([raised("not-steady")])
        # Where nothing listed is near there is nothing to confirm. What was taken for another
        # language is asked again, too: misrecognized Russian often is.
        is_doubtful = not verdict.is_settled and bool(verified.candidates)
        if is_doubtful and can_be_slowed:
            # The slow retry is a chance, no condition: if it fails the first stands.
            with suppress(EngineError):
                if slowed is None:
                    slowed = yield from self._hear(audio, stages, slower=SLOWER)
                again, verified_again = slowed
                if confirms(again.outcome, verified, has_more=verdict.has_more):
                    reason = f"{again.reason}, understood when played slower"
                    return replace(again, reason=reason), verified_again
        return verdict, verified

    def _is_close(self, verdict: SpokenVerdict) -> bool:
        """Return whether a carrier's wording passes by less than rounding may turn."""
        if verdict.outcome not in CARRIERS:
            return False
        margin = math.inf if verdict.features is None else verdict.features.margin
        marks = is_mark(verdict.outcome)
        return self._calibration.is_close(verdict.confidence, marks=marks, margin=margin)

    def _hear(
        self, audio: Audio, stages: _Stopwatch, *, slower: float = 1.0
    ) -> Generator[Utterance, None, tuple[SpokenVerdict, VerifiedTranscript]]:
        """Recognise, verify and judge one utterance, played slower if so asked."""
        with stages.timed("listen"):
            is_slowed = slower != 1.0
            utterance = self.engine.listen(stretch_time(audio, slower) if is_slowed else audio)
        yield utterance
        with stages.timed("listen"):
            verified = self._verifier.hear(utterance)
            if is_slowed:
                verified = rescale_times(verified, audio.start_s, slower)
        with stages.timed("judge"):
            verdict = self.judge.judge(verified)
            speech_s = audio.duration_s - 2 * _PAD_S
            verdict = judge_language(verdict, utterance, speech_s=speech_s)
            if is_mark(verdict.claimed) and verdict.match is not None:
                gaps = find_gaps(audio)
                vetoes = vetoes_of_sound(
                    verdict.match, verified.transcript, gaps, self.phrases.words
                )
                verdict = replace(verdict.vetoed(vetoes), gaps=gaps)
        return verdict, verified


def _whole(reader: AudioReader, max_s: float) -> Audio | None:
    """Return all of a recording, None if it is longer than `max_s`."""
    if (reader.info.duration_s or 0.0) > max_s:
        return None
    blocks: list[Audio] = []
    for block in reader.blocks():
        blocks.append(block)
        if block.start_s + block.duration_s > max_s:
            return None
    samples = np.concatenate([b.samples for b in blocks]) if blocks else np.zeros(0, np.float32)
    return Audio(samples, ENGINE_SAMPLE_RATE, reader.info.name)


def _report_missing_words(engine: Engine, matcher: Matcher) -> None:
    """Log the words of the lists that an engine with a vocabulary can never hear."""
    if not isinstance(engine, LimitedVocabulary):
        return
    missing = dict.fromkeys(w for p in matcher.phrases for w in engine.missing_words(p.text))
    if missing:
        shown = ", ".join(list(missing)[:_N_SHOWN_WORDS])
        _log.warning(
            "%s (%s) cannot hear %d words of the phrase lists, and wordings with them only by "
            "their other words: %s%s",
            engine.name,
            engine.model,
            len(missing),
            shown,
            ", …" if len(missing) > _N_SHOWN_WORDS else "",
        )


def _run_through(steps: Generator[Utterance, None, list[_Heard]]) -> list[_Heard]:
    """Return what a generator of utterances comes to, alone."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            heard: list[_Heard] = done.value
            return heard


# Of an utterance that is known by its sound.
_NOT_TRANSCRIBED = VerifiedTranscript(Transcript("", (), "", "", ""), AcousticScore("", 0.0))
_MIN_WORDS_OF_HALF = 2
_MIN_HALF_S = 1.2  # no announcement that marks is shorter
_MIN_PASSED_OVER_S = 0.4  # shorter speech without a word is a breath or a click
_WORD_EARLY_S = 0.15  # a word may be placed a little before its segment


class _Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - started)

    def add(self, stage: str, spent_s: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + spent_s


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was mended in reading, which of several channels was taken, and is more not read."""

    notes: tuple[str, ...] = ()
    has_unread: bool = False

    @classmethod
    def of(cls, reader: AudioReader, *, names_channel: bool = False) -> _Reading:
        info = reader.info
        channel = f"channel {info.channel} of {info.n_channels}: {info.channel_reason}"
        return cls((*reader.notes, *([channel] if names_channel else ())), info.has_unread)


class _Progress:
    """A call that is being classified."""

    def __init__(self, recognizer: Recognizer, call: RecordedCall) -> None:
        self.stages = _Stopwatch()
        self.elapsed_s = 0.0
        self.utterance: Utterance
        self.report: CallReport | None = None
        self._steps = recognizer.steps(call, self.stages)

    def advance(self) -> None:
        """Go on to the next utterance, `utterance`, or to the `report` if there is none."""
        if self.report is not None:
            return
        started = time.perf_counter()
        finished: CallReport | None = None
        try:
            self.utterance = next(self._steps)
        except StopIteration as done:
            finished = done.value
        self.elapsed_s += time.perf_counter() - started
        if finished is not None:
            elapsed_s = round(self.elapsed_s, 4)
            self.report = replace(finished, elapsed_s=elapsed_s, stage_s=self.stages.seconds)

    def close(self) -> None:
        """Let go of the recording."""
        self._steps.close()


def recognize(
    source: AudioSource,
    *,
    attempt: int = 1,
    engine: str = "auto",
    channel: str | int = "auto",
    called_on: dt.date | None = None,
    settings: Settings | None = None,
) -> CallReport:
    """Classify one recording, loading everything for it.

    For more than one recording build a `Recognizer` once.

    Examples
    --------
    >>> from recognizer import recognize
    >>> recognize("tests/data/calls/samples/1-does-not-exist-human.wav").outcome.kind
    <CallOutcome.DOES_NOT_EXIST: 'does_not_exist'>

    Raises
    ------
    RecognizerError
        If no speech model or data file can be loaded; a bad recording is `report.error` instead.
    """
    recognizer = Recognizer.load(settings, engine=engine)
    return recognizer.recognize(source, attempt=attempt, channel=channel, called_on=called_on)


def _utterance_intervals(segments: Sequence[Segment]) -> list[tuple[float, float]]:
    """Return the utterances worth hearing, in seconds, with a little around them.

    Segments with short pauses between them are joined, as long as an engine can hear them at once.
    """
    longest_s = MAX_UTTERANCE_S - 2 * _PAD_S
    joined: list[tuple[float, float]] = []
    for segment in segments:
        if segment.kind is not SegmentKind.SPEECH:
            continue
        if joined:
            start_s, end_s = joined[-1]
            if segment.start_s - end_s <= LONGEST_PAUSE_S and segment.end_s - start_s <= longest_s:
                joined[-1] = (start_s, segment.end_s)
                continue
        start_s = segment.start_s
        while segment.end_s - start_s > longest_s:
            joined.append((start_s, start_s + longest_s))
            start_s += longest_s
        joined.append((start_s, segment.end_s))
    return [
        (max(0.0, start_s - _PAD_S), end_s + _PAD_S) for start_s, end_s in joined[:_MAX_UTTERANCES]
    ]


def _without_words(
    segments: Sequence[Segment], utterance: Audio, transcript: Transcript
) -> list[Segment]:
    """Return the segments of an utterance that a recogniser passed over while it heard others.

    Whisper leaves out what is said twice, and now and then a short answer after an announcement.
    Where it heard nothing at all, verified a part would tell no more.
    """
    begins_s = [word.start_s for word in transcript.words]
    if not begins_s:
        return []
    stretch_end_s = utterance.start_s + utterance.duration_s
    return [
        segment
        for segment in segments
        if segment.kind is SegmentKind.SPEECH
        and utterance.start_s <= segment.start_s
        and segment.end_s <= stretch_end_s
        and segment.end_s - segment.start_s >= _MIN_PASSED_OVER_S
        and not any(
            segment.start_s - _WORD_EARLY_S <= begin_s <= segment.end_s for begin_s in begins_s
        )
    ]


def _is_alike(again: SpokenVerdict, first: SpokenVerdict) -> bool:
    """Return whether another hearing comes to the same list, or without one to the same outcome.

    A verdict that just passes has to: another processor rounds otherwise, and what that would turn
    is no verdict.
    """
    listed = phrase_list_of(first.outcome)
    is_same_list = phrase_list_of(again.outcome) is listed
    return is_same_list and (listed is not None or again.outcome is first.outcome)


def _is_said_twice(transcript: Transcript) -> bool:
    """Return whether the second half of the words is much like the first."""
    words = [word.text.lower() for word in transcript.words]
    middle = len(words) // 2
    halves = " ".join(words[:middle]), " ".join(words[-middle:])
    return middle >= _MIN_WORDS_OF_HALF and similarity.ratio(*halves) >= KNOWN_WORD_RATIO


def _of_two_parties(verdict: SpokenVerdict) -> SpokenVerdict:
    """Return the verdict on parties that nothing tells apart: our agent's words mark nobody."""
    return verdict.vetoed([raised("parties-mixed")])


def _words(verdicts: Sequence[_Heard]) -> list[str]:
    """Return all words heard, in order."""
    return [word.text for _, heard in verdicts for word in heard.transcript.words]


def _is_leak(reader: AudioReader, channel: int, verdict: SpokenVerdict) -> bool:
    """Return whether what an utterance says is the leak of another channel."""
    match = verdict.match
    if match is None or match.start_s is None or match.end_s is None:
        return False
    start_s, end_s = max(0.0, match.start_s - _PAD_S), match.end_s + _PAD_S
    other = reader.only(channel, "compared").read(start_s, end_s)
    return is_leak_of(reader.read(start_s, end_s), other)


def _is_person(verdict: SpokenVerdict) -> bool:
    """Return whether a person was heard for certain."""
    return verdict.outcome is CallOutcome.LIVE_PERSON and verdict.match is not None


def _evidence(
    scan: Scan,
    verdicts: Sequence[tuple[SpokenVerdict, VerifiedTranscript]],
    decided: tuple[Outcome, SpokenVerdict | None],
    reading: _Reading,
) -> Evidence:
    outcome, deciding = decided
    transcripts = [v.transcript for v, _ in verdicts if v.transcript is not None]
    judged = [v for v, _ in verdicts] + ([] if deciding is None else [deciding])
    vetoes = [veto for v in judged for veto in v.vetoes]
    if reading.has_unread:
        vetoes.append(unread())
    return Evidence(
        duration_s=round(scan.duration_s, 3),
        tones=scan.tones,
        segments=scan.segments,
        transcript=_joined(transcripts),
        matches=tuple(v.match for v, _ in verdicts if v.match is not None),
        acoustic_scores=tuple(c.score for _, h in verdicts for c in h.candidates),
        alternatives=() if deciding is None else on_one_scale(outcome, deciding.alternatives),
        notes=reading.notes + tuple(v.reason for v, _ in verdicts if v.reason),
        vetoes=tuple(dict.fromkeys(vetoes)),
        gaps=tuple(gap for v, _ in verdicts for gap in v.gaps),
        announcements=tuple(v.announcement for v, _ in verdicts if v.announcement is not None),
    )


def _basis(outcome: Outcome, deciding: SpokenVerdict | None) -> Basis | None:
    """Return what the outcome rests on, None where there is none."""
    if outcome.kind is CallOutcome.UNDETERMINED:
        return None
    if deciding is None:
        return "signals"
    heard = deciding.announcement
    return "announcement" if heard is not None and heard.decides else "speech"


def _joined(transcripts: Sequence[Transcript]) -> Transcript | None:
    if not transcripts:
        return None
    known = [t.confidence for t in transcripts if t.confidence is not None]
    return replace(
        transcripts[0],
        text=" ".join(t.text for t in transcripts if t.text),
        words=tuple(word for t in transcripts for word in t.words),
        confidence=sum(known) / len(known) if known else None,
    )
