"""What runs survive: damaged files, kills, signals, full disks, mistakes, extreme numbers and load.

    python benchmarks/reliability [PART]... [--share 1.0] [--seed 0] [--minutes M]

Writes `benchmarks/results/reliability.json` and, from it, `benchmarks/results/reliability.md`; parts that are
not named keep their last result. Every try is drawn from the seed and its number, so that it can be repeated.
A try is *lost* if its result differs without an error, or if the error is not one of recurra's own sentences.
`--share 0.1` tries a tenth. Kills are recorded one by one in `benchmarks/results/reliability-kills.jsonl`; the same
command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]
RESULTS = ROOT / "benchmarks" / "results"
DATA, TABLE = RESULTS / "reliability.json", RESULTS / "reliability.md"
PARTS = {
    "files": ("files", 10_000),
    "kills": ("kills", 1_000),
    "signals": ("signals", 260),
    "input": ("inputs", 700),
    "numbers": ("draws", 1_000_000),
    "load": ("load", 100_000),
}
"""Part -> its module, and how much is tried in full."""


def main() -> None:
    """Measure what is asked for, and write the table of everything known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; default: all")
    parser.add_argument("--share", type=float, default=1.0, help="share of the full number of tries")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop killing after this time")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"{unknown[0]!r}: expected {' or '.join(PARTS)}")
    torch.set_num_threads(1)
    known: dict[str, Any] = json.loads(DATA.read_text()) if DATA.exists() else {}
    for part in given.parts or PARTS:
        began = time.time()
        rows = measured(part, given.share, given.seed, given.minutes)
        known[part] = {"rows": rows, "about": about(given.seed, time.time() - began)}
        DATA.write_text(json.dumps(known, indent=1) + "\n")
        TABLE.write_text(table(known))
    print(table(known))


def measured(part: str, share: float, seed: int, minutes: float) -> list[dict[str, Any]]:
    """Return the rows of one part."""
    module, full = PARTS[part]
    tries, limit = max(1, round(share * full)), {"minutes": minutes} if part == "kills" else {}
    rows: list[dict[str, Any]] = import_module(module).measured(tries, seed, **limit)
    return rows


def about(seed: int, seconds: float) -> str:
    """Return where and when a part was measured."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"Seed {seed}, {date.today()}, {seconds / 60:.0f} minutes, {platform.machine()}, {versions}."


def table(known: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Reliability",
        "",
        "Written by `python benchmarks/reliability`; its docstring says what counts as lost.",
    ]
    for part, found in known.items():
        columns = list(dict.fromkeys(name for row in found["rows"] for name in row))
        lines += [
            "",
            f"## {part.capitalize()}",
            "",
            f"| {' | '.join(columns)} |",
            "| --- " + "| ---: " * (len(columns) - 1) + "|",
        ]
        lines += [f"| {' | '.join(_shown(row.get(name, '')) for name in columns)} |" for row in found["rows"]]
        lines += ["", found["about"]]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
