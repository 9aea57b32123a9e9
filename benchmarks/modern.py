"""Cells of recent plugins against other implementations of them.

    python benchmarks/modern.py gates [--rounds 11]

Measures the rows of `benchmarks/modern/gates.py` and writes `benchmarks/results/modern-gates.md`. A row is a
name, a function width -> our cell, and a function width -> the peer, a callable x (B, T, I) -> y. Where a
module has `TRAINS = False`, its peers have no gradients, and only inference is measured. Its `NOTES` are
printed below the table. The peers are packages that recurra does not need: a row whose peer is not installed
is skipped, and says so. Everything is a ratio, measured with one thread: the peer and the cell take turns in
one process, and the median of their ratios, turn by turn, is reported with both quartiles. A training step is
forward and backward, the loss being the sum of all outputs; inference is forward without gradients. The clock
is the process's own CPU time.
"""

from __future__ import annotations

import argparse
import platform
import runpy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from engine import Run, ratios, shown
from torch import nn

from recurra_engine import ENGINE

HERE = Path(__file__).parent
SIZES = ((100, 32, 128), (1000, 16, 64))
"""T, B, H; the input is as wide as the state."""
Row = tuple[str, Callable[[int], nn.Module], Callable[[int], Run]]


def outputs(cell: nn.Module) -> Run:
    """Return the cell as a function of x that gives y alone."""
    return lambda x: cell(x)[0]


def measured(row: Row, rounds: int, modes: tuple[bool, ...]) -> str:
    """Return a row of the table: how many times the peer's time our cell saves, or why that is unknown."""
    name, ours, theirs = row
    try:
        peers = [theirs(units) for _, _, units in SIZES]
    except ImportError as error:
        return f"| {name} | | skipped: {error} |" + " |" * (len(SIZES) - 1)
    cells = [ours(units) for _, _, units in SIZES]
    columns = []
    for (steps, batch, units), cell, peer in zip(SIZES, cells, peers, strict=True):
        x = torch.randn(batch, steps, units)
        found = [shown(ratios(peer, outputs(cell), x, train, rounds)) for train in modes]
        columns.append(" / ".join(found))
        print(name, (steps, batch, units), columns[-1], flush=True)
    explained: Any = ENGINE.explain(cells[0])
    return f"| {name} | {explained['level']} | {' | '.join(columns)} |"


def page(name: str, rows: list[str], rounds: int, trains: bool, notes: str) -> str:
    """Return the result as a page of Markdown."""
    what = "training step / inference" if trains else "inference"
    machine = f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    head = " | ".join(str(size) for size in SIZES)
    return "\n".join(
        [
            f"# Modern cells against other implementations: {name}",
            "",
            f"Time of the peer over that of our cell, {what}: median (quartiles) of"
            f" {rounds} alternating rounds, so 2 means that our cell takes half the time. Columns: (T, B, H),"
            f" with I = H. One thread, {machine}. Written by `python benchmarks/modern.py {name}`.",
            "",
            f"| cell and peer | engine level | {head} |",
            "|" + " --- |" * (len(SIZES) + 2),
            *rows,
            "",
            *([notes, ""] if notes else []),
        ]
    )


def main() -> None:
    """Measure the rows of one module and write its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", choices=sorted(path.stem for path in HERE.glob("modern/*.py")))
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # peers warn about what they do not expect
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = runpy.run_path(str(HERE / "modern" / f"{options.module}.py"))
    trains, notes = module.get("TRAINS", True), module.get("NOTES", "")
    modes = (True, False) if trains else (False,)
    lines = [measured(row, options.rounds, modes) for row in module["ROWS"]]
    result = HERE / "results" / f"modern-{options.module}.md"
    result.write_text(page(options.module, lines, options.rounds, trains, notes))
    print(result.read_text())


if __name__ == "__main__":
    main()
