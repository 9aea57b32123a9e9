"""A user's mistakes: refused by name, never broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from recurra.errors import InvalidInput
from recurra.state import leaves, map_state
from recurra.testing.cell_checks.probes import BATCH, STEPS, WIDTH, inputs, made
from recurra.testing.checking import CheckFailed, Make, Skip


def _refused(what: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except InvalidInput:
        return
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise CheckFailed(f"{what} must be refused with InvalidInput, got {told}") from None
    raise CheckFailed(f"{what} must be refused with InvalidInput, but was accepted")


def check_wrong_input_is_refused(make: Make) -> None:
    """An input of the wrong width, rank or dtype is refused with `InvalidInput`."""
    cell = made(make)
    _refused("an input that is too wide", lambda: cell(torch.zeros(BATCH, STEPS, WIDTH + 1).double()))
    _refused("an input without time", lambda: cell(torch.zeros(BATCH, WIDTH).double()))
    _refused("an input of whole numbers", lambda: cell(torch.zeros(BATCH, STEPS, WIDTH, dtype=torch.long)))
    if next(cell.parameters(), None) is not None:
        _refused("an input of another dtype", lambda: cell(inputs(dtype=torch.float32)))


def check_wrong_lengths_are_refused(make: Make) -> None:
    """Lengths beyond the tensor, below zero, or of another batch are refused with `InvalidInput`."""
    cell, x = made(make), inputs()
    for what, lengths in (
        ("a length beyond the tensor", [STEPS + 1] * BATCH),
        ("a negative length", [-1] * BATCH),
        ("lengths of another batch", [1] * (BATCH + 1)),
    ):
        _refused(what, lambda lengths=lengths: cell(x, lengths=torch.tensor(lengths)))  # type: ignore[misc]


def check_wrong_state_is_refused(make: Make) -> None:
    """A state of another batch (which would broadcast), structure or dtype is refused with `InvalidInput`."""
    cell, x = made(make), inputs()
    if not list(leaves(cell.initial_state(1))):
        raise Skip("it has no state")
    _refused("a state of batch 1", lambda: cell(x, cell.initial_state(1)))
    _refused("a state of another structure", lambda: cell(x, (cell.initial_state(BATCH), x)))
    wrong = map_state(lambda leaf: leaf.to(torch.float16), cell.initial_state(BATCH))
    _refused("a state of another dtype", lambda: cell(x, wrong))
