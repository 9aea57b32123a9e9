"""The user's defaults: `recurra.toml` in the working folder, and one for all folders.

    [run]
    threads = 4

    [commands.train]
    out = "/data/runs"

The file in the working folder takes precedence over the user's own, an experiment file over both, and the
command line over all. Commands read these files; the library does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from recurra.errors import InvalidOption, nearest
from recurra_lab.toml_files import read_table

NAME = "recurra.toml"
VARIABLE = "RECURRA_DEFAULTS"
"""Names one file instead of the two; none if it is empty."""
COMMANDS = "commands"
SECTIONS = ("seed", "model", "trainer", "run")
"""Sections of an experiment that can have defaults; task and cell are chosen for each run."""


class Defaults(NamedTuple):
    """The defaults in one file.

    Args:
        file: The file.
        options: Options of experiments, as nested tables.
        commands: Command -> option -> value.
    """

    file: Path
    options: Mapping[str, Any]
    commands: Mapping[str, Mapping[str, Any]]


def user_file() -> Path:
    """Return the user's own file, which need not exist: `~/.config/recurra/recurra.toml` on Linux."""
    import click

    return Path(click.get_app_dir("recurra")) / NAME


def files() -> list[Path]:
    """Return the files that are read, of which the later takes precedence."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return [Path(named)] if named else []
    return [file for file in (user_file(), Path(NAME)) if file.exists()]


def defaults() -> list[Defaults]:
    """Read the files.

    Raises:
        MissingFile: The file that `RECURRA_DEFAULTS` names does not exist, or a file cannot be read.
        DamagedFile: A file is not TOML.
        InvalidOption: A file has a section that cannot have defaults.
    """
    return [_read(file) for file in files()]


def of_command(name: str) -> dict[str, tuple[Path, Any]]:
    """Return the defaults of a command's options, each with its file."""
    return {
        option: (found.file, value)
        for found in defaults()
        for option, value in found.commands.get(name, {}).items()
    }


def _read(file: Path) -> Defaults:
    table = read_table(file)
    commands = table.pop(COMMANDS, {})
    known = [*SECTIONS, COMMANDS]
    for name in table:
        if name not in SECTIONS:
            near = nearest(name, known) or f"; expected one of {', '.join(known)}"
            raise InvalidOption(f"{file}: '{name}' cannot have a default{near}")
    for sentence in _misplaced(commands):
        raise InvalidOption(f"{file}: {sentence}")
    return Defaults(file, table, commands)


def _misplaced(commands: Any) -> Iterator[str]:
    if not isinstance(commands, dict):
        yield f"expected a table [{COMMANDS}.COMMAND]; got {COMMANDS} = {commands!r}"
        return
    for name, options in commands.items():
        if not isinstance(options, dict):
            yield f"expected a table [{COMMANDS}.{name}]; got {name} = {options!r} in [{COMMANDS}]"
