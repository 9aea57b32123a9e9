"""Defaults of commands' options from `recurra.toml`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from recurra.errors import InvalidOption, nearest
from recurra_lab.defaults import COMMANDS, defaults, of_command


def default_map(name: str, command: click.Command) -> dict[str, Any]:
    """Return the user's defaults of a command, by parameter.

    Raises:
        InvalidOption: The command has no such option, or the value does not fit.
    """
    known = {flag.lstrip("-"): option for option in _options(command) for flag in option.opts}
    found = {}
    for key, (file, value) in of_command(name).items():
        place = f"{file}: {COMMANDS}.{name}.{key}"
        option = known.get(key)
        if option is None:
            near = nearest(key, list(known)) or f"; expected one of {', '.join(known)}"
            raise InvalidOption(f"{place}: 'recurra {name}' has no option --{key}{near}")
        found[str(option.name)] = _checked(option, value, place, command)
    return found


def unknown_commands(bundled: Container[str], every: Callable[[], Sequence[str]]) -> Iterator[str]:
    """Yield a sentence for each command that has defaults and does not exist.

    It is no error: a plugin that adds the command may be installed in another environment of the user.

    Args:
        bundled: The names of the commands that are not from plugins.
        every: Finds the names of all commands, for which it loads the plugins.
    """
    for found in defaults():
        for name in found.commands:
            if name not in bundled and name not in every():
                near = nearest(name, every())
                yield f"{found.file}: {COMMANDS}.{name}: there is no command '{name}'{near}"


def _options(command: click.Command) -> list[click.Option]:
    return [p for p in command.params if isinstance(p, click.Option) and not p.is_eager]


def _checked(option: click.Option, value: Any, place: str, command: click.Command) -> Any:
    try:
        return option.type_cast_value(click.Context(command), value)
    except click.BadParameter as error:
        raise InvalidOption(f"{place} = {_toml(value)}: {error.message.rstrip('.')}") from None


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str | Path) else str(value)
