"""Two directions side by side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra.cell import SequenceLayer, Tags, add_losses
from recurra.errors import IncompatibleParts


class Bidirectional(SequenceLayer):
    """Two cells over the same sequence, one from each end; y is what both put out, side by side.

    Shapes: x (B, T, I), y (B, T, O of `ahead` + O of `back`). The state is the pair of final states.

    Raises:
        IncompatibleParts: The two read different widths, or one reads trees.
    """

    def __init__(self, ahead: SequenceLayer, back: SequenceLayer) -> None:
        super().__init__()
        if ahead.input_size != back.input_size:
            got = f"the two directions read {ahead.input_size} and {back.input_size} numbers"
            raise IncompatibleParts(f"Bidirectional: {got}")
        for part in (ahead, back):
            if part.tags.input_kind == "trees":
                told = f"{type(part).__name__} reads trees, whose children must come before their parent"
                raise IncompatibleParts(f"Bidirectional: {told}; read them in one direction")
        self.ahead, self.back = ahead, back
        self.input_size = ahead.input_size
        self.output_size = ahead.output_size + back.output_size
        self.tags = Tags.combined([ahead, back])

    def initial_state(self, batch_size: int) -> tuple[Any, Any]:
        """Return the initial states of both directions."""
        return self.ahead.initial_state(batch_size), self.back.initial_state(batch_size)

    def run(
        self, x: Tensor, state: tuple[Any, Any], lengths: Tensor | None
    ) -> tuple[Tensor, tuple[Any, Any]]:
        """Run one cell over the sequence and the other over its reverse, padding kept at the end."""
        y_ahead, ahead = self.ahead.run(x, state[0], lengths)
        y_back, back = self.back.run(reverse(x, lengths), state[1], lengths)
        return torch.cat([y_ahead, reverse(y_back, lengths)], -1), (ahead, back)

    def auxiliary_loss(self, state: tuple[Any, Any]) -> Tensor | None:
        """Return the sum of both directions' own losses; None if neither has one."""
        return add_losses([self.ahead.auxiliary_loss(state[0]), self.back.auxiliary_loss(state[1])])


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn each row of x (B, T, ...) around within its length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    t = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    source = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)
    return x.gather(1, source.view(*source.shape, *[1] * (x.dim() - 2)).expand_as(x))
