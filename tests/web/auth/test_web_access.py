"""Users, sessions, sign-in limits and the audit log."""

from __future__ import annotations

from pathlib import Path

import argon2
import pytest
import sqlalchemy as sa

from recognizer.crm.journal.tables import Base
from recognizer.web.auth.access import Access
from recognizer.web.auth.passwords import check_password
from recognizer.web.auth.throttling import SignInRefused
from recognizer.web.auth.users import AccessError, Role

QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(tmp_path: Path, clock: Clock) -> Access:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'page.sqlite3'}")
    # No test here pulls the plug; waiting for the disk costs half a second each.
    sa.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
    ours = [Base.metadata.tables[f"page_{name}"] for name in ("users", "sessions", "audit")]
    Base.metadata.create_all(engine, tables=ours)
    return Access(engine, clock=clock, hasher=QUICK)


@pytest.fixture
def operator(access: Access) -> int:
    return access.create_user("anna", "Анна", Role.OPERATOR, PASSWORD).id


def test_the_password_is_kept_as_argon2id_only(
    access: Access, operator: int, tmp_path: Path
) -> None:
    stored = (tmp_path / "page.sqlite3").read_bytes()
    assert b"$argon2id$" in stored
    assert PASSWORD.encode() not in stored


def test_the_session_token_itself_is_not_stored(
    access: Access, operator: int, tmp_path: Path
) -> None:
    token = access.sign_in("anna", PASSWORD)
    assert access.session(token) is not None
    assert token.encode() not in (tmp_path / "page.sqlite3").read_bytes()


def test_sign_in_ignores_case_of_the_name_but_not_of_the_password(
    access: Access, operator: int
) -> None:
    assert access.sign_in(" Anna ", PASSWORD)
    with pytest.raises(SignInRefused):
        access.sign_in("anna", PASSWORD.upper())


def test_an_unknown_name_and_a_wrong_password_answer_the_same(
    access: Access, operator: int
) -> None:
    with pytest.raises(SignInRefused) as wrong:
        access.sign_in("anna", "not the password")
    with pytest.raises(SignInRefused) as unknown:
        access.sign_in("nobody", "not the password")
    assert str(wrong.value) == str(unknown.value)


def test_the_sixth_try_is_refused_even_with_the_right_password(
    access: Access, operator: int, clock: Clock
) -> None:
    for _ in range(5):
        with pytest.raises(SignInRefused, match="не подходят"):
            access.sign_in("anna", "wrong")
    with pytest.raises(SignInRefused, match="через 15 мин") as refused:
        access.sign_in("anna", PASSWORD)
    assert refused.value.retry_after_s == 900
    clock.now_s += 901
    assert access.sign_in("anna", PASSWORD)


def test_the_limit_survives_a_restart(
    access: Access, operator: int, tmp_path: Path, clock: Clock
) -> None:
    for _ in range(5):
        with pytest.raises(SignInRefused):
            access.sign_in("anna", "wrong")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'page.sqlite3'}")
    with pytest.raises(SignInRefused, match="Слишком много"):
        Access(engine, clock=clock, hasher=QUICK).sign_in("anna", PASSWORD)


def test_one_address_cannot_try_many_names(access: Access, operator: int) -> None:
    for number in range(20):
        with pytest.raises(SignInRefused):
            access.sign_in(f"user{number}", "wrong", address="10.0.0.9")
    with pytest.raises(SignInRefused, match="Слишком много"):
        access.sign_in("anna", PASSWORD, address="10.0.0.9")
    assert access.sign_in("anna", PASSWORD, address="10.0.0.10")


def test_a_session_ends_after_two_idle_hours(access: Access, operator: int, clock: Clock) -> None:
    token = access.sign_in("anna", PASSWORD)
    clock.now_s += 7199
    assert access.session(token) is not None
    clock.now_s += 7201
    assert access.session(token) is None


def test_a_session_ends_after_twelve_hours_of_work(
    access: Access, operator: int, clock: Clock
) -> None:
    token = access.sign_in("anna", PASSWORD)
    for _ in range(11):
        clock.now_s += 3600
        assert access.session(token) is not None
    clock.now_s += 3600
    assert access.session(token) is None


def test_sign_out_ends_the_session(access: Access, operator: int) -> None:
    token = access.sign_in("anna", PASSWORD)
    access.sign_out(token)
    assert access.session(token) is None


def test_closing_an_account_or_a_new_password_ends_its_sessions(
    access: Access, operator: int
) -> None:
    access.create_user("boss", "Начальник", Role.ADMINISTRATOR, PASSWORD)
    token = access.sign_in("anna", PASSWORD)
    access.set_password(operator, "another good password")
    assert access.session(token) is None
    token = access.sign_in("anna", "another good password")
    access.change_user(operator, role=Role.OPERATOR, is_active=False)
    assert access.session(token) is None
    with pytest.raises(SignInRefused):
        access.sign_in("anna", "another good password")


