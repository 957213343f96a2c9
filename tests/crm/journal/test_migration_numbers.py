"""Migrations are one line of versions: two of one number would leave journals half upgraded."""

import importlib
import re
from pathlib import Path

from recognizer.crm.journal.migrations import versions

FILES = sorted(path.stem for path in Path(versions.__path__[0]).glob("v*.py"))
MODULES = [importlib.import_module(f"{versions.__name__}.{name}") for name in FILES]


def test_every_number_is_there_once() -> None:
    numbers = [re.fullmatch(r"v(\d{4})_\w+", name) for name in FILES]
    assert [match and int(match[1]) for match in numbers] == list(range(1, len(FILES) + 1))


def test_a_migration_has_the_number_of_its_file() -> None:
    assert [module.revision for module in MODULES] == [name[1:5] for name in FILES]


def test_every_migration_follows_the_one_before() -> None:
    before = [None, *(module.revision for module in MODULES[:-1])]
    assert [module.down_revision for module in MODULES] == before
