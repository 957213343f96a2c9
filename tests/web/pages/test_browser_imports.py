"""A file of cards in a real Chromium: dropped in, looked at, agreed to, saved, taken back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect
from test_browser import CONTRAST, PHONE, Site, browser, context, shoot, sign_in, site

from recognizer.web.pages.page import page_of

__all__ = ["browser", "context", "site"]

pytestmark = pytest.mark.browser

HEADING = "Номер контакта;Телефон;Владелец;Город\r\n"
ROWS = "".join(f"I-{n};8 926 555-04-{n:02};Иван Тестов;Тверь\r\n" for n in range(30))
BAD = "I-31;;Мария Тестова;Тверь\r\nI-32;8 926 123 45;Пётр Тестов;Тверь\r\n"
REJECTED = "I-33;#Н/Д;Пётр Тестов;Тверь\r\n"


def pick(page: Page, text: str, name: str = "выгрузка.csv") -> None:
    page.goto("/imports")
    payload = FilePayload(name=name, mimeType="text/csv", buffer=text.encode("cp1251"))
    page.get_by_label("Выгрузка карточек").set_input_files(payload)
    page.get_by_role("button", name="Проверить файл").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_a_file_is_looked_at_agreed_to_saved_and_taken_back(
    context: BrowserContext, site: Site
) -> None:
    journal = page_of(site.app).journal
    page = sign_in(context, "supervisor")
    page.get_by_label("Борис: меню").click()
    page.get_by_role("link", name="Загрузка карточек").click()
    shoot(page, "imports-empty")
    pick(page, HEADING + ROWS + BAD + REJECTED)
    main = page.get_by_role("main")
    expect(main).to_contain_text("карточек в файле 32")
    expect(main).to_contain_text(re.compile(r"получат\s+2\s+карточки\s+из\s+32"))
    expect(page.get_by_role("row", name="Город")).to_contain_text("не загружается")
    expect(main).to_contain_text("вместо номера ошибка таблицы")
    assert page.evaluate(CONTRAST) == []
    shoot(page, "import-file")
    assert not any(record.card.ref.startswith("I-") for record in journal.all_contacts())
    # The browser itself holds back a save without the tick.
    page.get_by_role("button", name="Сохранить карточки").click()
    expect(page.get_by_role("heading", name="Что будет, если сохранить")).to_be_visible()
    assert not any(record.card.ref.startswith("I-") for record in journal.all_contacts())
    page.get_by_label("Да, отметить без звонка").check()
    page.get_by_role("button", name="Сохранить карточки").click()
    expect(page.get_by_role("heading", name="Сохранено")).to_be_visible()
    shoot(page, "import-saved")
    assert journal.contact("I-31").card.owner == "Мария Тестова"
    with page.expect_download() as taken:
        page.get_by_role("link", name="Отклонённые строки").click()
    assert "I-33;#Н/Д" in taken.value.path().read_text("utf-8-sig")
    page.get_by_role("link", name="Отменить загрузку").click()
    expect(page.get_by_role("main")).to_contain_text("закроются: 32")
    shoot(page, "import-undo")
    page.get_by_role("button", name="Отменить загрузку").click()
    expect(page.locator(".flash")).to_contain_text("Загрузка отменена")
    shoot(page, "imports")
    assert page.evaluate(CONTRAST) == []
    assert not any(record.card.ref.startswith("I-") for record in journal.all_contacts())


def test_a_session_that_ends_before_saving_is_gone_on_with(
    context: BrowserContext, site: Site
) -> None:
    page = sign_in(context, "supervisor")
    pick(page, HEADING.replace("I", "J") + ROWS.replace("I-", "S-"))
    page_of(site.app).access.sign_out(
        next(c["value"] for c in context.cookies() if c["name"] == "recognizer_session")
    )
    page.get_by_role("button", name="Сохранить карточки").click()
    expect(page.get_by_role("main")).to_contain_text("Сеанс закончился")
    page.get_by_label("Имя для входа").fill("supervisor")
    page.get_by_label("Пароль").fill("correct horse battery")
    page.get_by_role("button", name="Войти").click()
    expect(page.get_by_role("heading", name="Сохранено")).to_be_visible()
    assert page_of(site.app).journal.contact("S-1").card.owner == "Иван Тестов"


def test_a_file_without_numbers_says_what_to_do_on_a_phone_in_the_dark(
    context: BrowserContext, site: Site
) -> None:
    del site
    page = sign_in(context, "supervisor")
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    pick(page, "Номер контакта;Владелец\r\nN-1;Иван Тестов\r\n", "без номеров.csv")
    expect(page.get_by_role("main")).to_contain_text("Нет столбца с телефоном")
    shoot(page, "import-refused-dark")
    page.get_by_role("link", name="В файле нет номеров").click()
    expect(page.get_by_role("main")).to_contain_text("Номеров в файле нет")
    assert page.evaluate(CONTRAST) == []
    shoot(page, "import-no-numbers-dark")
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.evaluate(wide) is False
    page.get_by_role("button", name="Не сохранять, удалить файл").click()
    expect(page.locator(".flash")).to_contain_text("Файл удалён")
