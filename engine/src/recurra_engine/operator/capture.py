"""What torch.compile traces of a call of a cell: one call of an operator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra.state import leaves, map_state, mixes_precisions
from recurra_engine.operator import sequence as _operators  # noqa: F401 (registers them)
from recurra_engine.operator.description import described, new_place
from recurra_engine.stand_in import Place


def capture(
    cell: Any, x: Tensor, state: Any, lengths: Tensor | None, resets: Tensor | None, states: bool
) -> tuple[Tensor, Any] | None:
    """Run a cell over x (B, T, I) as `sequence.run` does, or return None where the loop must be traced."""
    found = described(cell._transforms.number, x.dtype)
    if found is None:
        return None
    places, constants, width, dtype, mapped, draws = found
    parts = dict(cell.named_modules())
    if not _as_before(parts, constants):
        return None
    tensors = [getattr(parts[path], name) for path, name in places]
    carried = [part for _, part in leaves(state)]
    needs = [_may_need_gradient(tensor, mapped) for tensor in (x, *carried, *tensors)]
    cast = torch.get_autocast_dtype(x.device.type) if mixes_precisions(x) else None
    place = new_place() if draws else 0
    number = cell._transforms.number
    y, *after, _ = torch.ops.recurra.sequence(
        number, x, carried, tensors, lengths, resets, states, needs, width, dtype, cast, place
    )
    given = iter(after)
    return y, map_state(lambda _: next(given), state)


def _may_need_gradient(tensor: Tensor, mapped: bool) -> bool:
    wanted = tensor.is_floating_point() if mapped else tensor.requires_grad
    return wanted and torch.is_grad_enabled()


def _as_before(parts: dict[str, Any], constants: tuple[tuple[Place, Any], ...]) -> bool:
    """Say whether nothing was set since the traced function began, which the operator would not see."""
    return all(getattr(parts[path], name) == value for (path, name), value in constants)
