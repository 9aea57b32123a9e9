"""`recurra new`: create a new plugin from a template."""

from __future__ import annotations

from pathlib import Path

import click

from recurra.plugins.hooks import KINDS, Kind


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Parent folder of the new plugin (default: current folder).",
)
def new(kind: Kind, name: str, folder: Path) -> None:
    """Create a plugin with a KIND called NAME: an installable package that satisfies its contract.

    \b
    recurra new cell leaky-unit
    recurra new task echo --folder ~/plugins
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.scaffold.plugin import Plugin

    plugin = Plugin(kind, name)
    home = plugin.write(folder)
    click.echo(f"created the plugin {home}; next steps:\n")
    shown = home if home.is_absolute() else f"./{home}"
    for line in (f"pip install -e {shown}", f"recurra check {plugin.dist}", plugin.command):
        click.echo(f"  {line}")
