"""Layer normalisation of the outputs and the state of a cell, and of its linear layers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear, rms_norm

from recurra import Cell, IncompatibleParts
from recurra_wrappers.base import (
    CellWrapper,
    Only,
    cell_name,
    check_used,
    map_leaves,
    selected_leaves,
    updated_output,
)
from recurra_wrappers.recurrent_matrices import evaluating

NormKind = Literal["layer", "rms", "none"]
LARGE = 1e15
"""The square of a number far beyond this one overflows float32, and the variance with it."""


def normalised(v: Tensor) -> Tensor:
    """Bring the last axis of v to mean 0 and variance 1, with 1e-5 added to the variance."""
    return layer_norm(_moderate(v), v.shape[-1:])


def _moderate(v: Tensor) -> Tensor:
    # Normalising takes any factor out again, so this one changes nothing but what would overflow.
    scale = (v.detach().abs().amax(-1, keepdim=True) / LARGE).clamp(min=1)
    return v / scale


class Norm(nn.Module):
    """Layer normalisation with a gain and a shift.

        g ∘ (v − mean(v)) / √(var(v) + 1e-5) + b

    Shapes: v (..., n).  Parameters: 2 n.  Starts with g one and b zero.
    Source: Ba, Kiros and Hinton 2016, arXiv 1607.06450.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))

    def forward(self, v: Tensor) -> Tensor:
        """Normalise the last axis of v (..., n)."""
        return self.gain * normalised(v) + self.shift


