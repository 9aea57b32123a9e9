"""Real-time recurrent learning beside back-propagation through time: what a step costs.

    python benchmarks/rtrl.py [--rounds 9]

Writes `benchmarks/results/rtrl.json` and `rtrl.md`. Both find the gradient of a batch of 8 sequences of 20
steps, of 8 inputs and 8 outputs, with one thread; they take turns in one process, and the ratio of each turn
counts. Back-propagation runs once at the engine's best level and once as a loop of autograd.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from recurra import Ref, sequence
from recurra.plugins.registry import load
from recurra_contract import ToyTask
from recurra_lab import Model

RESULTS = Path(__file__).parent / "results"
CELLS = {
    "elman": [{"hidden_size": 8}, {"hidden_size": 32}],
    "gru": [{"hidden_size": 8}, {"hidden_size": 32}],
    "lstm": [{"hidden_size": 8}, {"hidden_size": 32}],
    "lstm-1997": [{"blocks": 4, "block_size": 2}, {"blocks": 16, "block_size": 2}],
}
STEPS, ROWS, WIDTH = 20, 8, 8
WAYS = ("exact", "uoro")
HEAD = [
    "cell",
    "weights",
    "ms per step, `exact`",
    *(f"`{way}` × {peer}" for way in WAYS for peer in ("engine", "loop")),
]


class Schedule:
    """Stands where Lightning's schedule would be."""

    def step(self) -> None:
        """Do nothing."""


def module_of(task: ToyTask, model: Model, rule: str, **options: Any) -> Any:
    """Return a module that finds the gradient of a batch, and makes no update of it."""
    module = load("trainer", rule)(**options).lightning_module(model, task, 0)
    module.log = lambda *args, **kwargs: None
    module.lr_schedulers = Schedule
    return module


def by_rtrl(task: ToyTask, model: Model, way: str, batch: Any) -> Callable[[], None]:
    """Return what finds the gradient going forward."""
    module = module_of(task, model, "rtrl", gradient=way, update="batch")
    module._update = module.gradient.clear
    return lambda: module.training_loss(batch)


def by_bptt(task: ToyTask, model: Model, batch: Any, *, loop: bool) -> Callable[[], None]:
    """Return what finds the gradient going back."""
    module = module_of(task, model, "bptt")

    def once() -> None:
        with sequence.using("loop" if loop else None):
            module.training_loss(batch).backward()

    return once


def measured(cell: str, options: dict[str, int], rounds: int) -> dict[str, Any]:
    """Return milliseconds per step and row of each way, turn by turn, after one turn that warms up."""
    torch.manual_seed(0)
    task = ToyTask(size=WIDTH, length=STEPS)
    batch = task.batch(0, batch_size=ROWS, seed=0, split="train")
    model = Model(task, Ref("cell", cell, **options))
    ways = {way: by_rtrl(task, model, way, batch) for way in WAYS}
    ways |= {
        "engine": by_bptt(task, model, batch, loop=False),
        "loop": by_bptt(task, model, batch, loop=True),
    }
    turns: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, run in ways.items():
            start = time.perf_counter()
            run()
            turns[way].append(1000 * (time.perf_counter() - start) / STEPS)
    found = {way: spent[1:] for way, spent in turns.items()}
    weights = sum(weight.numel() for weight in model.sequencer.parameters())
    return {"cell": cell, **options, "weights": weights, "milliseconds": found}


def row(found: dict[str, Any]) -> str:
    """Return a line of the table."""
    spent = found["milliseconds"]
    units = found.get("hidden_size") or found["blocks"] * found["block_size"]
    told = [
        f"| `{found['cell']}`, {units} units | {found['weights']:,} | {statistics.median(spent['exact']):.2f}"
    ]
    for way in WAYS:
        for peer in ("engine", "loop"):
            ratios = sorted(a / b for a, b in zip(spent[way], spent[peer], strict=True))
            told.append(f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")
    return " | ".join(told) + " |"


def table(runs: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    machine = f"Python {platform.python_version()}, {platform.machine()}, torch {torch.__version__}"
    rounds = len(runs[0]["milliseconds"]["exact"])
    lines = [
        "# Real-time recurrent learning compared with back-propagation",
        "",
        f"Time for the gradient of a batch of {ROWS} sequences of {STEPS} steps, relative to"
        f" back-propagation through time: median (min to max) of {rounds} rounds, one thread. {machine}."
        " Written by `benchmarks/rtrl.py`.",
        "",
        f"| {' | '.join(HEAD)} |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *map(row, runs),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every cell and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    runs = [measured(cell, options, rounds) for cell, sizes in CELLS.items() for options in sizes]
    (RESULTS / "rtrl.json").write_text(json.dumps(runs, indent=1) + "\n")
    (RESULTS / "rtrl.md").write_text(table(runs))
    print(table(runs))


if __name__ == "__main__":
    main()
