"""The comment field of a card: lines are added, none is ever changed or removed."""

from __future__ import annotations

__all__ = ["append_line", "merge_comments"]


def append_line(comments: str, line: str) -> str:
    """Return `comments`, untouched, with one more line."""
    if not comments or comments.endswith("\n"):
        return comments + line
    return comments + ("\r\n" if "\r\n" in comments else "\n") + line


def merge_comments(stored: str, incoming: str) -> str:
    """Return comments that begin with what is stored and lack no line of either.

    The CRM and the journal both add lines: what the CRM has beyond the common beginning is
    added at the end, unless those very lines are there already.
    """
    if incoming.startswith(stored):
        return incoming
    if stored.startswith(incoming):
        return stored  # an older export, from before its last line was gone on with
    kept = [line.rstrip("\r") for line in stored.split("\n")]
    lines = incoming.split("\n")
    read = [line.rstrip("\r") for line in lines]
    n_common = 0
    while n_common < min(len(kept), len(read)) and kept[n_common] == read[n_common]:
        n_common += 1
    new = read[n_common:]
    if not any(line.strip() for line in new):
        return stored
    for start in range(n_common, len(kept) - len(new) + 1):
        if kept[start : start + len(new)] == new:
            return stored
    return append_line(stored, "\n".join(lines[n_common:]))
