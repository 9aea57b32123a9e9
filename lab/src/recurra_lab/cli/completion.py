"""`recurra completion`: the shell's completion script."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
PROGRAM, VARIABLE = "recurra", "_RECURRA_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Print the completion script of SHELL: bash, zsh or fish (default: that of $SHELL).

    \b
    eval "$(recurra completion bash)"           in ~/.bashrc
    eval "$(recurra completion zsh)"            in ~/.zshrc
    recurra completion fish | source            in ~/.config/fish/config.fish

    Commands, options, the names of components and the keys of experiments are completed.
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.cli import main

    made = get_completion_class(shell or _own_shell())
    assert made is not None
    click.echo(made(main, {}, PROGRAM, VARIABLE).source())


def _own_shell() -> str:
    from recurra import InvalidOption

    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        told = f"$SHELL is {name}" if name else "$SHELL is not set"
        raise InvalidOption(f"{told}; expected recurra completion {'|'.join(SHELLS)}")
    return name
