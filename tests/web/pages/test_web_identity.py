"""A card is chosen by its name or a whole number; two people do not overwrite each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import PASSWORD, add_call, page_app, version_of

from recognizer.crm.contacts import ContactCard, OwnerKind
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome
from recognizer.web.auth.users import Role
from recognizer.web.pages.page import page_of

pytestmark = pytest.mark.page

HTML = {"Accept": "text/html"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    app = page_app(tmp_path)
    page_of(app).access.create_user("second", "Борис", Role.OPERATOR, PASSWORD)
    yield app
    app.state.journal.close()


@pytest.fixture
def journal(app: FastAPI) -> Journal:
    journal = page_of(app).journal
    journal.upsert_contact(
        ContactCard(
            ref="C-1", trusted_phone="+7 926 555-12-34", owner="Иван", owner_kind=OwnerKind.PERSON
        )
    )
    return journal


class Person:
    """Somebody signed in, with a browser of their own."""

    def __init__(self, app: FastAPI, login: str) -> None:
        self.client = TestClient(app, headers=HTML, base_url="http://127.0.0.1")
        answer = self.client.post("/sign-in", data={"login": login, "password": PASSWORD})
        token = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
        assert token is not None
        self.csrf = token.group(1)

    def post(self, path: str, **data: str) -> tuple[int, str]:
        answer = self.client.post(path, data={**data, "csrf": self.csrf})
        return answer.status_code, answer.text

    def get(self, path: str) -> str:
        return self.client.get(path).text


@pytest.fixture
def anna(app: FastAPI) -> Iterator[Person]:
    with TestClient(app):
        yield Person(app, "operator")


@pytest.mark.parametrize("part", ["555-12", "555-12-34", "926 555-12", "5551234", "12", "нет"])
def test_part_of_a_number_is_refused_and_marks_nobody(
    app: FastAPI, journal: Journal, anna: Person, part: str
) -> None:
    call = add_call(app, "no-such-number--1.wav")
    status, text = anna.post(f"/calls/{call}/card", number=part)
    assert (status, "не полностью" in text) == (422, True)
    assert journal.attempt(call).contact_ref is None
    assert not journal.contact("C-1").incorrect_contact


def test_the_upload_form_takes_no_part_of_a_number(
    app: FastAPI, journal: Journal, anna: Person
) -> None:
    answer = anna.client.put(
        "/uploads",
        params={"name": "no-such-number--1.wav", "whose": "555-12"},
        content=b"RIFF",
        headers={"X-CSRF-Token": anna.csrf},
    )
    assert answer.status_code == 422


def test_what_was_typed_and_what_the_card_says_are_both_shown(
    app: FastAPI, journal: Journal, anna: Person
) -> None:
    call = add_call(app, "blocked-for-now--1.wav")
    form = {"number": "89265551234", "owner": "Пётр", "plate": "А001АА77"}
    status, text = anna.post(f"/calls/{call}/card", **form)
    assert status == 200
    assert journal.attempt(call).contact_ref is None
    assert all(word in text for word in ("Иван", "Пётр", "А001АА77", "Гос. номер а/м"))
    anna.post(f"/calls/{call}/card", **form, chosen="C-1", take="plate")
    card = journal.contact("C-1").card
    assert (card.owner, card.plate) == ("Иван", "А001АА77")
    assert journal.attempt(call).contact_ref == "C-1"


def test_a_number_of_two_cards_is_a_choice_of_a_person(
    app: FastAPI, journal: Journal, anna: Person
) -> None:
    journal.upsert_contact(ContactCard(ref="C-2", mobile_phone="+79265551234", owner="Мария"))
    call = add_call(app, "no-such-number--1.wav")
    _, text = anna.post(f"/calls/{call}/card", number="89265551234")
    assert "Иван" in text
    assert "Мария" in text
    assert journal.attempt(call).contact_ref is None
    status, _ = anna.post(f"/calls/{call}/card", number="89265551234", chosen="C-9")
    assert status == 409
    anna.post(f"/calls/{call}/card", number="89265551234", chosen="C-2")
    assert journal.contact("C-2").incorrect_contact
    assert not journal.contact("C-1").incorrect_contact


def test_a_wrong_card_is_changed_and_detached_on_the_page(
    app: FastAPI, journal: Journal, anna: Person
) -> None:
    journal.upsert_contact(ContactCard(ref="C-2", trusted_phone="+79265550000"))
    call = add_call(app, "no-such-number--1.wav", contact="C-1")
    assert "Не та карточка?" in anna.get(f"/calls/{call}")
    anna.post(f"/calls/{call}/card", ref="C-2", seen="C-1")
    assert journal.attempt(call).contact_ref == "C-2"
    _, text = anna.post(f"/calls/{call}/detach", seen="C-2")
    assert journal.attempt(call).contact_ref is None
    assert "откреплён" in text
    assert "C-2 → без карточки" in text


def test_a_second_card_of_a_detached_call_is_not_the_first_one(
    app: FastAPI, journal: Journal, anna: Person
) -> None:
    call = add_call(app, "blocked-for-now--1.wav")
    anna.post(f"/calls/{call}/card", number="+79265550001")
    anna.post(f"/calls/{call}/detach", seen=f"page-{call}")
    anna.post(f"/calls/{call}/card", number="+79265550002")
    first, second = (journal.contact(f"page-{call}"), journal.contact(f"page-{call}-2"))
    assert first.card.trusted_phone != second.card.trusted_phone
    assert journal.attempt(call).contact_ref == f"page-{call}-2"


def test_only_a_supervisor_merges_cards(app: FastAPI, journal: Journal, anna: Person) -> None:
    journal.upsert_contact(ContactCard(ref="C-2", trusted_phone="+79265550000"))
    call = add_call(app, "busy_tone--1.wav", contact="C-1")
    assert anna.post(f"/calls/{call}/merge", into="C-2")[0] == 403
    chief = Person(app, "supervisor")
    assert chief.post(f"/calls/{call}/merge", into="C-", seen="C-1")[0] == 409
    assert chief.post(f"/calls/{call}/merge", into="C-2", seen="C-1")[0] == 200
    assert journal.attempt(call).contact_ref == "C-2"


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("card", {"ref": "C-3"}),
        ("card", {"number": "+79265559999"}),
        ("detach", {}),
        ("merge", {"into": "C-3"}),
    ],
)
def test_a_form_beside_a_card_that_was_changed_meanwhile_touches_nobody(
    app: FastAPI, journal: Journal, anna: Person, form: str, fields: dict[str, str]
) -> None:
    del anna  # the server runs
    for ref in ("C-2", "C-3"):
        journal.upsert_contact(ContactCard(ref=ref, trusted_phone=f"+7926555000{ref[-1]}"))
    call = add_call(app, "no-such-number--1.wav", contact="C-1")
    chief = Person(app, "supervisor")
    journal.move_attempt(call, "C-2", made_by="Борис")
    before = [(one.card, one.incorrect_contact) for one in journal.all_contacts()]
    status, text = chief.post(f"/calls/{call}/{form}", **fields, seen="C-1")
    assert status == 409
    assert "Карточку звонка уже сменили" in text
    assert [(one.card, one.incorrect_contact) for one in journal.all_contacts()] == before
    assert journal.attempt(call).contact_ref == "C-2"


def test_a_new_card_sent_twice_is_one_card(app: FastAPI, journal: Journal, anna: Person) -> None:
    call = add_call(app, "blocked-for-now--1.wav")
    form = {"number": "+79265550009", "owner": "Новый Клиент"}
    assert anna.post(f"/calls/{call}/card", **form)[0] == 200
    assert anna.post(f"/calls/{call}/card", **form)[0] == 409
    assert [one.card.ref for one in journal.find_contacts("Новый Клиент")] == [f"page-{call}"]


# -- two people --------------------------------------------------------------------------------


def test_two_people_get_different_calls(app: FastAPI, anna: Person) -> None:
    calls = [add_call(app, f"unsure--{n}.wav") for n in range(2)]
    boris = Person(app, "second")
    assert anna.client.get("/queue").url.path == f"/queue/{calls[0]}"
    assert boris.client.get("/queue").url.path == f"/queue/{calls[1]}"
    assert "сейчас решает Анна" in boris.get(f"/queue/{calls[0]}")
    assert "сейчас решает" not in anna.get(f"/queue/{calls[0]}")


def test_a_reservation_ends(app: FastAPI, anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    call = add_call(app, "unsure--1.wav")
    boris = Person(app, "second")
    anna.get("/queue")
    assert "Очередь пуста" in boris.get("/queue")
    monkeypatch.setattr("recognizer.crm.journal.reservations.RESERVED_S", -1.0)
    anna.get(f"/queue/{call}")
    assert boris.client.get("/queue").url.path == f"/queue/{call}"


def test_the_later_answer_does_not_overwrite_the_earlier(app: FastAPI, anna: Person) -> None:
    call = add_call(app, "unsure--1.wav")
    boris = Person(app, "second")
    version = page_of(app).journal.attempt(call).version
    assert f'name="version" value="{version}"' in anna.get(f"/queue/{call}")
    form = {"version": version, "place": "queue"}
    anna.post(f"/calls/{call}/correct", outcome="voicemail", **form)
    status, text = boris.post(f"/calls/{call}/correct", outcome="fax", **form)
    assert status == 409
    assert "Анна" in text
    assert "олосовая почта" in text
    assert [said.made_by for said in page_of(app).journal.corrections(call)] == ["Анна"]


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("accept", {}),
        ("correct", {"outcome": "fax"}),
        ("state", {"reason": "no-dialogue"}),
    ],
)
def test_an_answer_that_says_not_what_it_was_given_beside_is_refused(
    app: FastAPI, anna: Person, said: str, form: dict[str, str]
) -> None:
    call = add_call(app, "person--1.wav")
    for version in ({}, {"version": ""}):
        status, text = anna.post(f"/calls/{call}/{said}", **form, **version)
        assert status == 422
        assert "Откройте звонок и ответьте ещё раз" in text
    assert page_of(app).journal.corrections(call) == ()
    assert anna.post(f"/calls/{call}/{said}", **form, version=version_of(app, call))[0] == 200
    assert len(page_of(app).journal.corrections(call)) == 1


def test_a_mark_nobody_heard_asks_once_more(app: FastAPI, anna: Person) -> None:
    call = add_call(app, "unsure--1.wav")
    form = {"place": "queue", "outcome": "blocked", "version": version_of(app, call)}
    _, text = anna.post(f"/calls/{call}/correct", **form)
    assert "Это поставит отметку" in text
    assert page_of(app).journal.corrections(call) == ()
    anna.post(f"/calls/{call}/correct", **form, sure="does_not_exist")
    assert page_of(app).journal.corrections(call) == ()
    anna.post(f"/calls/{call}/correct", **form, sure="blocked")
    assert len(page_of(app).journal.corrections(call)) == 1


def test_what_nobody_heard_is_no_sample_and_what_is_undone_is_none_either(
    app: FastAPI, anna: Person
) -> None:
    page = page_of(app)
    call = add_call(app, "blocked-for-now--1.wav", sound=True)
    anna.post(f"/calls/{call}/accept", version=version_of(app, call))
    assert page.clips.rows() == []
    seen = version_of(app, call)
    anna.post(f"/calls/{call}/correct", outcome="voicemail", heard="yes", version=seen)
    assert [row["outcome"] for row in page.clips.rows()] == ["voicemail"]
    first, second = page.journal.corrections(call)
    anna.post(f"/calls/{call}/withdraw", correction=str(second.id))
    assert [row["outcome"] for row in page.clips.rows()] == [CallOutcome.TEMPORARILY_BLOCKED]
    anna.post(f"/calls/{call}/withdraw", correction=str(first.id))
    assert page.clips.rows() == []
    assert list(page.clips.folder.glob("*.wav")) == []


def test_a_card_that_is_not_there_is_not_replaced_by_the_numbers_unasked(
    app: FastAPI, journal: Journal, anna: Person
) -> None:
    call = add_call(app, "no-such-number--1.wav")
    form = {"number": "89265551234", "ref": "C-11"}
    status, text = anna.post(f"/calls/{call}/card", **form)
    assert status == 200
    assert "Карточки «<span" in text
    assert 'value="C-1" required' in text
    assert journal.attempt(call).contact_ref is None
    anna.post(f"/calls/{call}/card", **form, chosen="C-1")
    assert journal.attempt(call).contact_ref == "C-1"


def test_a_new_card_of_a_name_that_was_imported_meanwhile_changes_nobodys_number(
    app: FastAPI, journal: Journal, anna: Person
) -> None:
    call = add_call(app, "no-such-number--1.wav", number="+79160000001")
    form = {"number": "+79160000001", "ref": "C-1", "owner": "Пётр", "chosen": "\u2014"}
    assert anna.post(f"/calls/{call}/card", **form)[0] == 409
    card = journal.contact("C-1").card
    assert (card.trusted_phone, card.owner) == ("+7 926 555-12-34", "Иван")
    assert journal.attempt(call).contact_ref is None


def test_a_refused_move_leaves_both_cards_as_they_were(
    app: FastAPI, journal: Journal, anna: Person
) -> None:
    journal.upsert_contact(ContactCard(ref="C-2", trusted_phone="+79265550002", owner="Мария"))
    call = add_call(app, "no-such-number--1.wav", contact="C-2")
    add_call(app, "no-such-number--1.wav", contact="C-1")
    form = {"number": "89265551234", "ref": "C-1", "owner": "Пётр", "take": "owner"}
    status, text = anna.post(f"/calls/{call}/card", **form, chosen="C-1", seen="C-2")
    assert (status, "Карточка не сохранена" in text) == (409, True)
    assert journal.attempt(call).contact_ref == "C-2"
    assert [journal.contact(ref).card.owner for ref in ("C-1", "C-2")] == ["Иван", "Мария"]


@pytest.mark.parametrize("nobody", [999, 2**63, 10**30])
def test_a_phrase_of_a_call_that_is_not_there_is_refused_and_no_number_is_too_long(
    app: FastAPI, anna: Person, nobody: int
) -> None:
    form = {"text": "аппарат изъят из обращения", "outcome": "blocked", "call": str(nobody)}
    assert anna.post("/phrases", **form)[0] == 404
    assert page_of(app).proposals.all() == ()
    assert anna.client.get(f"/phrases/{nobody}").status_code in {404, 422}


def test_a_clip_does_not_keep_a_word_that_was_corrected(app: FastAPI, anna: Person) -> None:
    clips, call = page_of(app).clips, add_call(app, "unsure--1.wav", sound=True)

    def labels_after(outcome: str, **heard: str) -> list[str]:
        seen = version_of(app, call)
        anna.post(f"/calls/{call}/correct", outcome=outcome, version=seen, **heard)
        return [row["outcome"] for row in clips.rows()]

    assert labels_after("voicemail", heard="yes") == ["voicemail"]
    assert labels_after("busy_tone") == ["busy_tone"]
    assert labels_after("undetermined", heard="yes") == []
    assert list(clips.folder.glob("*.wav")) == []
    assert labels_after("busy_tone") == []


@pytest.mark.parametrize("long", [2**63, 10**30])
def test_an_address_with_too_long_a_number_is_answered(app: FastAPI, long: int) -> None:
    with TestClient(app):
        vera = Person(app, "administrator")
        assert vera.client.get(f"/imports/{long}/undo").status_code == 422
        assert vera.post(f"/imports/{long}/undo")[0] == 422
        assert vera.post(f"/users/{long}", role="operator")[0] == 422
        assert vera.post(f"/phrases/{long}/save")[0] == 422
