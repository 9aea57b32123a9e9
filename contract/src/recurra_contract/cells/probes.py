"""What the checks of cells share: inputs, runs, gradients and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from recurra import sequence
from recurra.cell import Cell
from recurra.state import detach, leaves, map_state, select
from recurra_contract.kit import CheckFailed, Make, Skip

WIDTH, BATCH, STEPS = 3, 4, 5
LENGTHS = torch.tensor([3, 0, STEPS, 1])
Run = tuple[Tensor, Any]


def made(make: Make, dtype: torch.dtype = torch.float64, training: bool = False) -> Cell[Any]:
    """Make a cell with the same weights every time, in evaluation mode unless told otherwise."""
    torch.manual_seed(0)
    cell: Cell[Any] = make(input_size=WIDTH)
    return cell.to(dtype).train(training)


def inputs(
    cell: Cell[Any],
    batch: int = BATCH,
    steps: int = STEPS,
    dtype: torch.dtype = torch.float64,
    resets: Tensor | None = None,
) -> Tensor:
    """Draw x (B, T, I), always the same; trees are binary, and no more than three nodes wait for a parent.

    With resets (B, T), no node waits for a parent across a border.
    """
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(batch, steps, WIDTH, generator=rng, dtype=torch.float64)
    return (_with_arities(x, resets) if cell.tags.input_kind == "trees" else x).to(dtype)


def _with_arities(x: Tensor, resets: Tensor | None) -> Tensor:
    waiting, row = torch.zeros(x.shape[0]), torch.arange(x.shape[0])
    arities = []
    for t in range(x.shape[1]):
        waiting = waiting if resets is None else torch.where(resets[:, t], 0, waiting)
        joins = (waiting == 3) | (waiting == 2) & ((row + t) % 2 == 1)
        arities.append(2 * joins)
        waiting = waiting + torch.where(joins, -1, 1)
    last = torch.stack(arities, 1) if arities else x.new_zeros(x.shape[:2])
    return torch.cat([x[..., :-1], last[..., None].to(x)], -1)


def varied(cell: Cell[Any], x: Tensor, other: Tensor) -> Tensor:
    """Return `other` for x; a tree keeps its structure, the last channel, and has the features of `other`."""
    return torch.cat([other[..., :-1], x[..., -1:]], -1) if cell.tags.input_kind == "trees" else other


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
        raise CheckFailed(f"{what} differs by up to {float(worst):.3g}, but the tolerance is {tolerance:g}")


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


def compare_gradients(
    what: str, got: Mapping[str, Tensor], wanted: Mapping[str, Tensor], tolerance: float = 0.0
) -> None:
    """Fail unless all gradients are equal; a tolerance of zero means equal bits."""
    for name, gradient in wanted.items():
        equal(f"the gradient of {name}{what}", got[name], gradient, tolerance)


def compare_levels(what: str, run: Callable[[], Run], expected: Run) -> None:
    """Fail unless a run has the expected outputs and states at every level of the engine."""
    for level in sequence.levels():
        with sequence.using(level):
            got = run()
        compare(f"{what} at level {level}", got, expected, 1e-12)


def compare_gradients_of_levels(
    what: str, cell: Cell[Any], x: Tensor, run: Callable[[], Run], expected: Run
) -> None:
    """Fail unless a run has the gradients of the expected one at every level of the engine."""
    wanted = gradients(cell, x, *expected)
    for level in sequence.levels():
        with sequence.using(level):
            got = gradients(cell, x, *run())
        compare_gradients(f"{what} at level {level}", got, wanted, 1e-10)


def learnable(cell: Cell[Any]) -> None:
    """Skip a check that needs gradients when the cell's tags promise none."""
    if not cell.tags.differentiable:
        raise Skip("its tags say that it is not differentiable")


def stepped(cell: Cell[Any], x: Tensor, lengths: Tensor | None = None) -> Run:
    """Run step by step: the definition."""
    state = cell.initial_state(x.shape[0])
    outputs = []
    for t, x_t in enumerate(x.unbind(1)):
        live = torch.ones(x.shape[0], dtype=torch.bool) if lengths is None else t < lengths
        # Padding is zeroed, since after the end of a row what was drawn for it need not be a tree.
        y, after = cell.step(torch.where(live[:, None], x_t, torch.zeros_like(x_t)), state)
        state = select(live, after, state)
        outputs.append(torch.where(live[:, None], y, torch.zeros_like(y)))
    return torch.stack(outputs, 1), state


def reached(cell: Cell[Any]) -> Any:
    """Return a state (of BATCH rows) that the cell reaches after some steps."""
    x = inputs(cell)
    return detach(cell(varied(cell, x, x.flip(1)))[1])


def nudged(leaf: Tensor) -> Tensor:
    """Return a copy, moved a little off its start; integers and booleans stay."""
    return leaf.detach().clone() + 0.01 if leaf.is_floating_point() else leaf.clone()


def rows(run: Run, index: Any) -> Run:
    """Return some rows of a run."""
    return run[0][index], map_state(lambda leaf: leaf[index], run[1])
