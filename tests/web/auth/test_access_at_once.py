"""Two people change accounts in the same instant: nobody is locked out, no password comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest

from recognizer.crm.journal.journal import Journal
from recognizer.web.auth.access import Access
from recognizer.web.auth.throttling import SignInRefused
from recognizer.web.auth.users import AccessError, Role, User

QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
OLDER = argon2.PasswordHasher(time_cost=1, memory_cost=16, parallelism=1)
PASSWORD, NEW, OTHER = "correct horse battery", "quite another staple", "third of the secrets"


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as journal:
        yield journal


@pytest.fixture
def access(journal: Journal) -> Access:
    return Access(journal.database.engine, hasher=QUICK)


def at_once(*actions: Callable[[], object]) -> list[str]:
    """Begin all in the same instant; return what each was refused with, "" if it was not."""
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> str:
        start.wait()
        try:
            action()
        except AccessError as problem:
            return str(problem)
        return ""

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def while_checked(
    access: Access, monkeypatch: pytest.MonkeyPatch, event: Callable[[], None]
) -> None:
    """Let something happen once, while the next password is being checked."""
    fits, todo = access._passwords.fits, [event]

    def slowly(hashed: str | None, password: str) -> bool:
        found = fits(hashed, password)
        if todo:
            todo.pop()()
        return found

    monkeypatch.setattr(access._passwords, "fits", slowly)


@pytest.mark.parametrize("closes", [True, False])
def test_administrators_who_close_each_other_at_once_leave_one(
    access: Access, *, closes: bool
) -> None:
    people = [
        access.create_user(f"boss{n}", "Начальник", Role.ADMINISTRATOR, PASSWORD) for n in range(2)
    ]

    def put(user: User, *, out: bool) -> User:
        role = Role.OPERATOR if out and not closes else Role.ADMINISTRATOR
        return access.change_user(user.id, role=role, is_active=not (out and closes))

    for _ in range(20):
        refused = at_once(*(lambda user=user: put(user, out=True) for user in people))
        assert sorted(map(bool, refused)) == [False, True]
        assert "последний" in max(refused)
        for user in people:
            put(user, out=False)


def test_administrators_who_close_themselves_at_once_leave_one(access: Access) -> None:
    people = [
        access.create_user(f"boss{n}", "Начальник", Role.ADMINISTRATOR, PASSWORD) for n in range(4)
    ]
    refused = at_once(
        *(
            lambda user=user: access.change_user(user.id, role=user.role, is_active=False)
            for user in people
        )
    )
    assert sum(map(bool, refused)) == 1
    assert sum(user.is_active for user in access.users()) == 1


def test_the_link_of_the_first_start_sent_twice_makes_one_administrator(access: Access) -> None:
    token = access.new_setup_token()
    assert token is not None
    refused = at_once(
        *(lambda n=n: access.set_up(token, f"boss{n}", "Начальник", PASSWORD) for n in range(4))
    )
    assert sum(not one for one in refused) == 1
    assert len(access.users()) == 1


@pytest.mark.parametrize("is_outdated", [True, False])
def test_a_password_set_while_the_old_one_is_checked_stays(
    journal: Journal, access: Access, monkeypatch: pytest.MonkeyPatch, *, is_outdated: bool
) -> None:
    made_by = Access(journal.database.engine, hasher=OLDER) if is_outdated else access
    anna = made_by.create_user("anna", "Анна", Role.OPERATOR, PASSWORD).id
    while_checked(access, monkeypatch, lambda: access.set_password(anna, NEW))
    with pytest.raises(SignInRefused):
        access.sign_in("anna", PASSWORD)
    assert access.session(access.sign_in("anna", NEW)) is not None


def test_an_account_closed_while_the_password_is_checked_opens_no_session(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    access.create_user("boss", "Начальник", Role.ADMINISTRATOR, PASSWORD)
    anna = access.create_user("anna", "Анна", Role.OPERATOR, PASSWORD).id
    while_checked(
        access, monkeypatch,
        lambda: void(access.change_user(anna, role=Role.OPERATOR, is_active=False)),
    )  # fmt: skip
    with pytest.raises(SignInRefused):
        access.sign_in("anna", PASSWORD)


def void(_: object) -> None:
    """Take no answer."""


def test_two_sign_ins_that_renew_an_outdated_password_both_succeed(
    journal: Journal, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    Access(journal.database.engine, hasher=OLDER).create_user(
        "anna", "Анна", Role.OPERATOR, PASSWORD
    )
    tokens: list[str] = []
    while_checked(access, monkeypatch, lambda: tokens.append(access.sign_in("anna", PASSWORD)))
    tokens.append(access.sign_in("anna", PASSWORD))
    assert all(access.session(token) is not None for token in tokens)


def test_a_password_an_administrator_set_meanwhile_is_not_replaced_by_ones_own(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = access.create_user("anna", "Анна", Role.OPERATOR, PASSWORD).id
    new_hash, todo = access._new_hash, [OTHER]

    def slowly(user_id: int, password: str) -> str:
        if todo:
            access.set_password(anna, todo.pop())
        return new_hash(user_id, password)

    monkeypatch.setattr(access, "_new_hash", slowly)
    with pytest.raises(SignInRefused):
        access.change_password("anna", PASSWORD, NEW)
    assert access.session(access.sign_in("anna", OTHER)) is not None


def test_a_refused_password_changes_nothing_else_of_the_account(access: Access) -> None:
    access.create_user("boss", "Начальник", Role.ADMINISTRATOR, PASSWORD)
    anna = access.create_user("anna", "Анна", Role.OPERATOR, PASSWORD)
    with pytest.raises(AccessError, match="короткий"):
        access.change_user(anna.id, role=Role.SUPERVISOR, is_active=False, password="short")
    assert anna in access.users()
