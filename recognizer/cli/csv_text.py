"""Values of CSV as spreadsheets read them."""

from __future__ import annotations

__all__ = ["harmless"]


def harmless(value: object) -> object:
    """Return a value that no spreadsheet runs: text that begins like a formula gets a quote."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
