"""`recurra new`: create a new plugin from a template."""

from __future__ import annotations

from pathlib import Path

import click

from recurra.plugins.hooks import KINDS, Kind
from recurra_lab.cli._arguments import AS_JSON


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Parent folder of the new plugin (default: current folder).",
)
@AS_JSON
def new(kind: Kind, name: str, folder: Path, as_json: bool) -> None:
    """Create a plugin with a KIND called NAME: an installable package that satisfies its contract.

    \b
    recurra new cell leaky-unit
    recurra new task echo --folder ~/plugins
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.cli._output import show_json
    from recurra_lab.scaffold.plugin import Plugin

    plugin = Plugin(kind, name)
    home = plugin.write(folder)
    shown = home if home.is_absolute() else f"./{home}"
    steps = [f"pip install -e {shown}", f"recurra check {plugin.dist}", plugin.command]
    if as_json:
        show_json({"folder": str(home), "dist": plugin.dist, "next_steps": steps})
        return
    click.echo(f"created the plugin {home}; next steps:\n")
    for line in steps:
        click.echo(f"  {line}")
