"""Bring the README's table of tasks and cells up to date: `python tests/regenerate_readme.py`.

Run it after a task or cell was added, removed or renamed.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from recurra.registry import Offer, components, load

README = Path(__file__).parents[1] / "README.md"
MARK = "<!-- tasks -->"
STRUCTURE = {"tokens": "vectors", "token-trees": "trees", "graphs": "trees"}
"""What a cell reads of tokens, which are embedded."""


def table() -> str:
    """Return one row per suite and structure: its tasks, and the cells that can read them."""
    suites = defaultdict(list)
    for offer in components("task"):
        suites[offer.dist, load("task", offer.qualified).gives].append(offer)
    readers = defaultdict(list)
    for offer in components("cell"):
        readers[load("cell", offer.qualified).tags.reads].append(offer)
    rows = [
        f"| `{dist}` | {_listed(offers)} | {gives} | {_told(readers, STRUCTURE.get(gives, gives))} |"
        for (dist, gives), offers in suites.items()
    ]
    head = ["| plugin | tasks | each gives | read by |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *sorted(rows)])


def _listed(offers: Iterable[Offer]) -> str:
    return ", ".join(f"`{offer.component.name}`" for offer in offers)


def _told(readers: dict[str, list[Offer]], reads: str) -> str:
    """Name those that read it, or the others where they are fewer."""
    these = readers[reads]
    others = [offer for kind, offers in readers.items() if kind != reads for offer in offers]
    if len(these) <= len(others):
        return _listed(these) or "no cell yet"
    return f"every cell but {_listed(others)}" if others else "every cell"


def updated(page: str) -> str:
    """Return a page whose table is up to date."""
    before, _, rest = page.partition(MARK)
    inside, _, after = rest.partition(MARK)
    words = inside.partition("| plugin |")[0]
    return f"{before}{MARK}{words}{table()}\n{MARK}{after}"


if __name__ == "__main__":
    README.write_text(updated(README.read_text("utf-8")), "utf-8")
