"""What the page says of a classification, and the pictures it draws."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import json
import subprocess
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from recognizer.model import CallOutcome
from recognizer.model.report_json import decision_to_dict
from recognizer.regulation.loading import load_regulation
from recognizer.web.pages import wording
from recognizer.web.pages.charts import nice_step, stacked_columns
from recognizer.web.pages.overview_routes import harmless
from recognizer.web.pages.review import candidates
from recognizer.web.pages.statistics import buckets, group_of, read_period
from recognizer.web.pages.view import intervals, read_report, view_call
from recognizer.web.pages.waiting import doubts
from recognizer.web.pages.waveform import N_PEAKS, Interval, coarse_peaks, prepare, wave_paths

NB = "\u00a0"
MOSCOW = zoneinfo.ZoneInfo("Europe/Moscow")


def report(outcome: str | None, attempt: int = 1, **more: Any) -> dict[str, Any]:
    decision = None
    if outcome is not None:
        decided = load_regulation().decide_outcome(
            CallOutcome(outcome), attempt=attempt, on=dt.date(2026, 11, 22)
        )
        decision = decision_to_dict(decided)
    return {"recording": "a.wav", "outcome": outcome, "decision": decision, **more}


def verdict(outcome: str, attempt: int = 1) -> str:
    return view_call(read_report(report(outcome, attempt)), load_regulation()).verdict


# -- the verdict -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "attempt", "expected"),
    [
        (
            "temporarily_blocked",
            1,
            (
                "Номер временно заблокирован → Недоступен, без отметки; "
                f"попытка{NB}1 из{NB}3, повторить"
            ),
        ),
        (
            "temporarily_blocked",
            3,
            (
                "Номер временно заблокирован → Недоступен, без отметки; "
                f"попытка{NB}3 из{NB}3, поставить статус"
            ),
        ),
        (
            "blocked",
            1,
            (
                "Номер заблокирован → Недоступен, с отметкой «Некорректный контакт»; "
                f"попытка{NB}1 из{NB}1, поставить статус"
            ),
        ),
        ("live_person", 1, "Ответил человек → решает оператор"),
        ("caller_restricted", 1, "Ограничение на нашей линии → проверить нашу линию"),
    ],
)
def test_the_verdict_is_one_sentence(outcome: str, attempt: int, expected: str) -> None:
    assert verdict(outcome, attempt) == expected


@pytest.mark.parametrize("outcome", list(CallOutcome))
def test_every_outcome_has_a_name_a_group_and_a_tint(outcome: CallOutcome) -> None:
    view = view_call(read_report(report(outcome.value)), load_regulation())
    assert view.heard
    assert view.tint in {"mark", "retry", "final", "operator", "person", "line"}
    assert sum(outcome in group for _, group in wording.OUTCOME_GROUPS) == 1
    assert group_of(outcome)


def test_the_rule_is_quoted_with_what_it_leads_to() -> None:
    view = view_call(read_report(report("blocked")), load_regulation())
    assert view.rule_wording == "«…номер/абонент заблокирован»"
    assert view.result_words == (
        f"→ «Недоступен» после{NB}1-й попытки, с отметкой «Некорректный контакт»."
    )


def test_an_error_says_what_happened_and_what_to_do() -> None:
    error = {"kind": "unreadable_audio", "message": "a.wav: no sound"}
    view = view_call(read_report(report(None, error=error)), load_regulation())
    assert view.tint == "error"
    assert view.problem is not None
    assert view.problem.title == "Файл не удалось прочитать"
    assert view.problem.detail == "a.wav: no sound"
    unknown = view_call(
        read_report(report(None, error={**error, "kind": "never-seen"})), load_regulation()
    )
    assert unknown.problem is not None
    assert "администратору" in unknown.problem.advice


def test_the_words_of_the_phrase_and_only_they_decide() -> None:
    words = [
        {"text": text, "start_s": start, "end_s": start + 0.4, "confidence": sure}
        for text, start, sure in (("алло", 0.0, 0.3), ("номер", 1.0, 0.9), ("закрыт", 1.5, None))
    ]
    data = report(
        "blocked",
        transcript={"text": "алло номер закрыт", "engine": "e", "model": "m", "words": words},
        phrase={"id": "p", "text": "номер закрыт", "score": 90, "start_s": 1.0, "end_s": 1.9},
    )
    view = view_call(read_report(data), load_regulation())
    assert [(w.text, w.decides, w.doubtful) for w in view.words] == [
        ("алло", False, True),
        ("номер", True, False),
        ("закрыт", True, False),
    ]


# -- doubts ------------------------------------------------------------------------------------


def test_doubts_name_what_a_person_should_look_at() -> None:
    def of(outcome: str | None, **more: Any) -> tuple[str, ...]:
        data = read_report(report(outcome, **more))
        return doubts(data, data.decision.next if data.decision else None)

    assert of("blocked", confidence=0.99) == ()
    assert of("live_person", confidence=0.99) == ()
    assert of("blocked", confidence=0.79) == ("программа не уверена",)
    assert of("undetermined", confidence=0.1) == ("программа не смогла определить результат",)
    assert of("fax", confidence=0.99) == ("в регламенте нет правила для такого результата",)
    assert of("blocked", confidence=0.99, signalling={"agreement": "disagrees"}) == (
        "код сети не сходится с услышанным",
    )
    assert of(None, error={"kind": "x", "message": "y"}) == ("запись не прочитана",)


def test_rivals_of_the_regulation_come_early_among_the_candidates() -> None:
    data = report("blocked", alternatives=[{"outcome": "voicemail", "probability": 0.2}])
    found = candidates(read_report(data))
    assert found[0] is CallOutcome.VOICEMAIL
    assert CallOutcome.TEMPORARILY_BLOCKED in found[:3]
    assert CallOutcome.BLOCKED not in found
    assert len(found) == len(set(found)) == 6


# -- intervals and peaks -----------------------------------------------------------------------


def test_tones_are_cut_out_of_the_segments_under_them() -> None:
    data = report(
        "temporarily_blocked",
        tones=[{"kind": "ringback", "start_s": 1.0, "end_s": 2.0}],
        segments=[
            {"kind": "silence", "start_s": 0.0, "end_s": 3.0},
            {"kind": "speech", "start_s": 3.0, "end_s": 5.0},
        ],
    )
    found = [(s.kind, s.start_s, s.end_s) for s in intervals(read_report(data))]
    assert found == [
        ("silence", 0.0, 1.0),
        ("ringing", 1.0, 2.0),
        ("silence", 2.0, 3.0),
        ("announcement", 3.0, 5.0),
    ]


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [("live_person", "person"), ("voicemail", "announcement"), ("undetermined", "speech")],
)
def test_speech_is_named_by_who_was_heard(outcome: str, kind: str) -> None:
    data = report(outcome, segments=[{"kind": "speech", "start_s": 0.0, "end_s": 1.0}])
    assert [each.kind for each in intervals(read_report(data))] == [kind]


_TIMES = st.floats(0, 60, allow_nan=False)


@pytest.mark.property
@given(
    st.lists(st.tuples(_TIMES, st.floats(0.1, 20)), max_size=6),
    st.lists(st.tuples(_TIMES, st.floats(0.1, 20)), max_size=3),
)
def test_no_interval_of_sound_lies_under_a_tone(
    segments: list[tuple[float, float]], tones: list[tuple[float, float]]
) -> None:
    data = report(
        "busy_tone",
        tones=[{"kind": "busy", "start_s": s, "end_s": s + d} for s, d in tones],
        segments=[{"kind": "noise", "start_s": s, "end_s": s + d} for s, d in segments],
    )
    for interval in intervals(read_report(data)):
        assert interval.end_s > interval.start_s
        if interval.kind == "noise":
            assert all(
                interval.end_s <= start + 1e-9 or interval.start_s >= start + length - 1e-9
                for start, length in tones
            )


def test_peaks_show_where_it_is_loud(tmp_path: Path) -> None:
    samples = np.zeros(16_000, np.float32)
    samples[8_000:12_000] = 0.25 * np.sin(np.arange(4_000))
    source = tmp_path / "a.wav"
    sf.write(source, samples, 16_000)
    listening = prepare(source, tmp_path / "kept", "digest")
    peaks = np.array(listening.peaks)
    assert len(peaks) == N_PEAKS
    assert listening.duration_s == pytest.approx(1.0, abs=0.01)
    assert peaks[310:440].min() > 0.97  # the loudest is 1, whatever its level
    assert peaks.max() == 1.0
    assert max(peaks[:290].max(), peaks[460:].max()) < 0.01
    assert sf.info(listening.wav).subtype == "PCM_16"
    source.unlink()
    assert prepare(source, tmp_path / "kept", "digest") == listening  # made once


@pytest.mark.parametrize("n_fine", [0, 1, 7, N_PEAKS, N_PEAKS + 1, 10_000])
def test_any_length_gives_the_same_number_of_peaks(n_fine: int) -> None:
    assert len(coarse_peaks([0.5] * n_fine)) == N_PEAKS


def test_a_headerless_recording_becomes_one_that_browsers_play(tmp_path: Path) -> None:
    source = tmp_path / "a.sln"
    tone = (8000 * np.sin(np.arange(8000) / 3)).astype("<i2")
    source.write_bytes(tone.tobytes())
    listening = prepare(source, tmp_path / "kept", "digest")
    with io.BytesIO(listening.wav.read_bytes()) as file:
        assert sf.info(file).frames == pytest.approx(16_000, abs=200)


def test_each_peak_is_drawn_once_in_the_colour_under_it() -> None:
    found = dict(
        wave_paths([1.0] * 10, [Interval("ringing", "", 0, 3), Interval("person", "", 5, 10)], 10.0)
    )
    assert {kind: path.count("M") for kind, path in found.items()} == {
        "ringing": 3,
        "silence": 2,
        "person": 5,
    }


# -- charts, periods, words --------------------------------------------------------------------


@pytest.mark.property
@given(st.integers(0, 10**7))
def test_a_scale_has_at_most_four_round_steps(highest: int) -> None:
    step = nice_step(highest)
    assert str(step).rstrip("0") in {"1", "2", "5"}
    assert highest <= 4 * step


def test_columns_stack_to_their_counts_and_stay_inside() -> None:
    chart = stacked_columns([("1", "one", {"a": 3, "b": 1}), ("2", "two", {})], ("a", "b"))
    tall, empty = chart.columns
    assert empty.bars == ()
    assert tall.bars[0].height == pytest.approx(3 * tall.bars[1].height, rel=0.01)
    assert tall.bars[0].y + tall.bars[0].height == pytest.approx(chart.base)
    assert empty.x + empty.width < 100
    assert stacked_columns([], ("a",)).columns == ()


def test_periods_are_whole_days_of_the_office() -> None:
    today = dt.date(2026, 11, 22)
    week = read_period("week", "", "", today=today, zone=MOSCOW)
    assert week.since == dt.datetime(2026, 11, 16, tzinfo=MOSCOW)
    assert week.until == dt.datetime(2026, 11, 23, tzinfo=MOSCOW)
    swapped = read_period("any", "2026-11-20", "2026-11-10", today=today, zone=MOSCOW)
    assert (swapped.first.day, swapped.last.day) == (10, 20)
    mended = read_period("any", "soon", "<b>", today=today, zone=MOSCOW)
    assert mended.last == today


@pytest.mark.property
@given(st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)), st.integers(0, 800))
def test_columns_cover_a_period_without_gaps(first: dt.date, n_days: int) -> None:
    last = first + dt.timedelta(days=n_days)
    asked = read_period("any", str(first), str(last), today=last, zone=MOSCOW)
    found = list(buckets(asked))
    assert len(found) <= 31
    assert found[0][2] == asked.since
    assert found[-1][3] == asked.until
    for (*_, until), (_, _, since, _) in itertools.pairwise(found):
        assert until == since


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, "1 запись"),
        (2, "2 записи"),
        (5, "5 записей"),
        (11, "11 записей"),
        (1022, "1 022 записи"),
    ],
)
def test_russian_counts(number: int, expected: str) -> None:
    counted = wording.counted(number, "запись", "записи", "записей")
    assert counted.replace(NB, " ") == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, "100 %"), (0.999, "99 %"), (0.5, "50 %"), (0.001, "< 1 %")]
)
def test_per_cent_is_never_rounded_to_certainty(share: float, expected: str) -> None:
    assert wording.percent(share).replace(NB, " ") == expected


@pytest.mark.property
@given(st.text(max_size=40))
def test_a_masked_number_shows_five_digits_at_most_beside_its_country(number: str) -> None:
    shown = wording.mask_number(number)
    assert sum(char.isdigit() for char in shown.removeprefix("+7")) <= 5


def test_moments_say_as_much_as_is_needed() -> None:
    now = dt.datetime(2026, 11, 22, 15, 0, tzinfo=MOSCOW)
    assert wording.moment(now.replace(hour=9, minute=5), now, MOSCOW) == "09:05"
    yesterday = wording.moment(now - dt.timedelta(days=1), now, MOSCOW)
    assert yesterday.replace(NB, " ") == "21 ноя, 15:00"
    assert "2025" in wording.moment(now - dt.timedelta(days=400), now, MOSCOW)


@pytest.mark.property
@given(st.text(max_size=20))
def test_no_exported_cell_starts_like_a_formula(cell: str) -> None:
    assert harmless(cell)[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    assert harmless(cell).endswith(cell)


def test_the_contract_of_a_classification_is_what_the_page_reads() -> None:
    line = json.dumps(report("blocked", attempt=1, duration_s=1.0, confidence=0.9, added_later={}))
    assert read_report(json.loads(line)).outcome is CallOutcome.BLOCKED


FIRST_READERS = """
import json, sys, threading
from recognizer.web.pages.view import read_report
data = json.load(sys.stdin)
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)
threads = [threading.Thread(target=lambda: (together.wait(), read_report(data))) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.slow
def test_the_first_reports_may_be_read_by_several_threads_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_READERS],
        input=json.dumps(report("blocked"), default=str),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
