"""The shell: each command lives in a module of its own, imported when that command runs and no earlier."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

import recurra
from recurra.errors import BrokenComponent, RecurraError, nearest

INTERRUPTED = 130

COMMANDS = {
    "train": ("recurra_lab.cli.train:train", "Train a cell on a task."),
    "resume": ("recurra_lab.cli.resume:resume", "Continue a run that was stopped."),
    "evaluate": ("recurra_lab.cli.evaluate:evaluate", "Score a trained run on its task's suite."),
    "find-lr": ("recurra_lab.cli.find_lr:find_lr", "Tell which learning rates are worth trying."),
    "sweep": ("recurra_lab.cli.sweep:sweep", "Train many times, with options that vary."),
    "reproduce": ("recurra_lab.cli.reproduce:reproduce", "Run a published experiment again, over its seeds."),
    "report": ("recurra_lab.cli.report:report", "Write a run's report again."),
    "export": ("recurra_lab.cli.export:export", "Write a run's network for programs that have torch alone."),
    "snapshot": ("recurra_lab.cli.snapshot:snapshot", "Write a task's data to Parquet files."),
    "list": ("recurra_lab.cli.list_:components", "List the cells, tasks, optimizers and all else."),
    "plugins": ("recurra_lab.cli.plugins:plugins", "List the installed plugins without loading them."),
    "info": ("recurra_lab.cli.info:info", "Show a component and all its options."),
    "explain": ("recurra_lab.cli.explain:explain", "Say how fast a cell runs here, and why not faster."),
    "schema": ("recurra_lab.cli.schema:schema", "Print the JSON schema of run files."),
    "doctor": ("recurra_lab.cli.doctor:doctor", "Look for what is wrong with the installed plugins."),
    "new": ("recurra_lab.cli.new:new", "Write a new plugin to start from."),
}
RENAMED = {"freeze": "snapshot"}
"""Former name -> name of a command."""


def plugin_commands() -> dict[str, tuple[str, str]]:
    """Return the commands that plugins add, as in `COMMANDS`; those whose name is taken are `dist:name`."""
    from recurra.plugins import registry
    from recurra_lab.extensions.offers import spellings

    offers = registry.extensions("command")
    names = [
        offer.qualified if offer.component.name in COMMANDS else name
        for name, offer in zip(spellings(offers), offers, strict=True)
    ]
    return {
        name: (offer.component.target, offer.component.summary)
        for name, offer in zip(names, offers, strict=True)
    }


class Shell(click.Group):
    """A group that knows its commands' names and help without importing them.

    Plugins are loaded only where their commands matter: for the help page, for completion and for a command
    that is none of the shell's own.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help page."""
        return [*COMMANDS, *plugin_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            own: click.Command = getattr(import_module(module), attribute)
            return own
        return _of_plugin(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of `args`, or say which one is nearest."""
        name = args[0]
        asked = name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing
        if asked and _of_plugin(name) is None:
            known = self.list_commands(ctx)
            now = f"; it is called '{RENAMED[name]}' now" if name in RENAMED else ""
            near = now or nearest(name, known) or f"; expected one of {', '.join(known)}"
            raise click.UsageError(f"there is no command '{name}'{near}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands' help lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _all_commands().items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command and option names."""
        known = _all_commands().items()
        commands = [
            CompletionItem(name, help=line) for name, (_, line) in known if name.startswith(incomplete)
        ]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; what it returns is not an exit code."""
        super().invoke(ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the shell: a user's mistake is one sentence on stderr, a bug keeps its traceback."""
        run: Callable[[], Any] = partial(super().main, args, prog_name, complete_var, False, **extra)
        if not standalone_mode:
            return run()
        try:
            code = run()
        except RecurraError as error:
            _refuse(str(error), error.exit_code)
        except click.ClickException as error:
            _refuse(_explained(error), error.exit_code)
        except click.Abort as abort:
            _refuse("\n".join(getattr(abort.__cause__, "__notes__", ["interrupted"])), INTERRUPTED)
        sys.exit(code or 0)


def _all_commands() -> dict[str, tuple[str, str]]:
    return {**COMMANDS, **plugin_commands()}


def _of_plugin(name: str) -> click.Command | None:
    from recurra.plugins import registry

    offers = registry.extensions("command")
    if not any(offer.answers_to(name) for offer in offers):
        return None
    offer = registry.choose("command", name, offers)
    command = registry.load_target(offer)
    if not isinstance(command, click.Command):
        told = f"'{offer.component.target}' is {registry.with_article(type(command).__name__)}"
        raise BrokenComponent(f"{registry.named(offer)} is no click.Command: {told}")
    return command


def _refuse(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        click.echo(f"error: {line}", err=True)
    sys.exit(code)


def _explained(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message}; see '{context.command_path} --help'" if context else message


@click.group(cls=Shell, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(recurra.__version__, prog_name="recurra")
@click.option(
    "--plugin",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Add a plugin that is one Python file; may be repeated.",
)
@click.pass_context
def main(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """Train, test and compare recurrent and memory-augmented networks."""
    if files:
        from recurra.plugins.discovery import add_file

        for file in files:
            add_file(file)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
