"""The simple recurrent network: its context is a copy of its hidden units."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from recurra import Cell, InvalidOption, Tags, torch_weights
from recurra_elman.units import FUNCTIONS, Activation, Scale, Size, Start, Truncated, start_input


class ElmanState(NamedTuple):
    """The state: the hidden units h (B, H), which are the context of the next step."""

    h: Tensor


class Elman(Cell[ElmanState]):
    """Simple recurrent network: its context is its previous hidden state.

        y = h' = f(W x + U h + b)

    f is tanh, the logistic function (as in the paper) or ReLU. With `truncated`, as in the paper, the context
    h is an ordinary input: the gradient stops there, so each step learns only from its own error.
    ReLU with `start` = identity is the IRNN; a `scale` below 1 lets it forget sooner.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: H (I + H + 1).
    Initialization: W Glorot-uniform and U orthogonal, or U the identity times `scale` and W normal with a
    standard deviation of 0.001; b and h zero.
    Differs from the paper: tanh and the full gradient by default; h starts at 0, not at 0.5.
    Source: Elman 1990, Cognitive Science 14:179-211; IRNN: Le, Jaitly and Hinton 2015, arXiv 1504.00941.
    """

    renamed_options = {"squash": "activation"}
    contract_options = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        activation: Activation = "tanh",
        start: Start = "glorot",
        scale: Scale = 1.0,
        truncated: Truncated = False,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.tags = Tags(exact_gradient=not truncated)
        self.f, self.truncated = FUNCTIONS[activation], truncated
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

    def diagnostics(self, state: ElmanState) -> dict[str, Tensor]:
        """Return the hidden units."""
        return {"hidden units": state.h}

    @classmethod
    def from_torch(cls, module: nn.RNN, layer: int = 0, reverse: bool = False) -> Elman:
        """Return a cell with the weights, copied, of one layer and direction; dtype and device as there.

        Torch adds two biases; the cell has their sum. `layer_weights` says what `layer`
        and `reverse` mean.

        Raises:
            InvalidInput: `module` is not an `nn.RNN`.
            InvalidOption: It has no such layer or direction.
        """
        weights = torch_weights.layer_weights("Elman", module, nn.RNN, layer, reverse)
        cell = cls(weights.W.shape[1], hidden_size=module.hidden_size, activation=module.nonlinearity)
        return torch_weights.filled(cell, weights)

    def to_torch(self) -> nn.RNN:
        """Return a batch-first `nn.RNN` of one layer with the weights, copied; dtype and device as here.

        Its second bias is zero.

        Raises:
            InvalidOption: The cell is truncated or has logistic units, which `nn.RNN` does not support.
        """
        if self.truncated:
            raise torch_weights.no_counterpart(self, nn.RNN, "truncated")
        if self.options["activation"] == "logistic":
            raise torch_weights.no_counterpart(self, nn.RNN, "activation")
        return torch_weights.as_module(nn.RNN, self, nonlinearity=self.options["activation"])
