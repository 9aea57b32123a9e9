"""The page about the random cells: how many, of what, where they ran, and what differed."""

from __future__ import annotations

import ast
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from fuzzing.parts import WRITERS
from fuzzing.templates import FAMILIES

FOUND = Path(__file__).parents[1] / "engine" / "tests" / "test_engine_found.py"
"""Tests of what the generator has found, each with a docstring that says what it was."""
HEAD = """# Random cells beside the loop

{tried:,} of {asked:,} random cells were tried.
**{differing} of them differed from the loop by more than rounding.**

Cell number N of a seed is always the same: `python benchmarks/fuzz.py --show N` prints it, calls it, and
minimises it if it differs. Each is compared with the loop in outputs, states and gradients of x, the state
and every weight. A difference in float64 that is above 1e-12 of the largest element counts as rounding only
if it is within 50 times what changing the last bit of every operation at random makes of the loop itself.
{machine}
Written by `benchmarks/fuzz.py`.
"""
NOTES = """{failing} cells fail in the loop itself, where there is nothing to compare. In {explained}
comparisons rounding explains what differs.

Two kinds of differences where there are NaN or infinities are known, and are not counted above. In {left_out}
cells autograd has NaN where it multiplies zeros by an infinite slope: those with which it fills up the
gradient of a slice or of a row past its length or, in second derivatives, those that stand for a slope that
there is not. The engine computes nothing there. In {left_over} cells it is the engine that multiplies NaN by
zero: by the gradient of what the next step does not read, for which autograd computes nothing.
"""
Record = dict[str, Any]


def report(records: list[Record], asked: int) -> str:
    """Return the page."""
    compared = [r for r in records if "fails" not in r]
    differing = [r for r in compared if r["differences"]]
    machine = f"Python {platform.python_version()}, torch {torch.__version__}."
    head = HEAD.format(tried=len(records), asked=asked, differing=len(differing), machine=machine)
    parts = [
        head,
        _where(compared, len(records)),
        _calls(compared),
        _constructs(compared),
        _differences(differing),
        _earlier(),
    ]
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def _where(compared: list[Record], tried: int) -> str:
    asked: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for record in compared:
        for level, ran in record.get("levels", {}).items():
            asked[level] += 1
            reached[level] += ran == level
            reasons[_kind(ran)] += ran != level
    rows = [(level, asked[level], reached[level]) for level in sorted(asked)]
    notes = NOTES.format(
        failing=tried - len(compared),
        explained=sum(r.get("explained", 0) for r in compared),
        **{what: sum(bool(r.get(what)) for r in compared) for what in ("left_out", "left_over")},
    )
    why = _table(("reason", "times"), [(k, n) for k, n in reasons.most_common() if n])
    where = _table(("level", "asked for", "reached"), rows)
    return f"## Where they ran\n\n{where}\n{notes}\nWhy not:\n\n{why}"


def _kind(reason: str) -> str:
    """Return a reason without its place and its numbers."""
    words = reason.split(": ", 1)[-1].split(" (")[0]
    return "the step reads something that no guard follows" if "cannot be" in words else words[:80]


def _calls(compared: list[Record]) -> str:
    counted = Counter(trait for r in compared for trait in r.get("call", ()))
    rows = [(trait, n) for trait, n in sorted(counted.items())]
    return f"## How they were called\n\n{_table(('call', 'cells'), rows)}"


def _constructs(compared: list[Record]) -> str:
    counted = Counter(c for r in compared for c in set(r.get("constructs", ())))
    rows = []
    for family, table in {**FAMILIES, **WRITERS}.items():
        times = sorted((counted[name], name) for name in table)
        rows.append((family, len(table), sum(n for n, _ in times), f"{times[0][1]} ({times[0][0]})"))
    head = ("family", "constructs", "uses", "rarest")
    tables = (*FAMILIES.values(), *WRITERS.values())
    each = ", ".join(f"{name} {counted[name]}" for table in tables for name in table)
    return f"## Constructs\n\n{_table(head, rows)}\nCells with each: {each}.\n"


def _differences(differing: list[Record]) -> str:
    lines = ["## Differences\n"]
    for r in differing:
        told = "; ".join(f"at `{level}`: {what}" for level, what in r["differences"].items())
        lines.append(f"- Cell {r['number']} of seed {r['seed']}, {told}\n")
        if "text" in r:
            lines.append(f"```python\n{r['text']}```\n")
    return "\n".join(lines if differing else [*lines, "None.\n"])


def _earlier() -> str:
    """Return what was found before and mended, from the tests of it."""
    tree = ast.parse(FOUND.read_text("utf-8"))
    told = [
        ast.get_docstring(f)
        for f in tree.body
        if isinstance(f, ast.FunctionDef) and f.name.startswith("test")
    ]
    lines = "\n".join(f"- {' '.join(text.split())}" for text in told if text)
    return f"## Found before, and mended\n\nEach has a test in `engine/tests/{FOUND.name}`.\n\n{lines}\n"
