"""A whole shift in a real Chromium: by keyboard alone, by two people, on a slow line, by ear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_calls import PASSWORD, add_call, page_app, recording
from playwright.sync_api import Browser, BrowserContext, Page, expect
from test_browser import ARGUMENTS, CONTRAST, DESK, Site, browser, context, shoot, sign_in

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.records import AttemptFilter
from recognizer.model import CallOutcome
from recognizer.web.pages.page import page_of

__all__ = ["ARGUMENTS", "browser", "context"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

N_CALLS = 200
SETTLED_MS = 560
"""Just over half a second: an earlier press is taken for the second half of a double one."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    app = page_app(tmp_path)
    site = Site(app)
    yield site
    site.stop()
    app.state.journal.close()


def second_person(browser: Browser, site: Site) -> Page:
    other = browser.new_context(base_url=site.address, viewport=DESK, locale="ru-RU")
    other.set_default_timeout(20_000)
    return sign_in(other, "supervisor")


def press(page: Page, keys: str) -> None:
    """Press a key that decides, once the call has been on the screen long enough."""
    page.wait_for_timeout(SETTLED_MS)
    with page.expect_navigation():
        page.keyboard.press(keys)


def test_a_shift_of_200_calls_by_keyboard_alone(context: BrowserContext, site: Site) -> None:
    """Every call gets what was pressed for it; what was undone at once is decided anew."""
    calls = [add_call(site.app, f"new-wording--{n}.wav") for n in range(N_CALLS)]
    page = context.new_page()
    page.goto("/sign-in")
    expect(page.get_by_label("Имя для входа")).to_be_focused()  # by itself, in its own time
    page.keyboard.type("operator")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("/sign-in"))
    page.goto("/queue")
    meant: dict[int, str] = {}
    n_undone = 0
    while "/queue/" in page.url:
        call = int(page.url.partition("?")[0].rpartition("/")[2])
        assert call not in meant, "a call came twice"
        turn = len(meant) % 3
        key = ("Enter", "3", "5")[turn]
        said = page.locator("[data-accept]" if turn == 0 else f'[data-key="{key}"]')
        meant[call] = "undetermined" if turn == 0 else str(said.get_attribute("value"))
        press(page, key)
        if len(meant) % 20 == 0:
            with page.expect_navigation():
                page.keyboard.press("Control+z")
            assert f"/queue/{call}" in page.url
            n_undone += 1
            press(page, key)
    expect(page.locator("h1")).to_have_text("Очередь пуста")
    journal = page_of(site.app).journal
    assert sorted(meant) == calls
    assert n_undone == N_CALLS // 20
    for call, outcome in meant.items():
        standing = [
            said
            for said in journal.corrections(call)
            if said.withdraws_id is None and not said.is_withdrawn
        ]
        assert [said.outcome for said in standing] == [CallOutcome(outcome)]
    assert journal.count_attempts(AttemptFilter(incorrect_contact=True)) == 0


def test_alike_calls_are_heard_chosen_and_decided_by_keyboard(
    context: BrowserContext, site: Site
) -> None:
    for n in range(12):
        add_call(site.app, f"unsure--{n}.wav", sound=True, number=f"+7916555{n:04}")
    page = sign_in(context)
    page.goto("/queue")
    with page.expect_navigation():
        page.keyboard.press("a")
    expect(page.locator("h1")).to_have_text("Одинаковые звонки")
    expect(page.locator("tr.to-hear")).to_have_count(2)
    shoot(page, "queue-together")
    assert page.evaluate(CONTRAST) == []
    page.get_by_label("Выбрать все").press("Space")
    expect(page.locator("[data-chosen]")).to_have_text("выбрано: 12")
    # Enter on a tick is no decision
    page.get_by_label("Выбрать все").press("Enter")
    expect(page.locator("[data-chosen]")).to_have_text("выбрано: 12")
    assert page_of(site.app).reviews.n_waiting() == 12
    mark = page.get_by_role("button", name="Верно: Номер заблокирован")
    mark.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("Сначала послушайте ещё 2")
    for button in page.locator("tr.to-hear [data-listen]").all():
        button.press("Enter")
        expect(button.locator("xpath=..")).to_contain_text("прослушано")
    with page.expect_navigation():
        mark.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("Это поставит отметку")
    assert page_of(site.app).reviews.n_waiting() == 12
    with page.expect_navigation():
        page.get_by_role("button", name="Номер временно заблокирован").first.press("Enter")
    expect(page.locator(".flash.good")).to_contain_text("Решено вместе: 12")
    shoot(page, "queue-done")
    with page.expect_navigation():
        page.keyboard.press("Control+z")
    expect(page.locator(".flash.good")).to_contain_text("Отменено всё")
    assert page_of(site.app).reviews.n_waiting() == 12


