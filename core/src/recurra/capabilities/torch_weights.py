"""The weights of one layer of torch's own recurrent modules, for cells that take them over or give them.

Such a cell keeps W and a bias in a layer `from_x`, and U in a layer `from_h`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from recurra.cell import Cell
from recurra.errors import InvalidInput, InvalidOption

C = TypeVar("C", bound=Cell[Any])
M = TypeVar("M", bound=nn.RNNBase)


class LayerWeights(NamedTuple):
    """Copies, for G gates: W (G H, I) from the input, U (G H, H) from the state, both biases (G H,).

    Biases are zero where the module has none.
    """

    W: Tensor
    U: Tensor
    b_x: Tensor
    b_h: Tensor


def layer_weights(
    who: str, module: nn.RNNBase, kind: type[nn.RNNBase], layer: int, reverse: bool
) -> LayerWeights:
    """Return the weights of one layer and direction, detached.

    Args:
        who: The cell that asks, for messages.
        module: Any number of layers and directions; its options `dropout`, `batch_first` and `bidirectional`
            say what is around a layer and are not taken over.
        kind: What `module` must be, such as `nn.LSTM`.
        layer: Number of the layer from the bottom, from 0.
        reverse: Take the direction that a bidirectional module runs from the end; a cell runs forwards, so
            reverse its input and output.

    Raises:
        InvalidInput: `module` is of another kind.
        InvalidOption: It projects its output, or has no such layer or direction.
    """
    message = f"{who}.from_torch"
    if not isinstance(module, kind):
        raise InvalidInput(f"{message}: expected a torch.nn.{kind.__name__}, got {type(module).__name__}")
    if module.proj_size:
        narrower = f"proj_size = {module.proj_size} makes h narrower than c"
        raise InvalidOption(f"{message}: {narrower}, which this cell does not support")
    if not isinstance(layer, int) or not 0 <= layer < module.num_layers:
        raise InvalidOption(f"{message}: layer = {layer} is not one of the {module.num_layers} from 0")
    if reverse and not module.bidirectional:
        raise InvalidOption(f"{message}: reverse = True needs a bidirectional module")
    where = f"_l{layer:d}" + "_reverse" * reverse
    W, U = (getattr(module, f"weight_{side}{where}").detach().clone() for side in ("ih", "hh"))
    none = torch.zeros_like(W[:, 0])
    b_x, b_h = (
        getattr(module, f"bias_{side}{where}").detach().clone() if module.bias else none
        for side in ("ih", "hh")
    )
    return LayerWeights(W, U, b_x, b_h)


def filled(cell: C, weights: LayerWeights, **others: Tensor) -> C:
    """Return a cell with these weights, in their dtype and on their device.

    Args:
        cell: Has the layers `from_x` and `from_h`.
        weights: Torch adds two biases; the bias of `from_x` becomes their sum.
        others: Name -> parameter beside W, U and the bias; `bias` replaces that sum.
    """
    bias = others.pop("bias", weights.b_x + weights.b_h)
    known = {"from_x.weight": weights.W, "from_x.bias": bias, "from_h.weight": weights.U}
    cell.to(weights.W).load_state_dict({**known, **others})
    return cell


def as_module(kind: Callable[..., M], cell: Cell[Any], b_h: Tensor | None = None, **options: Any) -> M:
    """Return a batch-first module of one layer with the weights of a cell, copied; dtype and device as there.

    Args:
        kind: The module, such as `nn.LSTM`.
        cell: Has the layers `from_x` and `from_h`.
        b_h: The second bias (G H,), zero if not given; the first one is that of `from_x`.
        options: Of the module.
    """
    layers: Any = cell
    W, U, b_x = layers.from_x.weight, layers.from_h.weight, layers.from_x.bias  # or what parametrizes them
    module = kind(cell.input_size, cell.output_size, batch_first=True, **options).to(W)
    biases = {"bias_ih_l0": b_x, "bias_hh_l0": torch.zeros_like(b_x) if b_h is None else b_h}
    module.load_state_dict({"weight_ih_l0": W, "weight_hh_l0": U, **biases})
    return module


def no_counterpart(cell: Cell[Any], kind: type[nn.RNNBase], option: str) -> InvalidOption:
    """Return the error for a value of an option that torch's module does not have."""
    value = cell.options[option]
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    told = f"{option} = {shown} has no counterpart in torch.nn.{kind.__name__}"
    return InvalidOption(f"{type(cell).__name__}.to_torch: {told}")
