"""MNIST and four collections of piano rolls: short trainings of an LSTM and a GRU, every seed counted.

    python benchmarks/corpora.py FOLDER [--seeds 3] [--first 0]

FOLDER holds `mnist/`, files in the IDX format, and `pianoroll/`, the four .mat files; the READMEs of
`recurra-images` and `recurra-music` say where they are from. Writes `benchmarks/results/corpora.json`, one
entry per run, and `corpora.md`, the distribution over the seeds. Each run is a `recurra train` with the
default learning rule and a fixed number of updates, which nothing ends before. The weights at its end are
judged on the whole test split; nothing was chosen on that. The trainings are too short to be compared with
published numbers.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from recurra.registry import load

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Job:
    """What is trained.

    Args:
        task: Name of the task.
        score: Which of its scores is told.
        option: An option of the task, and its value.
        folder: Where its files are, in the folder that is named.
        units: Cell -> number of units.
        updates: How many.
        batch_size: Sequences per update.
        test: Batches and sequences per batch that are the whole test split.
    """

    task: str
    score: str
    option: tuple[str, str]
    folder: str
    units: Mapping[str, int]
    updates: int
    batch_size: int
    test: tuple[int, int]


MUSIC = {"lstm": 36, "gru": 46}
"""Sizes of Chung et al. 2014, of about 20,000 weights each."""
IMAGES = {"lstm": 100, "gru": 100}
JOBS = (
    Job("piano-roll", "nats_per_step", ("collection", "JSB_Chorales"), "pianoroll", MUSIC, 2000, 16, (7, 11)),
    Job("piano-roll", "nats_per_step", ("collection", "Nottingham"), "pianoroll", MUSIC, 1500, 16, (10, 17)),
    Job("piano-roll", "nats_per_step", ("collection", "MuseData"), "pianoroll", MUSIC, 400, 16, (4, 31)),
    Job("piano-roll", "nats_per_step", ("collection", "Piano_midi"), "pianoroll", MUSIC, 300, 16, (5, 5)),
    Job("mnist", "accuracy_percent", ("form", "rows"), "mnist", IMAGES, 2000, 32, (40, 250)),
    Job("mnist", "accuracy_percent", ("form", "pixels"), "mnist", IMAGES, 500, 32, (40, 250)),
    Job("mnist", "accuracy_percent", ("form", "permuted"), "mnist", IMAGES, 500, 32, (40, 250)),
)


def arguments(job: Job, cell: str, seed: int, data: Path) -> list[str]:
    """Return what the shell is told; a score that no model has is the only one that would end a run."""
    never = "run.stop_below=-1" if job.score == "nats_per_step" else "run.stop_above=101"
    batches, size = job.test
    return [
        *("train", job.task, cell, f"task.{'='.join(job.option)}", f"task.folder={data / job.folder}"),
        *(f"cell.hidden_size={job.units[cell]}", f"seed={seed}", never, "run.progress=false"),
        *(f"run.max_steps={job.updates}", f"run.batch_size={job.batch_size}", "run.validation_batches=2"),
        *(f"run.suite_batches={batches}", f"run.evaluation_batch_size={size}"),
    ]


def train(job: Job, cell: str, seed: int, data: Path) -> dict[str, Any]:
    """Run one training, as a user does, and return what it reported."""
    with tempfile.TemporaryDirectory() as root:
        command = [sys.executable, "-m", "recurra", *arguments(job, cell, seed, data), "--out", root]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (folder,) = Path(root).glob(f"{job.task}/*/*")
        outcome = json.loads((folder / "outcome.json").read_text())
        scores = json.loads((folder / "scores.json").read_text())["test"]
    run = {"task": job.task, "data": job.option[1], "cell": cell, "seed": seed, **outcome, "scores": scores}
    print(run, flush=True)
    return run


def references(job: Job, data: Path) -> str:
    """Return what predictors that learn no network score on the whole test split."""
    task = load("task", job.task)(folder=data / job.folder, **dict([job.option]))
    found = {name: scores[job.score] for name, scores in task.references().items()}
    return ", ".join(f"{name} {value:.2f}" for name, value in found.items())


def row(job: Job, cell: str, runs: Iterable[dict[str, Any]], known: str) -> str:
    """Return the distribution over the seeds."""
    values = [run["scores"][job.score] for run in runs]
    spread = f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
    seconds = statistics.median(run["train_seconds"] for run in runs)
    name = f"`{job.task}` {job.option[1]} | `{cell}` {job.units[cell]} | {job.updates:,} of {job.batch_size}"
    return f"| {name} | {seconds:.0f} | `{job.score}` | {spread} | {known} |"


def page(rows: list[str], seeds: range, images: int) -> str:
    """Return the result as a page of Markdown."""
    setting = f"Python {platform.python_version()}, {platform.machine()}, torch {torch.__version__}"
    columns = ["data", "cell, units", "updates of sequences", "seconds", "score", "median", "references"]
    return "\n".join(
        [
            "# Short trainings on images and music",
            "",
            "Score on the whole test split after so many updates with the default learning rule: median"
            f" (least to most) of seeds {seeds.start} to {seeds.stop - 1}, all counted. MNIST has {images:,}"
            f" training images here. {setting}, one thread. Written by `benchmarks/corpora.py`.",
            "",
            f"| {' | '.join(columns)} |",
            f"|{' --- |' * len(columns)}",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Run every training and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with mnist/ and pianoroll/")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    data, seeds = asked.folder.resolve(), range(asked.first, asked.first + asked.seeds)
    runs, rows = [], []
    for job in JOBS:
        known = references(job, data)
        for cell in job.units:
            found = [train(job, cell, seed, data) for seed in seeds]
            runs += found
            rows.append(row(job, cell, found, known))
    images = len(load("task", "mnist")(folder=data / "mnist").images["train"].labels)
    (RESULTS / "corpora.json").write_text(json.dumps(runs, indent=1) + "\n")
    (RESULTS / "corpora.md").write_text(page(rows, seeds, images))


if __name__ == "__main__":
    main()
