"""The simple recurrent network: its context is a copy of its hidden units."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from recurra.cell import Cell, Tags
from recurra.errors import InvalidOption
from recurra.torch_weights import layer_weights
from recurra_elman.units import FUNCTIONS, Scale, Size, Squash, Start, Truncated, start_input


class ElmanState(NamedTuple):
    """What survives a step: the hidden units h (B, H), which are the context of the next step."""

    h: Tensor


class Elman(Cell[ElmanState]):
    """Simple recurrent network: the hidden units see the input and what they did one step before.

        y = h' = f(W x + U h + b)

    f is tanh, the logistic function (the paper's) or ReLU. With `truncated`, as in the paper, the context h
    is an input like any other: the gradient ends there, so each step learns from its own error alone.
    ReLU with `start` = identity is the IRNN; a `scale` below 1 lets it forget sooner.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: H (I + H + 1).
    Starts with W uniform as Glorot's and U orthogonal, or U the identity times `scale` and W normal with a
    deviation of 0.001; b zero, h zero.
    Differs from the paper: tanh and the whole gradient unless told otherwise; h starts at 0, not at 0.5.
    Source: Elman 1990, Cognitive Science 14:179-211; IRNN: Le, Jaitly and Hinton 2015, arXiv 1504.00941.
    """

    contract_options: ClassVar[dict[str, Any]] = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        squash: Squash = "tanh",
        start: Start = "glorot",
        scale: Scale = 1.0,
        truncated: Truncated = False,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.tags = Tags(exact_gradient=not truncated)  # type: ignore[misc]  # here it depends on an option
        self.f, self.truncated = FUNCTIONS[squash], truncated
        self.from_x = nn.Linear(input_size, hidden_size)
        self.from_h = nn.Linear(hidden_size, hidden_size, bias=False)
        start_input(self.from_x, start)
        if scale != 1 and start != "identity":
            raise InvalidOption(f"Elman: scale = {scale} needs start = identity; start is {start}")
        if start == "identity":
            nn.init.eye_(self.from_h.weight)
            self.from_h.weight.data.mul_(scale)
        else:
            nn.init.orthogonal_(self.from_h.weight)

    def initial_state(self, batch_size: int) -> ElmanState:
        """Return zeros."""
        return ElmanState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: ElmanState) -> tuple[Tensor, ElmanState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        context = state.h.detach() if self.truncated else state.h
        h = self.f(self.from_x(x) + self.from_h(context))
        return h, ElmanState(h)

    def views(self, state: ElmanState) -> dict[str, Tensor]:
        """Return the hidden units."""
        return {"hidden units": state.h}

    @classmethod
    def from_torch(cls, module: nn.RNN, layer: int = 0, reverse: bool = False) -> Elman:
        """Return a cell with the weights, copied, of one layer and direction; dtype and device as there.

        Torch adds two biases; the cell has their sum. Its sequences are batch-first whatever `module` says.

        Args:
            module: Its options `dropout` and `bidirectional` act between layers and are not taken over.
            layer: Number of the layer from the bottom, from 0.
            reverse: Take the direction that a bidirectional module runs from the end; the cell itself runs
                forwards, so reverse its input and output.

        Raises:
            InvalidInput: `module` is not an `nn.RNN`.
            InvalidOption: It has no such layer or direction.
        """
        W, U, b_x, b_h = layer_weights("Elman", module, nn.RNN, layer, reverse)
        cell = cls(W.shape[1], hidden_size=module.hidden_size, squash=module.nonlinearity).to(W)
        cell.load_state_dict({"from_x.weight": W, "from_x.bias": b_x + b_h, "from_h.weight": U})
        return cell

    def to_torch(self) -> nn.RNN:
        """Return a batch-first `nn.RNN` of one layer with the weights, copied; dtype and device as here.

        Its second bias is zero.

        Raises:
            InvalidOption: The cell is truncated or has logistic units, which `nn.RNN` has not.
        """
        squash = self.options["squash"]
        if squash == "logistic" or self.truncated:
            option = "truncated = true" if self.truncated else "squash = 'logistic'"
            raise InvalidOption(f"Elman.to_torch: {option} has no counterpart in torch.nn.RNN")
        module = nn.RNN(self.input_size, self.output_size, nonlinearity=squash, batch_first=True)
        W, U, b = self.from_x.weight, self.from_h.weight, self.from_x.bias
        biases = {"bias_ih_l0": b, "bias_hh_l0": torch.zeros_like(b)}
        module.to(W).load_state_dict({"weight_ih_l0": W, "weight_hh_l0": U, **biases})
        return module
