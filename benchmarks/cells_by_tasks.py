"""Cells on tasks: every given cell is trained on every given task, with the same budget and several seeds.

    python benchmarks/cells_by_tasks.py [--cells gru lstm] [--tasks mqar 'word-problem task.group=S3']
                                        [--seeds 3] [--updates 300] [OPTION=VALUE ...]

A cell or a task may carry options, in quotes; further options apply to all runs, after `OPTIONS`.
`--cells all` takes every installed cell. A run has the same batches and updates as all others of its seed,
and ends early only when the task counts as solved. It is scored on unseen sequences like those of training,
and on the last variant of the task's suite.

Writes `cells-by-tasks.json` (every run), `cells-by-tasks.md` (tables of medians, with the range over all
seeds) and `cells-by-tasks.svg` (a heat map) to `benchmarks/results`. No run is left out: one that fails is
shown as failed. A run that the file already has with the same options is not repeated.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from recurra import RecurraError, Task
from recurra.plugins.registry import components
from recurra_lab import Experiment, evaluate, train
from recurra_lab import load as trained
from recurra_lab.formatting import number
from recurra_lab.reports.figures import FONT_SIZE, INK, Picture, as_svg
from recurra_lab.training.batches import Batches

RESULTS = Path(__file__).parent / "results"
CELLS = (
    "delta cell.hidden_size=32 cell.key_size=8 cell.value_size=8 cell.negative_eigenvalues=true",
    "gru cell.hidden_size=32",
    "slstm cell.hidden_size=32",
    "min-gru cell.hidden_size=32",
    "lru cell.hidden_size=32 cell.state_size=32",
    "mamba cell.hidden_size=32 cell.state_size=8 cell.expansion=1",
)
TASKS = (
    "mqar task.pairs=4 task.length=16 task.vocabulary=33",
    "induction-heads task.length=24 task.longest=96 task.vocabulary=8",
    "word-problem task.group=S3 task.length=12 task.longest=48",
    "selective-copy task.length=20 task.copied=3 task.vocabulary=8",
)
OPTIONS = (
    "run.batch_size=64",
    "run.validate_every=100",
    "run.validation_batches=1",
    "run.checkpoint_every=1000",
    "run.stop_after=1",
    "model.embedding_size=32",
    "model.block=residual",
    "model.block.width=32",
    "model.block.convolution=4",
    "model.block.feed_forward=mlp",
    "trainer.optimizer.lr=1e-2",
)
"""Options of all runs: the cell lies in one residual block, and nothing is tuned to it."""
BATCHES, ROWS = 4, 128
"""How many batches of how many sequences a run is scored on."""

Result = Mapping[str, Any]


def measured(cell: str, task: str, seed: int, options: Sequence[str]) -> dict[str, Any]:
    """Train one cell on one task, and return its scores; or why there are none."""
    (task_name, *of_task), (cell_name, *of_cell) = shlex.split(task), shlex.split(cell)
    given = [*of_task, *of_cell, *options, f"seed={seed}", "run.progress=false"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = train(task_name, cell_name, *given, out=folder)
        except RecurraError as error:
            return {"failed": str(error)}
        return scored(run.path, seed) | {"last": list(run.scores)[-1], "suite": dict(run.scores)}


def scored(run: Path, seed: int) -> dict[str, Any]:
    """Score a finished run on sequences like those of training."""
    model = trained(run)
    data = Batches(model.task, ROWS, seed, "test", rank=0, ranks=1)
    scores = evaluate(model.network, data, BATCHES) or {}
    return {
        "score": model.task.goal.score,
        "value": scores[model.task.goal.score].value,
        "parameters": sum(p.numel() for p in model.network.parameters()),
    }


def completed(found: list[Result], wanted: Iterable[dict[str, Any]], file: Path) -> list[Result]:
    """Return a result for every wanted run; those that the file lacks are made, and kept as they come."""
    results: list[Result] = []
    for key in wanted:
        known = next((one for one in found if {name: one.get(name) for name in key} == key), None)
        if known is None:
            known = key | measured(**key)
            found.append(known)
            file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
            print(
                key["cell"], "|", key["task"], "|", key["seed"], "|", known.get("value", "failed"), flush=True
            )
        results.append(known)
    return results


def values(results: Iterable[Result], cell: str, task: str, *, last: bool = False) -> list[float]:
    """Return the score of each seed, on the training distribution or on the last variant of the suite."""
    own = [one for one in results if (one["cell"], one["task"]) == (cell, task) and "failed" not in one]
    return [one["suite"][one["last"]][one["score"]] if last else one["value"] for one in own]


def shown(found: Sequence[float], seeds: int) -> str:
    """Return the median and the range over the seeds, and how many runs have failed."""
    if not found:
        return "failed"
    low, middle, high = (number(f(found)) for f in (min, statistics.median, max))
    failed = f"; {seeds - len(found)} failed" if len(found) < seeds else ""
    return (middle if low == high else f"{middle} ({low} to {high})") + failed


def share(value: float, task: Task) -> float:
    """Return how far a score is from that of a constant answer, 0, to the right answers, 1."""
    known, score = task.baselines(), task.goal.score
    worst, best = (known.get(name, {}).get(score) for name in ("constant", "optimal"))
    if worst is None or best is None or worst == best:
        return 1.0 if task.goal.met(value) else 0.0
    return min(max((value - worst) / (best - worst), 0.0), 1.0)


def tables(results: list[Result], cells: Sequence[str], tasks: Sequence[str], seeds: int) -> str:
    """Return the tables of medians as Markdown: as in training, and the last variants."""
    parts = []
    for title, last in (("Sequences as in training", False), ("Last variant of the suite", True)):
        head = ["task", "score", *(f"`{cell}`" for cell in cells)]
        lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
        for task in tasks:
            one = next((r for r in results if r["task"] == task and "failed" not in r), None)
            score = "" if one is None else one["score"] + (f", {one['last']}" if last else "")
            row = [shown(values(results, cell, task, last=last), seeds) for cell in cells]
            lines.append(f"| `{task}` | {score} | {' | '.join(row)} |")
        parts.append(f"## {title}\n\n" + "\n".join(lines))
    failures = sorted({f"- `{r['cell']}` on `{r['task']}`: {r['failed']}" for r in results if "failed" in r})
    return "\n\n".join([*parts, *(["## Failed", "\n".join(failures)] if failures else [])])


def heat_map(results: list[Result], cells: Sequence[str], tasks: Sequence[str], seeds: int) -> Picture:
    """Draw medians and ranges; the colour is the median between a constant answer and the right ones."""
    figure = Figure(figsize=(2.4 + 1.7 * len(cells), 0.8 + 0.55 * len(tasks)), layout="constrained")
    axes = figure.add_subplot()
    shares = [[_share_of(values(results, cell, task), task) for cell in cells] for task in tasks]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.4, aspect="auto")
    for (row, task), (column, cell) in product(enumerate(tasks), enumerate(cells)):
        text = shown(values(results, cell, task), seeds).replace(" (", "\n(")
        axes.text(column, row, text, ha="center", va="center", fontsize=FONT_SIZE - 2, color=INK)
    axes.set_xticks(range(len(cells)), [cell.split()[0] for cell in cells], fontsize=FONT_SIZE)
    axes.set_yticks(range(len(tasks)), [task.split()[0] for task in tasks], fontsize=FONT_SIZE)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    caption = "Median of each cell on each task, with the range over the seeds."
    return Picture("Cells by tasks", caption, caption, as_svg(figure))


def _share_of(found: Sequence[float], task: str) -> float:
    if not found:
        return float("nan")
    name, *options = shlex.split(task)
    any_cell = components("cell")[0].qualified
    made = Experiment.compose(name, any_cell, overrides=options).make_task()
    return share(statistics.median(found), made)


def main() -> None:
    """Train what is missing, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=CELLS)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("options", nargs="*", metavar="OPTION=VALUE")
    chosen = parser.parse_args()
    cells = [o.qualified for o in components("cell")] if list(chosen.cells) == ["all"] else chosen.cells
    options = [f"run.max_steps={chosen.updates}", *OPTIONS, *chosen.options]
    wanted = [
        {"cell": cell, "task": task, "seed": seed, "options": options}
        for seed, task, cell in product(range(chosen.seeds), chosen.tasks, cells)
    ]
    file = chosen.results / "cells-by-tasks.json"
    found = json.loads(file.read_text("utf-8")) if file.exists() else []
    results = completed(found, wanted, file)
    machine = f"Python {platform.python_version()}, {platform.machine()}, torch {torch.__version__}"
    budget = f"{chosen.seeds} seeds (lowest to highest), after at most {chosen.updates} updates"
    protocol = (
        f"Median over {budget}. Options of all runs: `{' '.join(options)}`. No run is left out. {machine}."
        " Written by `benchmarks/cells_by_tasks.py`."
    )
    body = tables(results, cells, chosen.tasks, chosen.seeds)
    page = f"# Cells by tasks\n\n{protocol}\n\n![Heat map of the medians](cells-by-tasks.svg)\n\n{body}\n"
    file.with_suffix(".md").write_text(page, "utf-8")
    file.with_suffix(".svg").write_bytes(heat_map(results, cells, chosen.tasks, chosen.seeds).content)


if __name__ == "__main__":
    main()
