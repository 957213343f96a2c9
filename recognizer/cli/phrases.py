"""`recognizer phrases`: the wordings we know; whether they can be confused; one more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recognizer.cli import options
from recognizer.cli.groups import new_group

if TYPE_CHECKING:
    from recognizer.model import CallOutcome, Phrase
    from recognizer.phrases.book import PhraseBook
    from recognizer.recognition.collisions import PhraseCheck

__all__ = ["app"]

app = new_group(
    "Phrase lists: what wordings are known, and whether any could be taken for another list's."
    "\n\nThe lists are text files, one an outcome. Your own go into a folder of yours, named by "
    "--phrases, by RECOGNIZER_PHRASES_FOLDERS or in the settings file.",
)


@app.command("list")
def list_phrases(
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", help="Only this outcome's phrases.", metavar="OUTCOME"),
    ] = None,
    *,
    language: Annotated[
        str | None, typer.Option(help="Only phrases in this language.", metavar="CODE")
    ] = None,
    phrases: options.Phrases = None,
) -> None:
    """Print the phrases in force: outcome, id, text, where it was seen (tab-separated).

    Example: recognizer phrases list --outcome blocked
    """
    book = _load(phrases)
    wanted = None if outcome is None else _outcome(outcome)
    for phrase in book.phrases:
        if wanted in (None, phrase.outcome) and language in (None, phrase.language):
            print(phrase.outcome, phrase.id, phrase.text, phrase.seen_in, sep="\t")


@app.command("check")
def check(
    *,
    margin: Annotated[
        float,
        typer.Option(min=0, max=100, help="Report phrases this near to another list, in points."),
    ] = 10.0,
    phrases: options.Phrases = None,
) -> None:
    """Prove that every phrase is recognised as itself and that no forbidden pair is confused.

    Phrases near another list are reported; they are no failure. Exit status 1 if anything failed.

    Example: recognizer phrases check --phrases our-phrases
    """
    from recognizer.recognition.collisions import check_phrases

    result = check_phrases(_load(phrases), margin=margin)
    for miss in result.near:
        print(
            f"near  {miss.margin:4.1f}  {miss.phrase.outcome}: «{miss.phrase.text}»  ~  "
            f"{miss.other.outcome}: «{miss.other.phrase.text}»"
        )
    _report(result)


@app.command("add")
def add(
    text: Annotated[str, typer.Argument(help="The wording, as it is said.")],
    *,
    outcome: Annotated[str, typer.Option("--outcome", help="What it means.", metavar="OUTCOME")],
    seen_in: Annotated[
        str, typer.Option(help="Where it was heard: operator, date, recording.", metavar="TEXT")
    ],
    phrase_id: Annotated[
        str | None,
        typer.Option("--id", help="Its name in reports; made from the text if you give none."),
    ] = None,
    language: Annotated[str, typer.Option(help="Language of the text.", metavar="CODE")] = "ru",
    phrases: options.Phrases = None,
) -> None:
    """Add a wording to your own lists, unless it could be confused with what is listed already.

    All lists are checked with the new phrase first (some seconds), and the phrase is judged as a
    transcript would be; nothing is written if that fails. Listed wordings that would be taken for
    something else are shown, and refused if they are another list's. Without --phrases it goes into
    the office's folder of your data.

    Example: recognizer phrases add "номер временно отключён, позвоните завтра"
    --outcome service_suspended --seen-in "МТС, 22.11" --phrases our-phrases
    """
    from recognizer.base.settings import load_settings
    from recognizer.model import Phrase
    from recognizer.phrases.editing import make_id, place_phrase, with_phrase, write_phrase
    from recognizer.recognition.collisions import check_phrases

    folder = phrases or load_settings().phrases.office_folder
    book = _load(phrases if phrases is not None and any(phrases.rglob("*.toml")) else None)
    new_id = phrase_id or make_id(text, book.by_id)
    phrase = Phrase(new_id, text, _outcome(outcome), language, seen_in)
    path, content = place_phrase(phrase, folder)
    after = with_phrase(book, phrase, path)
    _report(check_phrases(after))
    _check_verdicts(book, after, phrase)
    write_phrase(path, content)
    print(f"added '{new_id}' to {path}")


def _load(folder: Path | None) -> PhraseBook:
    from recognizer.base.settings import load_settings
    from recognizer.phrases.loading import load_phrases

    return load_phrases(load_settings().phrases, folder=folder)


def _outcome(name: str) -> CallOutcome:
    from recognizer.phrases.checking import SPOKEN_OUTCOMES

    for outcome in SPOKEN_OUTCOMES:
        if outcome == name:
            return outcome
    known = ", ".join(SPOKEN_OUTCOMES)
    raise typer.BadParameter(f"expected one of {known}; got {name!r}", param_hint="--outcome")


def _check_verdicts(before: PhraseBook, after: PhraseBook, phrase: Phrase) -> None:
    """Judge the new wording, and the listed ones like it; leave with exit status 1 if it harms."""
    from recognizer.recognition.additions import ListComparison

    lists = ListComparison(before, after)
    verdict, is_harmful = lists.will_be(phrase.text), False
    if verdict is not phrase.outcome:
        is_harmful = True
        print(
            f"{phrase.text!r} would be listed as '{phrase.outcome}', but a transcript that says it "
            f"is taken for '{verdict}'",
            file=sys.stderr,
        )
    for changed in lists.changed_wordings():
        is_stolen = changed.will_be is not changed.phrase.outcome
        is_harmful |= is_stolen
        print(
            f"{'harms' if is_stolen else 'changes'}  {changed.phrase.outcome}: "
            f"«{changed.phrase.text}» was taken for '{changed.was}', would be '{changed.will_be}'",
            file=sys.stderr if is_stolen else sys.stdout,
        )
    if is_harmful:
        raise typer.Exit(1)


def _report(result: PhraseCheck) -> None:
    """Say how a check went; leave with exit status 1 if it failed."""
    for failure in result.failures:
        print(failure, file=sys.stderr)
    if result.failures:
        print(f"{len(result.failures)} failures in {result.n_phrases} phrases", file=sys.stderr)
        raise typer.Exit(1)
    print(f"{result.n_phrases} phrases, each recognised as itself; no forbidden confusion")
