"""Bidirectional layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra import IncompatibleParts, SequenceLayer, Tags, add_losses, map_state


class Bidirectional(SequenceLayer):
    """Two cells over the same sequence in opposite directions; y concatenates their outputs.

    The backward cell reads each row from its end. With resets it starts anew at each border too, so that
    every part is read from its own end; a given state is where it starts at the end of a row. Of states after
    every step, its state at t is the one after it has read x at t.

    Shapes: x (B, T, I), y (B, T, O of the forward + O of the backward cell). The state is the pair of final
    states.

    Args:
        forward_cell: Reads from the start.
        backward_cell: Reads from the end.

    Raises:
        IncompatibleParts: The input sizes differ, or one cell reads trees.
    """

    def __init__(self, forward_cell: SequenceLayer, backward_cell: SequenceLayer) -> None:
        super().__init__()
        if forward_cell.input_size != backward_cell.input_size:
            got = f"{forward_cell.input_size} and {backward_cell.input_size}"
            raise IncompatibleParts(
                f"Bidirectional: both directions must have the same input size, got {got}"
            )
        for part in (forward_cell, backward_cell):
            if part.tags.input_kind == "trees":
                message = f"{type(part).__name__} reads trees, whose children must come before their parent"
                raise IncompatibleParts(f"Bidirectional: {message}; read them in one direction")
        # The attributes are the names of weights in files of finished runs.
        self.ahead, self.back = forward_cell, backward_cell
        self.input_size = forward_cell.input_size
        self.output_size = forward_cell.output_size + backward_cell.output_size
        self.tags = Tags.combined([forward_cell, backward_cell])

    def initial_state(self, batch_size: int) -> tuple[Any, Any]:
        """Return the initial states of both directions."""
        return self.ahead.initial_state(batch_size), self.back.initial_state(batch_size)

    def unroll(
        self,
        x: Tensor,
        state: tuple[Any, Any],
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        states: bool = False,
    ) -> tuple[Tensor, tuple[Any, Any]]:
        """Run one cell over the sequence and the other over its reverse, padding kept at the end."""
        y_ahead, ahead = self.ahead.as_part(x, state[0], lengths=lengths, resets=resets, states=states)
        borders = None if resets is None else reverse(_ends(resets, lengths), lengths)
        x = reverse(x, lengths)
        y_back, back = self.back.as_part(x, state[1], lengths=lengths, resets=borders, states=states)
        if states:
            back = map_state(lambda leaf: reverse(leaf, lengths), back)
        return torch.cat([y_ahead, reverse(y_back, lengths)], -1), (ahead, back)

    def auxiliary_loss(self, state: tuple[Any, Any]) -> Tensor | None:
        """Return the sum of both directions' auxiliary losses; None if neither has one."""
        return add_losses([self.ahead.auxiliary_loss(state[0]), self.back.auxiliary_loss(state[1])])


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn each row of x (B, T, ...) around within its length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    t = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    source = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)
    return x.gather(1, source.view(*source.shape, *[1] * (x.dim() - 2)).expand_as(x))


def _ends(resets: Tensor, lengths: Tensor | None) -> Tensor:
    """Return (B, T), true at the last step before each border: where a reader from the end starts anew."""
    if lengths is not None:
        resets = resets & (torch.arange(resets.shape[1], device=resets.device) < lengths[:, None])
    return torch.cat([resets[:, 1:], torch.zeros_like(resets[:, :1])], 1)
