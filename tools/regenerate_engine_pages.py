"""Bring what the pages of the engine show up to date: `python tools/regenerate_engine_pages.py`.

Run it after the engine makes something else of a step. The cell is the README's; the constructs are those of
the engine's tests.
"""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from recurra import Cell
from recurra_engine import printer
from recurra_engine.compiled import traced
from recurra_engine.cpu.source import source
from recurra_engine.frontend.aten import Untranslated
from recurra_engine.passes.joint import with_gradient

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "engine"
INPUTS, UNITS = 24, 4
CONSTRUCTS = "constructs.md"
TABLE = re.compile(r"<!-- constructs -->\n.*?<!-- constructs -->", re.DOTALL)
TABLES_OF = ("engine_toys", "engine_operators", "engine_constructs")
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
    snippet, *_ = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    made: dict[str, Any] = {}
    exec(snippet, made)
    cell: Cell[Any] = made["Leaky"](INPUTS, hidden_size=UNITS)
    return cell


def constructs() -> str:
    """Return the tables of what people write in a step, and at which level each runs on a CPU."""
    known = [_beside_the_tests(name) for name in TABLES_OF][-1]
    rows = {
        group: [(name, *_level(known.Constructs(name).eval())) for name in names]
        for group, names in known.GROUPS.items()
    }
    levels = [level for found in rows.values() for _, level, _ in found]
    plain = sum(level == "native" for level in levels)
    called = levels.count("native, calls torch")
    rest = f"{called} call PyTorch, and {len(levels) - plain - called} run in the loop."
    tables = [f"## {group.capitalize()}\n\n{_table(found)}" for group, found in rows.items()]
    return "\n\n".join([f"Of {len(levels)} constructs, {plain} are compiled, {rest}", *tables])


def _beside_the_tests(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "engine" / "tests" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _level(cell: Any) -> tuple[str, str]:
    """Return at which level a construct runs, and why not at a faster one."""
    try:
        calls = traced(cell, torch.zeros(2, 2, cell.input_size), cell.initial_state(2)).step.calls
    except Untranslated as error:
        return "loop", re.sub(r"^\S+:\d+: ", "", error.reason)  # which the page can do without
    named = ", ".join(sorted({f"`{call}`" for call in calls}))
    return ("native, calls torch" if calls else "native"), named


def _table(found: list[tuple[str, str, str]]) -> str:
    lines = [f"| {name} | {level} | {reason} |" for name, level, reason in found]
    return "\n".join(["| construct | level | reason |", "| --- | --- | --- |", *lines])


def with_constructs(page: str, shown: str) -> str:
    """Return the page of constructs with up-to-date tables."""
    return TABLE.sub(lambda _: f"<!-- constructs -->\n{shown}\n<!-- constructs -->", page)


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
    page = PAGES / CONSTRUCTS
    page.write_text(with_constructs(page.read_text("utf-8"), constructs()), "utf-8")
