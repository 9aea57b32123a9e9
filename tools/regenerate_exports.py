"""Bring the table of docs/exports.md up to date: `python tools/regenerate_exports.py`, about ten minutes.

Every installed cell is exported to ONNX and compared in ONNX Runtime, as a sequence and as a single step.
"""

import re
from pathlib import Path

import torch

from recurra import Cell, RecurraError
from recurra.plugins.registry import components, load
from recurra_lab import to_onnx

PAGE = Path(__file__).parents[1] / "docs" / "exports.md"
TABLE = re.compile(r"<!-- cells -->\n.*?<!-- cells -->", re.DOTALL)
HEADER = ["| cell | sequence | step | reason |", "| --- | --- | --- | --- |"]
INPUTS, LONGEST = 4, 160
SAME, FAILS = "same outputs", "—"


def main() -> None:
    """Write the table of all cells."""
    names = sorted(offer.component.name for offer in components("cell"))
    table = "\n".join(["<!-- cells -->", *HEADER, *map(row, names), "<!-- cells -->"])
    PAGE.write_text(TABLE.sub(lambda _: table, PAGE.read_text("utf-8")), "utf-8")


def row(name: str) -> str:
    """Return the row of a cell: which graphs compute the same as the cell, and why the others do not."""
    reasons = [reason(name, streaming) for streaming in (False, True)]
    kept = " ".join(dict.fromkeys(filter(None, reasons)))
    line = f"| `{name}` | {' | '.join(FAILS if why else SAME for why in reasons)} | {kept} |"
    print(line, flush=True)  # noqa: T201 (a long command tells how far it is)
    return line


def reason(name: str, streaming: bool) -> str:
    """Return why a cell with its small options cannot be exported, or an empty string."""
    cls: type[Cell] = load("cell", name)
    torch.manual_seed(0)
    try:
        to_onnx(cls(INPUTS, **cls.contract_options), streaming=streaming)
    except RecurraError as error:
        return _cut(str(error))
    return ""


def _cut(message: str) -> str:
    told = re.sub(r"\s+", " ", message.partition(" cannot be exported: ")[2]).replace("|", "/")
    return f"{told[:LONGEST].rstrip('. ')}."


if __name__ == "__main__":
    main()
