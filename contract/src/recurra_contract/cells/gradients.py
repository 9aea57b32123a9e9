"""Gradients, precision and extreme numbers."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from recurra.cell import Cell
from recurra.state import detach, leaves
from recurra_contract.cells.probes import (
    LENGTHS,
    compare,
    equal,
    gradients,
    inputs,
    learnable,
    made,
    tensors,
    varied,
)
from recurra_contract.kit import CheckFailed, Make, Skip


def check_exact_gradient(make: Make) -> None:
    """Gradients of the input and every parameter equal finite differences in float64."""
    cell = made(make)
    learnable(cell)
    if not cell.tags.exact_gradient:
        raise Skip("its tags say that its gradient is not exact")
    x = inputs(cell, batch=2, steps=3).requires_grad_()
    drawn = x.detach().clone()  # gradcheck moves x itself; the structure of a tree must not move with it
    named = {name: p for name, p in cell.named_parameters() if p.requires_grad}

    def outputs(x: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        run = functional_call(cell, dict(zip(named, weights, strict=True)), (varied(cell, drawn, x),))
        return tuple(t for _, t in tensors(*run) if t.requires_grad)

    try:
        torch.autograd.gradcheck(
            outputs, (x, *named.values()), eps=1e-6, atol=1e-5, rtol=1e-4, fast_mode=True
        )
    except RuntimeError as error:  # gradcheck's own error is one
        raise CheckFailed(f"the gradient is not exact: {str(error).splitlines()[0]}") from None


def check_every_parameter_learns(make: Make) -> None:
    """Every trainable parameter receives a non-zero gradient."""
    cell = made(make)
    learnable(cell)
    x = inputs(cell).requires_grad_()
    for name, gradient in gradients(cell, x, *cell(x)).items():
        if name != "x" and not gradient.any():
            raise CheckFailed(f"the parameter {name} gets no gradient")


def check_precision(make: Make) -> None:
    """float32 agrees with float64 within 1e-5, and bfloat16 within 3e-2 of the largest output."""
    cell = made(make)
    exact = cell(inputs(cell))
    single = made(make, torch.float32)(inputs(cell, dtype=torch.float32))
    compare("float32", (single[0].double(), ()), (exact[0], ()), 1e-5)
    half = made(make, torch.bfloat16)(inputs(cell, dtype=torch.bfloat16))
    allowed = 3e-2 * max(1.0, float(exact[0].detach().abs().max()))
    compare("bfloat16", (half[0].double(), ()), (exact[0], ()), allowed)


def check_mixed_precision(make: Make) -> None:
    """Under bfloat16 autocast, a sequence runs, continues and has finite gradients; y is within 3e-2."""
    cell = made(make, torch.float32)
    x = inputs(cell, dtype=torch.float32).requires_grad_()
    exact, _ = cell(x, lengths=LENGTHS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, state = cell(x[:, :2], lengths=LENGTHS.clamp(max=2))
        more, after = cell(x[:, 2:], state, lengths=(LENGTHS - 2).clamp(min=0))
    y = torch.cat([y, more], 1)
    allowed = 3e-2 * max(1.0, float(exact.detach().abs().max()))
    equal("y under autocast", y.to(exact.dtype), exact, allowed)
    if cell.tags.differentiable:
        _check_finite("under autocast", gradients(cell, x, y, after))


def check_extremes(make: Make) -> None:
    """Inputs of 0, 1e-38, 1e4 and 1e20 give no NaN; 2,000 steps, and gradients at 0, are finite."""
    cell = made(make, torch.float32)
    x = inputs(cell, steps=3, dtype=torch.float32)
    with torch.no_grad():
        for size in (0.0, 1e-38, 1e4, -1e4, 1e20, -1e20):
            _refuse_any(torch.isnan, f"inputs of {size:g}", *cell(varied(cell, x, torch.full_like(x, size))))
        long = cell(inputs(cell, batch=1, steps=2000, dtype=torch.float32))
        _refuse_any(lambda t: ~torch.isfinite(t), "2,000 steps", *long)
    if cell.tags.differentiable:
        x = varied(cell, x, torch.zeros_like(x)).requires_grad_()
        _check_finite("at inputs of 0", gradients(cell, x, *cell(x)))


def _check_finite(where: str, found: dict[str, Tensor]) -> None:
    for name, gradient in found.items():
        if not torch.isfinite(gradient).all():
            raise CheckFailed(f"{where} the gradient of {name} is not finite")


def _refuse_any(bad: Callable[[Tensor], Tensor], what: str, y: Tensor, state: object) -> None:
    for name, tensor in tensors(y, state):
        found = tensor[bad(tensor)]
        if found.numel():
            raise CheckFailed(f"{what} give {float(found[0])} in {name}")


def check_windows_are_cut(make: Make) -> None:
    """A detached state holds no graph, nor does the cell: streams can be trained in constant memory."""
    cell = made(make)
    learnable(cell)
    _check_graph_is_freed(cell)
    _, state = cell(inputs(cell))
    for name, leaf in leaves(detach(state)):
        if leaf.requires_grad:
            raise CheckFailed(f"{name} still has a graph after it was detached")
    # The input wants a gradient, too, for cells that learn nothing themselves.
    _, after = cell(inputs(cell).requires_grad_(), detach(state))
    after_leaves = list(leaves(after))
    if after_leaves and not any(leaf.requires_grad for _, leaf in after_leaves):
        raise CheckFailed("a run from a detached state gives a state without gradient")


@dataclass(eq=False)
class _Saved:
    """Stands for a tensor that a graph has saved, and dies with that graph."""

    tensor: Tensor


def _check_graph_is_freed(cell: Cell[Any]) -> None:
    saved: list[weakref.ref[_Saved]] = []

    def save(tensor: Tensor) -> _Saved:
        box = _Saved(tensor.detach())  # undetached, an operation's own output would keep its graph alive
        saved.append(weakref.ref(box))
        return box

    with torch.autograd.graph.saved_tensors_hooks(save, lambda box: box.tensor):
        cell(inputs(cell))
    gc.collect()
    if any(box() is not None for box in saved):
        raise CheckFailed("the module keeps the graph of a run after its results are gone")