class RMSNorm(nn.Module):
    """Root mean square normalisation with a gain.

        g ∘ v / √(mean(v²) + 1e-5)

    Shapes: v (..., n).  Parameters: n.  Starts with g one.
    Source: Zhang and Sennrich 2019, arXiv 1910.07467.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(size))

    def forward(self, v: Tensor) -> Tensor:
        """Normalise the last axis of v (..., n)."""
        return self.gain * rms_norm(_moderate(v), v.shape[-1:], eps=1e-5)


def norm_of(kind: NormKind, who: str, size: int) -> nn.Module:
    """Return a normalisation of so many features, for a part named `who`; for `none` the identity.

    Raises:
        IncompatibleParts: A single number would be normalised: it would always be zero.
    """
    if kind == "none":
        return nn.Identity()
    if size == 1:
        message = f"{who}: a single feature would be normalised, which leaves nothing of it"
        raise IncompatibleParts(f"{message}; choose norm = 'none' or more features")
    return Norm(size) if kind == "layer" else RMSNorm(size)


class LayerNormalised(CellWrapper):
    """A cell with layer normalisation of its outputs, its state, or both.

        y, s' = cell(x, s);  y = LN(y);  s' = LN(s'), each floating-point tensor along its last axis

    Each has a gain and a shift. Where y is itself a tensor of a normalised state, such as the h of an LSTM,
    y is what became of that tensor.

    A normalised weighting over memory slots is no longer a distribution: name the other tensors in `only`.

    Shapes: those of the cell, and its state.  Parameters: 2 O for the output, 2 n for each tensor (..., n).
    Differs from the paper: it normalises inside a step; for that see `NormalisedLinears`.
    Source: Ba, Kiros and Hinton 2016, arXiv 1607.06450.

    Raises:
        InvalidOption: A tensor is named that the state does not have, or one without `states`.
        IncompatibleParts: A single number would be normalised: it would always be zero.
    """

    def __init__(
        self,
        cell: Cell[Any],
        *,
        outputs: Annotated[bool, Field(description="normalise y")] = True,
        states: Annotated[
            bool, Field(description="normalise the state, or the tensors of it in `only`")
        ] = False,
        only: Only = (),
    ) -> None:
        super().__init__(cell)
        check_used("LayerNormalised", only, states, "states = true")
        found = selected_leaves("LayerNormalised", cell, only) if states else {}
        self.names = tuple(found)
        self.outputs = _norm("the output", (cell.output_size,)) if outputs else None
        self.states = nn.ModuleList(_norm(f"'{name}'", leaf.shape[1:]) for name, leaf in found.items())

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Advance by one step, then normalise: x (B, I), state -> y (B, O), state."""
        y, new = self.cell.step(x, state)
        norms = iter(self.states)

        def normal(leaf: Tensor) -> Tensor:
            return next(norms)(leaf)  # type: ignore[no-any-return]

        after = map_leaves(self.names, normal, new)
        y = updated_output(y, new, after)
        return y if self.outputs is None else self.outputs(y), after


def _norm(what: str, shape: tuple[int, ...]) -> Norm:
    if not shape or shape[-1] == 1:
        message = f"LayerNormalised: {what} is a single number, which normalisation would always set to zero"
        raise IncompatibleParts(message)
    return Norm(shape[-1])


class NormalisedLinear(nn.Linear):
    """A linear layer whose products are normalised before the bias is added.

        g ∘ LN(W x) + b

    Shapes: x (..., I), y (..., O).  Parameters: O more than the layer has.  Starts with g one.
    """

    def __init__(self, layer: nn.Linear) -> None:
        # On the device meta nothing is drawn: the parameters are those of the layer.
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.gain = nn.Parameter(torch.ones_like(layer.weight[:, 0]))

    def forward(self, input: Tensor) -> Tensor:
        """Multiply, normalise, and add the bias."""
        y = self.gain * normalised(linear(input, self.weight))
        return y if self.bias is None else y + self.bias


class NormalisedLinears(CellWrapper):
    """A cell with layer normalisation inside, of the products of each of its linear layers.

        g ∘ LN(W x) + b        where an `nn.Linear` of the cell outputs W x + b

    In a cell that has one such layer for the input and one for the state, all gates together, this is the
    published form, in which W x and U h are normalised separately. The cell that is given is changed.

    What is not an `nn.Linear` is not reached, such as the c' in the tanh(c') of an LSTM, which the paper
    normalises too. A cell that uses the weights of such a layer without calling it is rejected, which one
    step on zeros detects; weights that are used in both ways are not detected. A layer with one output is
    left unchanged. In a cell with a memory the layer that drives the memory is normalised too; to leave it
    out, wrap the controller alone.

    Shapes: those of the cell, and its state.  Parameters: the cell's, and O for each linear layer.
    Differs from the paper: no shift beside the bias that the layer has.
    Source: Ba, Kiros and Hinton 2016, arXiv 1607.06450, equations 20 to 22.

    Raises:
        IncompatibleParts: The cell has no linear layer, or uses the weights of one without calling it.
    """

    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__(cell)
        wide = {name: m for name, m in cell.named_modules() if type(m) is nn.Linear and m.out_features > 1}
        if not wide:
            raise IncompatibleParts(f"NormalisedLinears: {cell_name(cell)} has no nn.Linear to normalise")
        _check_called(cell, wide)
        made = {layer: NormalisedLinear(layer) for layer in wide.values()}
        for module in list(cell.modules()):
            for name, child in list(module.named_children()):
                if child in made:
                    setattr(module, name, made[child])

    def unroll(
        self,
        x: Tensor,
        state: Any,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        states: bool = False,
    ) -> tuple[Tensor, Any]:
        """Run the cell as it runs by itself: it has its layers inside."""
        return self.cell.as_part(x, state, lengths=lengths, resets=resets, states=states)


def _check_called(cell: Cell[Any], layers: dict[str, nn.Linear]) -> None:
    called: set[nn.Module] = set()
    hooks = [m.register_forward_hook(lambda m, *_: called.add(m)) for m in layers.values()]
    try:
        with torch.no_grad(), evaluating(cell):
            cell.step(cell.zeros(1, cell.input_size), cell.initial_state(1))
    finally:
        for hook in hooks:
            hook.remove()
    missed = [name for name, layer in layers.items() if layer not in called]
    if missed:
        message = f"{cell_name(cell)} uses the weights of {', '.join(missed)} without calling the layer"
        raise IncompatibleParts(f"NormalisedLinears: {message}, so its products cannot be normalised")
