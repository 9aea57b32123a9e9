"""Dropout with one mask for a whole sequence, which lives in the state."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from recurra import Cell, IncompatibleParts, InvalidOption, Tags
from recurra_wrappers.base import (
    CellWrapper,
    Share,
    cell_name,
    check_used,
    floating,
    map_leaves,
    selected_leaves,
)

DroppedInputs = Annotated[Share, Field(description="p_x, probability of dropping an element of x")]
DroppedOutputs = Annotated[Share, Field(description="p_y, probability of dropping an element of y")]
DroppedStates = Annotated[
    Share, Field(description="p_s, probability of dropping an element of the tensors in `only`")
]
DroppedNames = Annotated[
    tuple[str, ...],
    Field(
        strict=False,
        description="tensors of the state to drop, such as the h of an LSTM; required by `states`",
    ),
]


class DroppedState(NamedTuple):
    """What survives a step: the cell's state, and boolean masks that are true where an element is kept.

    inputs (B, I), outputs (B, O) and states, as the tensors that they mask; () where nothing is dropped.
    """

    cell: Any
    inputs: Any
    outputs: Any
    states: tuple[Tensor, ...]


class RecurrentDropout(CellWrapper):
    """Variational dropout: the same elements are dropped at every step of a sequence.

        y, s' = cell(x ∘ m_x / (1 − p_x), s ∘ m_s / (1 − p_s));  y ∘ m_y / (1 − p_y)

    `initial_state` draws the masks in training mode, different for each row, and they are part of the
    state: a sequence may be cut anywhere. In evaluation mode nothing is dropped, whatever the masks; an
    initial state from evaluation mode has masks of ones and must not be used for training.

    Which tensors of the state are dropped must be named. Suitable are those that the next step reads through
    weights only, such as the h of an LSTM. One that a step carries over, as an LSTM does its c and a GRU
    its h, would be multiplied by 1 / (1 − p) again and again; for those use `Zoneout`. The outputs
    of a cell are masked for the next layer, not for its own next step.

    Shapes: those of the cell; the state is (the cell's state, masks).
    Differs from the paper: its authors drop the state separately for each gate or for all gates at once;
    here it is always the latter.
    Source: Gal and Ghahramani 2016, arXiv 1512.05287.

    Raises:
        InvalidOption: `states` is set and no tensor of the state is named, or the other way round; or a
            tensor is named that is not there.
        IncompatibleParts: The inputs of a cell that reads trees were to be dropped.
    """

    def __init__(
        self,
        cell: Cell[Any],
        *,
        inputs: DroppedInputs = 0.0,
        outputs: DroppedOutputs = 0.0,
        states: DroppedStates = 0.0,
        only: DroppedNames = (),
    ) -> None:
        super().__init__(cell)
        self.inputs, self.outputs, self.states = inputs, outputs, states
        self.names = tuple(selected_leaves("RecurrentDropout", cell, only)) if only else ()
        check_used("RecurrentDropout", only, states, "states, the probability of dropping an element of them")
        self._check()
        self.tags = Tags.combined([cell], stochastic=max(inputs, outputs, states) > 0)

    def _check(self) -> None:
        if self.inputs and self.tags.input_kind != "vectors":
            raise IncompatibleParts(
                "RecurrentDropout: the inputs of a cell that reads trees cannot be dropped"
            )
        if self.inputs and any(getattr(part, "timed", False) for part in self.cell.modules()):
            raise IncompatibleParts(
                "RecurrentDropout: the elapsed time, the last channel of the input, cannot be dropped"
            )
        if self.states and not self.names:
            known = ", ".join(floating(self.cell.initial_state(1))) or "no floating-point tensors"
            message = f"RecurrentDropout: states = {self.states} needs only, the tensors of the state to drop"
            raise InvalidOption(f"{message}; {cell_name(self.cell)} has {known}")

    def initial_state(self, batch_size: int) -> DroppedState:
        """Return the cell's initial state and, in training mode, fresh masks."""
        start = self.cell.initial_state(batch_size)
        x, y = self.zeros(batch_size, self.input_size), self.zeros(batch_size, self.output_size)
        named = floating(start)
        masks = tuple(self._mask(named[name], self.states) for name in self.names if self.states)
        return DroppedState(
            start,
            self._mask(x, self.inputs) if self.inputs else (),
            self._mask(y, self.outputs) if self.outputs else (),
            masks,
        )

    def _mask(self, like: Tensor, p: float) -> Tensor:
        if not self.training:
            return torch.ones(like.shape, dtype=torch.bool, device=like.device)
        return torch.rand(like.shape, device=like.device) >= p

    def step(self, x: Tensor, state: DroppedState) -> tuple[Tensor, DroppedState]:
        """Advance by one step: x (B, I), state -> y (B, O), state."""
        if not self.training:
            y, after = self.cell.step(x, state.cell)
            return y, state._replace(cell=after)
        masks = iter(state.states)
        names = self.names if state.states else ()
        seen = map_leaves(names, lambda leaf: _kept(leaf, next(masks), self.states), state.cell)
        y, after = self.cell.step(_kept(x, state.inputs, self.inputs), seen)
        return _kept(y, state.outputs, self.outputs), state._replace(cell=after)

    def auxiliary_loss(self, state: DroppedState) -> Tensor | None:
        """Return the cell's auxiliary loss."""
        return self.cell.auxiliary_loss(state.cell)

    def diagnostics(self, state: DroppedState) -> dict[str, Tensor]:
        """Return the cell's diagnostics."""
        return self.cell.diagnostics(state.cell)


def _kept(values: Tensor, mask: Any, p: float) -> Tensor:
    return torch.where(mask, values / (1 - p), torch.zeros_like(values)) if p else values
