"""Invalid inputs: rejected with an error that names the argument, never broadcast."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from recurra.errors import InvalidInput
from recurra.state import leaves, map_state
from recurra_contract.cells.probes import BATCH, STEPS, WIDTH, inputs, made
from recurra_contract.kit import CheckFailed, Make, Skip


def _refused(what: str, argument: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except InvalidInput as error:
        if not re.search(rf"\b{argument}\b", str(error)):
            raise CheckFailed(
                f"{what} is rejected, but the message does not name {argument}: {error}"
            ) from None
        return
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise CheckFailed(f"{what} must be rejected with InvalidInput, got {message}") from None
    raise CheckFailed(f"{what} must be rejected with InvalidInput, but was accepted")


def check_wrong_input_is_refused(make: Make) -> None:
    """Inputs of the wrong width, rank or dtype raise `InvalidInput`."""
    cell = made(make)
    for what, x in (
        ("an input that is too wide", torch.zeros(BATCH, STEPS, WIDTH + 1).double()),
        ("an input of width 1", torch.zeros(BATCH, STEPS, 1).double()),
        ("an input without a time axis", torch.zeros(BATCH, WIDTH).double()),
        ("an integer input", torch.zeros(BATCH, STEPS, WIDTH, dtype=torch.long)),
    ):
        _refused(what, "x", partial(cell, x))
    _refused("an input of another dtype", "x", lambda: cell(inputs(cell, dtype=torch.float32)))


def check_wrong_lengths_are_refused(make: Make) -> None:
    """Lengths that exceed x, are negative, not integers, or of another batch size raise `InvalidInput`."""
    cell = made(make)
    x = inputs(cell)
    for what, lengths in (
        ("a length greater than T", [STEPS + 1] * BATCH),
        ("a negative length", [-1] * BATCH),
        ("lengths of another batch size", [1] * (BATCH + 1)),
        ("lengths that are not integers", [1.0] * BATCH),
    ):
        _refused(what, "lengths", partial(cell, x, lengths=torch.tensor(lengths)))


def check_wrong_state_is_refused(make: Make) -> None:
    """A state of another batch size (which would broadcast), structure or dtype raises `InvalidInput`."""
    cell = made(make)
    x = inputs(cell)
    if not list(leaves(cell.initial_state(1))):
        raise Skip("it has no state")
    _refused("a state of batch size 1", "state", lambda: cell(x, cell.initial_state(1)))
    _refused("a state of another structure", "state", lambda: cell(x, (cell.initial_state(BATCH), x)))
    wrong = map_state(lambda leaf: leaf.to(torch.float16), cell.initial_state(BATCH))
    _refused("a state of another dtype", "state", lambda: cell(x, wrong))
