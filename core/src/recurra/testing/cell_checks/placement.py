"""Devices: everything that a cell makes lies where its parameters lie."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra.cell import Cell
from recurra.state import leaves, map_state
from recurra.testing.cell_checks.probes import BATCH, Run, compare, inputs, made, tensors
from recurra.testing.checking import CheckFailed, Make, Skip


def check_device(make: Make) -> None:
    """A cell that is moved to another device starts and runs there, with the same results on a GPU."""
    cell = made(make)
    if next(cell.parameters(), None) is None:
        raise Skip("it has no parameters that could be moved")
    expected = cell(inputs())
    device = torch.device("cuda" if torch.cuda.is_available() else "meta")
    cell = cell.to(device)
    _check_there(device, *leaves(cell.initial_state(BATCH)))
    y, state = _run(cell, device)
    _check_there(device, *tensors(y, state))
    if device.type == "cuda":
        compare(f"a run on {device}", (y.cpu(), map_state(Tensor.cpu, state)), expected, 1e-9)


def _run(cell: Cell[Any], device: torch.device) -> Run:
    try:
        run: Run = cell(inputs().to(device))
    except (NotImplementedError, RuntimeError) as error:
        # The meta device holds shapes and no values; only a GPU can run what branches on values.
        if "meta tensors" in str(error).lower():
            raise Skip("its steps depend on values, so moving it can be checked on a GPU only") from None
        raise CheckFailed(f"it cannot run on another device: {str(error).splitlines()[0]}") from None
    return run


def _check_there(device: torch.device, *named: tuple[str, Tensor]) -> None:
    for name, tensor in named:
        if tensor.device.type != device.type:
            raise CheckFailed(f"{name} stays on {tensor.device} when the cell is moved")
