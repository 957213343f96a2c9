"""A working day in a real Chromium: many uploads, tables taken away, cards, a session that ends."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from page_calls import PASSWORD, add_call, recording
from playwright.sync_api import BrowserContext, expect
from test_browser import CONTRAST, Site, browser, context, drop, shoot, sign_in, site

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.tables import RecorderRow
from recognizer.model import CallOutcome
from recognizer.web.pages.page import page_of

__all__ = ["browser", "context", "site"]

pytestmark = pytest.mark.browser


def test_many_uploads_are_counted_and_the_client_is_not_carried_over(
    context: BrowserContext, site: Site
) -> None:
    page_of(site.app).journal.upsert_contact(ContactCard(ref="D-1", trusted_phone="+79265550301"))
    page = sign_in(context)
    page.get_by_label("Чей звонок").fill("D-1")
    drop(page, *((f"busy_tone--d{n}.wav", recording(1.0, seed=n)) for n in range(12)))
    expect(page.get_by_label("Чей звонок")).to_have_value("")
    expect(page.locator("[data-count]")).to_have_text("Готово 12 из 12")
    shoot(page, "home-many")
    drop(page, ("silence--d.wav", recording(1.0, seed=99)))
    expect(page.locator("[data-results] > li").first).to_contain_text("silence--d.wav")
    expect(page.locator("[data-results] > li").first.locator("h2 a")).to_be_visible()
    assert len(page_of(site.app).journal.history("D-1")) == 12
    first = page.locator("[data-results] > li").nth(1)
    first.get_by_role("button", name="Скопировать").click()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == first.locator("code").inner_text()


def test_a_table_is_taken_away_as_often_as_wanted(context: BrowserContext, site: Site) -> None:
    add_call(site.app, "busy_tone--t.wav", number="+79265550301")
    page = sign_in(context, "supervisor")
    page.goto("/calls")
    for name, suffix in (("XLSX", "xlsx"), ("CSV", "csv"), ("XLSX", "xlsx")):
        with page.expect_download() as saved:
            page.get_by_role("button", name=name).click()
        assert saved.value.suggested_filename.endswith(suffix)
        expect(page.locator("[data-progress]")).to_contain_text("Таблица готова")
    page.get_by_label("полные номера").check()
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    assert "8 (926) 555-03-01" in saved.value.path().read_text("utf-8-sig")
    assert page_of(site.app).access.audit(limit=1)[0].detail == "с номерами"
    shoot(page, "calls-export")


def test_a_card_is_chosen_changed_and_left(context: BrowserContext, site: Site) -> None:
    journal = page_of(site.app).journal
    for ref, owner in (("E-1", "Иван Тестов"), ("E-2", "Мария Тестова")):
        journal.upsert_contact(ContactCard(ref=ref, trusted_phone="+79265550401", owner=owner))
    call = add_call(site.app, "no-such-number--e.wav", sound=True)
    page = sign_in(context, "supervisor")
    page.goto(f"/calls/{call}")
    page.get_by_label("Номер телефона целиком").fill("555-04")
    page.get_by_role("button", name="Сохранить карточку").click()
    expect(page.locator("h1")).to_have_text("Номер набран не полностью")
    page.get_by_role("link", name="Вернуться к звонку").click()
    page.get_by_label("Номер телефона целиком").fill("8 926 555-04-01")
    page.get_by_role("button", name="Сохранить карточку").click()
    expect(page.locator("h1")).to_have_text("Чья это карточка?")
    shoot(page, "card-choice")
    assert page.evaluate(CONTRAST) == []
    page.get_by_label("Карточка E-2").check()
    page.get_by_role("button", name="Назначить карточку").click()
    expect(page.locator(".side")).to_contain_text("Мария Тестова")
    page.get_by_text("Не та карточка?").click()
    shoot(page, "call-other-card")
    page.get_by_label("или номер карточки").fill("E-1")
    page.get_by_role("button", name="Перенести").click()
    expect(page.locator(".side")).to_contain_text("Иван Тестов")
    assert journal.contact("E-1").incorrect_contact
    assert not journal.contact("E-2").incorrect_contact
    page.get_by_text("Не та карточка?").click()
    page.get_by_role("button", name="Открепить").click()
    expect(page.locator(".side")).to_contain_text("Карточки у этого звонка нет")
    assert not journal.contact("E-1").incorrect_contact


def test_what_was_typed_beside_a_card_is_chosen_on_a_phone_too(
    context: BrowserContext, site: Site
) -> None:
    journal = page_of(site.app).journal
    number = "+79265550451"
    journal.upsert_contact(ContactCard(ref="G-1", trusted_phone=number, owner="Иван Тестов"))
    call = add_call(site.app, "person--g.wav")
    page = sign_in(context)
    page.goto(f"/calls/{call}")
    page.get_by_label("Номер телефона целиком").fill(number)
    page.get_by_text("Ещё поля").click()
    page.get_by_label("Имя владельца").fill("Пётр Долгофамильный-Очень")
    page.get_by_role("button", name="Сохранить карточку").click()
    expect(page.locator("h1")).to_have_text("В карточке записано другое")
    shoot(page, "card-difference")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_label("Изменить: Имя владельца").check()
    page.get_by_role("button", name="Назначить карточку").click()
    expect(page.locator(".side")).to_contain_text("Пётр Долгофамильный-Очень")
    assert journal.contact("G-1").card.owner == "Пётр Долгофамильный-Очень"


def test_an_answer_outlives_its_session(context: BrowserContext, site: Site) -> None:
    call = add_call(site.app, "unsure--s.wav", sound=True)
    page = sign_in(context)
    page.goto(f"/queue/{call}?take=yes")
    page.wait_for_timeout(600)
    context.clear_cookies()
    page.get_by_role("button", name="Номер временно заблокирован").first.click()
    expect(page.get_by_role("alert")).to_contain_text("ваш ответ будет записан")
    shoot(page, "session-over")
    page.get_by_label("Имя для входа").fill("operator")
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    expect(page.locator(".flash").first).to_contain_text("Исправлено")
    (said,) = page_of(site.app).journal.corrections(call)
    assert said.outcome is CallOutcome.TEMPORARILY_BLOCKED
    page.go_back()  # to no page of the browser's own that asks to send the form again
    expect(page.locator("main")).to_contain_text("Вход")
    assert len(page_of(site.app).journal.corrections(call)) == 1


def test_on_a_phone_the_answer_is_on_the_first_screen(context: BrowserContext, site: Site) -> None:
    call = add_call(site.app, "unsure--p.wav", sound=True)
    page = sign_in(context)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/queue/{call}?take=yes")
    box = page.locator("[data-accept]").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 844
    expect(page.locator("[data-accept]")).to_have_text(re.compile("Верно"))


def test_a_person_who_wants_it_is_told_of_the_queue_and_of_a_silent_recorder(
    context: BrowserContext, site: Site
) -> None:
    context.grant_permissions(["notifications"], origin=site.address)
    page = sign_in(context)
    page.add_init_script(
        """window.told = [];
        window.Notification = class extends Notification {
          constructor(title, options) { super(title, options); told.push([title, options.body]); }
        };
        window.isAway = false;
        Object.defineProperty(document, "hidden", { get: () => window.isAway });"""
    )
    page.goto("/calls")
    page.get_by_label("Анна: меню").click()
    button = page.get_by_role("button", name="Сообщать о новых в очереди")
    button.click()
    expect(page.get_by_role("button", name="Не сообщать о новых")).to_be_visible()
    with page_of(site.app).journal.database.writing() as session:
        heard_at = dt.datetime.now(dt.UTC) - dt.timedelta(hours=3)
        session.add(RecorderRow(kind="folder", name="/записи/первая", heard_at=heard_at))
    add_call(site.app, "unsure--told.wav")
    page_of(site.app).reviews.waiting.forget()
    page.evaluate("() => { window.isAway = true; return askNews(); }")
    page.wait_for_function("() => told.length === 2")
    told = [body for _, body in page.evaluate("() => told")]
    assert re.fullmatch(r"В очереди ждут проверки: \d+", told[0])
    assert "(папка «/записи/первая»)" in told[1]
    page.evaluate("() => { window.isAway = false; }")
    expect(page.get_by_role("alert")).to_contain_text("папка «/записи/первая»")
    shoot(page, "silent-recorder")
    page.get_by_role("button", name="Не сообщать о новых").click()
    add_call(site.app, "unsure--untold.wav")
    page_of(site.app).reviews.waiting.forget()
    page.evaluate("() => { window.isAway = true; return askNews(); }")
    page.wait_for_timeout(300)
    assert len(page.evaluate("() => told")) == 2
    with page_of(site.app).journal.database.writing() as session:
        session.execute(sa.delete(RecorderRow))


def test_files_days_and_empty_fields_are_spoken_of_in_russian_by_any_browser(
    context: BrowserContext, site: Site
) -> None:
    """What a browser writes into such fields is in the language of the browser."""
    old = add_call(site.app, "busy_tone--old.wav", number="+79265550991", days_ago=3)
    page = sign_in(context, "supervisor")
    for path in ("/", "/calls", "/overview", "/imports"):
        page.goto(path)
        fields = page.locator("input[type=file], input[type=date]")
        seen = fields.evaluate_all("all => all.map((one) => getComputedStyle(one).opacity)")
        assert seen
        assert set(seen) == {"0"}, path
    day = dt.datetime.now(page_of(site.app).office.timezone).date() - dt.timedelta(days=3)
    page.goto("/calls?text=0991")
    expect(page.locator(f'a[href^="/calls/{old}?"]')).to_be_visible()
    typed = page.get_by_label("По", exact=True)
    with page.expect_navigation():
        typed.fill(f"{day - dt.timedelta(days=1):%d.%m.%Y}")
        typed.press("Enter")
    expect(page.locator("main")).to_contain_text("Ничего не найдено")
    # the calendar fills the field in
    with page.expect_navigation():
        page.locator(".day-line input[type=date]").last.evaluate(
            """(field, day) => {
              field.value = day;
              field.dispatchEvent(new Event("change", { bubbles: true }));
            }""",
            day.isoformat(),
        )
    expect(page.get_by_label("По", exact=True)).to_have_value(f"{day:%d.%m.%Y}")
    expect(page.locator(f'a[href^="/calls/{old}?"]')).to_be_visible()
    page.get_by_label("По", exact=True).fill("вчера")
    page.get_by_label("По", exact=True).press("Enter")
    said = "field => field.validationMessage"
    assert page.get_by_label("По", exact=True).evaluate(said) == "День пишется так: 27.11.2026."
    shoot(page, "calls-days")
    page.goto("/imports")
    page.get_by_role("button", name="Проверить файл").click()
    assert page.get_by_label("Выгрузка карточек").evaluate(said) == "Выберите файл."
    page.get_by_label("Выгрузка карточек").set_input_files(
        {"name": "карточки.csv", "mimeType": "text/csv", "buffer": b"1;2"}
    )
    expect(page.locator("[data-file-name]")).to_have_text("карточки.csv")
    assert page.get_by_label("Выгрузка карточек").evaluate(said) == ""
    shoot(page, "imports-file")


def test_a_card_is_made_for_the_number_of_the_call_without_opening_it(
    context: BrowserContext, site: Site
) -> None:
    journal = page_of(site.app).journal
    call = add_call(site.app, "busy_tone--own.wav", number="+79265550992")
    page = sign_in(context)
    page.goto(f"/calls/{call}")
    page.get_by_role("button", name="Сохранить карточку").click()
    expect(page.locator(".flash").first).to_contain_text("Карточка сохранена")
    card = journal.attempt(call).contact_ref
    assert journal.contact(card or "").card.trusted_phone == "+79265550992"
    journal.upsert_contact(ContactCard(ref="O-2", trusted_phone="+79265550993", owner="Иван"))
    other = add_call(site.app, "unsure--own.wav")
    journal.upsert_contact(ContactCard(ref="O-3", trusted_phone="+79265550993", owner="Пётр"))
    known = add_call(site.app, "busy_tone--own2.wav", number="+79265550993")
    page.goto(f"/calls/{known}")
    page.get_by_role("button", name="Сохранить карточку").click()
    expect(page.locator("h1")).to_have_text("Чья это карточка?")
    assert "5550993" not in page.content()
    page.get_by_label("Карточка O-3").check()
    page.get_by_role("button", name="Назначить карточку").click()
    expect(page.locator(".side")).to_contain_text("Пётр")
    # a call without a number needs one
    page.goto(f"/calls/{other}")
    page.get_by_role("button", name="Сохранить карточку").click()
    needed = page.get_by_label("Номер телефона целиком")
    assert needed.evaluate("field => field.validationMessage") == "Заполните это поле."


def test_uploads_that_failed_and_were_repeated_are_counted_once(
    context: BrowserContext, site: Site
) -> None:
    page = sign_in(context)
    page.route("**/uploads?*", lambda route: route.abort(), times=2)
    drop(page, *((f"busy_tone--again{n}.wav", recording(1.0, seed=200 + n)) for n in range(4)))
    expect(page.locator("[data-count]")).to_have_text("Готово 2 из 4, не получилось: 2")
    for _ in range(2):
        page.get_by_role("button", name="Повторить", exact=True).first.click()
    expect(page.locator("[data-count]")).to_have_text("Готово 4 из 4")
    page.goto("/calls?text=again")
    expect(page.locator("tbody tr")).to_have_count(4)


def test_what_failed_together_is_sent_again_by_one_press(
    context: BrowserContext, site: Site
) -> None:
    page = sign_in(context)
    everything = page.get_by_role("button", name="Повторить все")
    page.route("**/uploads?*", lambda route: route.abort(), times=9)
    drop(page, *((f"busy_tone--all{n}.wav", recording(1.0, seed=300 + n)) for n in range(10)))
    expect(page.locator("[data-count]")).to_have_text("Готово 1 из 10, не получилось: 9")
    shoot(page, "home-again-all")
    everything.click()
    expect(page.locator("[data-count]")).to_have_text("Готово 10 из 10")
    expect(everything).to_be_hidden()
    page.goto("/calls?text=busy_tone--all")
    expect(page.locator("tbody tr")).to_have_count(10)
