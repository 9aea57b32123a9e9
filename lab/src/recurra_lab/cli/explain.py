"""`recurra explain`: how fast a cell runs here, and why not faster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

OWN = "its own"


@click.command()
@click.argument("cell")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--inputs", type=click.IntRange(min=1), default=8, show_default=True, help="Width of x.")
@click.option("--source", "as_source", is_flag=True, help="Print the generated C instead.")
@click.option(
    "--graph", "as_graph", is_flag=True, help="Print the step's graphs, stage after stage, instead."
)
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
def explain(
    cell: str, overrides: tuple[str, ...], inputs: int, as_source: bool, as_graph: bool, as_json: bool
) -> None:
    r"""Say at which level of the engine CELL runs on this computer, and why not at a faster one.

    \b
    recurra explain ntm
    recurra explain lstm cell.hidden_size=32 --source
    """
    from recurra.config.ref import Ref
    from recurra_lab.experiments.overrides import options_under

    made = Ref("cell", cell, **options_under("cell", overrides)).build(inputs)
    if as_source or as_graph:
        from recurra_engine.explain import graphs, sources

        made_of = sources(made) if as_source else graphs(made)
        click.echo(made_of or f"nothing is compiled for {cell}; say: recurra explain {cell}")
        return
    facts = {"cell": cell, **_explained(made)}
    click.echo(json.dumps(facts, indent=2) if as_json else "\n".join(_lines(facts)))


def _explained(cell: Any) -> Mapping[str, Any]:
    """Return what the first engine says that runs the cell."""
    from recurra.plugins.engines import engines
    from recurra.sequence import LOOP

    found = (engine.explain(cell) for engine in engines().loaded.values())
    return next((facts for facts in found if facts is not None), {"level": LOOP, "why_not": {}})


def _lines(facts: dict[str, Any]) -> list[str]:
    if facts["level"] == OWN:
        return [f"{facts['cell']} runs a sequence in a way of its own, whatever the engine could do"]
    lines = [f"{facts['cell']} runs at the level '{facts['level']}'"]
    lines += [f"  not at '{level}': {reason}" for level, reason in facts.get("why_not", {}).items()]
    for name, counts in facts.get("loops", {}).items():
        message = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        lines.append(f"  a step {name}: {message}")
    if facts.get("loops"):
        numbers = f"{facts['stored_per_row_and_step']:,} numbers per row and step"
        lines.append(f"  stored for the way back: {numbers}")
        matrices = facts["matrices_with_one_product_for_all_steps"]
        lines.append(f"  gradients of {matrices} matrices: one product each over all steps")
    return lines
