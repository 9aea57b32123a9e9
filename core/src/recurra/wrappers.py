"""Cells made of cells: layers on top of each other, and two directions side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from recurra.cell import Cell, Sequencer, add_losses
from recurra.errors import IncompatibleParts


class Stacked(Cell[tuple[Any, ...]]):
    """Layers on top of each other: each reads what the one below puts out.

    Shapes: x (B, I of the first layer), y (B, O of the last). The state is a tuple, one state per layer.
    """

    def __init__(self, layers: Sequence[Cell[Any]]) -> None:
        _check_widths("Stacked", layers)
        super().__init__(layers[0].input_size, layers[-1].output_size)
        self.layers = nn.ModuleList(layers)

    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the initial state of each layer."""
        return tuple(layer.initial_state(batch_size) for layer in _typed(self.layers))

    def step(self, x: Tensor, state: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        """Advance every layer by one step, from the bottom up."""
        after = []
        for layer, layer_state in zip(_typed(self.layers), state, strict=True):
            x, layer_state = layer.step(x, layer_state)
            after.append(layer_state)
        return x, tuple(after)

    def run(
        self, x: Tensor, state: tuple[Any, ...], lengths: Tensor | None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Run layer by layer over the whole sequence, which equals running step by step."""
        after = []
        for layer, layer_state in zip(_typed(self.layers), state, strict=True):
            x, layer_state = layer.run(x, layer_state, lengths)
            after.append(layer_state)
        return x, tuple(after)

    def own_loss(self, state: tuple[Any, ...]) -> Tensor | None:
        """Return the sum of the layers' own losses; None if no layer has one."""
        return add_losses(layer.own_loss(s) for layer, s in zip(_typed(self.layers), state, strict=True))

    def views(self, state: tuple[Any, ...]) -> dict[str, Tensor]:
        """Return the views of every layer, named by its number from the bottom."""
        each = [layer.views(s) for layer, s in zip(_typed(self.layers), state, strict=True)]
        return {f"layer {i}: {name}": view for i, views in enumerate(each, 1) for name, view in views.items()}


class Bidirectional(Sequencer):
    """Two cells over the same sequence, one from each end; y is what both put out, side by side.

    Shapes: x (B, T, I), y (B, T, O of `ahead` + O of `back`). The state is the pair of final states.
    """

    def __init__(self, ahead: Sequencer, back: Sequencer) -> None:
        super().__init__()
        if ahead.input_size != back.input_size:
            got = f"the two directions read {ahead.input_size} and {back.input_size} numbers"
            raise IncompatibleParts(f"Bidirectional: {got}")
        self.ahead, self.back = ahead, back
        self.input_size = ahead.input_size
        self.output_size = ahead.output_size + back.output_size

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

    def own_loss(self, state: tuple[Any, Any]) -> Tensor | None:
        """Return the sum of both directions' own losses; None if neither has one."""
        return add_losses([self.ahead.own_loss(state[0]), self.back.own_loss(state[1])])


class Layers(Sequencer):
    """Sequencers on top of each other, for those that cannot be stepped, such as bidirectional ones."""

    def __init__(self, layers: Sequence[Sequencer]) -> None:
        _check_widths("Layers", layers)
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.input_size, self.output_size = layers[0].input_size, layers[-1].output_size

    initial_state = Stacked.initial_state
    run = Stacked.run
    own_loss = Stacked.own_loss


def _check_widths(who: str, layers: Sequence[Sequencer]) -> None:
    if not layers:
        raise IncompatibleParts(f"{who}: needs at least one layer")
    for below, above in pairwise(layers):
        if below.output_size != above.input_size:
            got = f"a layer puts out {below.output_size} numbers, the next one reads {above.input_size}"
            raise IncompatibleParts(f"{who}: {got}")


def _typed(layers: nn.ModuleList) -> Iterable[Cell[Any]]:
    return cast("Iterable[Cell[Any]]", layers)


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn each row of x (B, T, ...) around within its length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    t = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    source = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)
    return x.gather(1, source.view(*source.shape, *[1] * (x.dim() - 2)).expand_as(x))
