"""Files of cards on the page: looked at first, saved when a person says so, taken back."""

from __future__ import annotations

import dataclasses
import html
import io
import os
import re
import threading
import time
from pathlib import Path

import httpx2
import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import PASSWORD, page_app, page_settings
from test_web_glossary import foreign_words, read_aloud
from test_web_pages import HTML, sign_in

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.web.app import create_app
from recognizer.web.pages.card_uploads import CardUploads
from recognizer.web.pages.page import page_of

pytestmark = pytest.mark.page

HEADING = "Номер контакта;Телефон;Владелец;Город\r\n"
GOOD = "".join(f"{n};8 926 555-02-{n:02};Иван Тестов;Тверь\r\n" for n in range(1, 20))


def send(
    client: TestClient, csrf: str, body: bytes | str, name: str = "crm.csv"
) -> httpx2.Response:
    content = body if isinstance(body, bytes) else body.encode()
    return client.post("/imports", data={"csrf": csrf}, files={"file": (name, content)})


def fields(answer: httpx2.Response) -> dict[str, str]:
    """Return what the form that saves a file would send, its tick left out."""
    pattern = r'<form method="post" action="([^"]+/save)">(.*?)</form>'
    form = re.search(pattern, answer.text, re.DOTALL)
    assert form is not None, answer.text
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[2])
    return {"action": form[1], **dict(hidden)}


def save(client: TestClient, form: dict[str, str], **more: str) -> httpx2.Response:
    values = dict(form)
    return client.post(values.pop("action"), data=values | more)


def refs(app: FastAPI) -> set[str]:
    return {record.card.ref for record in app.state.journal.all_contacts()}


def text_of(answer: httpx2.Response) -> str:
    return " ".join(read_aloud(answer.text).split()).replace("\u00a0", " ")


def test_a_file_is_shown_and_nothing_is_saved_before_a_person_says_so(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "supervisor")
    answer = send(client, csrf, HEADING + "без столбцов\r\n" + GOOD + "20;;Иван Тестов;Тверь\r\n")
    assert answer.status_code == 200
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())
    assert "карточек в файле 20" in text
    assert "отклонённых строк 1" in text
    assert "номер есть 19" in text
    assert "номера нет 1" in text
    assert "Город не загружается" in text
    assert "ожидалось столбцов: 4, найдено: 1" in text
    assert "строка 2" in text
    assert "получит 1" in text.replace("\u00a0", " ")
    assert "(5" in text
    assert "8926*****01" in text.replace(" ", "") or "892655" not in text.replace(" ", "")
    assert "555-02-01" not in answer.text
    assert refs(app) == set()
    assert app.state.journal.imports() == ()
    assert client.get("/imports").text.count("/imports/files/") == 1
    assert save(client, fields(answer)).status_code == 200
    assert refs(app) == {str(n) for n in range(1, 21)}
    (made,) = app.state.journal.imports()
    assert (made.made_by, made.n_added, made.n_changed) == ("Борис", 20, 0)
    assert [entry.action for entry in page_of(app).access.audit(limit=2)] == [
        "import_cards",
        "upload_cards",
    ]


