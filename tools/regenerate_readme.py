"""Bring the README's tables up to date: `python tools/regenerate_readme.py`.

Run it after a task, cell or trainer was added, removed or renamed, or an experiment was reproduced.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from recurra.plugins.registry import Offer, components, load
from recurra_lab import INPUT_FORMATS
from recurra_lab.reproductions.archive import RECORDS, recorded, unrecorded
from recurra_lab.reproductions.table import tables

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def tasks() -> str:
    """Return one row per suite and structure: its tasks, and the cells that can read them."""
    suites = defaultdict(list)
    for offer in components("task"):
        suites[offer.dist, load("task", offer.qualified).input_kind].append(offer)
    readers = defaultdict(list)
    for offer in components("cell"):
        readers[load("cell", offer.qualified).tags.input_kind].append(offer)
    rows = [
        f"| `{dist}` | {_listed(offers)} | {kind} | {_told(readers, INPUT_FORMATS[kind].read_by)} |"
        for (dist, kind), offers in suites.items()
    ]
    return _table(["plugin", "tasks", "input kind", "compatible cells"], sorted(rows))


def rules() -> str:
    """Return one row per learning rule: what it does, and where it is from."""
    rows = [
        f"| `{offer.component.name}` | {offer.component.summary} | {offer.component.paper} |"
        for offer in components("trainer")
    ]
    return _table(["trainer", "description", "source"], sorted(rows))


def papers() -> str:
    """Return the verdicts on all recorded experiments, the rule behind them, and what has no record."""
    folder = ROOT / RECORDS
    return tables(recorded(folder), [one.name for one in unrecorded(folder)], RECORDS.as_posix())


def cells_by_tasks() -> str:
    """Return the medians of cells on tasks, with the names of both and without their options."""
    page = (ROOT / "benchmarks/results/cells-by-tasks.md").read_text("utf-8")
    table = page.partition("\n| ")[2].partition("\n\n")[0]
    return re.sub(r"`([^` ]+) [^`]*`", r"`\1`", f"| {table}")


def _table(head: list[str], rows: list[str]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *rows])


def _listed(offers: Iterable[Offer]) -> str:
    return ", ".join(f"`{offer.component.name}`" for offer in offers)


def _told(readers: dict[str, list[Offer]], reads: str) -> str:
    """Name those that read it, or the others where they are fewer."""
    these = readers[reads]
    others = [offer for kind, offers in readers.items() if kind != reads for offer in offers]
    if len(these) <= len(others):
        return _listed(these) or "none yet"
    return f"all cells except {_listed(others)}" if others else "all cells"


TABLES = {"tasks": tasks, "cells-by-tasks": cells_by_tasks, "rules": rules, "papers": papers}
"""What writes the table between two marks of its name; words above the table stay."""


def updated(page: str) -> str:
    """Return a page whose tables are up to date."""
    for name, table in TABLES.items():
        mark = f"<!-- {name} -->"
        before, _, rest = page.partition(mark)
        inside, _, after = rest.partition(mark)
        words = inside.partition("| ")[0]
        page = f"{before}{mark}{words}{table()}\n{mark}{after}" if rest else page
    return page


if __name__ == "__main__":
    README.write_text(updated(README.read_text("utf-8")), "utf-8")