def test_csrf_token_belongs_to_its_session(access: Access, operator: int) -> None:
    first = access.session(access.sign_in("anna", PASSWORD))
    second = access.session(access.sign_in("anna", PASSWORD))
    assert first is not None
    assert second is not None
    assert first.accepts(first.csrf_token)
    assert not first.accepts(second.csrf_token)
    assert not first.accepts("")


def test_the_setup_token_works_once(access: Access) -> None:
    token = access.new_setup_token()
    assert token is not None
    with pytest.raises(AccessError, match="не подходит"):
        access.set_up("guess", "boss", "Начальник", PASSWORD)
    assert access.set_up(token, "boss", "Начальник", PASSWORD).role is Role.ADMINISTRATOR
    with pytest.raises(AccessError):
        access.set_up(token, "boss2", "Другой", PASSWORD)
    assert access.new_setup_token() is None


def test_a_rejected_password_leaves_the_setup_token_usable(access: Access) -> None:
    token = access.new_setup_token()
    assert token is not None
    with pytest.raises(AccessError, match="короткий"):
        access.set_up(token, "boss", "Начальник", "short")
    assert access.set_up(token, "boss", "Начальник", PASSWORD)


@pytest.mark.parametrize(
    ("login", "name", "password"),
    [
        ("", "Анна", PASSWORD),
        ("two words", "Анна", PASSWORD),
        ("anna", "", PASSWORD),
        ("anna", "Анна", "123456789"),
        ("anna", "Анна", "1234567890"),
        ("anna", "Анна", "aaaaaaaaaaaa"),
        ("anna", "Анна", "anna-anna-anna"),
    ],
)
def test_unusable_accounts_are_refused(
    access: Access, login: str, name: str, password: str
) -> None:
    with pytest.raises(AccessError):
        access.create_user(login, name, Role.OPERATOR, password)
    assert not access.has_users()


def test_a_name_is_taken_once_whatever_its_case(access: Access, operator: int) -> None:
    with pytest.raises(AccessError, match="занято"):
        access.create_user("ANNA", "Другая", Role.OPERATOR, PASSWORD)


def test_the_last_administrator_stays(access: Access) -> None:
    boss = access.create_user("boss", "Начальник", Role.ADMINISTRATOR, PASSWORD)
    with pytest.raises(AccessError, match="последний"):
        access.change_user(boss.id, role=Role.OPERATOR, is_active=True)
    with pytest.raises(AccessError, match="последний"):
        access.change_user(boss.id, role=Role.ADMINISTRATOR, is_active=False)


def test_roles_include_the_lower_ones() -> None:
    assert Role.ADMINISTRATOR.includes(Role.OPERATOR)
    assert Role.SUPERVISOR.includes(Role.SUPERVISOR)
    assert not Role.OPERATOR.includes(Role.SUPERVISOR)


def test_the_log_is_newest_first_and_pages(access: Access, clock: Clock) -> None:
    for number in range(5):
        clock.now_s += 1
        access.record("anna", "open_number", target=f"call {number}")
    assert [e.target for e in access.audit(limit=2, offset=1)] == ["call 3", "call 2"]


YEAR_S = 365 * 86_400.0


def test_a_session_of_a_clock_that_was_ahead_is_over(
    access: Access, operator: int, clock: Clock
) -> None:
    clock.now_s += YEAR_S
    token = access.sign_in("anna", PASSWORD)
    assert access.session(token) is not None
    clock.now_s -= YEAR_S
    assert access.session(token) is None


def test_a_clock_put_back_a_little_ends_no_session(
    access: Access, operator: int, clock: Clock
) -> None:
    token = access.sign_in("anna", PASSWORD)
    clock.now_s -= 600
    assert access.session(token) is not None


def test_failures_of_a_clock_that_was_ahead_shut_nobody_out(
    access: Access, operator: int, clock: Clock
) -> None:
    clock.now_s += YEAR_S
    for _ in range(6):
        with pytest.raises(SignInRefused):
            access.sign_in("anna", "wrong horse battery")
    clock.now_s -= YEAR_S
    assert access.session(access.sign_in("anna", PASSWORD)) is not None


@pytest.mark.parametrize(
    "password",
    [
        "1234567890",
        "qwertyuiop",
        "poiuytrewq",
        "йцукенгшщз",
        "1q2w3e4r5t",
        "qwerty12345",
        "abcdefghijk",
        "aaaabbbbccccddddeeee",
        "Password2026!",
        "админ-123456",
        "passwordpassword1",
    ],
)
def test_what_is_tried_first_is_no_password(password: str) -> None:
    with pytest.raises(AccessError, match="ряд клавиш"):
        check_password(password, "anna")


@pytest.mark.parametrize(
    "password",
    [PASSWORD, "верная лошадь 9", "password of the day", "k8#vQz!m2Lp", "Ветер-17-лодка"],
)
def test_several_words_or_chance_are_a_password(password: str) -> None:
    check_password(password, "anna")
