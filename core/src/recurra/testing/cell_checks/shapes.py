"""Shapes, purity and round trips."""

from __future__ import annotations

import copy
import inspect
import json
from typing import Any

import torch
from torch import Tensor

from recurra.cell import Cell
from recurra.options import plain
from recurra.state import leaves, map_state
from recurra.testing.cell_checks.probes import BATCH, STEPS, compare, equal, inputs, made, nudged, tensors
from recurra.testing.checking import CheckFailed, Make, Skip


def check_shapes(make: Make) -> None:
    """Outputs are (B, O), states have the batch on axis 0, and dtypes follow the parameters."""
    for dtype in (torch.float32, torch.float64):
        cell = made(make, dtype)
        start = cell.initial_state(BATCH)
        y, after = cell.step(inputs(dtype=dtype)[:, 0], start)
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
    """A step changes neither its arguments nor the module, and gives the same again."""
    cell, x = made(make), inputs()[:, 0]
    state = map_state(nudged, cell.initial_state(BATCH))
    kept = x.clone(), map_state(Tensor.clone, state)
    module, attributes = copy.deepcopy(cell.state_dict()), _attributes(cell)
    first = cell.step(x, state)
    compare("the arguments after a step", (x, state), kept)
    compare("a second step from the same state", cell.step(x, state), first)
    for name, tensor in cell.state_dict().items():
        equal(f"the module's {name} after a step", tensor, module[name])
    for name, value in _attributes(cell).items():
        if value != attributes.get(name):
            raise CheckFailed(f"a step changes the module's {name} from {attributes.get(name)} to {value}")


def _attributes(cell: Cell[Any]) -> dict[str, str]:
    """Describe every public attribute of the modules that is no tensor and no module."""
    return {
        f"{part}.{key}".lstrip("."): repr(value)
        for part, module in cell.named_modules()
        for key, value in vars(module).items()
        if not key.startswith("_") and not isinstance(value, Tensor)
    }


def check_whole_state(make: Make) -> None:
    """Everything that survives a step is in the state: two streams through one cell do not meet."""
    cell, x = made(make), inputs()
    alone = cell(x)
    _, state = cell(x[:, :2])
    cell(x.flip(1))
    y, state = cell(x[:, 2:], state)
    compare(
        "a sequence with another one in between", (torch.cat([alone[0][:, :2], y], 1), state), alone, 1e-12
    )


def check_initial_state(make: Make) -> None:
    """The initial state depends on the parameters alone, not on what ran before."""
    cell = made(make)
    fresh = map_state(Tensor.clone, cell.initial_state(BATCH))
    cell(inputs())
    compare(
        "the initial state after a run",
        (torch.zeros(()), cell.initial_state(BATCH)),
        (torch.zeros(()), fresh),
    )


def check_copies(make: Make) -> None:
    """A deep copy, and a new cell with the loaded weights, do the same as the original."""
    cell, x = made(make), inputs()
    fresh = make(input_size=cell.input_size).double().eval()
    fresh.load_state_dict(cell.state_dict())
    for what, other in (("a deep copy", copy.deepcopy(cell)), ("a cell with the loaded weights", fresh)):
        compare(what, other(x), cell(x))


def check_options(make: Make) -> None:
    """The options survive JSON, and a cell made from them has the same parameters."""
    cell = made(make)
    wiring = [
        p.name for p in inspect.signature(type(cell)).parameters.values() if p.kind is not p.KEYWORD_ONLY
    ]
    if wiring != ["input_size"]:
        raise Skip(f"it is made of built parts: {', '.join(wiring)}")
    options: dict[str, Any] = json.loads(json.dumps(plain(cell.options)))
    again = type(cell)(cell.input_size, **options)
    shapes = [{name: tuple(t.shape) for name, t in c.state_dict().items()} for c in (cell, again)]
    if shapes[0] != shapes[1]:
        raise CheckFailed(f"its options {options} make other parameters: {shapes[1]} instead of {shapes[0]}")


def check_views(make: Make) -> None:
    """Each view of a state is (B, n), and as wide at the end as at the start."""
    cell = made(make)
    first = cell.views(cell.initial_state(BATCH))
    last = cell.views(cell(inputs())[1])
    if first.keys() != last.keys():
        raise CheckFailed(f"the views are {', '.join(first)} at first and {', '.join(last)} later")
    for name, view in first.items():
        if view.dim() != 2 or view.shape[0] != BATCH:
            raise CheckFailed(f"the view '{name}' has shape {tuple(view.shape)}, expected ({BATCH}, n)")
        if last[name].shape != view.shape:
            shapes = f"{tuple(view.shape)} at first and {tuple(last[name].shape)} later"
            raise CheckFailed(f"the view '{name}' has shape {shapes}")


def check_own_loss(make: Make) -> None:
    """A loss of the cell's own, if it has one, is (B,)."""
    cell = made(make)
    loss = cell.own_loss(cell(inputs())[1])
    if loss is not None and loss.shape != (BATCH,):
        raise CheckFailed(f"own_loss has shape {tuple(loss.shape)}, expected {(BATCH,)}")


def check_empty(make: Make) -> None:
    """No steps leave the state as it is; no rows give no rows."""
    cell = made(make)
    y, state = cell(inputs(steps=0))
    compare(
        "no steps", (y, state), (torch.zeros(BATCH, 0, cell.output_size).double(), cell.initial_state(BATCH))
    )
    y, _ = cell(inputs(batch=0))
    if y.shape != (0, STEPS, cell.output_size):
        raise CheckFailed(f"a batch of none gives y of shape {tuple(y.shape)}")