def test_more_marks_than_the_share_need_a_plain_yes(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    answer = send(client, csrf, HEADING + GOOD + "20;;Т;\r\n21;8 926 123;Т;\r\n")
    assert "2 карточки" in text_of(answer)
    assert "Да, отметить без звонка: 2" in text_of(answer)
    form = fields(answer)
    refused = save(client, form)
    assert refused.status_code == 409
    assert "подтвердите отметки галочкой" in refused.text
    assert refs(app) == set()
    assert "Сохранено" in save(client, form, yes="yes").text
    assert len(refs(app)) == 21


@pytest.mark.parametrize("n_with_cards", [1, 2])
def test_sheets_that_are_not_read_are_named(
    app: FastAPI, client: TestClient, n_with_cards: int
) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "Титул"
    for name in ("Апрель", "Март")[:n_with_cards]:
        sheet = book.create_sheet(name)
        sheet.append(["Номер контакта", "Телефон"])
        sheet.append(["1", "8 926 555-02-01"])
    file = io.BytesIO()
    book.save(file)
    answer = send(client, sign_in(client, "supervisor"), file.getvalue(), "crm.xlsx")
    told = " ".join(re.sub(r"<[^>]+>", "", html.unescape(answer.text)).split())
    if n_with_cards == 1:
        assert "Прочитан лист «Апрель». Не загружаются: Титул." in told
    else:
        assert "Карточки стоят на нескольких листах: «Апрель», «Март»." in told
        assert "/save" not in answer.text


@pytest.mark.parametrize("numbers", ["", "unknown"])
def test_what_a_workbook_without_numbers_leaves_unknown_is_no_mark(
    app: FastAPI, client: TestClient, numbers: str
) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["Номер контакта", "Владелец"])
    sheet.append(["1", "Иван Тестов"])
    file = io.BytesIO()
    book.save(file)
    csrf = sign_in(client, "supervisor")
    answer = send(client, csrf, file.getvalue(), "crm.xlsx")
    assert "Нет столбца с телефоном" in answer.text
    assert "/save" not in answer.text
    link = re.search(r'href="(/imports/files/\w+\?numbers=unknown)"', answer.text)
    assert link is not None
    if numbers:
        form = fields(client.get(link[1]))
        assert save(client, form).status_code == 200
        assert not app.state.journal.contact("1").card.numbers()
        assert app.state.journal.decide_card("1") is None
    else:
        token = link[1].split("/")[3].partition("?")[0]
        (kept,) = page_of(app).card_uploads.waiting()
        form = {"csrf": csrf, "marked": "9", "digest": kept.digest}
        assert client.post(f"/imports/files/{token}/save", data=form).status_code == 409
        assert refs(app) == set()


def test_an_import_is_taken_back_after_a_look_at_what_that_does(
    app: FastAPI, client: TestClient
) -> None:
    app.state.journal.upsert_contact(ContactCard(ref="1", trusted_phone="+79265550299"))
    csrf = sign_in(client, "supervisor")
    save(client, fields(send(client, csrf, HEADING + GOOD)))
    link = re.search(r'href="(/imports/\d+/undo)"', client.get("/imports").text)
    assert link is not None
    shown = client.get(link[1])
    assert "добавленные карточки закроются: 18" in text_of(shown)
    assert "изменённые станут прежними: 1" in text_of(shown)
    assert len(refs(app)) == 19
    done = client.post(link[1], data={"csrf": csrf})
    assert "Загрузка отменена" in done.text
    assert refs(app) == {"1"}
    assert app.state.journal.contact("1").card.trusted_phone == "+79265550299"
    assert client.post(link[1], data={"csrf": csrf}).status_code == 409


def test_what_an_undone_import_left_is_taken_from_the_list_once_it_can_be(
    app: FastAPI, client: TestClient
) -> None:
    journal = app.state.journal
    card = ContactCard(ref="1", trusted_phone="+79265550299", owner="Первый")
    first, later = (journal.begin_import(name, made_by="Борис") for name in ("one", "two"))
    for number, owner in ((first, "Первый"), (later, "Второй")):
        one = dataclasses.replace(card, owner=owner)
        list(journal.import_contacts([one], source="file", import_id=number))
    csrf = sign_in(client, "supervisor")
    for number in (first, later):
        assert client.post(f"/imports/{number}/undo", data={"csrf": csrf}).status_code == 200
    assert "Остаток: 1" in text_of(client.get("/imports"))
    assert client.post(f"/imports/{first}/undo", data={"csrf": csrf}).status_code == 200
    assert refs(app) == set()
    assert "Остаток" not in text_of(client.get("/imports"))


