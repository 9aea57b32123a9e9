"""Every installed cell: its parameters, its engine level and its training speed against `nn.LSTM`.

    python benchmarks/cells.py [--rounds 11]

Writes `benchmarks/results/cells.md`. A training step is forward and backward over x (32, 100, 128), with one
thread; every cell takes turns with `nn.LSTM` of 128 units in one process, so that a busy moment of the
computer falls on both. Cells keep their default options but for `hidden_size`, 128 where they have it.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recurra import Cell, RecurraError
from recurra.config.options import keyword_options
from recurra.plugins.registry import components, load
from recurra_engine import dispatch

BATCH, STEPS, INPUTS, UNITS = 32, 100, 128, 128
RESULT = Path(__file__).parent / "results" / "cells.md"


def made(name: str) -> Cell[Any]:
    """Build a cell with its defaults and 128 units."""
    cls = load("cell", name)
    sizes = {"hidden_size": UNITS} if "hidden_size" in keyword_options(cls) else {}
    cell: Cell[Any] = cls(INPUTS, **sizes)
    return cell


def train(module: nn.Module, x: Tensor) -> None:
    """One forward and backward pass; the loss is the sum of all outputs."""
    module.zero_grad()
    module(x)[0].sum().backward()


def seconds(run: Callable[[], None]) -> float:
    """Time one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratios(cell: Cell[Any], rounds: int) -> list[float]:
    """Return time of the cell over time of `nn.LSTM`, turn by turn, after one turn that warms up."""
    x = torch.randn(BATCH, STEPS, INPUTS)
    peer = nn.LSTM(INPUTS, UNITS, batch_first=True)
    turns = [(seconds(lambda: train(peer, x)), seconds(lambda: train(cell, x))) for _ in range(rounds + 1)]
    return [ours / theirs for theirs, ours in turns[1:]]


def row(name: str, rounds: int) -> str:
    """Measure one cell."""
    cell = made(name)
    count = f"{sum(p.numel() for p in cell.parameters()):,}"
    level = dispatch.choose(cell, torch.zeros(2, STEPS, INPUTS), cell.initial_state(2)).level
    if cell.tags.input_kind != "vectors":
        return f"| `{name}` | {count} | its own | reads {cell.tags.input_kind} |"
    if not (cell.tags.differentiable and count != "0"):
        return f"| `{name}` | {count} | {level} | no gradient |"
    measured = ratios(cell, rounds)
    spread = f"{min(measured):.1f} to {max(measured):.1f}"
    return f"| `{name}` | {count} | {level} | {statistics.median(measured):.1f} ({spread}) |"


def safe_row(name: str, rounds: int) -> str:
    """Measure one cell, or say in its row why that cannot be done."""
    try:
        return row(name, rounds)
    except RecurraError as error:
        return f"| `{name}` | | | {error} |"


def table(rows: list[str], rounds: int) -> str:
    """Return the result as a page of Markdown."""
    setting = f"Python {platform.python_version()}, {platform.machine()}, torch {torch.__version__}"
    return "\n".join(
        [
            "# Every cell against `nn.LSTM`",
            "",
            f"Time of a training step relative to `nn.LSTM` with {UNITS} units, median (min to max) of"
            f" {rounds} alternating rounds: x ({BATCH}, {STEPS}, {INPUTS}), one thread, default options"
            f" except `hidden_size` = {UNITS}. {setting}. Written by `benchmarks/cells.py`.",
            "",
            "| cell | parameters | engine level | training step, x `nn.LSTM` |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure every installed cell and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    names = [offer.component.name for offer in components("cell")]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(table([safe_row(name, rounds) for name in names], rounds))
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
