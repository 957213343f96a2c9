"""How the journal's times grow with its size, and how fast cards come in.

    python -m benchmarks.journal --attempts 10000 100000 1000000 --cards 100000

For each size a journal of that many attempts is laid out (five a card, written straight into the
tables), then real calls are made on it and timed, in milliseconds: the median and the 99th
percentile by the clock, and the mean of the processor's time, which says more on a busy machine.
What must not grow is the time of a decision.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from recognizer.crm.card_files import RejectedRow, load_card_columns, open_cards, write_cards
from recognizer.crm.contacts import CARD_FIELDS, ContactCard, ContactKind
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptFilter
from recognizer.crm.journal.states import call_states
from recognizer.crm.journal.tables import CallStateRow, ContactPhoneRow, ContactRow
from recognizer.model import CallOutcome, CallReport, Evidence, Outcome

PER_CARD = 5
CHUNK = 20_000
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
OUTCOMES = (CallOutcome.BUSY_TONE, CallOutcome.RINGBACK_ONLY, CallOutcome.CALLER_RESTRICTED)


def cards(n_cards: int) -> Iterator[ContactCard]:
    """Yield cards as a CRM has them."""
    numbers = random.Random(7)
    for index in range(n_cards):
        yield ContactCard(
            ref=f"К-{index:07}",
            trusted_phone=f"8 (9{numbers.randrange(10, 99)}) {numbers.randrange(100, 999)}-"
            f"{numbers.randrange(10, 99)}-{numbers.randrange(10, 99)}",
            mobile_phone=f"+79{numbers.randrange(10**8, 10**9)}",
            trusted_person="Доверенное Лицо",
            owner=f"Владелец Номер {index}",
            plate=f"А{index % 1000:03}ВС77",
            make="Марка",
            kind=ContactKind.AFTER_SERVICE,
            comments="04/01 Не отвечает\n05/01 Не отвечает; просил перезвонить",
        )


def contact_row(row_id: int, card: ContactCard) -> dict[str, object]:
    """Return the columns of a card."""
    values = {name: getattr(card, name) for name in CARD_FIELDS}
    return {
        **values,
        "id": row_id,
        "kind": str(card.kind),
        "search_text": f"{card.ref}\n{card.owner}".casefold(),
        "updated_at": START,
    }


INSERT_ATTEMPT = """INSERT INTO attempts (id, contact_id, contact_key, digest, recording,
    called_at, recorded_at, outcome, confidence, transcript, duration_s, report, software_version,
    engine, model) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0.97,
    'номер временно недоступен перезвоните позже', 6.0, '{"outcome": "busy_tone", "tones": []}',
    '0', 'whisper', 'whisper-base')"""
INSERT_DECISION = """INSERT INTO decisions (id, attempt_id, contact_id, made_at, source, outcome,
    rule_id, status, incorrect_contact, by_analogy, attempt, after_attempt, final, next, comment,
    explanation, counts, resets, counted_after, regulation_version) VALUES (?, ?, ?, ?, 'call', ?,
    'busy-tone', 'Недоступен', 0, 0, ?, 3, ?, ?, '01/01 x', '[]', 1, 0, ?, 'benchmark')"""


def attempt_rows(n_attempts: int) -> Iterator[tuple[tuple[object, ...], tuple[object, ...]]]:
    """Yield an attempt and its decision, `PER_CARD` of each card in turn."""
    for index in range(n_attempts):
        card, number, row_id = 1 + index // PER_CARD, index % PER_CARD, index + 1
        called_at = f"2026-01-{1 + number:02} {index % 24:02}:{index % 60:02}:00.000000"
        outcome = OUTCOMES[number % 2].value
        following = "set_status" if number >= 2 else "retry"
        yield (
            (
                row_id, card, f"contact:{card}", f"{row_id:064x}", f"calls/{row_id}.wav",
                called_at, called_at, outcome,
            ),
            (
                row_id, row_id, card, called_at, outcome,
                number + 1, number >= 2, following, number + 1,
            ),
        )  # fmt: skip


def lay_out(journal: Journal, n_attempts: int) -> int:
    """Fill an empty journal; return how many cards it has."""
    n_cards = max(1, n_attempts // PER_CARD)
    numbered = enumerate(cards(n_cards), start=1)
    while batch := list(itertools.islice(numbered, CHUNK)):
        with journal.database.writing() as session:
            session.execute(sa.insert(ContactRow), [contact_row(*card) for card in batch])
            phones = [{"contact_id": row_id, "number": card.mobile_phone} for row_id, card in batch]
            session.execute(sa.insert(ContactPhoneRow), phones)
    rows = attempt_rows(n_attempts)
    while chunk := list(itertools.islice(rows, CHUNK)):
        with journal.database.writing() as session:
            # Straight to the driver: a million rows through the ORM take an hour.
            connection = session.connection()
            connection.exec_driver_sql(INSERT_ATTEMPT, [attempt for attempt, _ in chunk])
            connection.exec_driver_sql(INSERT_DECISION, [decision for _, decision in chunk])
    with journal.database.writing() as session:
        columns = [column.name for column in CallStateRow.__table__.columns]
        session.execute(sa.insert(CallStateRow).from_select(columns, call_states()))
    return n_cards


def heard(outcome: CallOutcome, name: str) -> CallReport:
    """Return a classification to record."""
    return CallReport(name, Evidence(6.0), Outcome(outcome, 0.97), None, 0.1)


def timed(action: Callable[[int], object], n_times: int) -> str:
    """Return median and 99th percentile of an action and the processor's mean, milliseconds."""
    took_ms = []
    processor_s = time.process_time()
    for number in range(n_times):
        begun = time.perf_counter()
        action(number)
        took_ms.append((time.perf_counter() - begun) * 1000)
    processor_ms = (time.process_time() - processor_s) * 1000 / n_times
    worst = statistics.quantiles(took_ms, n=100)[98]
    return f"{statistics.median(took_ms):9.2f} {worst:9.2f} {processor_ms:9.2f}"


