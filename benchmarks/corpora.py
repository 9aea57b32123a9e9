"""Images, music and text: short training runs of an LSTM and a GRU over several seeds.

    python benchmarks/corpora.py FOLDER [--seeds 3] [--first 0] [--only TASK ...]

FOLDER holds `mnist/`, files in the IDX format, `pianoroll/`, the four .mat files, `ptb/valid.txt.gz`, the
validation text of the Penn Treebank, and `imdb/`, one CSV file; the READMEs of `recurra-images`,
`recurra-music` and `recurra-text` say where to get them. Writes `benchmarks/results/corpora.json`, one
entry per run, and `corpora.md`, the distribution over all seeds; no seed is left out. With `--only`, the
results of other tasks are kept. Each run is a `recurra train` with the default learning rule and a fixed
number of updates, without early stopping. The final weights are evaluated on the whole test split, which was
not used for any choice. The runs are too short to be compared with published numbers.
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

from recurra.plugins.registry import load

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Job:
    """What is trained.

    Args:
        task: Name of the task.
        score: Which of its scores is told.
        data: What the page calls the data.
        options: Options of the task; a value that begins with `data:` is a place in the folder that is named.
        units: Cell -> number of units.
        updates: How many.
        batch_size: Sequences per update.
        test: Batches and sequences per batch that are the whole test split.
        others: Options of other parts of the run.
    """

    task: str
    score: str
    data: str
    options: Mapping[str, str]
    units: Mapping[str, int]
    updates: int
    batch_size: int
    test: tuple[int, int]
    others: tuple[str, ...] = ()

    def placed(self, data: Path) -> dict[str, str]:
        """Return the options of the task, with places in a folder."""
        found = {name: value.removeprefix(PLACE) for name, value in self.options.items()}
        return {
            name: str(data / value) if self.options[name].startswith(PLACE) else value
            for name, value in found.items()
        }


PLACE = "data:"
SMALL = {"lstm": 36, "gru": 46}
"""Sizes of Chung et al. 2014, of about 20,000 weights each."""
LARGE = {"lstm": 100, "gru": 100}
TEXT = {"lstm": 128, "gru": 128}
"""Units of Dey and Salem 2017."""


def _music(collection: str, updates: int, test: tuple[int, int]) -> Job:
    options = {"folder": "data:pianoroll", "collection": collection}
    return Job("piano-roll", "nats_per_step", collection, options, SMALL, updates, 16, test)


def _images(form: str, updates: int) -> Job:
    options = {"folder": "data:mnist", "form": form}
    return Job("mnist", "accuracy_percent", form, options, LARGE, updates, 32, (40, 250))


def _ptb(level: str, score: str, updates: int, window: int, windows: int) -> Job:
    options = {"file": "data:ptb/valid.txt.gz", "level": level, "window": str(window)}
    return Job("language-model", score, f"PTB, {level}s", options, TEXT, updates, 16, (windows, 1))


JOBS = (
    _music("JSB_Chorales", 2000, (7, 11)),
    _music("Nottingham", 1500, (10, 17)),
    _music("MuseData", 400, (4, 31)),
    _music("Piano_midi", 300, (5, 5)),
    _images("rows", 2000),
    _images("pixels", 500),
    _images("permuted", 500),
    _ptb("character", "bits_per_character", 1500, 50, 400),
    _ptb("word", "perplexity", 400, 35, 106),
    Job(
        "imdb",
        "accuracy_percent",
        "500 reviews",
        {"folder": "data:imdb"},
        TEXT,
        40,
        32,
        (3, 83),
        ("model.embedding_size=128",),
    ),
    Job("translation", "sentence_percent", "made-up numbers", {}, TEXT, 1000, 32, (2, 125)),
)


def arguments(job: Job, cell: str, seed: int, data: Path) -> list[str]:
    """Return what the shell is told; a score that no model has is the only one that would end a run."""
    never = "run.stop_above=101" if job.score.endswith("_percent") else "run.stop_below=-1"
    batches, size = job.test
    return [
        *("train", job.task, cell, *(f"task.{name}={value}" for name, value in job.placed(data).items())),
        *(f"cell.hidden_size={job.units[cell]}", f"seed={seed}", never, "run.progress=false", *job.others),
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
        (scores,) = json.loads((folder / "scores.json").read_text()).values()
    run = {"task": job.task, "data": job.data, "cell": cell, "seed": seed, **outcome, "scores": scores}
    print(run, flush=True)
    return run


def baselines(job: Job, data: Path) -> str:
    """Return what predictors that learn no network score on the whole test split."""
    # As the shell does, which reads numbers as numbers.
    options = {name: int(value) if value.isdigit() else value for name, value in job.placed(data).items()}
    known = load("task", job.task)(**options).baselines()
    found = {name: scores[job.score] for name, scores in known.items() if job.score in scores}
    return ", ".join(f"{name} {value:.2f}" for name, value in found.items())


def row(job: Job, cell: str, runs: Iterable[dict[str, Any]], known: str) -> str:
    """Return the distribution over the seeds."""
    values = [run["scores"][job.score] for run in runs]
    spread = f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
    seconds = statistics.median(run["train_seconds"] for run in runs)
    name = f"`{job.task}` {job.data} | `{cell}` {job.units[cell]} | {job.updates:,} of {job.batch_size}"
    return f"| {name} | {seconds:.0f} | `{job.score}` | {spread} | {known} |"


def page(rows: list[str], seeds: range, images: int) -> str:
    """Return the result as a page of Markdown."""
    setting = f"Python {platform.python_version()}, {platform.machine()}, torch {torch.__version__}"
    columns = ["data", "cell, units", "updates of sequences", "seconds", "score", "median", "baselines"]
    return "\n".join(
        [
            "# Short training runs on images, music and text",
            "",
            "Score on the whole test split after the given number of updates with the default learning rule:"
            f" median (min to max) over seeds {seeds.start} to {seeds.stop - 1}, none left out. MNIST has"
            f" {images:,} training images here. {setting}, one thread. Written by `benchmarks/corpora.py`.",
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
    parser.add_argument("folder", type=Path, help="folder with mnist/, pianoroll/, ptb/ and imdb/")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument(
        "--only", nargs="+", default=sorted({job.task for job in JOBS}), help="tasks to train"
    )
    asked = parser.parse_args()
    data, seeds = asked.folder.resolve(), range(asked.first, asked.first + asked.seeds)
    written = json.loads((RESULTS / "corpora.json").read_text())
    runs, rows = [], []
    for job in JOBS:
        known = baselines(job, data)
        for cell in job.units:
            found = (
                [train(job, cell, seed, data) for seed in seeds]
                if job.task in asked.only
                else [r for r in written if (r["task"], r["data"], r["cell"]) == (job.task, job.data, cell)]
            )
            runs += found
            rows.append(row(job, cell, found, known))
    images = len(load("task", "mnist")(folder=data / "mnist").images["train"].labels)
    (RESULTS / "corpora.json").write_text(json.dumps(runs, indent=1) + "\n")
    (RESULTS / "corpora.md").write_text(page(rows, seeds, images))


if __name__ == "__main__":
    main()
