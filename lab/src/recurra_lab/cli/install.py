"""`recurra install`: install plugins into the environment that runs this command."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

STDERR = 2


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--upgrade", "-U", is_flag=True, help="Upgrade plugins that are installed already.")
@click.option("--dry-run", is_flag=True, help="Print the command without running it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def install(names: tuple[str, ...], upgrade: bool, dry_run: bool, as_json: bool) -> None:
    """Install plugins by distribution NAME, folder or wheel, and say what they provide.

    \b
    recurra install recurra-ntm
    recurra install ./my-plugin --dry-run

    It runs `uv pip install` if uv is found, or else `pip install`, for this Python environment.
    """  # noqa: D301 (click reads the backspace)
    command = installer(names, upgrade=upgrade)
    click.echo(shlex.join(command), err=as_json)
    before = _plugins()
    if not dry_run:
        _run(command)
    added = sorted(_plugins() - before)
    if as_json:
        from recurra_lab.cli._output import show_json

        show_json({"command": command, "plugins": [{"dist": d, "version": v} for d, v in added]})
    elif not dry_run:
        told = ", ".join(f"{dist} {version}" for dist, version in added)
        click.echo(f"new plugins: {told}; see: recurra plugins --offers" if told else "no new plugins")


def installer(names: tuple[str, ...], *, upgrade: bool = False) -> list[str]:
    """Return the command that installs into this environment, and compiles what it installs.

    Raises:
        InvalidOption: A name is an option, or there is neither uv nor pip.
    """
    from recurra import InvalidOption

    for name in names:
        if name.startswith("-"):
            raise InvalidOption(f"'{name}' is not the name of a plugin; options of pip are not passed on")
    upgrading = ["--upgrade"] if upgrade else []
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is not None:
        return [uv, "pip", "install", "--python", sys.executable, "--compile-bytecode", *upgrading, *names]
    if find_spec("pip") is None:
        raise InvalidOption("there is neither uv nor pip in this environment; install one of them first")
    return [sys.executable, "-m", "pip", "install", *upgrading, *names]


def _run(command: list[str]) -> None:
    from recurra_lab.errors import RunFailed

    code = subprocess.run(command, check=False, stdout=STDERR).returncode
    if code:
        raise RunFailed(f"the installation failed with exit code {code}; its output is above")


def _plugins() -> set[tuple[str, str]]:
    import importlib

    from recurra.plugins.inventory import inventory

    importlib.invalidate_caches()
    found = inventory()
    return {(source.dist, source.version) for source in (*found.sources, *found.engines)}
