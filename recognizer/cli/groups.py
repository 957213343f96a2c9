"""Groups of commands: how they list their commands, and when they import them."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

__all__ = ["Commands", "OnDemand", "new_group"]

_WHOLE = 400  # letters; more than any first sentence has


class Commands(TyperGroup):
    """Commands, each listed with its whole first sentence instead of the start of it."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names and first sentences of the commands."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(_WHOLE))
                    for name, command in commands
                    if command
                ]
            )


class OnDemand(UserDict[str, Any]):
    """Commands by name, each imported when it is first asked for.

    Building the options of every command takes longer than most commands do.

    Parameters
    ----------
    places : mapping of str to str
        ``module:function`` or ``module:group`` of each command.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        super().__init__(places)

    def __getitem__(self, name: str) -> Any:
        found = self.data[name]
        if isinstance(found, str):
            found = self.data[name] = _imported(name, found)
        return found


def new_group(text: str, *, cls: type[TyperGroup] = Commands) -> typer.Typer:
    """Return an empty group of commands with this help.

    Its help is plain text: the library that would colour it takes longer than the help itself.
    """
    return typer.Typer(
        cls=cls,
        help=text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _imported(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        alone = new_group("")
        alone.command(name)(found)
        found = alone
    command = get_command(found)
    command.name = name
    return command
