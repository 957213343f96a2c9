"""Choose the decoder for a recording and turn every refusal into one clear error."""

from __future__ import annotations

from dataclasses import dataclass

from recognizer.audio.appended import appended_note
from recognizer.audio.decoders import DecodeError, Decoder
from recognizer.audio.fallback import FallbackDecoder
from recognizer.audio.formats import (
    AU,
    HEADERLESS,
    MP3,
    WAV,
    Container,
    Headerless,
    foreign_content,
    sniff,
)
from recognizer.audio.pyav_decoder import NoAudioTrackError, PyAVDecoder
from recognizer.audio.soundfile_decoder import SoundfileDecoder
from recognizer.audio.sources import SourceFile, View
from recognizer.audio.wav import repair_wav
from recognizer.base.errors import AudioError

__all__ = ["MAX_CHANNELS", "MAX_SAMPLE_RATE", "MIN_SAMPLE_RATE", "OpenRecording", "open_decoder"]

MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 4_000, 192_000
"""Hz."""

MAX_CHANNELS = 8

_NAMES = "WAV, FLAC, Ogg, MP3, M4A, AMR, AU, a video, or a headerless .alaw .ulaw .sln .gsm"


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """A decoder, what it decodes, what was wrong with the file's lengths, is more not decoded."""

    decoder: Decoder
    format: str
    note: str | None
    has_unread: bool = False


def open_decoder(source: SourceFile, format_hint: str | None) -> OpenRecording:
    """Return a decoder at the beginning of `source`.

    Raises
    ------
    AudioError
        `unreadable_audio`, `unsupported`, `no_audio_track`, `no_samples`, `unreadable_file`.
    """
    hint = source.suffix if format_hint is None else format_hint.lower()
    if format_hint is not None and hint not in HEADERLESS:
        raise AudioError(
            f"{source.name}: format_hint: expected one of {', '.join(sorted(HEADERLESS))}, "
            f"got {format_hint!r}; it is needed for headerless sound only",
            kind="unsupported",
        )
    foreign = foreign_content(source)
    kind = None if foreign == "text" else sniff(source, hint)
    if kind is None or (foreign and isinstance(kind, Headerless)):
        source.check()
        raise _not_recognised(source, foreign)
    try:
        opened = _open_kind(source, kind)
    except NoAudioTrackError as problem:
        raise AudioError(
            f"{source.name}: expected sound, found {_named(kind)} without an audio track; "
            "check that the sound was recorded",
            kind="no_audio_track",
        ) from problem
    except DecodeError as problem:
        source.check()
        raise AudioError(
            f"{source.name}: expected {_named(kind)} that can be decoded, found a damaged, cut "
            f"or unknown one ({problem}); take the recording again or convert it to WAV",
            kind="unreadable_audio",
        ) from problem
    try:
        _check_size(source, opened.decoder.n_channels, opened.decoder.sample_rate)
    except AudioError:
        opened.decoder.close()
        raise
    return opened


def _named(kind: Container | Headerless) -> str:
    return f"{'an' if kind.name[0] in 'AEIO' else 'a'} {kind.name} file"


def _not_recognised(source: SourceFile, foreign: str | None) -> AudioError:
    found = foreign or "no known header"
    advice = "give a recording instead"
    if foreign is None and source.suffix not in HEADERLESS:
        advice = (
            "if these are bare samples, name the file .alaw, .ulaw, .sln or .gsm, "
            "or give the format; else it is damaged at its beginning"
        )
    return AudioError(
        f"{source.name}: expected sound ({_NAMES}), found {found}; {advice}",
        kind="unsupported" if foreign and foreign != "text" else "unreadable_audio",
    )


def _check_size(source: SourceFile, n_channels: int, sample_rate: int) -> None:
    if not 1 <= n_channels <= MAX_CHANNELS:
        raise AudioError(
            f"{source.name}: expected 1 to {MAX_CHANNELS} channels, found {n_channels}; "
            "the header is damaged, or split the channels into files first",
            kind="unsupported",
        )
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise AudioError(
            f"{source.name}: expected {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} samples a second, "
            f"found {sample_rate}; the header is damaged, or convert the file first",
            kind="unsupported",
        )


def _open_kind(source: SourceFile, kind: Container | Headerless) -> OpenRecording:
    if isinstance(kind, Headerless):
        return OpenRecording(_open_headerless(source, kind), kind.name, None)
    if kind is WAV and source.read_at(0, 4) == b"RIFF":
        return _open_wav(source)
    view = _whole_au(source) if kind is AU else View(source)
    decoder = _open_container(view, kind)
    note = appended_note(source)
    return OpenRecording(decoder, kind.name, note, note is not None)


def _open_headerless(source: SourceFile, kind: Headerless) -> Decoder:
    if kind.subtype is None:
        return PyAVDecoder(View(source), str(kind.demuxer))
    return SoundfileDecoder(
        View(source), raw_subtype=kind.subtype, raw_sample_rate=kind.sample_rate
    )


def _open_wav(source: SourceFile) -> OpenRecording:
    wav = repair_wav(source)
    # Before a library sees them: each fails in its own way on absurd numbers.
    _check_size(source, wav.n_channels, wav.sample_rate)
    decoder = _open_container(wav.view, MP3 if wav.is_mp3 else WAV)
    return OpenRecording(decoder, WAV.name, wav.note, wav.has_unread)


def _whole_au(source: SourceFile) -> View:
    """Return an AU file whose header leaves the length open: nothing may follow the sound."""
    return View(source, prefix=source.read_at(0, 8) + b"\xff" * 4, start=12)


def _open_container(view: View, kind: Container) -> Decoder:
    if not kind.is_for_soundfile:
        return PyAVDecoder(view, kind.demuxer)
    try:
        first = SoundfileDecoder(view)
        return FallbackDecoder(first, lambda: PyAVDecoder(view.again(), kind.demuxer))
    except DecodeError as refusal:
        try:
            return PyAVDecoder(view.again(), kind.demuxer)
        except DecodeError as problem:
            raise type(problem)(f"libsndfile: {refusal} libav: {problem}") from problem
