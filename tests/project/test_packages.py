"""Each package says what lives there and what may not."""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from pathlib import Path

import grimp
import pytest

PACKAGE = Path(__file__).parents[2] / "recognizer"
PACKAGES = sorted(PACKAGE.rglob("*/__init__.py"))


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: str(path.parent.relative_to(PACKAGE)))
def test_a_package_says_what_lives_there_and_what_may_not(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text()))
    assert said is not None
    lives, _, may_not = said.partition("\nNot here: ")
    assert len(lives.split()) >= 5
    assert len(may_not.split()) >= 2


def test_every_package_stands_in_the_table_of_the_architecture() -> None:
    table = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages
    for name in packages:
        row = next(line for line in table.splitlines() if line.startswith(f"| `{name}` |"))
        assert all(cell.strip() for cell in row.strip("|").split("|"))


@pytest.mark.slow
def test_the_picture_of_the_architecture_has_the_arrows_that_the_imports_need() -> None:
    """An arrow for each import of a package by another, but where a longer path says so."""
    picture = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    (drawn,) = re.findall(r"```mermaid\n(.*?)```", picture, re.DOTALL)
    arrows = {
        arrow
        for line in re.findall(r"^ +(\S.* --> .*)$", drawn, re.MULTILINE)
        for arrow in itertools.product(*(ends.split(" & ") for ends in line.split(" --> ")))
    }
    assert arrows == without_detours(imports_between_packages())


def imports_between_packages() -> set[tuple[str, str]]:
    """Return who imports whom, `__main__` left out: it only starts the command line."""
    graph = grimp.build_graph("recognizer", exclude_type_checking_imports=True, cache_dir=None)
    ends = (
        (module.split(".")[1], imported.split(".")[1])
        for module in graph.modules - {"recognizer", "recognizer.__main__"}
        for imported in graph.find_modules_directly_imported_by(module) - {"recognizer"}
    )
    return {(package, imported) for package, imported in ends if package != imported}


def without_detours(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the transitive reduction of a graph without circles."""
    following = defaultdict(set)
    for package, imported in arrows:
        following[package].add(imported)

    def below(package: str) -> set[str]:
        return {package}.union(*(below(imported) for imported in following[package]))

    return {
        (package, imported)
        for package, imported in arrows
        if not any(imported in below(other) for other in following[package] - {imported})
    }


def test_an_arrow_that_a_longer_path_says_is_left_out() -> None:
    arrows = {("web", "crm"), ("crm", "model"), ("web", "model"), ("cli", "web")}
    assert without_detours(arrows) == {("web", "crm"), ("crm", "model"), ("cli", "web")}
