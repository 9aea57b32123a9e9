"""Optional arguments of a call: resets, states of every step, and a generator."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from recurra.cell import Cell
from recurra.state import map_state, select
from recurra_contract.cells.probes import (
    LENGTHS,
    STEPS,
    Run,
    compare,
    compare_gradients_of_levels,
    compare_levels,
    inputs,
    learnable,
    made,
    reached,
    rows,
)
from recurra_contract.kit import CheckFailed, Make

RESETS = torch.tensor([[0, 0, 1, 0, 1], [1, 0, 0, 0, 0], [1, 0, 1, 0, 1], [0, 1, 0, 0, 0]]).bool()
"""Borders at the start, inside, one after the other's step, and past the end of a row."""


def check_resets(make: Make) -> None:
    """With resets, at every level, each part of a row equals that part alone; later resets have no effect."""
    cell = made(make)
    x, start = inputs(cell, resets=RESETS), reached(cell)
    compare_levels("with resets", lambda: _run(cell, x, start), _in_parts(cell, x, start))


def check_no_gradient_crosses_resets(make: Make) -> None:
    """With resets, at every level, gradients of x and parameters equal those of the parts run alone."""
    cell, x, start = _for_gradients(make)
    expected = _in_parts(cell, x, start)
    compare_gradients_of_levels(" with resets", cell, x, lambda: _run(cell, x, start), expected)


def _for_gradients(make: Make) -> tuple[Cell[Any], Tensor, Any]:
    cell = made(make)
    learnable(cell)
    return cell, inputs(cell, resets=RESETS).requires_grad_(), reached(cell)


def _run(cell: Cell[Any], x: Tensor, start: Any, states: bool = False) -> Run:
    run: Run = cell(x, start, lengths=LENGTHS, resets=RESETS, states=states)
    return run


def _in_parts(cell: Cell[Any], x: Tensor, start: Any) -> Run:
    """Run every part of every row by itself."""
    runs = [_row_in_parts(cell, x, start, row) for row in range(len(x))]
    y = torch.cat([pad(y, (0, 0, 0, STEPS - y.shape[1])) for y, _ in runs])
    return y, map_state(lambda *each: torch.cat(each), *(state for _, state in runs))


def _row_in_parts(cell: Cell[Any], x: Tensor, start: Any, row: int) -> Run:
    alone, length = slice(row, row + 1), int(LENGTHS[row])
    borders = [t for t in range(length) if RESETS[row, t]]
    y, state = cell(x[alone, : (borders or [length])[0]], rows((x, start), alone)[1])
    outputs = [y]
    for first, last in pairwise([*borders, length]):
        y, state = cell(x[alone, first:last])
        outputs.append(y)
    return torch.cat(outputs, 1), state


def check_states(make: Make) -> None:
    """With `states=True`, at every level, each state equals that of a run that ends at its step."""
    cell = made(make)
    x, start = inputs(cell, resets=RESETS), reached(cell)
    y, states = _every_state(cell, x, start)
    compare_levels("with states", lambda: _run(cell, x, start, states=True), (y, states))
    compare_levels("the last of all states", lambda: _run(cell, x, start), (y, _at(states, -1)))


def check_gradients_of_states(make: Make) -> None:
    """Gradients through the states of every step, at every level, equal those of single steps."""
    cell, x, start = _for_gradients(make)
    expected = _every_state(cell, x, start)
    compare_gradients_of_levels(
        " through all states", cell, x, lambda: _run(cell, x, start, states=True), expected
    )


def _every_state(cell: Cell[Any], x: Tensor, state: Any) -> Run:
    """Run step by step, and keep all states."""
    outputs, states = [], []
    for t, x_t in enumerate(x.unbind(1)):
        live = t < LENGTHS
        begins = select(RESETS[:, t], cell.initial_state(len(x)), state)
        y, after = cell.step(torch.where(live[:, None], x_t, torch.zeros_like(x_t)), begins)
        state = select(live, after, state)
        outputs.append(torch.where(live[:, None], y, torch.zeros_like(y)))
        states.append(state)
    return torch.stack(outputs, 1), map_state(lambda *each: torch.stack(each, 1), *states)


def _at(states: Any, t: int) -> Any:
    return map_state(lambda leaf: leaf[:, t], states)


def check_generator(make: Make) -> None:
    """With `rng`, all random numbers come from it, torch's generator is unchanged; evaluation draws none."""
    cell = made(make, training=True)
    x, before = inputs(cell), torch.get_rng_state()
    first = cell(x, rng=torch.Generator().manual_seed(3))
    if not torch.equal(torch.get_rng_state(), before):
        raise CheckFailed("a run with a generator advances torch's global generator")
    torch.manual_seed(4)
    again = cell(x, rng=torch.Generator().manual_seed(3))
    compare("a second training run with the same generator", again, first)
    rng = torch.Generator().manual_seed(3)
    cell.eval()(x, rng=rng)
    if not torch.equal(rng.get_state(), torch.Generator().manual_seed(3).get_state()):
        raise CheckFailed("a run in evaluation mode drew from the generator")
