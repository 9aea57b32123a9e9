"""What the training loop costs beside the bare training step.

    python benchmarks/training_loop.py [--rounds 5]

Writes `benchmarks/results/training-loop.md`. The bare step draws a batch, runs forward and backward, clips
the gradient and takes a step of Adam, in a Python loop. `train` adds Lightning, the training scores, the
check of the weights, the log of every update, checkpoints, the progress bar and, in the last column,
validation at the default interval. What does not depend on the number of steps is not counted: a step's time
is the difference between a long run and a short one. Both loops take turns in one process with one thread,
and CPU time is compared, which other processes of the machine disturb less.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from recurra import Ref
from recurra.plugins.registry import load
from recurra_lab import make_model, train

TASK, CELLS, SHORT, LONG, NEVER = "copy", ("ntm", "lstm", "elman"), 20, 420, 10**6
RESULT = Path(__file__).parent / "results" / "training-loop.md"


def cpu_seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of a call whose output is discarded."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        start = time.process_time()
        run()
        return time.process_time() - start


def bare(cell: str, steps: int) -> Callable[[], None]:
    """Return a loop of bare training steps."""
    task = load("task", TASK)()
    model = make_model(task, Ref("cell", cell))
    optimizer = torch.optim.Adam(model.parameters())

    def loop() -> None:
        for k in range(steps):
            batch = task.batch(k, batch_size=16, seed=0, split="train")
            optimizer.zero_grad()
            y, _ = model(batch.x, lengths=batch.lengths)
            task.loss(y, batch).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()

    return loop


def trained(cell: str, out: str, **options: int) -> float:
    """Return the CPU time of a step of `train`, from a long and a short run."""
    short, long = (
        cpu_seconds(lambda n=steps: train(TASK, cell, out=out, seed=0, run={"max_steps": n, **options}))
        for steps in (SHORT, LONG)
    )
    return (long - short) / (LONG - SHORT)


def measured(cell: str, out: str) -> tuple[float, float, float]:
    """Return milliseconds of the bare step, of a step of `train`, and of one with validation."""
    step = cpu_seconds(bare(cell, LONG - SHORT)) / (LONG - SHORT)
    alone = trained(cell, out, validate_every=NEVER)
    return 1000 * step, 1000 * alone, 1000 * trained(cell, out)


def row(cell: str, turns: list[tuple[float, float, float]]) -> str:
    """Return the medians and quartiles of a cell as a row of the table."""
    shares = [[turn[k] / turn[0] for turn in turns] for k in (1, 2)]
    told = []
    for share in shares:
        low, middle, high = statistics.quantiles(share, n=4)
        told.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
    return f"| `{cell}` | {statistics.median(turn[0] for turn in turns):.1f} | {told[0]} | {told[1]} |"


def page(rows: list[str], rounds: int) -> str:
    """Return the result as a page of Markdown."""
    machine = f"Python {platform.python_version()}, {platform.machine()}, torch {torch.__version__}"
    return "\n".join(
        [
            "# What the training loop costs",
            "",
            f"CPU time of a step of `train` on `{TASK}` over that of the bare step, which draws, runs forward"
            f" and backward, clips and updates: medians and quartiles of {rounds} rounds, one"
            f" thread. {machine}. Written by `benchmarks/training_loop.py`.",
            "",
            "| cell | bare step, ms | with everything but validation | with validation too |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure the cells in turn, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as out:
        for cell in CELLS:
            trained(cell, out)  # compiles
        turns = [[measured(cell, out) for cell in CELLS] for _ in range(rounds)]
    rows = [row(cell, [turn[k] for turn in turns]) for k, cell in enumerate(CELLS)]
    told = page(rows, rounds)
    print(told)
    RESULT.write_text(told)


if __name__ == "__main__":
    main()
