"""The weights of one layer of torch's own recurrent modules, for cells that can take them over."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from recurra.errors import InvalidInput, InvalidOption


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
        module: Any number of layers and directions.
        kind: What `module` must be, such as `nn.LSTM`.
        layer: Number of the layer from the bottom, from 0.
        reverse: Take the direction that a bidirectional module runs from the end.

    Raises:
        InvalidInput: `module` is of another kind.
        InvalidOption: It has no such layer or direction.
    """
    told = f"{who}.from_torch"
    if not isinstance(module, kind):
        raise InvalidInput(f"{told}: expected a torch.nn.{kind.__name__}, got {type(module).__name__}")
    if not 0 <= layer < module.num_layers:
        raise InvalidOption(f"{told}: layer = {layer} is not one of the {module.num_layers} from 0")
    if reverse and not module.bidirectional:
        raise InvalidOption(f"{told}: reverse = True needs a bidirectional module")
    where = f"_l{layer}" + "_reverse" * reverse
    W, U = (getattr(module, f"weight_{side}{where}").detach().clone() for side in ("ih", "hh"))
    none = torch.zeros_like(W[:, 0])
    b_x, b_h = (
        getattr(module, f"bias_{side}{where}").detach().clone() if module.bias else none
        for side in ("ih", "hh")
    )
    return LayerWeights(W, U, b_x, b_h)
