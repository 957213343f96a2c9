"""What README and docs show: commands that exist, options they have, files that are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from recognizer.cli import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "README.ru.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))
_FENCE = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^    (recognizer .*)$", re.MULTILINE)
_INLINE = re.compile(r"`(recognizer [^`]+)`")
_SERVICE = re.compile(r"^ExecStart=\S*/(recognizer .*)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")


def shown_lines(text: str) -> Iterator[str]:
    """Yield what a reader may type: fenced and indented lines, code amid a sentence, services."""
    for block in _FENCE.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from _INDENTED.findall(text)
    yield from _INLINE.findall(text)
    yield from _SERVICE.findall(text.replace("\\\n", " "))


def shown_commands() -> Iterator[tuple[str, str]]:
    for document in (*DOCUMENTS, *UNITS):
        for line in shown_lines(document.read_text("utf-8")):
            for part in re.split(r"&&|;|(?<!\w)\|(?!\w)", line.partition("  #")[0]):
                command = part.strip().removeprefix("$ ")
                if command.startswith("recognizer "):
                    yield str(document.relative_to(ROOT)), command


COMMANDS = sorted(set(shown_commands()))


def found(words: list[str]) -> Any:
    """Return the command that is called; typer brings its own copy of click."""
    command: Any = typer.main.get_command(app)
    context: Any = command.make_context("recognizer", ["--help"], resilient_parsing=True)
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        name = words.pop(0)
        inner = command.get_command(context, name)
        assert inner is not None, f"there is no command {name!r}"
        command = inner
    return command


def test_documents_show_commands() -> None:
    assert len(COMMANDS) > 20


@pytest.mark.parametrize(("document", "command"), COMMANDS, ids=[c for _, c in COMMANDS])
def test_shown_command_exists_and_has_the_options_it_is_shown_with(
    document: str, command: str
) -> None:
    words = shlex.split(command, comments=True)[1:]
    options = {w.partition("=")[0] for w in words if re.match(r"--?[a-z]", w)}
    declared = {name for p in found(words).params for name in (*p.opts, *p.secondary_opts)}
    assert options <= declared | {"--help", "--version"}, document


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_links_of_a_document_lead_to_files(document: Path) -> None:
    for target in _LINK.findall(document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


def test_architecture_names_every_package() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    packages = [
        p.parent.name
        for p in (ROOT / "recognizer").glob("*/__init__.py")
        if p.parent.name != "data"
    ]
    assert [p for p in packages if f"| `{p}` |" not in text] == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listing = (folder / "README.md").read_text("utf-8")
    assert [p.name for p in folder.glob("0*.md") if p.name not in listing] == []


def test_both_readmes_have_the_same_sections() -> None:
    english, russian = (
        re.findall(r"^## (.+)$", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)
        for name in ("README.md", "README.ru.md")
    )
    named = {
        "Add a phrase": "Добавить фразу",
        "Add a model": "Добавить модель",
        "What it cannot do": "Чего не умеет",
        "People's data": "Данные людей",
        "Changes": "Что изменилось",
        "Licence": "Лицензия",
    }
    assert len(english) == len(russian)
    pairs = zip(english, russian, strict=True)
    assert named.items() <= dict(pairs).items()
