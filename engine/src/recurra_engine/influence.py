"""Whether and how a cell learns forward in time: its `ForwardMode`, or the reason why it has none."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recurra_engine import cpu, dispatch
from recurra_engine.compiled import Compiled
from recurra_engine.cpu.compiler import NoCompiler
from recurra_engine.forward_mode import ForwardMode as ForwardMode
from recurra_engine.forward_mode import ForwardRun as ForwardRun
from recurra_engine.passes.forward_mode import recurrence
from recurra_engine.passes.influence_groups import ForwardRule as ForwardRule
from recurra_engine.passes.jvp import NoTangent

if TYPE_CHECKING:
    from recurra.cell import Cell

_known: weakref.WeakKeyDictionary[Compiled, dict[ForwardRule, ForwardMode | str]] = (
    weakref.WeakKeyDictionary()
)


def forward_mode(cell: Cell[Any], x: Tensor, state: Any, rule: ForwardRule) -> ForwardMode | str:
    """Return the forward-mode recurrence of a cell for inputs like x (B, T, I), or why there is none."""
    with torch.enable_grad():
        choice = dispatch.choose(cell, x[:, :1].detach().expand(-1, 2, -1), state)
    chosen = choice.compiled
    if not isinstance(chosen, Compiled) or chosen.sequence.backend is not cpu.BACKEND:
        return choice.why_not.get("native") or "the cell does not run at the level 'native'"
    known = _known.setdefault(chosen, {})
    if rule not in known:
        try:
            known[rule] = ForwardMode(cell, chosen.made, rule, x)
        except (NoTangent, NoCompiler) as reason:
            known[rule] = str(reason)
    return known[rule]


def obstacle(cell: Cell[Any], x: Tensor, state: Any) -> str | None:
    """Return why no forward-mode recurrence can be derived for a cell, without compiling one."""
    chosen = dispatch.choose(cell, x, state).compiled
    if not isinstance(chosen, Compiled):
        return "the step is not compiled"
    program = chosen.made.program
    try:
        recurrence(program, [True] * len(program.shared))
    except NoTangent as reason:
        return str(reason)
    return None
