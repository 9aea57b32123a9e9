"""The main job over ten seeds: `recurra train copy ntm` with the shipped defaults.

    python benchmarks/main_job.py [--seeds 10] [--first 300]

Writes `benchmarks/results/main_job.json` (one entry per seed) and `main_job.md` (the distribution over all
seeds; no seed is left out), and copies the latter into the README.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parents[1] / "README.md"
MARK = "<!-- main-job -->"


def train(seed: int) -> dict[str, Any]:
    """Run the main job with one seed, as a user does, and return what it reported."""
    with tempfile.TemporaryDirectory() as root:
        command = [
            sys.executable,
            "-m",
            "recurra",
            "train",
            "copy",
            "ntm",
            f"seed={seed}",
            "run.progress=false",
        ]
        subprocess.run([*command, "--out", root], check=True, stdout=subprocess.DEVNULL)
        (folder,) = Path(root).glob("copy/*/*")
        outcome = json.loads((folder / "outcome.json").read_text())
        print(seed, outcome, flush=True)
        return {"seed": seed, **outcome, "scores": json.loads((folder / "scores.json").read_text())}


def spread(values: list[float], digits: int = 0) -> str:
    """Return median, smallest and largest, as `750 (500 to 1,250)`."""
    shown = [f"{v:,.{digits}f}" for v in (statistics.median(values), min(values), max(values))]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def table(runs: list[dict[str, Any]]) -> str:
    """Return the distribution over the seeds as Markdown."""
    solved = sum(run["status"] == "solved" for run in runs)
    seeds = f"{runs[0]['seed']} to {runs[-1]['seed']}"
    batch_size = runs[0]["sequences"] // runs[0]["steps"]
    lines = [
        f"`recurra train copy ntm` with its defaults, seeds {seeds}, none left out:"
        f" **{solved} of {len(runs)} solved** (six consecutive validations below 0.1 bits per sequence).",
        "",
        "| | median (min to max) |",
        "| --- | --- |",
        f"| updates of {batch_size} sequences | {spread([r['steps'] for r in runs])} |",
        f"| seconds of training | {spread([r['train_seconds'] for r in runs])} |",
    ]
    for variant in runs[0]["scores"]:
        wrong = [run["scores"][variant]["bit_errors"] for run in runs]
        none = sum(w == 0 for w in wrong)
        name = variant.replace("length-", "wrong bits per sequence at length ")
        lines.append(f"| {name} | {spread(wrong, 2)}; no wrong bit in {none} of {len(runs)} runs |")
    machine = (
        f"{platform.machine()}, one thread, Python {platform.python_version()}, torch {torch.__version__}"
    )
    return "\n".join([*lines, "", f"CPU {machine}. Written by `python benchmarks/main_job.py`."]) + "\n"


def into_readme(text: str) -> None:
    """Put the table between the two marks of the README."""
    before, _, after = README.read_text().partition(MARK)
    after = after.partition(MARK)[2]
    README.write_text(f"{before}{MARK}\n{text}{MARK}{after}")


def main() -> None:
    """Run every seed and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=300)
    parser.add_argument("--at-once", type=int, default=2, help="runs in parallel, one thread each")
    options = parser.parse_args()
    with ThreadPoolExecutor(options.at_once) as pool:
        runs = list(pool.map(train, range(options.first, options.first + options.seeds)))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "main_job.json").write_text(json.dumps(runs, indent=1) + "\n")
    (RESULTS / "main_job.md").write_text(table(runs))
    into_readme(table(runs))


if __name__ == "__main__":
    main()
