"""Stacked layers, with connections that skip layers and dropout between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Any, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import dropout

from recurra import Cell, Configurable, IncompatibleParts, InvalidOption, SequenceLayer, Tags, add_losses
from recurra_wrappers.base import Share

Skip = Annotated[
    bool, Field(description="every layer also reads x, and y concatenates the outputs of all layers")
]
Drop = Annotated[Share, Field(description="probability of dropping an element between two layers")]
Advance = Callable[[Cell[Any], Tensor, Any], tuple[Tensor, Any]]


class Layers(Configurable, SequenceLayer):
    """A stack of sequencers of any kinds and sizes, which need not be cells.

        y_1 = layer_1(x);  y_l = layer_l(d(y_{l-1}));              y = y_L
        y_1 = layer_1(x);  y_l = layer_l([x, d(y_{l-1})]);         y = [y_1, ..., y_L]       with `skip`

    d zeroes each number with the probability `dropout` in training, drawn anew at every step, and divides the
    rest by 1 − dropout; as in `torch.nn.LSTM`, not after the last layer. With `skip`, y is not dropped.

    Shapes: x (B, T, I of the first layer), y (B, T, O of the last, or of all). The state is a tuple, one
    state per layer.
    Source: skip connections: Graves 2013, section 2; dropout: Zaremba, Sutskever and Vinyals 2014.

    Raises:
        IncompatibleParts: There is no layer, one reads another width than it is given, or one that is not the
            first reads trees.
        InvalidOption: `dropout` is set, but there is only one layer.
    """

    def __init__(self, layers: Sequence[SequenceLayer], *, skip: Skip = False, dropout: Drop = 0.0) -> None:
        _check_widths(type(self).__name__, layers, skip)
        if dropout and len(layers) == 1:
            message = (
                f"{type(self).__name__}: dropout = {dropout} applies between layers, but there is only one"
            )
            raise InvalidOption(message)
        SequenceLayer.__init__(self)
        self.layers = nn.ModuleList(layers)
        self.skip, self.dropout = skip, dropout
        self.input_size = layers[0].input_size
        self.output_size = sum(layer.output_size for layer in layers[0 if skip else -1 :])
        self.tags = Tags.combined(layers, stochastic=dropout > 0)

    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the initial state of each layer."""
        return tuple(layer.initial_state(batch_size) for layer in _typed(self.layers))

    def unroll(
        self,
        x: Tensor,
        state: tuple[Any, ...],
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        states: bool = False,
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Run layer by layer over the whole sequence, which equals running step by step."""

        def advance(layer: Cell[Any], x: Tensor, state: Any) -> tuple[Tensor, Any]:
            return layer.as_part(x, state, lengths=lengths, resets=resets, states=states)

        return self._climb(x, state, advance)

    def _climb(self, x: Tensor, state: tuple[Any, ...], advance: Advance) -> tuple[Tensor, tuple[Any, ...]]:
        outputs: list[Tensor] = []
        after = []
        for layer, layer_state in zip(_typed(self.layers), state, strict=True):
            y, layer_state = advance(layer, self._read(x, outputs), layer_state)
            outputs.append(y)
            after.append(layer_state)
        return torch.cat(outputs, -1) if self.skip else outputs[-1], tuple(after)

    def _read(self, x: Tensor, outputs: list[Tensor]) -> Tensor:
        """Return what the next layer reads."""
        if not outputs:
            return x
        below = dropout(outputs[-1], self.dropout, self.training) if self.dropout else outputs[-1]
        return torch.cat([x, below], -1) if self.skip else below

    def auxiliary_loss(self, state: tuple[Any, ...]) -> Tensor | None:
        """Return the sum of the layers' auxiliary losses; None if no layer has one."""
        return add_losses(
            layer.auxiliary_loss(s) for layer, s in zip(_typed(self.layers), state, strict=True)
        )


class Stacked(Layers, Cell[tuple[Any, ...]]):
    """A stack of cells of any kinds and sizes, which is a cell again, since it has a `step`.

        y_1 = layer_1(x);  y_l = layer_l(d(y_{l-1}));              y = y_L
        y_1 = layer_1(x);  y_l = layer_l([x, d(y_{l-1})]);         y = [y_1, ..., y_L]       with `skip`

    Shapes: x (B, I of the first layer), y (B, O of the last, or of all). For d see `Layers`.
    """

    def step(self, x: Tensor, state: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        """Advance every layer by one step, from the bottom up."""
        return self._climb(x, state, lambda layer, x, state: layer.step(x, state))

    def diagnostics(self, state: tuple[Any, ...]) -> dict[str, Tensor]:
        """Return the diagnostics of every layer, named by its number from the bottom."""
        each = [layer.diagnostics(s) for layer, s in zip(_typed(self.layers), state, strict=True)]
        return {f"layer {i}: {name}": view for i, views in enumerate(each, 1) for name, view in views.items()}


def _check_widths(who: str, layers: Sequence[SequenceLayer], skip: bool) -> None:
    if not layers:
        raise IncompatibleParts(f"{who}: needs at least one layer")
    beside = layers[0].input_size if skip else 0
    for below, above in pairwise(layers):
        if beside + below.output_size != above.input_size:
            x = f" and x has {beside}" if skip else ""
            got = f"a layer outputs {below.output_size} features{x}, the next one expects {above.input_size}"
            raise IncompatibleParts(f"{who}: {got}")
    for number, layer in enumerate(layers[1:], 2):
        if layer.tags.input_kind == "trees":
            message = (
                f"layer {number}, {type(layer).__name__}, reads trees, and a layer below outputs vectors"
            )
            raise IncompatibleParts(f"{who}: {message}; only the first layer can read trees")


def _typed(layers: nn.ModuleList) -> Iterable[Cell[Any]]:
    return cast("Iterable[Cell[Any]]", layers)
