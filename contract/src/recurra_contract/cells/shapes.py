"""Shapes, purity and round trips."""

from __future__ import annotations

import copy
import inspect
import json
from typing import Any

import torch
from torch import Tensor, nn

from recurra.cell import Cell
from recurra.config.ref import plain
from recurra.state import leaves, map_state
from recurra_contract.cells.probes import (
    BATCH,
    STEPS,
    compare,
    equal,
    inputs,
    made,
    nudged,
    reached,
    tensors,
    varied,
)
from recurra_contract.kit import CheckFailed, Make, Skip

MODULE_ATTRIBUTES = frozenset(vars(nn.Module()))


def check_shapes(make: Make) -> None:
    """Outputs are (B, O), states have the batch on axis 0, and dtypes follow the parameters."""
    for dtype in (torch.float32, torch.float64):
        cell = made(make, dtype)
        start = cell.initial_state(BATCH)
        y, after = cell.step(inputs(cell, dtype=dtype)[:, 0], start)
        if y.shape != (BATCH, cell.output_size):
            raise CheckFailed(f"y has shape {tuple(y.shape)}, expected {(BATCH, cell.output_size)}")
        before = dict(leaves(start))
        for name, tensor in tensors(y, after):
            _check_leaf(name, tensor, before.get(name), dtype)


def _check_leaf(name: str, tensor: Tensor, before: Tensor | None, dtype: torch.dtype) -> None:
    if tensor.shape[:1] != (BATCH,):
        raise CheckFailed(f"{name} has shape {tuple(tensor.shape)}; the batch must be on axis 0")
    if tensor.is_floating_point() and tensor.dtype != dtype:
        raise CheckFailed(f"{name} is {tensor.dtype} in a cell of {dtype}")
    if name != "y" and (before is None or before.shape != tensor.shape):
        raise CheckFailed(f"{name} differs in shape from the initial state's")


def check_pure(make: Make) -> None:
    """A step changes neither its arguments nor the module, also in training, and is repeatable."""
    cell = made(make)
    x = inputs(cell)[:, 0]
    state = map_state(nudged, cell.initial_state(BATCH))
    kept = x.clone(), map_state(Tensor.clone, state)
    before = _contents(cell)
    first = cell.step(x, state)
    compare("the arguments after a step", (x, state), kept)
    compare("a second step from the same state", cell.step(x, state), first)
    _check_unchanged("a step", before, _contents(cell))
    cell.train()
    before = _contents(cell)
    cell.step(x, state)
    compare("the arguments after a step in training mode", (x, state), kept)
    _check_unchanged("a step in training mode", before, _contents(cell))


