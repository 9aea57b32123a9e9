"""The product of several vectors, as a cell: what a tensor product memory is asked with."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Cell, IncompatibleParts, NoState
from recurra_tensor_product.facts import product


class Binding(Cell[NoState]):
    """Bind vectors together: output the outer product of the equal parts of the input.

        x = [v1, ..., vr];  y = v1 ⊗ v2 ⊗ ... ⊗ vr

    A linear readout of y is a tensor product memory of rank r + 1: its weights are T, and its answer the sum
    over all axes but the last, T_ab...c v1_a v2_b .... Learned by Hebb's rule, T = Σ v1 ⊗ ... ⊗ vr ⊗ answer,
    each fact is stored in one shot.

    Shapes: x (B, r d), y (B, d^r).  Parameters: none; it has no state.
    Source: Smolensky 1990, Artificial Intelligence 46:159-216.

    Raises:
        IncompatibleParts: The input cannot be cut into so many equal parts.
    """

    contract_options = {"roles": 1}

    def __init__(
        self,
        input_size: int,
        *,
        roles: Annotated[int, Field(gt=0, description="r, number of vectors that are bound together")] = 2,
    ) -> None:
        if input_size % roles:
            message = f"cannot cut {input_size} inputs into roles = {roles} equal parts"
            raise IncompatibleParts(f"Binding {message}")
        self.roles, size = roles, input_size // roles
        super().__init__(input_size, size**roles)

    def initial_state(self, batch_size: int) -> NoState:
        """Return nothing."""
        return NoState()

    def step(self, x: Tensor, state: NoState) -> tuple[Tensor, NoState]:
        """Bind: x (B, r d), state -> y (B, d^r), state."""
        return product(torch.chunk(x, self.roles, -1)).flatten(1), state
