"""Zoneout: random elements of the state keep their old values."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from recurra import Cell, Tags
from recurra_wrappers.base import (
    CellWrapper,
    Only,
    Share,
    check_used,
    map_leaves,
    selected_leaves,
    updated_output,
)

Kept = Annotated[Share, Field(description="probability of keeping the old value of an element")]


class Zoneout(CellWrapper):
    """Each element of the state keeps its old value with probability p, drawn at every step.

        s' = d ∘ s + (1 − d) ∘ ŝ,  d ~ Bernoulli(p), ŝ the cell's next state        in training
        s' = p s + (1 − p) ŝ                                                     in evaluation

    Where y is itself a tensor of the state, such as the h of an LSTM, y is what became of that tensor; any
    other y is the cell's. Integer and boolean tensors always take their new values. For another p in
    each tensor wrap twice: `Zoneout(Zoneout(lstm, p=0.5, only=("c",)), p=0.05, only=("h",))`.

    An elementwise mixture of two weightings is no longer a distribution: for a memory that keeps
    its weightings in the state, name the other tensors in `only`, or wrap the controller.

    Shapes: those of the cell, and its state.
    Source: Krueger et al. 2017, arXiv 1606.01305.

    Raises:
        InvalidOption: A tensor is named that the state does not have, or p is zero and one is named.
        IncompatibleParts: The cell has no floating-point state.
    """

    def __init__(
        self,
        cell: Cell[Any],
        *,
        p: Kept = 0.0,
        only: Only = (),
    ) -> None:
        super().__init__(cell)
        self.p = p
        self.names = frozenset(selected_leaves("Zoneout", cell, only))
        check_used("Zoneout", only, p, "p, the probability of keeping the old value of an element of them")
        self.tags = Tags.combined([cell], stochastic=p > 0)

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Advance by one step, and keep some of the old state: x (B, I), state -> y (B, O), state."""
        y, new = self.cell.step(x, state)
        after = map_leaves(self.names, self._mix, new, state)
        return updated_output(y, new, after), after

    def _mix(self, new: Tensor, old: Tensor) -> Tensor:
        if self.training and self.p:
            return torch.where(torch.rand(new.shape, device=new.device) < self.p, old, new)
        return self.p * old + (1 - self.p) * new
