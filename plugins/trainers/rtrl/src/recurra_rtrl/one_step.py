"""One step of a model, up to its readout, as a function of its weights and of its state as a vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from recurra import Batch, Cell, Network, leaves, map_state, placement, select
from recurra_lab import TakesTargets

Weights = Mapping[str, Tensor]


class Forced(NamedTuple):
    """What takes the place of outputs after a step: target (B, O), in the rows where scored (B,)."""

    target: Tensor
    scored: Tensor


class OneStep(nn.Module):
    """h, s' = step(w, x, s): from what a task gives at one step to what the readout reads.

    Args:
        model: Whose embedding and cell make a step.
    """

    def __init__(self, model: Network) -> None:
        super().__init__()
        self.embedding, self.cell = model.embedding, cast(Cell[Any], model.sequencer)

    def forward(self, x: Tensor, state: Any, forced: Forced | None = None) -> tuple[Tensor, Any]:
        """Advance by one step: x (B, I) or tokens (B,), state -> h (B, H), state."""
        h, after = self.cell.step(x if self.embedding is None else self.embedding(x), state)
        if forced is not None:
            after = cast(TakesTargets, self.cell).forced(after, *forced)
        return h, after

    def as_cell(self, *, forced: bool) -> AsCell:
        """Return the step as a cell that reads everything as one vector."""
        return AsCell(self.cell, cast(Any, self.embedding), forced=forced)

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """The weights that learn, n in all."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def vector(self, of_each: Mapping[str, Tensor], lead: int) -> Tensor:
        """Return what there is for each weight, (..., *shape) with `lead` dimensions ahead, as (..., n)."""
        parts = [of_each[name] for name in self.weights]
        return torch.cat([part.reshape(*part.shape[:lead], -1) for part in parts], lead)

    def parts(self, vector: Tensor) -> list[Tensor]:
        """Return a vector (n,) in the shapes of the weights."""
        weights = list(self.weights.values())
        pieces = torch.split(vector, [weight.numel() for weight in weights])
        return [piece.view_as(weight) for piece, weight in zip(pieces, weights, strict=True)]

    def vector_of(self, state: Any, rows: int) -> Tensor:
        """Return the floating-point numbers of a state of so many rows as one vector for each: (rows, S)."""
        parts = [part.reshape(rows, -1) for part in real(state)]
        return torch.cat(parts, 1) if parts else self.cell.zeros(rows, 0)

    def of_start(self) -> Tensor | None:
        """Return ∂ s(0) / ∂ w (S, n), or None where a sequence's start is nothing that is learned."""
        s = self.vector_of(self.cell.initial_state(1), 1)[0]
        if not s.requires_grad:
            return None
        units, weights = torch.eye(len(s), dtype=s.dtype, device=s.device), self.weights
        every = list(weights.values())
        found = torch.autograd.grad(s, every, units, is_grads_batched=True, allow_unused=True)
        filled = (
            w.new_zeros(len(s), *w.shape) if g is None else g for g, w in zip(found, every, strict=True)
        )
        return self.vector(dict(zip(weights, filled, strict=True)), 1)

    def of_row(self, x: Tensor, state: Any, forced: Forced | None) -> Callable[[Weights, Tensor], Tensor]:
        """Return (w, s) -> s' for one row: x (I,), a state without a batch, s (S,) its float part."""

        def after(weights: Weights, s: Tensor) -> Tensor:
            row = map_state(lambda part: part[None], replaced(state, s))
            given = (x[None], row, None if forced is None else Forced(*(part[None] for part in forced)))
            _, new = functional_call(self, dict(weights), given)
            return self.vector_of(new, 1)[0]

        return after


class AsCell(Cell[Any]):
    """A step, with its embedding and forced outputs, as a cell: it reads [x, target, scored] (B, I + O + 1).

    Tokens are one-hot vectors here; target and scored are left out where nothing is forced.

    Args:
        cell: What makes the step.
        embedding: Embeds tokens; None if the cell reads x.
        forced: Whether targets replace outputs in the state, where scored.
    """

    def __init__(self, cell: Cell[Any], embedding: nn.Embedding | None, *, forced: bool) -> None:
        self.reads = cell.input_size if embedding is None else embedding.num_embeddings
        super().__init__(self.reads + (cell.output_size + 1 if forced else 0), cell.output_size)
        self.cell, self.embedding, self.forces = cell, embedding, forced

    def initial_state(self, batch_size: int) -> Any:
        """Return that of the cell."""
        return self.cell.initial_state(batch_size)

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Advance by one step: x (B, I + O + 1), state -> y (B, O), state."""
        own = x[:, : self.reads]
        y, after = self.cell.step(own if self.embedding is None else own @ self.embedding.weight, state)
        if self.forces:
            after = cast(TakesTargets, self.cell).forced(after, x[:, self.reads : -1], x[:, -1] > 0.5)
        return y, after

    def given(self, batch: Batch) -> Tensor:
        """Return what it reads of a batch: (B, T, I + O + 1)."""
        dtype = placement(self)["dtype"]
        x = batch.x if self.embedding is None else nn.functional.one_hot(batch.x, self.reads).to(dtype)
        if not self.forces:
            return x
        return torch.cat([x, batch.target.to(dtype), batch.mask[..., None].to(dtype)], -1)


def real(state: Any) -> list[Tensor]:
    """Return the tensors of a state through which errors can flow: the floating-point ones."""
    return [part for _, part in leaves(state) if part.is_floating_point()]


def replaced(state: Any, vector: Tensor) -> Any:
    """Return a state with a vector's numbers (..., S) in place of its own real ones."""
    lead = vector.dim() - 1
    sizes = [part.shape[lead:].numel() for part in real(state)]
    parts = iter(torch.split(vector, sizes, -1) if sizes else ())
    return map_state(lambda old: next(parts).reshape(old.shape) if old.is_floating_point() else old, state)


def standing_still(live: Tensor, new: Any, old: Any) -> Any:
    """Return the new state in the rows that are live, and the old one elsewhere."""
    return new if bool(live.all()) else select(live, new, old)
