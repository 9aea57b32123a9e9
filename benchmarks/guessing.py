"""Random weight guessing on the latch: guesses per second, and guesses until a training set is solved.

    python benchmarks/guessing.py [--batches 30]

Writes `benchmarks/results/guessing.json` and `guessing.md`. One thread; batches of 1,000 guesses on 100
sequences, each batch timed from drawing the weights to the selected guess. The data are drawn beforehand. The
guesses for a solution are counted from the previous solution.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from recurra import Ref
from recurra.plugins.registry import load
from recurra_lab import Model

RESULTS = Path(__file__).parent / "results"
LAGS = (100, 500, 1000)
GUESSES, SEQUENCES = 1000, 100


def module_for(lag: int) -> Any:
    """Return the module of the shipped experiment of a lag: three logistic units, one of them the answer."""
    task = load("task", "two-sequence")(length=lag, signal=3, variance=0.04, tolerance=0.1)
    units = {"hidden_size": 3, "outputs": 1, "logits": True, "activation": "logistic"}
    model = Model(task, Ref("cell", "fully-recurrent", **units), readout="none")
    module = load("trainer", "guessing")(guesses=GUESSES).lightning_module(model, task, 0)
    module.log = lambda *args, **kwargs: None  # there is no Lightning here that would keep it
    return module


def measured(lag: int, batches: int) -> dict[str, Any]:
    """Return seconds per batch, and the guesses between one solved batch and the next."""
    module, seconds, solutions, since = module_for(lag), [], [], 0
    for k in range(-1, batches):  # the first batch compiles the step
        batch = module.task.batch(k, batch_size=SEQUENCES, seed=0, split="train")
        module.batches_seen.fill_(k + 1)
        before, start = int(module.guesses), time.perf_counter()
        module.training_loss(batch)
        seconds.append(time.perf_counter() - start)
        since += int(module.guesses) - before
        if module.task.goal.met(float(module.best[0])):
            solutions.append(since)
            since = 0
            module.best.fill_(torch.nan)
    return {"lag": lag, "seconds": seconds[1:], "guesses": solutions}


def row(found: dict[str, Any]) -> str:
    """Return a line of the table."""
    rates = sorted(GUESSES / s for s in found["seconds"])
    guesses = found["guesses"]
    return (
        f"| {found['lag']:,} | {statistics.median(rates):,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f})"
        f" | {len(guesses)} | {statistics.fmean(guesses):,.0f} | {statistics.median(guesses):,.0f}"
        f" | {max(guesses):,} |"
    )


def table(runs: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    machine = f"Python {platform.python_version()}, {platform.machine()}, torch {torch.__version__}"
    lines = [
        "# Random weight guessing on the latch",
        "",
        "Three logistic units, one of them the output, all weights uniform in ±100; a guess solves the task"
        f" if the errors of all {SEQUENCES} sequences are below 0.1. Guesses per second: median"
        f" (min to max) of {len(runs[0]['seconds'])} batches of {GUESSES:,} guesses, one thread."
        f" {machine}. Written by `benchmarks/guessing.py`.",
        "",
        "| lag | guesses per second | solutions | guesses for one: mean | median | most |",
        "| --- | --- | --- | --- | --- | --- |",
        *map(row, runs),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every lag and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=30)
    batches = parser.parse_args().batches
    torch.set_num_threads(1)
    runs = [measured(lag, batches) for lag in LAGS]
    (RESULTS / "guessing.json").write_text(json.dumps(runs, indent=1) + "\n")
    (RESULTS / "guessing.md").write_text(table(runs))
    print(table(runs))


if __name__ == "__main__":
    main()
