"""`recurra plugins`: lists installed plugins from their metadata."""

from __future__ import annotations

from typing import Any

import click

from recurra.plugins.inventory import ENGINES, Inventory, Source, inventory
from recurra_lab.cli._output import show_json, table, warn


@click.command("plugins")
@click.option(
    "--offers", is_flag=True, help="Load each plugin in a separate process and list what it provides."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plugins(offers: bool, as_json: bool) -> None:
    """List installed plugins and engines from their metadata, without importing them."""
    found = inventory()
    rows = [_row(source) for source in (*found.sources, *found.engines)]
    if offers:
        _add_offers(rows, found)
    if as_json:
        show_json({"plugins": rows, "defects": [vars(defect) for defect in found.defects]})
        return
    columns = ["dist", "version", "entry_point", "kind", "status", "summary"]
    lines = [[row[column] for column in columns] for row in rows]
    click.echo(table([["PLUGIN", "VERSION", "ENTRY POINT", "KIND", "STATUS", "SUMMARY"], *lines]))
    for row in rows if offers else ():
        click.echo(f"{row['dist']}:{row['entry_point']}: {_listed(row['offers'])}")
    warn(found.defects)


def _row(source: Source) -> dict[str, Any]:
    return {
        "dist": source.dist,
        "version": source.version,
        "entry_point": source.entry_point,
        "kind": "engine" if source.group == ENGINES else "plugin",
        "status": source.blocked or "installed",
        "blocked": source.blocked,
        "summary": source.summary,
    }


def _add_offers(rows: list[dict[str, Any]], found: Inventory) -> None:
    from recurra_lab.cli.doctor import findings

    known = {(f.source.dist, f.source.entry_point): f.offers for f in findings(found)}
    for row in rows:
        row["offers"] = [list(offer) for offer in known.get((row["dist"], row["entry_point"]), ())]


def _listed(offers: list[list[str]]) -> str:
    return ", ".join(f"{kind} {name}" for kind, name in offers) or "nothing"