def test_only_who_leads_a_shift_sees_or_saves_files(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    form = fields(send(client, csrf, HEADING + GOOD))
    folder = form["action"].removesuffix("/save")
    client.cookies.clear()
    csrf = sign_in(client, "operator")
    assert send(client, csrf, HEADING + GOOD).status_code == 403
    for path in ("/imports", folder, f"{folder}/rejected.csv", "/imports/1/undo"):
        assert client.get(path).status_code == 403, path
    for path in (f"{folder}/save", f"{folder}/drop", "/imports/1/undo"):
        data = {"csrf": csrf, "digest": form["digest"], "marked": "0"}
        assert client.post(path, data=data).status_code == 403, path
    assert "/imports" not in client.get("/").text
    assert refs(app) == set()


def test_what_is_saved_is_byte_for_byte_what_was_examined(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    form = fields(send(client, csrf, HEADING + GOOD))
    assert save(client, form | {"digest": "0" * 64}).status_code == 409
    uploads = page_of(app).card_uploads
    path = uploads.path(uploads.waiting()[0])
    path.write_bytes(path.read_bytes().replace("Иван".encode(), "Петр".encode()))
    assert save(client, form).status_code == 409
    assert refs(app) == set()


def test_two_people_save_a_file_once(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    form = fields(send(client, csrf, HEADING + GOOD))
    other = TestClient(app, headers=HTML, base_url="http://127.0.0.1")
    theirs = sign_in(other, "administrator")
    seen = fields(other.get(form["action"].removesuffix("/save")))
    answers: list[httpx2.Response] = []
    both = [
        threading.Thread(target=lambda: answers.append(save(client, form))),
        threading.Thread(target=lambda: answers.append(save(other, seen | {"csrf": theirs}))),
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len(app.state.journal.imports()) == 1
    assert "Сохранено" in other.get(form["action"].removesuffix("/save")).text


def test_while_one_file_is_saved_another_waits_and_its_progress_is_shown(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "supervisor")
    form = fields(send(client, csrf, HEADING + GOOD))
    address = form["action"].removesuffix("/save")
    uploads = page_of(app).card_uploads
    with uploads.saving(address.rpartition("/")[2]) as progress:
        progress(7)
        assert "Готово 7." in client.get(address).text
        assert save(client, form).status_code == 409
        client.post(f"{address}/drop", data={"csrf": csrf})
    assert refs(app) == set()
    assert save(client, form).status_code == 200
    assert len(refs(app)) == 19


def test_more_marks_than_were_shown_are_shown_again(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    journal = app.state.journal
    journal.upsert_contact(ContactCard(ref="20", trusted_phone=""))
    form = fields(send(client, csrf, HEADING + GOOD + "20;;Т;\r\n"))
    assert form["marked"] == "0"
    journal.upsert_contact(ContactCard(ref="20", trusted_phone="+79265550299"))
    refused = save(client, form)
    assert refused.status_code == 409
    assert "отметок станет больше" in refused.text
    assert len(refs(app)) == 1
    assert fields(refused)["marked"] == "1"


def test_a_restart_between_looking_and_saving_loses_nothing(tmp_path: Path) -> None:
    app = page_app(tmp_path)
    with TestClient(app, headers=HTML, base_url="http://127.0.0.1") as client:
        csrf = sign_in(client, "supervisor")
        form = fields(send(client, csrf, HEADING + GOOD))
        cookies = dict(client.cookies)
    app.state.journal.close()
    settings = page_settings(tmp_path)
    journal = Journal.open(settings.journal.journal_url)
    again = create_app(settings, recognizer=object(), journal=journal)  # type: ignore[arg-type]
    with TestClient(again, headers=HTML, base_url="http://127.0.0.1", cookies=cookies) as client:
        assert "crm.csv" in client.get("/imports").text
        assert save(client, form).status_code == 200
        assert len(refs(again)) == 19
    journal.close()


def test_a_session_that_ends_before_saving_is_gone_on_with(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "supervisor")
    form = fields(send(client, csrf, HEADING + GOOD))
    client.cookies.clear()
    asked = save(client, form)
    assert asked.status_code == 401
    kept = re.search(r'name="kept" value="([^"]*)"', asked.text)
    assert kept is not None
    said = {
        "login": "supervisor",
        "password": PASSWORD,
        "then": form["action"],
        "kept": html.unescape(kept[1]),
    }
    replay = client.post("/sign-in", data=said)
    assert refs(app) == set()
    values = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', replay.text))
    assert client.post(form["action"], data=values).status_code == 200
    assert len(refs(app)) == 19


def test_a_session_that_ends_before_an_upload_leads_back_to_it(client: TestClient) -> None:
    answer = client.post("/imports", files={"file": ("a.csv", b"x")}, follow_redirects=False)
    assert answer.headers["location"] == "/sign-in?then=%2Fimports"


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"x" * 4_000_001, 413), (b"x" * 6_000_000, 413)]
)
def test_a_file_that_is_empty_or_too_large_is_refused(
    app: FastAPI, client: TestClient, body: bytes, status: int
) -> None:
    csrf = sign_in(client, "supervisor")
    assert send(client, csrf, body).status_code == status
    assert page_of(app).card_uploads.waiting() == ()
    folder = page_of(app).settings.server.state_folder / "card_files"
    assert list(folder.iterdir()) == []


REFUSED: dict[str, bytes | str] = {
    "no-ref": "Клиент;Телефон\r\nИван;89265550201\r\n",
    "twice": "Номер контакта;Телефон;Телефон доверенного лица\r\n1;89265550201;89265550202\r\n",
    "no-phone": "Номер контакта;Владелец\r\n1;Иван\r\n",
    "another-phone": "Номер контакта;Телефон;Второй тел клиента\r\n1;89265550201;89265550202\r\n",
    "opendocument": b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.x",
    "old-workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99,
    "web-page": "<html><table><tr><td>Номер</td></tr></table></html>",
    "blank": "\r\n",
    "damaged": b"PK\x03\x04" + b"\x13" * 200,
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_read_is_refused_in_russian(
    app: FastAPI, client: TestClient, case: str
) -> None:
    csrf = sign_in(client, "supervisor")
    answer = send(client, csrf, REFUSED[case])
    assert answer.status_code == 200
    assert "Файл не подходит" in answer.text
    assert "/save" not in answer.text
    assert foreign_words(text_of(answer)) - {"Excel", "OpenDocument"} == set()
    assert refs(app) == set()


def test_rejected_rows_are_taken_away_with_their_reasons(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    answer = send(client, csrf, HEADING + GOOD + "20;#Н/Д;Т;\r\n21;7,90577E+10;Т;\r\n")
    path = fields(answer)["action"].removesuffix("/save") + "/rejected.csv"
    sent = client.get(path)
    lines = sent.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "Строка;Причина;Номер контакта;Телефон;Владелец;Город"
    assert [line.split(";")[0] for line in lines[1:]] == ["21", "22"]
    assert "ошибка таблицы" in lines[1]
    assert "потеряла цифры" in lines[2]
    folder = page_of(app).settings.server.state_folder / "card_files"
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("token", ["0" * 32, "..%2F..%2Fjournal.sqlite3", "a", "0" * 31 + "/x"])
def test_no_address_leads_to_another_file(client: TestClient, token: str) -> None:
    sign_in(client, "supervisor")
    assert client.get(f"/imports/files/{token}").status_code == 404


def test_a_dropped_file_is_gone(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    address = fields(send(client, csrf, HEADING + GOOD))["action"].removesuffix("/save")
    client.post(f"{address}/drop", data={"csrf": csrf})
    assert client.get(address).status_code == 404
    assert list((page_of(app).settings.server.state_folder / "card_files").iterdir()) == []


def test_files_are_forgotten_after_a_while(tmp_path: Path) -> None:
    now = [time.time()]
    uploads = CardUploads(tmp_path / "cards", 100, keep_s=60.0, clock=lambda: now[0])
    for number in range(2):
        path = tmp_path / "cards" / (str(number) * 32)
        path.write_bytes(b"1")
        uploads.keep(path, name="crm.csv", made_by="Борис")
    for path in (tmp_path / "cards").glob("0*"):
        os.utime(path, (now[0] - 61, now[0] - 61))
    uploads.forget_old()
    assert [upload.token for upload in uploads.waiting()] == ["1" * 32]


def test_nothing_that_lies_in_the_folder_of_card_files_stops_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "cards"
    (folder / "folder.json").mkdir(parents=True)
    (folder / "loop.json").symlink_to(folder / "loop.json")
    os.mkfifo(folder / "pipe.json")
    uploads = CardUploads(folder, 100, keep_s=60.0, clock=lambda: time.time() + 100)
    assert [path.name for path in folder.iterdir()] == ["folder.json"]
    assert uploads.waiting() == ()


def test_another_owner_is_shown_and_not_saved(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    save(client, fields(send(client, csrf, HEADING + GOOD)))
    other = GOOD.replace(GOOD.split(";")[2], "Чужой Пётр", 1)
    answer = send(client, csrf, HEADING + other)
    text = text_of(answer)
    assert "под этим номером уже другой клиент или другая машина: 1 карточка" in text
    assert "в файле «Чужой Пётр»" in answer.text
    rejected = client.get(f"{answer.url.path}/rejected.csv")
    assert "в файле «Чужой Пётр»" in rejected.text
    assert app.state.journal.contact("1").card.owner != "Чужой Пётр"
