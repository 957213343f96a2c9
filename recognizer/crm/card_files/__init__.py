"""Cards in CSV and XLSX files as a CRM writes them: read row by row, written row by row.

CSV may be UTF-8 (with or without a byte order mark), UTF-16 with one, or cp1251, separated by
``;``, ``,`` or tabs. Headings and values are mapped by ``data/card_columns.toml``. Of the
rows of a file only their numbers stay in memory, and whole those that may be marked without a call:
any other row may contradict them. Texts pass unchanged in both directions, except that XLSX cells
that hold numbers or dates come back in their shortest spelling.

Not here: what a card means.
"""

from recognizer.crm.card_files.columns import CardColumns, load_card_columns
from recognizer.crm.card_files.files import CardFileError
from recognizer.crm.card_files.reading import CardReader, open_cards
from recognizer.crm.card_files.row_reading import RejectedRow
from recognizer.crm.card_files.survey import CardSurvey
from recognizer.crm.card_files.writing import RejectWriter, write_cards, write_table
from recognizer.crm.card_files.xlsx_tables import Sheets, fit_cell

__all__ = [
    "CardColumns",
    "CardFileError",
    "CardReader",
    "CardSurvey",
    "RejectWriter",
    "RejectedRow",
    "Sheets",
    "fit_cell",
    "load_card_columns",
    "open_cards",
    "write_cards",
    "write_table",
]
