"""What the checks of cells share: inputs, runs, gradients and comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from recurra.cell import Cell
from recurra.state import detach, leaves, map_state, select
from recurra.testing.checking import CheckFailed, Make, Skip

WIDTH, BATCH, STEPS = 3, 4, 5
LENGTHS = torch.tensor([3, 0, STEPS, 1])
Run = tuple[Tensor, Any]


def made(make: Make, dtype: torch.dtype = torch.float64, training: bool = False) -> Cell[Any]:
    """Make a cell with the same weights every time, in evaluation mode unless told otherwise."""
    torch.manual_seed(0)
    cell: Cell[Any] = make(input_size=WIDTH)
    return cell.to(dtype).train(training)


def inputs(batch: int = BATCH, steps: int = STEPS, dtype: torch.dtype = torch.float64) -> Tensor:
    """Draw x (B, T, I), always the same."""
    rng = torch.Generator().manual_seed(1)
    return torch.randn(batch, steps, WIDTH, generator=rng, dtype=torch.float64).to(dtype)


def tensors(y: Tensor, state: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield the output and every leaf of the state, with their names."""
    yield "y", y
    yield from leaves(state)


def compare(what: str, got: Run, expected: Run, tolerance: float = 0.0) -> None:
    """Fail unless two runs have equal outputs and states; a tolerance of zero means equal bits."""
    for (name, a), (_, b) in zip(tensors(*got), tensors(*expected), strict=True):
        equal(f"{what}: {name}", a, b, tolerance)


def equal(what: str, got: Tensor, expected: Tensor, tolerance: float = 0.0) -> None:
    """Fail unless two tensors are equal, NaN to NaN, within a tolerance relative to their scale."""
    if got.shape != expected.shape:
        raise CheckFailed(f"{what} has shape {tuple(got.shape)}, expected {tuple(expected.shape)}")
    if not torch.allclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        worst = (got.detach().double() - expected.detach().double()).abs().max()
        raise CheckFailed(f"{what} differs by up to {float(worst):.3g}, allowed is {tolerance:g}")


def gradients(cell: Cell[Any], x: Tensor, y: Tensor, state: Any) -> dict[str, Tensor]:
    """Return the gradient of a fixed random mixture of all results for x and every parameter."""
    rng = torch.Generator().manual_seed(2)
    mixture = sum(
        ((t * torch.randn(t.shape, generator=rng, dtype=torch.float64).to(t.dtype)).sum())
        for _, t in tensors(y, state)
        if t.requires_grad
    )
    named = {"x": x, **{n: p for n, p in cell.named_parameters() if p.requires_grad}}
    found = torch.autograd.grad(mixture, list(named.values()), allow_unused=True)  # type: ignore[arg-type]
    return {
        n: torch.zeros_like(t) if g is None else g for (n, t), g in zip(named.items(), found, strict=True)
    }


def learnable(cell: Cell[Any]) -> None:
    """Skip a check that needs gradients when the cell's tags promise none."""
    if not cell.tags.differentiable:
        raise Skip("its tags say that it is not differentiable")


def stepped(cell: Cell[Any], x: Tensor, lengths: Tensor | None = None) -> Run:
    """Run step by step: the definition."""
    state = cell.initial_state(x.shape[0])
    outputs = []
    for t, x_t in enumerate(x.unbind(1)):
        y, after = cell.step(x_t, state)
        live = torch.ones(x.shape[0], dtype=torch.bool) if lengths is None else t < lengths
        state = select(live, after, state)
        outputs.append(torch.where(live[:, None], y, torch.zeros_like(y)))
    return torch.stack(outputs, 1), state


def reached(cell: Cell[Any]) -> Any:
    """Return a state (of BATCH rows) that the cell reaches after some steps."""
    return detach(cell(inputs().flip(1))[1])


def nudged(leaf: Tensor) -> Tensor:
    """Return a copy, moved a little off its start; whole numbers and booleans stay."""
    return leaf.detach().clone() + 0.01 if leaf.is_floating_point() else leaf.clone()


def rows(run: Run, index: Any) -> Run:
    """Return some rows of a run."""
    return run[0][index], map_state(lambda leaf: leaf[index], run[1])
