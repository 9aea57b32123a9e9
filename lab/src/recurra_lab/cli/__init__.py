"""The command-line interface: each command is a separate module, imported only when the command runs."""

from __future__ import annotations

import errno
import os
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
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}

COMMANDS = {
    "train": ("recurra_lab.cli.train:train", "Train a cell on a task."),
    "resume": ("recurra_lab.cli.resume:resume", "Resume an interrupted run."),
    "evaluate": ("recurra_lab.cli.evaluate:evaluate", "Evaluate a trained model on its task's suite."),
    "predict": ("recurra_lab.cli.predict:predict", "Apply a trained model to data: forecasts, labels, text."),
    "runs": ("recurra_lab.cli.runs:runs", "List runs with their status and scores."),
    "watch": ("recurra_lab.cli.watch:watch", "Show runs under way on a live page."),
    "compare": ("recurra_lab.cli.compare:compare", "Compare runs over their seeds."),
    "analyse": ("recurra_lab.cli.analyse:analyse", "Analyse the dynamics of a trained network."),
    "find-lr": ("recurra_lab.cli.find_lr:find_lr", "Run a learning-rate range test."),
    "sweep": ("recurra_lab.cli.sweep:sweep", "Run a hyperparameter sweep."),
    "reproduce": ("recurra_lab.cli.reproduce:reproduce", "Re-run a published experiment over several seeds."),
    "report": ("recurra_lab.cli.report:report", "Regenerate the report of a run."),
    "export": ("recurra_lab.cli.export:export", "Export a trained model as a PyTorch program."),
    "snapshot": ("recurra_lab.cli.snapshot:snapshot", "Write a task's data to Parquet files."),
    "list": ("recurra_lab.cli.list_:components", "List cells, tasks, optimizers and other components."),
    "plugins": ("recurra_lab.cli.plugins:plugins", "List the installed plugins without loading them."),
    "info": ("recurra_lab.cli.info:info", "Show a component and its options."),
    "show": ("recurra_lab.cli.show:show", "Show sequences of a task."),
    "explain": ("recurra_lab.cli.explain:explain", "Show the engine level at which a cell runs, and why."),
    "schema": ("recurra_lab.cli.schema:schema", "Print the JSON schema of experiment files."),
    "doctor": ("recurra_lab.cli.doctor:doctor", "Describe this machine and diagnose plugins."),
    "new": ("recurra_lab.cli.new:new", "Create a new plugin from a template."),
    "install": ("recurra_lab.cli.install:install", "Install plugins into this environment."),
    "completion": ("recurra_lab.cli.completion:completion", "Print the completion script of a shell."),
}
RENAMED = {"freeze": "snapshot"}
"""Former name -> name of a command."""


def plugin_commands() -> dict[str, tuple[str, str]]:
    """Return the commands of plugins, as in `COMMANDS`; one whose name is taken is `dist:name`."""
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

    Plugins are loaded only when their commands are needed: for the help page, for completion and for a
    command that is not built in.
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
        """Return the command of `args`, or raise an error that suggests the nearest one."""
        name = args[0]
        asked = name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing
        if asked and _of_plugin(name) is None:
            known = self.list_commands(ctx)
            now = f"; it is now called '{RENAMED[name]}'" if name in RENAMED else ""
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
        """Run the command and ignore its return value, which is not an exit code."""
        super().invoke(ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; user errors are reported as one sentence on stderr, bugs keep their traceback."""
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
        except OSError as error:
            if error.errno not in DISK_FULL or error.filename is not None:
                raise
            _refuse(f"the output could not be written: {error.strerror}", 1)
        sys.exit(code or 0)


def _add_files(ctx: click.Context, _: click.Parameter, files: tuple[Path, ...]) -> None:
    """Add one-file plugins, before the command is looked up, which one of them may provide."""
    if files and not ctx.resilient_parsing:
        from recurra.plugins.discovery import add_file

        for file in files:
            add_file(file)


def _set_defaults(ctx: click.Context, name: str) -> None:
    """Take the defaults of a command's options from `recurra.toml`, if there is one."""
    from recurra_lab.defaults import files

    if not files():
        return
    from recurra_lab.cli._defaults import default_map, unknown_commands

    for sentence in unknown_commands(COMMANDS, lambda: main.list_commands(ctx)):
        click.echo(f"warning: {sentence}", err=True)
    command = main.get_command(ctx, name)
    if command is not None:
        ctx.default_map = {name: default_map(name, command)}


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
        raise BrokenComponent(f"{registry.named(offer)} is not a click.Command: {told}")
    return command


def _refuse(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        click.echo(f"error: {line}", err=True)
    sys.exit(code)


def _explained(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    see = " See" if message.endswith("?") else "; see"
    return f"{message}{see} '{context.command_path} --help'" if context else message


@click.group(cls=Shell, invoke_without_command=True, context_settings=SETTINGS)
@click.version_option(recurra.__version__, prog_name="recurra")
@click.option(
    "--plugin",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    callback=_add_files,
    expose_value=False,
    is_eager=True,
    help="Load a single-file plugin; may be repeated.",
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Train, evaluate and compare recurrent and memory-augmented neural networks."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    else:
        _set_defaults(ctx, ctx.invoked_subcommand)
