"""`recurra explain`: the engine level at which a cell runs, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from recurra_lab.cli._arguments import keys, names_of

OWN = "its own"


@click.command()
@click.argument("cell", shell_complete=names_of("cell"))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=keys)
@click.option("--inputs", type=click.IntRange(min=1), default=8, help="Input size of the cell.")
@click.option("--source", "as_source", is_flag=True, help="Print the generated C code instead.")
@click.option(
    "--graph",
    "as_graph",
    is_flag=True,
    help="Print the graph of the step after each compilation stage instead.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(
    cell: str, overrides: tuple[str, ...], inputs: int, as_source: bool, as_graph: bool, as_json: bool
) -> None:
    """Show the engine level at which CELL runs on this machine, and why faster levels do not apply.

    \b
    recurra explain ntm
    recurra explain lstm cell.hidden_size=32 --source
    """  # noqa: D301 (click reads the backspace)
    from recurra.config.ref import Ref
    from recurra_lab.experiments.overrides import options_under

    made = Ref("cell", cell, **options_under("cell", overrides)).build(inputs)
    if as_source or as_graph:
        from recurra_engine.explain import graphs, sources

        made_of = sources(made) if as_source else graphs(made)
        click.echo(made_of or f"{cell} is not compiled; for the reason, run: recurra explain {cell}")
        return
    facts = {"cell": cell, **_explained(made)}
    click.echo(json.dumps(facts, indent=2) if as_json else "\n".join(_lines(facts)))


def _explained(cell: Any) -> Mapping[str, Any]:
    """Return the explanation of the first engine that supports the cell."""
    from recurra.plugins.engines import engines
    from recurra.sequence import LOOP

    found = (engine.explain(cell) for engine in engines().loaded.values())
    return next((facts for facts in found if facts is not None), {"level": LOOP, "why_not": {}})


def _lines(facts: dict[str, Any]) -> list[str]:
    if facts["level"] == OWN:
        return [f"{facts['cell']} overrides unroll and does not use an engine"]
    lines = [f"{facts['cell']} runs at the level '{facts['level']}'"]
    lines += [f"  not '{level}': {reason}" for level, reason in facts.get("why_not", {}).items()]
    if "forward_mode" in facts:
        lines.append(f"  real-time recurrent learning: {facts['forward_mode']}")
    for name, counts in facts.get("loops", {}).items():
        message = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        lines.append(f"  one step {name}: {message}")
    if facts.get("loops"):
        numbers = f"{facts['stored_per_row_and_step']:,} numbers per row and step"
        lines.append(f"  stored for the backward pass: {numbers}")
        matrices = facts["matrices_with_one_product_for_all_steps"]
        lines.append(f"  gradients of {matrices} matrices: one matrix product each for all steps")
    return lines
