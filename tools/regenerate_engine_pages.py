"""Bring what the pages of the engine show up to date: `python tools/regenerate_engine_pages.py`.

Run it after the engine makes something else of a step. The cell is the README's.
"""

import re
from pathlib import Path
from typing import Any

import torch

from recurra import Cell
from recurra_engine import printer
from recurra_engine.compiled import traced
from recurra_engine.cpu.source import source
from recurra_engine.passes.joint import with_gradient

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "engine"
INPUTS, UNITS = 24, 4
BLOCK = re.compile(r"<!-- listing: (.+?) -->\n.*?<!-- listing -->", re.DOTALL)
STEP_OF_C = re.compile(r"if \(!active\) continue;\n(.*?)\nconst long going_on", re.DOTALL)


def stages() -> dict[str, str]:
    """Return what each stage makes of the README's cell, by the name that the pages use."""
    cell = _cell()
    made = traced(cell, torch.zeros(2, 2, INPUTS), cell.initial_state(2))
    wanted = [True] * len(made.program.shared)
    moved, together = (
        with_gradient(made.program, x=False, shared=wanted, move=move) for move in (True, False)
    )
    lines = {"step": printer.of_step(made.step), "shared": printer.of_weights(made.program)}
    graphs = {name: "\n".join(found) for name, found in (lines | printer.of_training(moved)).items()}
    (step,) = STEP_OF_C.findall(source(together.forward.loop, single=True).text)
    return graphs | {"C": _indented(step)}


def _indented(code: str) -> str:
    """Indent C by its braces; what is generated for a compiler has no need of that."""
    lines, depth = [], 0
    for line in code.splitlines():
        depth -= line.startswith("}")
        lines.append(f"{'    ' * depth}{line}")
        depth += line.endswith("{")
    return "\n".join(lines)


def _cell() -> Cell[Any]:
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    made: dict[str, Any] = {}
    exec(snippet, made)
    cell: Cell[Any] = made["Leaky"](INPUTS, hidden_size=UNITS)
    return cell


def updated(page: str, shown: dict[str, str]) -> str:
    """Return a page whose listings are up to date."""

    def block(found: re.Match[str]) -> str:
        name = found[1]
        language = "c" if name == "C" else "text"
        return f"<!-- listing: {name} -->\n```{language}\n{shown[name]}\n```\n<!-- listing -->"

    return BLOCK.sub(block, page)


if __name__ == "__main__":
    shown = stages()
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(updated(page.read_text("utf-8"), shown), "utf-8")
