"""Statistics of a compiled cell, for `recurra explain`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

from recurra.cell import Cell
from recurra.rng import preserve_rng_state
from recurra_engine import dispatch, influence, printer
from recurra_engine.cpu.source import source
from recurra_engine.ir.graph import OF_TORCH, Node
from recurra_engine.lower.layout import Layout, Task
from recurra_engine.lower.schedule import schedule
from recurra_engine.passes.joint import Training
from recurra_engine.passes.program import Loop

ROWS, STEPS = 2, 8
"""Of the call that is explained; any number above one gives the same answer."""


def explained(cell: Cell[Any]) -> dict[str, Any]:
    """Return the level of a cell, the reasons against faster ones, and its operations in training."""
    if type(cell).unroll is not Cell.unroll:
        return {"level": "its own", "why_not": {}, "loops": {}}
    choice = dispatch.choose(cell, *_call(cell))
    training = _training(choice)
    facts = {"level": choice.level, "why_not": choice.why_not}
    if training is None:
        return facts | {"loops": {}}
    loops = {"forward": training.forward.loop, "backward": training.backward.loop}
    ahead = training.forward.loop
    stored = [*ahead.out, *(ahead.carried[i] for i in ahead.kept)]
    return facts | {
        "forward_mode": _forward_mode(cell),
        "loops": {name: _counted(loop) for name, loop in loops.items()},
        "stored_per_row_and_step": _numbers(stored),
        "matrices_with_one_product_for_all_steps": len(training.outer),
    }


def sources(cell: Cell[Any]) -> str:
    """Return the C source of a cell's training step, forward and backward; empty if nothing is compiled."""
    training = _training(dispatch.choose(cell, *_call(cell)))
    if training is None:
        return ""
    return "\n".join(source(part.loop, single=True).text for part in (training.forward, training.backward))


def graphs(cell: Cell[Any]) -> str:
    """Return the graphs of a cell's step, stage by stage; empty if nothing is compiled."""
    choice = dispatch.choose(cell, *_call(cell))
    training = _training(choice)
    if choice.compiled is None or training is None:
        return ""
    step, program = choice.compiled.made.step, choice.compiled.made.program
    shared = {"shared": printer.of_weights(program)}
    return printer.written({"step": printer.of_step(step)} | shared | printer.of_training(training))


def _call(cell: Cell[Any]) -> tuple[torch.Tensor, Any]:
    with preserve_rng_state():
        state = cell.initial_state(ROWS)
    like = next(cell.parameters(), torch.empty(0))
    return torch.zeros(ROWS, STEPS, cell.input_size, dtype=like.dtype, device=like.device), state


def _forward_mode(cell: Cell[Any]) -> str:
    obstacle = influence.obstacle(cell, *_call(cell))
    return "compiled" if obstacle is None else f"step by step with torch, because {obstacle}"


def _training(choice: dispatch.Choice) -> Training | None:
    if choice.compiled is None:
        return None
    sequence = choice.compiled.sequence
    return sequence.training(False, [True] * len(sequence.program.shared))


def _counted(loop: Loop) -> dict[str, int]:
    groups = schedule(Layout(loop))
    kinds = [_kind(group[0]) for group in groups]
    names = {"gemm": "products with weights", "dot": "products within a row", "amax": "largest elements"}
    named = [names.get(kind, kind) for kind in kinds]
    return {kind: named.count(kind) for kind in sorted(set(named))}


def _kind(task: Task) -> str:
    if task.kind in OF_TORCH:
        call = task.node.data[0]
        return f"calls of torch ({call}, {call.where})"
    return "elementwise loops" if task.elementwise else task.kind


def _numbers(nodes: Iterable[Node]) -> int:
    return sum(math.prod(node.shape) for node in nodes)
