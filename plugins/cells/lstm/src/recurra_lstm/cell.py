"""The LSTM as it is used today: with a forget gate, and with peepholes where asked for."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, torch_weights


class LSTMState(NamedTuple):
    """The state: the output h (B, H) and the cell c (B, H)."""

    h: Tensor
    c: Tensor


class LSTM(Cell[LSTMState]):
    """Long short-term memory with a forget gate.

        i = σ(W_i x + U_i h + p_i ∘ c + b_i);  f = σ(W_f x + U_f h + p_f ∘ c + b_f)
        g = tanh(W_g x + U_g h + b_g);         c' = f ∘ c + i ∘ g
        o = σ(W_o x + U_o h + p_o ∘ c' + b_o);  y = h' = o ∘ tanh(c')

    The terms in p exist only with `peepholes`.

    Shapes: x (B, I), h and c (B, H), y (B, H).
    Parameters: 4 H (I + H + 1), and 3 H more with peepholes.
    Initialization: W Glorot-uniform and U orthogonal, gate by gate; b zero except the forget gate's; p zero.
    Differs from the papers: one cell per block, tanh where they scale a logistic function to (-2, 2) and
    (-1, 1), no connections among gates, and the full gradient where they truncate it.
    Source: Gers, Schmidhuber and Cummins 2000; peepholes: Gers, Schraudolph and Schmidhuber 2002.
    """

    contract_options = {"hidden_size": 5, "peepholes": True}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Annotated[int, Field(gt=0, description="H, number of cells")] = 128,
        peepholes: Annotated[
            bool, Field(description="connect each gate to the cell that it controls")
        ] = False,
        forget_bias: Annotated[float, Field(description="initial b_f; larger values remember longer")] = 1.0,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.from_x = nn.Linear(input_size, 4 * hidden_size)  # rows: i, f, g, o
        self.from_h = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_size)) if peepholes else None  # rows: i, f, o
        self._initialise(forget_bias)

    def _initialise(self, forget_bias: float) -> None:
        for W, U in zip(self.from_x.weight.chunk(4), self.from_h.weight.chunk(4), strict=True):
            nn.init.xavier_uniform_(W)
            nn.init.orthogonal_(U)
        nn.init.zeros_(self.from_x.bias)
        nn.init.constant_(self.from_x.bias.chunk(4)[1], forget_bias)

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return zeros."""
        return LSTMState(self.zeros(batch_size, self.output_size), self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        h, c = state
        i, f, g, o = (self.from_x(x) + self.from_h(h)).chunk(4, -1)  # (B, H) each
        if self.peepholes is not None:
            p_i, p_f, p_o = self.peepholes.unbind()
            i, f = i + p_i * c, f + p_f * c
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        if self.peepholes is not None:
            o = o + p_o * c
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, LSTMState(h, c)

    def diagnostics(self, state: LSTMState) -> dict[str, Tensor]:
        """Return the cell."""
        return {"cell": state.c}

    @classmethod
    def from_torch(cls, module: nn.LSTM, layer: int = 0, reverse: bool = False) -> LSTM:
        """Return a cell with the weights, copied, of one layer and direction; dtype and device as there.

        Torch adds two biases; the cell has their sum. `layer_weights` says what `layer`
        and `reverse` mean.

        Raises:
            InvalidInput: `module` is not an `nn.LSTM`.
            InvalidOption: It projects its output, or has no such layer or direction.
        """
        weights = torch_weights.layer_weights("LSTM", module, nn.LSTM, layer, reverse)
        return torch_weights.filled(cls(weights.W.shape[1], hidden_size=module.hidden_size), weights)

    def to_torch(self) -> nn.LSTM:
        """Return a batch-first `nn.LSTM` of one layer with the weights, copied; dtype and device as here.

        Its second bias is zero.

        Raises:
            InvalidOption: The cell has peepholes, which `nn.LSTM` does not support.
        """
        if self.peepholes is not None:
            raise torch_weights.no_counterpart(self, nn.LSTM, "peepholes")
        return torch_weights.as_module(nn.LSTM, self)
