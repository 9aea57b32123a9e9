"""`recurra list` and `recurra plugins`: what is there, without importing any of it further than needed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import click

from recurra.plugins.hooks import KINDS, Kind
from recurra.plugins.inventory import Defect, inventory


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as aligned columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def warn(defects: Iterable[Defect]) -> None:
    """Name plugins that failed on stderr, one line each."""
    for defect in defects:
        click.echo(f"warning: {defect}", err=True)


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def components(kind: Kind | None, as_json: bool) -> None:
    """List the cells, memories, tasks and trainers that the installed plugins offer."""
    from recurra.plugins import discovery, registry

    offers = registry.components(kind)
    times = Counter((offer.component.kind, offer.component.name) for offer in offers)
    rows = []
    for offer in offers:
        part = offer.component
        name = part.name if times[part.kind, part.name] == 1 else offer.qualified
        rows.append(
            {
                "kind": part.kind,
                "name": name,
                "summary": part.summary,
                "paper": part.paper,
                "dist": offer.dist,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo(
            table([("KIND", "NAME", "SUMMARY", "PAPER", "PLUGIN"), *(tuple(row.values()) for row in rows)])
        )
    warn(discovery.plugins().defects)


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plugins(as_json: bool) -> None:
    """List the installed plugins from their metadata; nothing of a plugin is imported."""
    found = inventory()
    rows = [
        {
            "dist": s.dist,
            "version": s.version,
            "entry_point": s.entry_point,
            "blocked": s.blocked,
            "summary": s.summary,
        }
        for s in found.sources
    ]
    if as_json:
        click.echo(json.dumps({"plugins": rows, "defects": [vars(d) for d in found.defects]}, indent=2))
        return
    lines = [(s.dist, s.version, s.entry_point, s.blocked or "installed", s.summary) for s in found.sources]
    click.echo(table([("PLUGIN", "VERSION", "ENTRY POINT", "STATUS", "SUMMARY"), *lines]))
    warn(found.defects)