def test_two_people_never_undo_each_other(
    browser: Browser, context: BrowserContext, site: Site
) -> None:
    for n in range(4):
        add_call(site.app, f"new-wording--{n}.wav")
    anna, boris = sign_in(context), second_person(browser, site)
    anna.goto("/queue")
    boris.goto("/queue")
    assert anna.url != boris.url
    boris.goto(anna.url)
    expect(boris.locator(".flash").filter(has_text="сейчас решает Анна")).to_be_visible()
    boris.get_by_role("link", name="Взять себе").click()
    expect(boris.locator(".flash").filter(has_text="сейчас решает Анна")).to_have_count(0)
    call = int(anna.url.rpartition("/")[2])
    press(boris, "3")
    anna.wait_for_timeout(SETTLED_MS)
    anna.keyboard.press("5")
    expect(anna.locator("h1")).to_have_text("Этот звонок уже решили")
    (said,) = page_of(site.app).journal.corrections(call)
    assert said.made_by == "Борис"
    # back: the browser shows no copy of before, but what stands now and who said it
    anna.go_back()
    expect(anna.locator(".page-head")).to_contain_text("Уже проверено")
    expect(anna.locator(".side")).to_contain_text("Борис")
    assert len(page_of(site.app).journal.corrections(call)) == 1
    boris.context.close()


def test_on_a_slow_line_two_presses_are_one_decision(context: BrowserContext, site: Site) -> None:
    calls = [add_call(site.app, f"new-wording--{n}.wav") for n in range(3)]
    page = sign_in(context)
    page.goto("/queue")
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 1500, "downloadThroughput": 20_000, "uploadThroughput": 5000},
    )
    page.wait_for_timeout(SETTLED_MS)
    for _ in range(4):
        page.keyboard.press("3")
        page.wait_for_timeout(150)
    expect(page).to_have_url(re.compile(rf"/queue/{calls[1]}\?"), timeout=30_000)
    corrections = page_of(site.app).journal.corrections
    assert [len(corrections(call)) for call in calls] == [1, 0, 0]


def test_a_folder_of_60_recordings_is_taken_whole(
    context: BrowserContext, site: Site, tmp_path: Path
) -> None:
    folder = tmp_path / "записи"
    (folder / "вчера").mkdir(parents=True)
    for n in range(60):
        path = folder / ("вчера" if n % 2 else ".") / f"busy_tone--f{n}.wav"
        path.write_bytes(recording(1.0, seed=n))
    page = sign_in(context)
    box = page.locator("[data-drop]").bounding_box()
    assert box is not None
    mouse = context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        mouse.send(
            "Input.dispatchDragEvent",
            {"type": kind, "x": box["x"] + 40, "y": box["y"] + 40, "data": data},
        )
    expect(page.locator("[data-count]")).to_have_text("Готово 60 из 60", timeout=120_000)
    assert page_of(site.app).journal.count_attempts() == 60


def test_lists_say_that_there_is_more(context: BrowserContext, site: Site) -> None:
    add_call(site.app, "busy_tone--1.wav")
    page = sign_in(context)
    page.goto("/calls")
    page.evaluate("() => askNews()")
    expect(page.locator("[data-fresh]")).to_be_hidden()
    call = add_call(site.app, "unsure--1.wav")
    page.evaluate("() => askNews()")
    expect(page.locator("[data-fresh]")).to_contain_text("Есть новые звонки")
    expect(page.locator('.nav a[href="/queue"] .badge')).to_have_text("1")
    page.get_by_role("link", name="Показать").click()
    expect(page.locator(f'a[href^="/calls/{call}?"]')).to_be_visible()


def test_what_a_screen_reader_is_told_of_the_queue(context: BrowserContext, site: Site) -> None:
    page_of(site.app).journal.upsert_contact(ContactCard(ref="C-1", trusted_phone="+79165550101"))
    for n in range(2):
        add_call(site.app, f"unsure--{n}.wav", sound=True, number="+79165550101")
    page = sign_in(context)
    page.goto("/queue/list")
    expect(page.locator("main")).to_match_aria_snapshot("""
      - main:
        - heading "Очередь" [level=1]
        - paragraph: "Ждут проверки: 2"
        - link "Проверять по одному"
        - search:
          - combobox "Почему в очереди"
          - combobox "Услышано"
          - combobox "Код номера"
          - combobox "Порядок"
        - region "Звонки в очереди":
          - table:
            - rowgroup:
              - row:
                - columnheader "Время"
                - columnheader "Услышано"
                - columnheader "Почему в очереди"
                - columnheader "Номер"
                - columnheader "Одинаковых"
                - columnheader "Уверенность"
            - rowgroup:
              - row /Номер заблокирован Программа не уверена .* 2 звонка 55 %/
              - row /Номер заблокирован/
        - navigation "Страницы"
    """)
    page.goto("/queue/together?alike=1")
    expect(page.locator("main")).to_match_aria_snapshot("""
      - main:
        - heading "Одинаковые звонки" [level=1]
        - heading "Сказано одно и то же" [level=2]
        - region "Звонки":
          - checkbox "Выбрать все"
          - table
        - 'region "Решение для выбранных выбрано: 0"':
          - heading [level=2]
          - 'button "Верно: Номер заблокирован"'
          - button "Не зарегистрирован в сети"
          - textbox "Другой результат"
    """)