def _contents(cell: Cell[Any]) -> dict[str, Tensor | str]:
    """Return copies of all tensors of the modules, and a description of every other attribute."""
    found: dict[str, Tensor | str] = {}
    for part, module in cell.named_modules():
        own = {key: value for key, value in vars(module).items() if key not in MODULE_ATTRIBUTES}
        own |= {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
        for key, value in own.items():
            kept = value.detach().clone() if isinstance(value, Tensor) else repr(value)
            found[f"{part}.{key}".lstrip(".")] = kept
    return found


def _check_unchanged(what: str, before: dict[str, Tensor | str], after: dict[str, Tensor | str]) -> None:
    for name in {**before, **after}:
        old, new = before.get(name, "nothing"), after.get(name, "nothing")
        if isinstance(old, Tensor) and isinstance(new, Tensor):
            equal(f"the module's {name} after {what}", new, old)
        elif isinstance(old, Tensor) or isinstance(new, Tensor) or old != new:
            raise CheckFailed(f"{what} changes the module's {name} from {old} to {new}")


def check_whole_state(make: Make) -> None:
    """The state holds everything that survives a step: two streams through one cell do not interfere."""
    cell = made(make)
    x = inputs(cell)
    alone = cell(x)
    _, state = cell(x[:, :2])
    cell(varied(cell, x, x.flip(1)))
    y, state = cell(x[:, 2:], state)
    compare(
        "a sequence with another one in between", (torch.cat([alone[0][:, :2], y], 1), state), alone, 1e-12
    )


def check_initial_state(make: Make) -> None:
    """The initial state depends only on the parameters, not on what ran before."""
    cell = made(make)
    fresh = map_state(Tensor.clone, cell.initial_state(BATCH))
    cell(inputs(cell))
    compare(
        "the initial state after a run",
        (torch.zeros(()), cell.initial_state(BATCH)),
        (torch.zeros(()), fresh),
    )


def check_copies(make: Make) -> None:
    """A deep copy, and a new cell with the loaded weights, behave like the original."""
    cell = made(make)
    x = inputs(cell)
    fresh = make(input_size=cell.input_size).double().eval()
    fresh.load_state_dict(cell.state_dict())
    for what, other in (("a deep copy", copy.deepcopy(cell)), ("a cell with the loaded weights", fresh)):
        compare(what, other(x), cell(x))


def check_options(make: Make) -> None:
    """The options survive JSON, and a cell built from them has the same parameters."""
    cell = made(make)
    wiring = [
        p.name for p in inspect.signature(type(cell)).parameters.values() if p.kind is not p.KEYWORD_ONLY
    ]
    if wiring != ["input_size"]:
        raise Skip(f"it is constructed from other components: {', '.join(wiring)}")
    options: dict[str, Any] = json.loads(json.dumps(plain(cell.options)))
    again = type(cell)(cell.input_size, **options)
    shapes = [{name: tuple(t.shape) for name, t in c.state_dict().items()} for c in (cell, again)]
    if shapes[0] != shapes[1]:
        raise CheckFailed(
            f"its options {options} create other parameters: {shapes[1]} instead of {shapes[0]}"
        )


def check_diagnostics(make: Make) -> None:
    """Every diagnostic of a state is (B, n), finite, and as wide at the end as at the start."""
    cell = made(make)
    first = cell.diagnostics(cell.initial_state(BATCH))
    last = cell.diagnostics(cell(inputs(cell))[1])
    if first.keys() != last.keys():
        raise CheckFailed(f"the diagnostics are {', '.join(first)} at first and {', '.join(last)} later")
    for name, view in first.items():
        if view.dim() != 2 or view.shape[0] != BATCH:
            raise CheckFailed(f"the diagnostic '{name}' has shape {tuple(view.shape)}, expected ({BATCH}, n)")
        if last[name].shape != view.shape:
            shapes = f"{tuple(view.shape)} at first and {tuple(last[name].shape)} later"
            raise CheckFailed(f"the diagnostic '{name}' has shape {shapes}")
        if not (torch.isfinite(view).all() and torch.isfinite(last[name]).all()):
            raise CheckFailed(f"the diagnostic '{name}' has non-finite values")


def check_auxiliary_loss(make: Make) -> None:
    """An auxiliary loss, if defined, is (B,) and finite."""
    cell = made(make)
    for state in (cell.initial_state(BATCH), cell(inputs(cell))[1]):
        loss = cell.auxiliary_loss(state)
        if loss is not None and loss.shape != (BATCH,):
            raise CheckFailed(f"auxiliary_loss has shape {tuple(loss.shape)}, expected {(BATCH,)}")
        if loss is not None and not torch.isfinite(loss).all():
            raise CheckFailed(f"auxiliary_loss is {loss.tolist()}, expected finite values")


def check_empty(make: Make) -> None:
    """Zero steps leave the initial or a given state unchanged; zero rows give zero rows."""
    cell = made(make)
    x, nothing = inputs(cell, steps=0), torch.zeros(BATCH, 0, cell.output_size).double()
    compare("no steps", cell(x), (nothing, cell.initial_state(BATCH)))
    given = reached(cell)
    compare("no steps from a given state", cell(x, given), (nothing, given))
    y, _ = cell(inputs(cell, batch=0))
    if y.shape != (0, STEPS, cell.output_size):
        raise CheckFailed(f"an empty batch gives y of shape {tuple(y.shape)}")
