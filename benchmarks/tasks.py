"""Every installed task of vectors or tokens: what drawing a batch costs beside a training step on it.

    python benchmarks/tasks.py [TASK ...] [--rounds 7]

Writes `benchmarks/results/tasks.md`. A batch of 16 with the task's default options; a training step is
forward, backward and update of an LSTM and of a Neural Turing Machine with their defaults, on that batch and
with one thread. Drawing and the two steps take turns in one process: a busy moment falls on all three.
The target is a batch in less than 5 % of either step. With names, only these tasks are measured, and no file
is written.
"""

from __future__ import annotations

import argparse
import functools
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from recurra import Batch, RecurraError, Ref, Task
from recurra.plugins.registry import components, load
from recurra_lab import make_model

R = TypeVar("R")
BATCH, LIMIT = 16, 0.05
CELLS = ("lstm", "ntm")
RESULT = Path(__file__).parent / "results" / "tasks.md"


def timed(run: Callable[..., R], *args: object) -> tuple[float, R]:
    """Return how many seconds a call takes, and its result."""
    start = time.perf_counter()
    result = run(*args)
    return time.perf_counter() - start, result


def learner(task: Task, cell: str) -> Callable[[Batch], None]:
    """Return one training step of a cell on a task."""
    model, supervised = make_model(task, Ref("cell", cell)), task.supervised()
    optimizer = torch.optim.Adam(model.parameters())

    def step(batch: Batch) -> None:
        optimizer.zero_grad()
        y, _ = model(batch.x, lengths=batch.lengths)
        supervised.loss(y, batch).backward()
        optimizer.step()

    return step


def measured(task: Task, rounds: int) -> tuple[float, ...]:
    """Return median seconds of drawing a batch, then of a step of each cell, after a turn that warms up."""
    steps = [learner(task, cell) for cell in CELLS]
    draw = functools.partial(task.batch, batch_size=BATCH, seed=0, split="train")
    turns = []
    for k in range(rounds + 1):
        drawing, batch = timed(draw, k)
        turns.append((drawing, *(timed(step, batch)[0] for step in steps)))
    return tuple(statistics.median(turn) for turn in zip(*turns[1:], strict=True))


def row(name: str, rounds: int) -> str:
    """Measure one task."""
    task: Task = load("task", name)()
    if task.input_kind not in ("vectors", "tokens"):
        return f"| `{name}` | gives {task.input_kind} | | |"
    drawing, *steps = measured(task, rounds)
    shares = [drawing / step for step in steps]
    told = " | ".join(f"{share:.1%}{'' if share < LIMIT else ' (!)'}" for share in shares)
    return f"| `{name}` | {1000 * drawing:.2f} | {told} |"


def safe_row(name: str, rounds: int) -> str:
    """Measure one task, or say in its row why that cannot be done."""
    try:
        return row(name, rounds)
    except RecurraError as error:
        return f"| `{name}` | {error} | | |"


def table(rows: list[str], rounds: int) -> str:
    """Return the result as a page of Markdown."""
    setting = f"Python {platform.python_version()}, {platform.machine()}, torch {torch.__version__}"
    return "\n".join(
        [
            "# Cost of drawing a batch",
            "",
            f"Time of drawing a batch of {BATCH} sequences, as a fraction of a training step on it:"
            f" medians of {rounds} rounds, one thread, default options. (!) marks {LIMIT:.0%} or more."
            f" {setting}. Written by `benchmarks/tasks.py`.",
            "",
            "| task | ms per batch | of a step of `lstm` | of a step of `ntm` |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure the tasks, and write the table when all were measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help="tasks to measure; all, if none is named")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    names = asked.tasks or [offer.component.name for offer in components("task")]
    page = table([safe_row(name, asked.rounds) for name in names], asked.rounds)
    print(page)
    if not asked.tasks:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(page)


if __name__ == "__main__":
    main()
