"""The office's time zone, from ``data/office.toml``: days of comment lines are days of it."""

from __future__ import annotations

import zoneinfo
from pathlib import Path

from recognizer.base.data_files import TomlFile, data_folder, read_toml
from recognizer.base.errors import DataFileError

__all__ = ["office_timezone", "zone_of"]


def office_timezone(path: Path | None = None) -> zoneinfo.ZoneInfo:
    """Return the zone of an office's file; None: of the shipped one.

    Raises
    ------
    DataFileError
        Naming the file and line, if there is no such zone.
    """
    file = read_toml(path or data_folder(".") / "office.toml")
    office = file.values.get("office")
    return zone_of(file, office.get("timezone") if isinstance(office, dict) else None)


def zone_of(file: TomlFile, name: object) -> zoneinfo.ZoneInfo:
    """Return the zone an office's file names.

    Raises
    ------
    DataFileError
        Naming the file and line, if there is no such zone.
    """
    try:
        if not isinstance(name, str):
            raise ValueError(name)  # noqa: TRY301, TRY004 - told below, as any other wrong name
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as problem:
        place = file.place("office", key="timezone")
        raise DataFileError(
            f"{place}: expected a time zone such as 'Europe/Moscow', found {name!r}"
        ) from problem