def measure(n_attempts: int, folder: Path) -> None:
    """Print the times on a journal of one size."""
    path = folder / f"{n_attempts}.sqlite3"
    with Journal.open(f"sqlite:///{path}") as journal:
        n_cards = lay_out(journal, n_attempts)
        refs = [f"К-{random.Random(n).randrange(n_cards):07}" for n in range(200)]
        late = START - dt.timedelta(days=1)
        moment = START + dt.timedelta(days=100)
        for name, n_times, action in (
            (
                "decide and record a call",
                200,
                lambda n: journal.record_attempt(
                    heard(OUTCOMES[n % 3], f"{n}.wav"), contact=refs[n], digest=f"new{n}",
                    called_at=moment + dt.timedelta(seconds=n),
                ),
            ),
            (
                "a call that came late (5 renumbered)",
                100,
                lambda n: journal.record_attempt(
                    heard(OUTCOMES[0], f"l{n}.wav"), contact=refs[n], digest=f"late{n}",
                    called_at=late + dt.timedelta(seconds=n),
                ),
            ),
            ("history of a card", 100, lambda n: journal.history(refs[n])),
            ("page of attempts", 50, lambda _: journal.attempts(limit=50)),
            (
                "page of a card's attempts",
                50,
                lambda n: journal.attempts(AttemptFilter(contact=refs[n])),
            ),
            ("review queue", 50, lambda _: journal.review_queue()),
            ("find a card by number", 50, lambda n: journal.find_contacts(f"+7926{n:07}")),
            ("find a card by text", 10, lambda n: journal.find_contacts(f"номер {n}77")),
        ):  # fmt: skip
            print(f"{n_attempts:>9} {name:<38} {timed(action, n_times)}", flush=True)
    size_mb = path.stat().st_size / 1e6
    print(f"{n_attempts:>9} size on disk {size_mb:.0f} MB", flush=True)


def measure_import(n_cards: int, folder: Path) -> None:
    """Print how fast a CSV file of cards comes in, and the memory it takes."""
    columns = load_card_columns()
    path = folder / "cards.csv"
    write_cards(path, cards(n_cards), columns, encoding="cp1251")
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with Journal.open(f"sqlite:///{folder / 'import.sqlite3'}") as journal:
        for name in ("import", "import again"):
            begun, cpu_s = time.perf_counter(), time.process_time()
            with open_cards(path, columns) as reader:
                rows = (row for row in reader if not isinstance(row, RejectedRow))
                n_done = sum(1 for _ in journal.import_contacts(rows, source="benchmark"))
            took_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu_s
            after_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{name} of {n_done} cards: {took_s:.1f} s ({cpu_s:.1f} s of processor), "
                f"peak memory {after_mb:.0f} MB ({after_mb - before_mb:+.0f})",
                flush=True,
            )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--attempts", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--cards", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="where the journals are made (default: /tmp)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for n_cards in arguments.cards:
            (Path(folder) / str(n_cards)).mkdir()
            measure_import(n_cards, Path(folder) / str(n_cards))
        if arguments.attempts:
            print(f"{'attempts':>9} {'':<38} {'median ms':>9} {'99 % ms':>9} {'proc. ms':>9}")
        for n_attempts in arguments.attempts:
            measure(n_attempts, Path(folder))


if __name__ == "__main__":
    main()
