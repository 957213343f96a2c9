"""Code, settings and addresses that README and docs show: each is tried, or looked up."""

from __future__ import annotations

import ast
import datetime as dt
import importlib
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fake_recognizer import FakeRecognizer

from recognizer.base.settings import Settings, load_settings
from recognizer.crm.connectors import load_targets
from recognizer.live.live_facts import FIELDS
from recognizer.phrases.loading import load_phrases

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *ROOT.glob("README*.md"),
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "docs" / "systemd").iterdir()),
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SAMPLE = ROOT / "tests" / "data" / "calls" / "samples" / "1-does-not-exist-human.wav"


def shown(pattern: str, *, flags: int = 0) -> dict[str, Path]:
    """Return what a pattern's group finds in the documents, with the first that shows it."""
    found: dict[str, Path] = {}
    for document in DOCUMENTS:
        for text in re.findall(pattern, document.read_text("utf-8"), flags):
            found.setdefault(text, document)
    return found


def fenced(language: str) -> list[str]:
    return list(shown(rf"^```{language}\n(.*?)^```", flags=re.MULTILINE | re.DOTALL))


def indented_python() -> list[str]:
    blocks = shown(r"^(    from recognizer[^\n]*\n(?:(?:    [^\n]*)?\n)*)", flags=re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks]


PYTHON = [*fenced("python"), *indented_python()]


@pytest.mark.parametrize("code", PYTHON)
def test_shown_python_imports_what_there_is(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pytest.mark.model
def test_the_python_of_the_readme_runs() -> None:
    (code,) = set(fenced("python"))
    values: dict[str, Any] = {}
    exec(code.replace('"call.wav"', repr(str(SAMPLE))), values)
    assert values["report"].outcome.kind == "does_not_exist"


def test_the_python_of_the_journal_runs(tmp_path: Path) -> None:
    (code,) = indented_python()
    path = tmp_path / "call.wav"
    path.write_text("does_not_exist")
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    code = code.replace("sqlite:////var/lib/calls/journal.sqlite3", url)
    code = code.replace(', contact="12345"', "")  # no card is there
    values: dict[str, Any] = {
        "path": path,
        "recognizer": FakeRecognizer(),
        "moment": dt.datetime.now(dt.UTC),
    }
    exec(code, values)
    assert "не существует" in values["attempt"].decision.decision.comment
    assert values["attempt"].is_new


def test_every_shown_toml_is_settings_targets_or_phrases(tmp_path: Path) -> None:
    blocks = fenced("toml")
    assert len(blocks) >= 5
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.toml"
        if "[[phrase]]" in block:
            folder = tmp_path / f"phrases-{number}"
            folder.mkdir()
            head = 'outcome = "temporarily_blocked"\nlanguage = "ru"\n'
            (folder / "list.toml").write_text(head + block, "utf-8")
            assert load_phrases(folder=folder)
        elif "[[" in block:
            file.write_text(block, "utf-8")
            for name in ("our-crm.secret", "b24.url", "amo.token"):
                secret = tmp_path / name
                secret.write_text("https://example.bitrix24.ru/rest/1/code/")
                secret.chmod(0o600)
            assert load_targets(file)
        else:
            file.write_text(block, "utf-8")
            assert load_settings({"RECOGNIZER_SETTINGS": str(file)}) != Settings()


def test_every_shown_variable_is_a_setting_or_one_of_asterisks_channels() -> None:
    known = {"RECOGNIZER_SETTINGS", "RECOGNIZER_ASTERISK_ROOT"}
    known |= {f"RECOGNIZER_{name.upper()}" for name in FIELDS}
    for section in msgspec.structs.fields(Settings):
        for item in msgspec.structs.fields(type(section.default)):
            known.add(f"RECOGNIZER_{section.name}_{item.name}".upper())
    assert {
        name: file for name, file in shown(r"RECOGNIZER_[A-Z0-9_]+").items() if name not in known
    } == {}


def test_every_shown_extra_and_group_is_declared() -> None:
    extras = {name for text in shown(r"recognizer\[([a-z,]+)\]") for name in text.split(",")}
    assert extras <= PROJECT["project"]["optional-dependencies"].keys()
    groups = set(shown(r"--group (\w+)"))
    assert groups <= PROJECT["dependency-groups"].keys()


def test_every_shown_recipe_is_there() -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    recipes = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(shown(r"nox -s (\w+)")) <= recipes


def test_every_shown_benchmark_is_there_with_its_options() -> None:
    for command in shown(r"(python -m benchmarks[^`\n|;&]*)"):
        _, _, module, *words = command.split()
        spec = importlib.util.find_spec(module)
        assert spec is not None, command
        assert spec.origin is not None
        source = Path(spec.origin).read_text("utf-8")
        options = [word for word in words if word.startswith("--")]
        assert [option for option in options if f'"{option}"' not in source] == [], command


def test_every_shown_address_is_served() -> None:
    from recognizer.web.api.routes import ROUTES

    paths = {getattr(route, "path", "") for route in ROUTES}
    for address in shown(
        r"((?:GET |POST )?/(?:api/v1|health)/[a-z_/{}]*[a-z}]|/openapi\.json|/metrics)"
    ):
        assert address.rpartition(" ")[2] in paths, address
