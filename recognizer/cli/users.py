"""`recognizer users`: who may sign in to the operators' page, from the server's console."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from recognizer.cli.groups import new_group

if TYPE_CHECKING:
    from recognizer.web.auth.access import Access

__all__ = ["app"]

app = new_group(
    "Users of the operators' page. The first administrator can also be made in the browser, "
    "with the link that `recognizer serve` prints.",
)


@app.command("add")
def add(
    login: Annotated[str, typer.Argument(help="Name to sign in with.")],
    *,
    name: Annotated[str, typer.Option(help="Name of the person, as colleagues know it.")] = "",
    role: Annotated[
        Literal["operator", "supervisor", "administrator"], typer.Option(help="What they may do.")
    ] = "operator",
) -> None:
    """Add a user; the password is asked for, or read from stdin where that is no terminal.

    Example:

      recognizer users add vera --name "Вера" --role administrator
    """
    password = _ask_password()
    from recognizer.web.auth.users import Role

    with _access() as access:
        user = access.create_user(login, name or login, Role(role), password)
        access.record("console", "create_user", target=user.login, detail=role)
    print(f"added {user.login} ({role})")


@app.command("password")
def password(login: Annotated[str, typer.Argument(help="Whose password to replace.")]) -> None:
    """Give a user a new password and end all their sessions.

    Example:

      recognizer users password vera
    """
    new = _ask_password()
    from recognizer.base.errors import RecognizerError

    with _access() as access:
        found = next((user for user in access.users() if user.login == login.casefold()), None)
        if found is None:
            raise RecognizerError(f"there is no user {login!r}; see: recognizer users list")
        access.set_password(found.id, new)
        access.record("console", "reset_password", target=found.login)
    print(f"new password for {found.login}; all sessions ended")


@app.command("list")
def list_users() -> None:
    """List the users: name to sign in with, role, whether the account is open (tab-separated).

    Example:

      recognizer users list
    """
    with _access() as access:
        for user in access.users():
            print(
                user.login, user.role, "open" if user.is_active else "closed", user.name, sep="\t"
            )


def _ask_password() -> str:
    if sys.stdin.isatty():
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    return sys.stdin.readline().rstrip("\r\n")


@contextmanager
def _access() -> Iterator[Access]:
    from recognizer.base.errors import RecognizerError
    from recognizer.base.settings import load_settings

    try:
        from recognizer.crm.journal.journal import Journal
        from recognizer.web.auth.access import Access
        from recognizer.web.auth.users import AccessError
    except ModuleNotFoundError as problem:
        raise RecognizerError(
            f"users needs the package {problem.name}; pip install 'recognizer[server,page]'"
        ) from problem
    with Journal.of_settings(load_settings().journal) as journal:
        try:
            yield Access(journal.database.engine)
        except AccessError as problem:
            raise RecognizerError(problem.english or str(problem)) from problem
