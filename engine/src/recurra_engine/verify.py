"""Verification of a compiled step against the loop: outputs, states and gradients of a few rows and steps.

A trace sees one run of `step`. Should a step do what the trace does not show, such as a gradient of its own
making, the compiled step must not be trusted, and it is not: it has to give what the loop gives.
"""

from __future__ import annotations

import copy
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from recurra import sequence
from recurra.state import leaves, map_state
from recurra_engine.frontend.operators import tensors_in

if TYPE_CHECKING:
    from recurra.cell import Cell
    from recurra_engine.compiled import Compiled

ROWS, STEPS = 3, 3
TOLERANCE = {torch.bfloat16: 2e-1, torch.float32: 1e-3, torch.float64: 1e-9}
"""In bfloat16 the loop itself is so far off; what is tried in it has been tried in float32 before."""


def difference(
    cell: Cell[Any], compiled: Compiled, like: Tensor, dtype: torch.dtype, train: bool
) -> str | None:
    """Return where a compiled step differs from the loop, or None.

    Args:
        cell: The cell.
        compiled: What is on trial.
        like: An input, whose width and device are used; its gradient is compared if it wants one.
        dtype: In which numbers.
        train: Whether gradients are compared.
    """
    x = _inputs(like, dtype)
    with torch.enable_grad(), torch.random.fork_rng([]):
        want, got = (_results(run, _stand_in(cell, dtype), x, train) for run in (sequence.loop, compiled.run))
    for name, expected in want.items():
        given = got[name]
        if expected is None and given is None:
            continue
        a = torch.zeros_like(given) if expected is None else expected  # type: ignore[arg-type]
        b = torch.zeros_like(a) if given is None else given
        scale = max(float(a.nan_to_num(0, 0, 0).abs().max()), 1.0) if a.numel() else 1.0
        if not torch.allclose(a, b, rtol=0, atol=scale * TOLERANCE[x.dtype], equal_nan=True):
            return f"{name} differs from the loop's by {float((a - b).abs().max()):.2g}"
    return None


def _stand_in(cell: Cell[Any], dtype: torch.dtype) -> Cell[Any]:
    """Return a cell with the same numbers in tensors of its own, outside the user's graphs and hooks.

    Its buffers are copies: spectral normalisation changes them whenever it makes a weight.
    """
    # A tensor with a history, such as a dropped weight, cannot be copied.
    kept = tensors_in([vars(module) for module in cell.modules()])
    memo: dict[int, Any] = {id(tensor): _apart(tensor) for tensor in kept}
    memo |= {id(buffer): buffer.detach().clone() for buffer in cell.buffers()}  # some are among those
    memo |= {id(weight): nn.Parameter(weight.detach(), weight.requires_grad) for weight in cell.parameters()}
    try:
        made = copy.deepcopy(cell, dict(memo))
    except Exception:  # it holds what cannot be copied, such as a lock
        made = copy.deepcopy(cell, memo | _objects(cell))
    return made.to(dtype)


def _apart(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_(tensor.requires_grad)


def _objects(cell: nn.Module) -> dict[int, Any]:
    """Return attributes that a copy may share: neither modules nor collections nor methods bound to them."""
    own = (nn.Module, Tensor, dict, list, tuple, set, MethodType)
    held = (value for module in cell.modules() for value in vars(module).values())
    return {id(value): value for value in held if not isinstance(value, own)}


def _inputs(like: Tensor, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(ROWS, STEPS, like.shape[-1], generator=generator, dtype=torch.float64)
    return drawn.to(like.device, dtype).requires_grad_(like.requires_grad)


def _results(run: Any, cell: Cell[Any], x: Tensor, train: bool) -> dict[str, Tensor | None]:
    x = x.detach().clone().requires_grad_(train and x.requires_grad)
    state = map_state(lambda part: part.detach().clone().requires_grad_(train), cell.initial_state(ROWS))
    y, after = run(cell, x, state, None)
    results = {"y": y, **{f"final {name}": part for name, part in leaves(after)}}
    found: dict[str, Tensor | None] = {name: value.detach() for name, value in results.items()}
    wanted = {"x": x, **dict(leaves(state)), **dict(cell.named_parameters())}
    wanted = {name: value for name, value in wanted.items() if value.requires_grad}
    sources = [value for value in results.values() if value.requires_grad]
    if train and sources and wanted:
        total = torch.stack([_weighed(value) for value in sources]).sum()
        found |= zip(
            (f"the gradient of {name}" for name in wanted),
            torch.autograd.grad(total, list(wanted.values()), allow_unused=True),
            strict=True,
        )
    return found


def _weighed(value: Tensor) -> Tensor:
    # Unevenly, so that a gradient that is added where another belongs does not pass.
    weights = torch.linspace(-1, 1, value.numel(), device=value.device, dtype=value.dtype)
    return (value * weights.view_as(value)).sum()
