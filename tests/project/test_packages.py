"""Each package says what lives there and what may not."""

from __future__ import annotations

import ast
from pathlib import Path

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
