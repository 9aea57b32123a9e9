"""Devices and export: a cell creates tensors on the device of its parameters, and can be exported."""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor

from recurra.cell import Cell
from recurra.errors import IncompatibleParts
from recurra.state import leaves, map_state
from recurra_contract.cells.probes import BATCH, Run, compare, equal, inputs, made, tensors
from recurra_contract.kit import CheckFailed, Make, Skip
from recurra_lab.exports.program import save_program

EXPORTED_SIZES = ((1, 1), (BATCH, 7))


def check_device(make: Make) -> None:
    """A cell moved to another device starts and runs there, with the same results on a GPU."""
    cell = made(make)
    expected = cell(inputs(cell))
    device = torch.device("cuda" if torch.cuda.is_available() else "meta")
    cell = cell.to(device)
    _check_there(device, *leaves(cell.initial_state(BATCH)))
    y, state = _run(cell, device)
    _check_there(device, *tensors(y, state))
    if device.type == "cuda":
        compare(f"a run on {device}", (y.cpu(), map_state(Tensor.cpu, state)), expected, 1e-9)


def _run(cell: Cell[Any], device: torch.device) -> Run:
    try:
        run: Run = cell(inputs(cell).to(device))
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


def check_export(make: Make) -> None:
    """A cell exported to a file and loaded again computes the same for any batch size and number of steps."""
    cell, file = made(make), io.BytesIO()
    try:
        save_program(cell, file)
    except IncompatibleParts as refused:
        raise CheckFailed(str(refused)) from None
    file.seek(0)
    program = torch.export.load(file).module()
    for batch, steps in EXPORTED_SIZES:
        x = inputs(cell, batch, steps)
        y, state = cell(x)
        got = _run_program(program, x)
        for name, tensor in tensors(y, state):
            equal(f"exported, {name} of {batch} rows and {steps} steps", got[name], tensor, 1e-9)


def _run_program(program: torch.nn.Module, x: Tensor) -> dict[str, Tensor]:
    try:
        y, state = program(x)
    except Exception as error:  # a program may contain anything
        message, reason = f"its exported program cannot run {tuple(x.shape[:2])}", str(error).splitlines()[0]
        raise CheckFailed(f"{message}, rows and steps: {reason}") from None
    return {"y": y, **state}
