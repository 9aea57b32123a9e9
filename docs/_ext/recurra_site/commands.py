"""The reference of commands, hooks and tags."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator

import click

from recurra import Tags
from recurra.plugins import hooks
from recurra_lab.cli import main
from recurra_site.markdown import code, from_docstring, from_help, table


def pages() -> dict[str, str]:
    """Return the pages of commands, hooks and tags."""
    return {
        "reference/commands.md": _commands(),
        "reference/hooks.md": _hooks(),
        "reference/tags.md": _tags(),
    }


def command_names() -> list[str]:
    """Return the names of all commands, those of plugins included."""
    return list(main.list_commands(click.Context(main)))


def _commands() -> str:
    context = click.Context(main, info_name="recurra")
    intro = (
        "Every command prints its help with `--help`. `recurra completion bash`, `zsh` or `fish` prints a"
        " completion script; [Defaults and the shell](../../shell.md) describes what all commands share."
    )
    return "\n\n".join(["# Commands", intro, *(_command(context, name) for name in command_names())])


def _command(context: click.Context, name: str) -> str:
    command = main.get_command(context, name)
    assert command is not None
    inner = click.Context(command, parent=context, info_name=name)
    usage = " ".join(["recurra", name, *command.collect_usage_pieces(inner)])
    options = table(("option", "description"), _options(command, inner))
    parts = [f"## {name}", f"```text\n{usage}\n```", from_help(command.help or ""), options]
    return "\n\n".join(part for part in parts if part)


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        found = parameter.get_help_record(context)
        if found is not None and isinstance(parameter, click.Option):
            yield code(found[0]), found[1].replace("<", "\\<")


def _hooks() -> str:
    intro = "What a plugin may define. [Hooks](../../hooks.md) has a complete example of each."
    return "\n\n".join(["# Hook reference", intro, *(_hook(name) for name in hooks.HOOKS)])


def _hook(name: str) -> str:
    hook = getattr(hooks, name)
    names = ", ".join(inspect.signature(hook).parameters)
    return f"``````{{py:function}} {name}({names})\n{from_docstring(hook.__doc__)}\n``````"


def _tags() -> str:
    rows = [(code(field.name), code(repr(field.default))) for field in _fields()]
    shown = table(("tag", "default"), rows)
    return "\n\n".join(
        ["# Tags", from_docstring(Tags.__doc__), shown, "See [Tags](../../capabilities.md#tags)."]
    )


def _fields() -> Iterator[inspect.Parameter]:
    if dataclasses.is_dataclass(Tags) or hasattr(Tags, "__annotations__"):
        yield from inspect.signature(Tags).parameters.values()
