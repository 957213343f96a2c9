"""Rows of a file of cards that are none: totals and captions.

Each would be marked for a number that it was never meant to have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from recognizer.crm.card_files.columns import fold_text

__all__ = ["why_no_card"]

# «Отдел сервиса», «2 записи»: words, or no digit at all.
_CAPTION = re.compile(r"(?=.*[^\W\d_]).*\s.*|\D*")
_TOTALS = re.compile(r"(?:итог|всего|total|сумма|количество)")
_COUNTED = re.compile(r"\d[\d ]* ?(?:шт|зап|карт|стр|чел|клиент|контакт|руб)[^\W\d_]*\.?")
_COUNT = re.compile(r"[\d\s.,:%+-]*")


def why_no_card(ref: str, cells: Sequence[str], fields: Sequence[str | None]) -> str | None:
    """Return why a row without a number is no card; None if it may be one.

    Parameters
    ----------
    ref : str
        What stands in the place of the card's number.
    cells : sequence of str
        The row.
    fields : sequence of (str or None)
        What each column of the file stands for.
    """
    folded = fold_text(ref)
    if _TOTALS.match(folded) or _COUNTED.fullmatch(folded):
        return "похоже на строку итогов, а не на карточку"
    others = [
        cell for field, cell in zip(fields, cells, strict=False) if field != "ref" and cell.strip()
    ]
    if _CAPTION.fullmatch(folded) and all(map(_COUNT.fullmatch, others)):
        return "похоже на подпись или название раздела, а не на карточку"
    return None
