"""Read a rule table: the shipped one or an office's."""

from __future__ import annotations

from pathlib import Path

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.office_zone import office_timezone
from recognizer.regulation.checking import check_rule_table
from recognizer.regulation.rule_table import RuleTable
from recognizer.regulation.rules import Regulation

__all__ = ["load_regulation"]


def load_regulation(path: Path | None = None, *, office_file: Path | None = None) -> Regulation:
    """Read and check a rule table.

    Parameters
    ----------
    path : Path or None
        None: the shipped ``data/regulation.toml``.
    office_file : Path or None
        Whose time zone days are of; None: the shipped ``data/office.toml``.

    Raises
    ------
    DataFileError
        Naming the file and line of the first mistake.
    """
    file = read_toml(path or data_folder(".") / "regulation.toml")
    content = convert_toml(file, RuleTable)
    check_rule_table(file, content)
    return Regulation(file.path, content, office_timezone(office_file))
