"""What runs survive: damaged files, and kills at random instants.

    python benchmarks/reliability [files] [kills] [--tries 10000] [--kills 1000] [--seed 0]

Writes `benchmarks/results/reliability.json` and, from it, `benchmarks/results/reliability.md`; parts that are
not named keep their last result. Every try is drawn from the seed and its number, so that it can be repeated.
A try is *lost* if its result differs without an error, or if the error is not one of recurra's own sentences.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import files
import kills
import torch

RESULTS = Path(__file__).parents[1] / "results"
DATA, TABLE = RESULTS / "reliability.json", RESULTS / "reliability.md"
PARTS = {"files": files.measured, "kills": kills.measured}


def main() -> None:
    """Measure what is asked for, and write the table of everything known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; default: all")
    parser.add_argument("--tries", type=int, default=10_000, help="damaged files")
    parser.add_argument("--kills", type=int, default=1_000, help="killed processes")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"{unknown[0]!r}: expected {' or '.join(PARTS)}")
    torch.set_num_threads(1)
    known: dict[str, Any] = json.loads(DATA.read_text()) if DATA.exists() else {}
    for part in given.parts or PARTS:
        began = time.time()
        rows = PARTS[part](given.tries if part == "files" else given.kills, given.seed)
        known[part] = {"rows": rows, "about": about(given.seed, time.time() - began)}
    DATA.write_text(json.dumps(known, indent=1) + "\n")
    TABLE.write_text(table(known))
    print(table(known))


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
        columns = list(found["rows"][0])
        lines += [
            "",
            f"## {part.capitalize()}",
            "",
            f"| {' | '.join(columns)} |",
            "| --- " + "| ---: " * (len(columns) - 1) + "|",
        ]
        lines += [f"| {' | '.join(_shown(row[name]) for name in columns)} |" for row in found["rows"]]
        lines += ["", found["about"]]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
