"""The recogniser as its users hold it: everything loaded once, recordings in, reports out.

Several calls go through side by side (`Recognizer.recognize_together`), because an engine may
decode their speech cheaper together. What happens to each is `recognizer.classification`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from recognizer.audio import open_audio
from recognizer.base.errors import RecognizerError
from recognizer.base.settings import Settings, load_settings
from recognizer.base.stopwatch import Stopwatch
from recognizer.classification import UNNAMED, CallClassifier, scan_recording
from recognizer.engines import load_engine
from recognizer.engines.base import ENGINE_SAMPLE_RATE, Engine, Utterance, transcribe_ahead
from recognizer.engines.lazy import LazyEngine
from recognizer.model import AudioSource, CallError, CallReport, RecordedCall
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.loading import OfficePhrases, load_phrases
from recognizer.recognition.announcements.following import FollowedLibrary
from recognizer.recognition.announcements.library import AnnouncementLibrary
from recognizer.recognition.announcements.store import AnnouncementStore
from recognizer.recognition.calibration import Calibration, load_calibration
from recognizer.recognition.continuations import Continuations
from recognizer.recognition.listening import (
    KnownUtterances,
    Listener,
    SoundReader,
)
from recognizer.recognition.matching import Matcher
from recognizer.recognition.office_script import OfficeScript, load_office_script
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.utterance_intervals import utterance_intervals
from recognizer.recognition.verification import VerifiedTranscript, Verifier
from recognizer.recognition.vocabulary import report_missing_words
from recognizer.regulation.explanation import explained
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rules import Regulation
from recognizer.signals.scanner import Scan
from recognizer.signals.tone_plans import TonePlan, load_known_tones

__all__ = ["Recognizer", "recognize"]


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
    max_duration_s : float or None
        Longer recordings are refused; None: none is.
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
        max_duration_s: float | None = None,
    ) -> None:
        self.engine = engine
        self._script = script or OfficeScript()
        self._announcements = announcements
        self.regulation = regulation
        self.tone_plan = tone_plan
        self._calibration = calibration
        self._channel = channel
        self._max_duration_s = max_duration_s
        self._office: OfficePhrases | None = None
        self.take_phrases(phrases)

    def take_phrases(self, phrases: PhraseBook) -> None:
        """Recognise with these phrases from the next recording on."""
        self.phrases = phrases
        self._matcher = matcher = Matcher(phrases)
        self._verifier = Verifier(matcher)
        self.judge = UtteranceClassifier(matcher, self._calibration)
        self._continuations: Continuations | None = None
        report_missing_words(self.engine, matcher.phrases)

    @property
    def continuations(self) -> Continuations:
        """What may still be said after words that were heard; for calls that are going on."""
        if self._continuations is None:
            self._continuations = Continuations(self._matcher, self.judge)
        return self._continuations

    @property
    def library(self) -> AnnouncementLibrary | None:
        """The announcements that are known by their sound."""
        return None if self._announcements is None else self._announcements.library

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
            max_duration_s=settings.recognition.max_duration_s,
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
        transcribe_ahead(self.engine, [progress.utterance for progress in listening])
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
        with open_audio(
            source, sample_rate=ENGINE_SAMPLE_RATE, limit_s=self._max_duration_s
        ) as reader:
            utterances = utterance_intervals(scan_recording(reader, self.tone_plan).segments)
            return tuple(
                self._verifier.hear(self.engine.listen(reader.read(start_s, end_s)))
                for start_s, end_s in utterances
            )

    def steps(
        self, call: RecordedCall, stages: Stopwatch
    ) -> Generator[Utterance, None, CallReport]:
        """Classify a recording, pausing at each utterance before its words are needed."""
        label = call.name or (str(call.source) if isinstance(call.source, str | Path) else UNNAMED)
        try:
            report = yield from self._classifier(stages).classify(call, label)
        except RecognizerError as problem:
            error = CallError(problem.kind, str(problem))
            report = CallReport(label, None, None, None, 0.0, error)
        return replace(explained(report, self.regulation), phrases_version=self.version)

    def _classifier(self, stages: Stopwatch, engine: Engine | None = None) -> CallClassifier:
        return CallClassifier(
            listener=Listener(
                engine=engine or self.engine,
                verifier=self._verifier,
                classifier=self.judge,
                calibration=self._calibration,
                words=self.phrases.words,
                announcements=self.library,
                stages=stages,
            ),
            regulation=self.regulation,
            tone_plan=self.tone_plan,
            script=self._script,
            channel=self._channel,
            max_duration_s=self._max_duration_s,
        )

    def scanned_steps(
        self,
        call: RecordedCall,
        scan: Scan,
        sound: SoundReader,
        known: KnownUtterances,
        engine: Engine,
    ) -> Generator[Utterance, None, CallReport]:
        """Classify sound that is scanned already, such as a call that is still going on.

        Pauses at each utterance before its words are needed.

        Parameters
        ----------
        call : RecordedCall
            Its `source` is not opened; `name` names the report.
        scan : Scan
        sound : SoundReader
            Reads the sound that was scanned.
        known : dict
            Utterances heard before, by their place in seconds; added to.
        engine : Engine
            This recogniser's, or what stands before it for this call.

        Raises
        ------
        EngineError
            If the engine failed.
        """
        started = time.perf_counter()
        self._follow_changes()
        classifier = self._classifier(Stopwatch(), engine)
        label = call.name or UNNAMED
        report = yield from classifier.classify_scanned(call, label, scan, sound, known)
        report = replace(report, elapsed_s=round(time.perf_counter() - started, 4))
        return replace(explained(report, self.regulation), phrases_version=self.version)


class _Progress:
    """A call that is being classified."""

    def __init__(self, recognizer: Recognizer, call: RecordedCall) -> None:
        self.stages = Stopwatch()
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
