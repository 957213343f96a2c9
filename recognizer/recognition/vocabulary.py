"""Words of the phrase lists that an engine with a vocabulary can never hear."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from recognizer.engines.base import Engine, LimitedVocabulary
from recognizer.model import Phrase

__all__ = ["report_missing_words"]

_log = logging.getLogger(__name__)
_N_SHOWN = 20


def report_missing_words(engine: Engine, phrases: Iterable[Phrase]) -> None:
    """Log the words of phrases that an engine does not know, if its words are a list."""
    if not isinstance(engine, LimitedVocabulary):
        return
    missing = dict.fromkeys(w for p in phrases for w in engine.missing_words(p.text))
    if missing:
        shown = ", ".join(list(missing)[:_N_SHOWN])
        _log.warning(
            "%s (%s) cannot hear %d words of the phrase lists, and wordings with them only by "
            "their other words: %s%s",
            engine.name,
            engine.model,
            len(missing),
            shown,
            ", …" if len(missing) > _N_SHOWN else "",
        )
