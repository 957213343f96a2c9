"""`recognizer announcements`: recordings of carriers, learned once and known from then on."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recognizer.cli.groups import new_group

if TYPE_CHECKING:
    from recognizer.model import Audio, CallOutcome
    from recognizer.recognition.announcements.store import AnnouncementStore
    from recognizer.recognition.announcements.wordings import JudgeText

__all__ = ["app"]

app = new_group(
    "Learned announcements: what a carrier plays to everybody is learned once and then known by "
    "its sound, in milliseconds, through any codec, with no speech engine."
    "\n\nLearn from a clear recording; `check` says what is known and how far it lies apart. Kept "
    "are numbers that describe the sound, no sound, nobody's speech and nobody's telephone number. "
    "Every program that runs takes a change over with the next recording; `undo` takes the last "
    "one back."
    "\n\nThe folder is that of the setting announcements.dir.",
)

Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="Another folder of announcements.", metavar="DIR"),
]
By = Annotated[str | None, typer.Option("--by", help="Who says so; your user name if not given.")]


@app.command("learn")
def learn(
    clip: Annotated[Path, typer.Argument(help="A recording with the announcement in it.")],
    *,
    outcome: Annotated[str, typer.Option("--outcome", help="What it means.", metavar="OUTCOME")],
    text: Annotated[
        str, typer.Option("--text", help="What it says; as the engine heard it if not given.")
    ] = "",
    carrier: Annotated[str, typer.Option("--carrier", help="Who plays it.")] = "",
    announcement_id: Annotated[
        str | None, typer.Option("--id", help="Its name; made from the text if not given.")
    ] = None,
    from_s: Annotated[
        float, typer.Option("--from", min=0, help="Where it begins, seconds.", metavar="S")
    ] = 0.0,
    to_s: Annotated[
        float | None, typer.Option("--to", min=0, help="Where it ends, seconds.", metavar="S")
    ] = None,
    channel: Annotated[
        str, typer.Option("--channel", help="Channel of the remote party: auto, or from 0.")
    ] = "auto",
    overrule: Annotated[
        bool,
        typer.Option(
            "--overrule",
            help="Keep it though the engine heard another outcome or a gap, or the phrase lists do "
            "not know its words: you listened.",
        ),
    ] = False,
    by: By = None,
    folder: Folder = None,
) -> None:
    """Learn what a recording is.

    The speech engine hears it first: what holds a person, lost sound, noise or anything beside
    one announcement is refused. What marks the contact needs a text in which the phrase lists read
    the same; words they do not know ask for --overrule, words that say another thing are refused.

    Example: recognizer announcements learn call.wav --from 2.1 --to 6.4 --outcome
    temporarily_blocked --carrier "Carrier A"
    """
    from recognizer.phrases.editing import make_id
    from recognizer.pipeline import Recognizer
    from recognizer.recognition.announcements import learning
    from recognizer.recognition.announcements.library import AnnouncementLibrary
    from recognizer.recognition.announcements.wordings import check_text

    kind = _outcome(outcome)
    store = _store(folder)
    known = store.load()
    audio = _read(clip, channel, from_s, to_s)
    learning.check_unlike(AnnouncementLibrary(known), audio, kind)
    recognizer = Recognizer.load(announcements=False)
    report = recognizer.recognize(_as_wav(audio), name=clip.name)
    learning.check_report(report, kind, overrule=overrule)
    said = text or learning.heard_text(report)
    taken = store.taken_ids()
    announcement = learning.learn(
        audio,
        announcement_id=announcement_id or make_id(said, taken),
        outcome=kind,
        text=said,
        carrier=carrier,
        confirmed_by=by or getpass.getuser(),
        keywords=learning.keywords_of(report, kind, recognizer.phrases.words),
        tones=learning.tones_of(report),
        overrule=overrule,
    )
    check_text(announcement, clip.name, recognizer.judge.judge_text, overrule=overrule)
    store.add([announcement], by=announcement.confirmed_by)
    seconds = len(announcement.bands) / 100
    print(f"learned '{announcement.id}' ({kind}, {seconds:.1f} s): {announcement.text}")


@app.command("list")
def list_announcements(*, folder: Folder = None) -> None:
    """Print what is known: id, outcome, seconds, carrier, text (tab-separated)."""
    for known in _store(folder).load():
        seconds = f"{len(known.bands) / 100:.1f}"
        print(known.id, known.outcome, seconds, known.carrier, known.text, sep="\t")


@app.command("show")
def show(
    announcement_id: Annotated[str, typer.Argument(metavar="ID")], *, folder: Folder = None
) -> None:
    """Print what is known of one announcement, and its history."""
    from recognizer.base.errors import AnnouncementError

    store = _store(folder)
    known = {a.id: a for a in store.load()}
    if announcement_id not in known:
        raise AnnouncementError(
            f"{store.folder}: no announcement '{announcement_id}'; "
            f"known: {', '.join(known) or 'none'}"
        )
    found = known[announcement_id]
    print(f"id           {found.id}")
    print(f"outcome      {found.outcome}")
    print(f"text         {found.text or '-'}")
    print(f"carrier      {found.carrier or '-'}")
    print(f"duration     {len(found.bands) / 100:.2f} s")
    words = ", ".join(f"{start:.2f}-{end:.2f} s" for start, end in found.keywords)
    print(f"keywords     {words or 'not known: all of it decides'}")
    print(f"confirmed    {found.confirmed_by}, {found.confirmed_at:%Y-%m-%d %H:%M} UTC")
    for change in store.changes():
        if announcement_id in change.ids:
            undone = "" if change.undoes is None else f" of change {change.undoes}"
            print(f"change {change.number:<5} {change.action}{undone}, {change.by}, {change.at:%F}")


@app.command("forget")
def forget(
    announcement_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    by: By = None,
    folder: Folder = None,
) -> None:
    """Know an announcement no longer; `undo` brings it back."""
    _store(folder).forget(announcement_id, by=by or getpass.getuser())
    print(f"forgot '{announcement_id}'")


@app.command("undo")
def undo(*, by: By = None, folder: Folder = None) -> None:
    """Take back the last change: what was learned, imported or forgotten."""
    change = _store(folder).undo(by=by or getpass.getuser())
    print(f"took back change {change.undoes}: {', '.join(change.ids)}")


@app.command("check")
def check(*, folder: Folder = None) -> None:
    """Prove that every announcement is known as itself and that none is near another outcome's.

    What marks the contact has to have a text that says so, too.

    Exit status 1 if any is not.

    Example: recognizer announcements check
    """
    from recognizer.recognition.announcements.checks import check_announcements

    result = check_announcements(_store(folder).load(), _judge_text())
    for line in result.near:
        print(f"near  {line}")
    for line in result.failures:
        print(f"FAIL  {line}")
    memory = result.n_bytes / 2**20
    print(f"{result.n_announcements} announcements, {memory:.1f} MB in memory")
    if result.failures:
        raise typer.Exit(1)


@app.command("candidates")
def candidates(
    *,
    numbers: Annotated[
        int | None,
        typer.Option(
            "--numbers", min=2, help="Met in calls to so many numbers; else as the settings say."
        ),
    ] = None,
    calls: Annotated[
        int, typer.Option("--calls", min=1, help="So many calls of the journal, the last ones.")
    ] = 2000,
    folder: Folder = None,
) -> None:
    """Print parts that calls to many numbers have in common, for you to listen to and learn.

    What only one number says (a greeting, a person) is never among them. Tab-separated: calls,
    numbers, what the program took them for, one recording, where it lies in it.

    Example: recognizer announcements candidates --calls 5000
    """
    from recognizer.base.settings import load_settings
    from recognizer.batch.repeated_parts import repeated_parts
    from recognizer.cli.journal_access import open_journal

    settings = load_settings()
    wanted = settings.announcements.min_numbers if numbers is None else numbers
    with open_journal(settings.journal, create=False) as journal:
        found = repeated_parts(journal, _store(folder).load(), n_calls=calls)
        for one in found.of_many(wanted):
            ((outcome, _),) = one.outcomes.most_common(1)
            place = f"{one.start_s:.1f}-{one.end_s:.1f}"
            recording = journal.attempt(one.call).recording
            print(one.n_calls, one.n_numbers, outcome, recording, place, sep="\t")


@app.command("export")
def export(
    pack: Annotated[Path, typer.Argument(help="The file to write.", metavar="PACK.zip")],
    *,
    folder: Folder = None,
) -> None:
    """Write all that is known into one file, without the names of those who confirmed it."""
    from recognizer.recognition.announcements.packs import write_pack

    announcements = _store(folder).load()
    write_pack(pack, announcements)
    print(f"wrote {len(announcements)} announcements to {pack}")


@app.command("import")
def import_pack(
    pack: Annotated[Path, typer.Argument(metavar="PACK.zip")],
    *,
    by: By = None,
    folder: Folder = None,
) -> None:
    """Take over a pack; what contradicts what is known here is refused, and then nothing is taken.

    What is known already under another name is left out. So is what would mark the contact without
    a text in which the phrase lists here read the same; the rest is taken, with exit status 1.
    """
    from recognizer.recognition.announcements.packs import read_pack

    who = by or getpass.getuser()
    store = _store(folder)
    taken = read_pack(pack, known=store.load(), confirmed_by=who, judge=_judge_text())
    if taken.new:
        store.add(taken.new, by=who, action="import")
    for line in taken.refused:
        print(f"left out  {line}")
    print(
        f"took {len(taken.new)} announcements; {len(taken.known)} were known, "
        f"{len(taken.refused)} are left out"
    )
    if taken.refused:
        raise typer.Exit(1)


def _store(folder: Path | None) -> AnnouncementStore:
    from recognizer.base.settings import load_settings
    from recognizer.recognition.announcements.store import AnnouncementStore

    return AnnouncementStore(folder or load_settings().announcements.folder)


def _judge_text() -> JudgeText:
    from recognizer.base.settings import load_settings
    from recognizer.phrases.loading import load_phrases
    from recognizer.recognition.utterance_classifier import UtteranceClassifier

    return UtteranceClassifier.for_texts(load_phrases(load_settings().phrases)).judge_text


def _read(clip: Path, channel: str, from_s: float, to_s: float | None) -> Audio:
    from recognizer.audio import open_audio
    from recognizer.base.settings import load_settings
    from recognizer.engines.base import ENGINE_SAMPLE_RATE
    from recognizer.model import Audio
    from recognizer.recognition.announcements.announcement import LONGEST_S

    requested_channel = int(channel) if channel.isdecimal() else channel
    with open_audio(
        clip,
        sample_rate=ENGINE_SAMPLE_RATE,
        channel=requested_channel,
        limit_s=load_settings().recognition.max_duration_s,
    ) as reader:
        part = reader.read(from_s, from_s + LONGEST_S if to_s is None else to_s)
    return Audio(part.samples, part.sample_rate, clip.name)


def _as_wav(audio: Audio) -> bytes:
    import io

    import soundfile

    content = io.BytesIO()
    soundfile.write(content, audio.samples, audio.sample_rate, format="WAV", subtype="PCM_16")
    return content.getvalue()


def _outcome(name: str) -> CallOutcome:
    from recognizer.recognition.announcements.announcement import LEARNABLE

    for outcome in LEARNABLE:
        if outcome == name:
            return outcome
    raise typer.BadParameter(
        f"expected one of {', '.join(LEARNABLE)}; got {name!r}", param_hint="--outcome"
    )
