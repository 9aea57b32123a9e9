"""`recurra check`: every component of a plugin against its contract."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, get_args

import click

if TYPE_CHECKING:
    from recurra.plugins.hooks import Component
    from recurra_contract.kit import Result


@click.command()
@click.argument("dist")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(dist: str, as_json: bool) -> None:
    """Check every component of the installed distribution DIST against its contract."""
    from recurra_contract.distribution import components_of
    from recurra_contract.kit import Contract
    from recurra_lab.cli._output import show_json

    found = {
        component: list(Contract.of(component.kind, component.name).run())
        for component in components_of(dist)
    }
    if as_json:
        show_json({f"{c.kind}:{c.name}": [vars(r) for r in results] for c, results in found.items()})
    else:
        for component, results in found.items():
            _show(component, results)
    sys.exit(any(result.status == "failed" for results in found.values() for result in results))


def _show(component: Component, results: list[Result]) -> None:
    from recurra_contract.kit import Status

    counts = Counter(result.status for result in results)
    counted = ", ".join(f"{counts[status]} {status}" for status in get_args(Status) if counts[status])
    click.echo(f"{component.kind} {component.name}: {counted}")
    for result in results:
        if result.status != "passed":
            click.echo(f"  {result.status}: {result.check}: {result.message}")
