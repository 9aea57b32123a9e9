"""Write the first losses of the main job, which a change that must not alter results leaves as they are.

python tools/regenerate_main_job_losses.py
"""

import csv
import json
import os
import tempfile
from pathlib import Path

from recurra_lab.cli import main as recurra

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "main_job_losses.json"
UPDATES = 20
SETTINGS = (
    "seed=0",
    f"run.max_steps={UPDATES}",
    "run.validate_every=1000",
    "run.evaluation_batch_size=2",
    "run.suite_batches=1",
    "run.progress=false",
)


def losses(folder: str) -> list[float]:
    """Train with seed 0 into a folder and return the loss of every update."""
    recurra(["train", "copy", "ntm", *SETTINGS, "--out", folder], standalone_mode=False)
    (metrics,) = Path(folder).rglob("metrics.csv")
    with metrics.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "train/loss"]
    return [float(row["value"]) for row in rows]


def main() -> None:
    """Write the file."""
    os.environ["RECURRA_ENGINE"] = "loop"
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text(json.dumps(losses(folder), indent=1) + "\n")


if __name__ == "__main__":
    main()
