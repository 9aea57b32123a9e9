"""`recurra list`: lists components and extensions and imports as little as possible."""

from __future__ import annotations

from typing import Any

import click

from recurra.plugins.hooks import EXTENSIONS, KINDS
from recurra_lab.cli._output import show_json, table, warn

ENGINE = "engine"
COLUMNS = ("kind", "name", "summary", "paper", "dist")


@click.command("list")
@click.argument("kind", type=click.Choice([*KINDS, *EXTENSIONS, ENGINE]), required=False, metavar="[KIND]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def components(kind: str | None, as_json: bool) -> None:
    """List components, extensions and engines, or only those of one KIND.

    KIND is cell, memory, task, trainer, command, optimizer, schedule, logger, section or engine.
    `recurra list engine` also loads the engines and lists their levels.
    """
    from recurra.plugins import discovery

    rows = [*_offered(kind), *(_engines(kind) if kind in (None, ENGINE) else ())]
    if as_json:
        show_json(rows)
    else:
        lines = [tuple(str(row[column]) for column in COLUMNS) for row in rows]
        click.echo(table([("KIND", "NAME", "SUMMARY", "PAPER", "PLUGIN"), *lines]))
    warn(discovery.plugins().defects)


def _offered(kind: str | None) -> list[dict[str, Any]]:
    from recurra.plugins import registry
    from recurra_lab.extensions.offers import offers, spellings

    found = [*registry.components(), *(offer for each in EXTENSIONS for offer in offers(each))]
    found = [offer for offer in found if kind in (None, offer.component.kind)]
    return [
        {
            "kind": offer.component.kind,
            "name": name,
            "summary": offer.component.summary,
            "paper": offer.component.paper,
            "dist": offer.dist,
        }
        for name, offer in zip(spellings(found), found, strict=True)
    ]


def _engines(kind: str | None) -> list[dict[str, Any]]:
    """Return a row for each engine; engines are imported only if they are asked for."""
    from recurra.plugins import discovery

    wanted = [source for source in discovery.plugins().inventory.engines if not source.blocked]
    rows = [
        {"kind": ENGINE, "name": s.entry_point, "summary": s.summary, "paper": "", "dist": s.dist}
        for s in wanted
    ]
    return rows if kind is None else _with_levels(rows)


def _with_levels(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from recurra.plugins.engines import engines

    found = engines()
    warn(found.defects)
    for row in rows:
        levels = found.loaded[row["dist"]].levels if row["dist"] in found.loaded else ()
        row["levels"] = list(levels)
        row["summary"] += f" (levels: {', '.join(levels) or 'none'})"
    return rows
