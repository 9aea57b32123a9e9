"""Populations of networks with one architecture: their weights are stacked and evaluated together.

Shapes: P networks with n weights each; vectors (P, n), stacked weights name -> (P, ...), y (P, B, T, O).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from recurra import sequence
from recurra.cell import Cell, Network
from recurra.errors import IncompatibleParts
from recurra.state import map_state
from recurra.task import Batch, SupervisedTask
from recurra_lab.training.capabilities import ScoresPopulations
from recurra_lab.training.graph_model import GraphModel

Weights = Mapping[str, Tensor]
"""Parameter -> value, of one network or, with a leading dimension, of a population."""


class WeightSpace:
    """The trainable weights of a model as one vector.

    Args:
        model: The model; frozen weights are excluded.

    Raises:
        IncompatibleParts: The model has no trainable weights.
    """

    def __init__(self, model: Network) -> None:
        self.shapes = {name: p.shape for name, p in model.named_parameters() if p.requires_grad}
        self.size = sum(shape.numel() for shape in self.shapes.values())
        if not self.size:
            cell = type(model.sequencer).__name__
            raise IncompatibleParts(f"{cell}: all weights are frozen, so there is nothing to train")

    def stacked(self, vectors: Tensor) -> dict[str, Tensor]:
        """Return the weights of P networks: (P, n) -> name -> (P, ...)."""
        parts = torch.split(vectors, [shape.numel() for shape in self.shapes.values()], 1)
        return {
            name: part.reshape(-1, *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def read(self, model: Network) -> Tensor:
        """Return the weights of a model as a vector (n,)."""
        known = dict(model.named_parameters())
        return torch.cat([known[name].detach().flatten() for name in self.shapes])

    @torch.no_grad()
    def write(self, model: Network, vector: Tensor) -> None:
        """Set the weights of a model from a vector (n,)."""
        known = dict(model.named_parameters())
        for name, value in self.stacked(vector[None]).items():
            known[name].copy_(value[0])


def run_each(
    model: Network, weights: Weights, x: Tensor, state: Any = None, lengths: Tensor | None = None
) -> tuple[Tensor, Any]:
    """Run every network of a population over the same sequences, or each over its own.

    Args:
        model: The architecture.
        weights: Name -> (P, ...); other weights are those of the model.
        x: (B, T, I) for all, or (P, B, T, I) if there is a state; tokens likewise.
        state: State before the first step, with P on axis 0 of every leaf; None for the initial state.
        lengths: (B,).

    Returns:
        y (P, B, T, O), and the final states with P on axis 0.
    """

    def run(own: Weights, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = functional_call(model, dict(own), (x, state), {"lengths": lengths})
        return y, after

    axes = (0, None, None) if state is None else (0, 0, 0)
    try:
        found = _natively(model, weights, x, state, lengths)
        return found or vmap(run, axes, randomness="different")(weights, x, state)
    except RuntimeError:  # data-dependent control flow cannot be vectorised
        return _one_by_one(run, weights, x, state)


def _natively(
    model: Network, weights: Weights, x: Tensor, state: Any, lengths: Tensor | None
) -> tuple[Tensor, Any] | None:
    """Do as `run_each`, by an engine that runs an ensemble as one program, or return None."""
    cell, own = model.sequencer, _of_part(weights, "sequencer")
    if not isinstance(cell, Cell) or type(cell).unroll is not Cell.unroll or model.embedding is not None:
        return None
    if torch.is_grad_enabled() or not own or x.device.type != "cpu" or isinstance(model, GraphModel):
        return None
    x = x if state is not None else x.expand(len(next(iter(own.values()))), *x.shape)
    start = _starts(cell, own, x.shape[1]) if state is None else state
    ran = sequence.run_many(cell, own, x, start, lengths)
    if ran is None:
        return None
    y, after = ran
    readout = _of_part(weights, "readout")
    return vmap(partial(functional_call, model.readout))(readout, y) if readout else model.readout(y), after


def _of_part(weights: Weights, part: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{part}."): value for name, value in weights.items() if name.startswith(f"{part}.")
    }


class _Start(nn.Module):
    """The initial state of a cell as a module, for `functional_call`."""

    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, batch_size: int) -> Any:
        """Return the initial state for a batch size."""
        return self.cell.initial_state(batch_size)


def _starts(cell: Cell[Any], weights: Weights, batch_size: int) -> Any:
    named = {f"cell.{name}": value for name, value in weights.items()}
    return vmap(lambda own: functional_call(_Start(cell), own, (batch_size,)))(named)


def _one_by_one(run: Any, weights: Weights, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    count = len(next(iter(weights.values())))
    found = []
    for p in range(count):
        own = {name: weight[p] for name, weight in weights.items()}
        given = (x, None) if state is None else (x[p], map_state(lambda leaf, p=p: leaf[p], state))
        found.append(run(own, *given))
    outputs, states = zip(*found, strict=True)
    return torch.stack(outputs), map_state(lambda *leaves: torch.stack(leaves), states[0], *states[1:])


def losses(task: SupervisedTask, y: Tensor, batch: Batch) -> Tensor:
    """Return each network's loss on a batch: y (P, B, T, O) -> (P,)."""
    try:
        return vmap(lambda own: task.loss(own, batch))(y)
    except RuntimeError:  # the loss has data-dependent control flow
        return torch.stack([task.loss(own, batch) for own in y])


def goal_scores(task: SupervisedTask, y: Tensor, batch: Batch) -> Tensor:
    """Return each network's value of the goal's score: y (P, B, T, O) -> (P,), in float64."""
    at_once = task.goal_scores(y, batch) if isinstance(task, ScoresPopulations) else None
    if at_once is not None:
        return at_once
    values = [task.scores(own, batch)[task.goal.score].value for own in y]
    return torch.tensor(values, dtype=torch.float64)
