"""Training of ten networks as one program: its time against that of one, and of ten one after another.

    python benchmarks/many.py [--steps 200] [--rounds 3]

Writes `benchmarks/results/many.md`. The times are CPU times of training with one thread: compilation,
updates, validations, logs and checkpoints, but not the final evaluation and the report. In each round the run
of one network and the program of ten take turns in one process.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import torch

from recurra_lab.artifacts.atomic_files import read_json
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.ensembles.seeds import train_new
from recurra_lab.experiments import Experiment
from recurra_lab.runs import conclusion
from recurra_lab.runs.run import Run

COUNT, SIZES = 10, (8, 32, 64)
UNITS = {"lstm": "cell.hidden_size", "gru": "cell.hidden_size", "ntm": "cell.controller.hidden_size"}
TASKS = {"copy": ("lstm", "gru", "ntm"), "temporal-order": ("lstm",)}
RESULT = Path(__file__).parent / "results" / "many.md"


def composed(task: str, cell: str, units: int, steps: int) -> Experiment:
    """Return the experiment of ten seeds."""
    own = [f"run.seeds={COUNT}", f"run.max_steps={steps}", f"{UNITS[cell]}={units}"]
    return Experiment.compose(task, cell, overrides=["run.progress=false", *own])


def seconds(folders: Sequence[RunFolder]) -> float:
    """Return the CPU time of training of several runs together."""
    return sum(float(read_json(folder.outcome)["cpu_seconds"]) for folder in folders)


def of_one(experiment: Experiment) -> float:
    """Train the first seed by itself."""
    with tempfile.TemporaryDirectory() as root:
        folder = RunFolder.create(Path(root), "task", "cell", "bptt")
        Run(experiment.of_each_seed()[0], folder, lambda _: None).start()
        return seconds([folder])


def of_all(experiment: Experiment) -> float:
    """Train all seeds as one program."""
    with tempfile.TemporaryDirectory() as root:
        each = experiment.of_each_seed()
        folders = RunFolder.create_each(Path(root), "task", "cell", "bptt", [one.seed for one in each])
        train_new(each, folders, lambda line: None)
        return seconds(folders)


def row(task: str, cell: str, units: int, steps: int, rounds: int) -> str:
    """Measure one architecture on one task."""
    experiment = composed(task, cell, units, steps)
    turns = [(of_one(experiment), of_all(experiment)) for _ in range(rounds)]
    ratios = [together / alone for alone, together in turns]
    alone = statistics.median(alone for alone, _ in turns)
    middle = statistics.median(ratios)
    spread = f"{middle:.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    return f"| `{task}` | `{cell}` | {units} | {alone:.1f} | {spread} | {middle / COUNT:.2f} |"


def table(rows: Sequence[str], steps: int, rounds: int) -> str:
    """Return the page."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    setting = f"CPU {platform.machine()}, one thread, {versions}"
    return "\n".join(
        [
            "# Ten networks as one program",
            "",
            f"`run.seeds={COUNT}` against one run: CPU time of {steps} updates with all their validations,"
            f" median (min to max) of {rounds} alternating rounds; other options have their defaults. The"
            f" last column divides by {COUNT} times the time of one, that of runs one after another."
            f" {setting}. Written by `python benchmarks/many.py`.",
            "",
            f"| task | cell | units | one run, s | {COUNT} as one program, x one run | x {COUNT} runs |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure all architectures and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    conclusion.write_report = lambda *_: None  # which takes longer than the training, and is not measured
    rows = []
    for task, cells in TASKS.items():
        for cell, units in product(cells, SIZES):
            rows.append(row(task, cell, units, given.steps, given.rounds))
            print(rows[-1], flush=True)
            RESULT.write_text(table(rows, given.steps, given.rounds))


if __name__ == "__main__":
    main()
