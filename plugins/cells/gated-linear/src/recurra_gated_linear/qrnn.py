"""The quasi-recurrent network: gates from a causal convolution, and pooling that mixes nothing but time."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell
from recurra_gated_linear.shared import Size

Pooling = Annotated[
    Literal["f", "fo", "ifo"],
    Field(description="gates: forget (f), forget and output (fo), or input, forget and output (ifo)"),
]
Window = Annotated[int, Field(gt=0, description="k, number of inputs that the convolution sees")]
GATES = {"f": 1, "fo": 2, "ifo": 3}


class QRNNState(NamedTuple):
    """The state: the cell c (B, H), and the last k − 1 inputs (B, k − 1, I), the latest last."""

    c: Tensor
    inputs: Tensor


class QRNN(Cell[QRNNState]):
    """Quasi-recurrent network: a causal convolution of the input and an elementwise recurrence.

        z = tanh(W_z X + b_z);  f = σ(W_f X + b_f);  o = σ(W_o X + b_o);  i = σ(W_i X + b_i)
        f:    y = c' = f ∘ c + (1 − f) ∘ z
        fo:   c' = f ∘ c + (1 − f) ∘ z;  y = o ∘ c'
        ifo:  c' = f ∘ c + i ∘ z;        y = o ∘ c'

    X is the window: the last k inputs, one after another, x last. Before the first step they are zero.

    Shapes: x (B, I), X (B, k I), c (B, H), inputs (B, k − 1, I), y (B, H).
    Parameters: G H (k I + 1), where G is 2, 3 or 4 for f, fo or ifo pooling.
    Initialization: W Glorot-uniform, gate by gate; biases zero.
    Differs from the paper: biases, which its equations omit. Its zoneout on f and its dense connections
    between layers are options of every model, `zoneout` and `skip`.
    Source: Bradbury, Merity, Xiong and Socher 2016, arXiv 1611.01576.
    """

    contract_options = {"hidden_size": 5}

    def __init__(
        self, input_size: int, *, hidden_size: Size = 128, pooling: Pooling = "fo", window: Window = 2
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.pooling, self.window = pooling, window
        rows = 1 + GATES[pooling]  # z, f, o, i, as far as they exist
        self.from_x = nn.Linear(window * input_size, rows * hidden_size)
        for W in self.from_x.weight.chunk(rows):
            nn.init.xavier_uniform_(W)
        nn.init.zeros_(self.from_x.bias)

    def initial_state(self, batch_size: int) -> QRNNState:
        """Return zeros."""
        inputs = self.zeros(batch_size, self.window - 1, self.input_size)
        return QRNNState(self.zeros(batch_size, self.output_size), inputs)

    def step(self, x: Tensor, state: QRNNState) -> tuple[Tensor, QRNNState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        X = torch.cat([state.inputs, x[:, None]], 1)  # (B, k, I)
        z, f, *others = self.from_x(X.flatten(1)).split(self.output_size, -1)
        z, f = torch.tanh(z), torch.sigmoid(f)
        i = torch.sigmoid(others[1]) if self.pooling == "ifo" else 1 - f
        c = f * state.c + i * z
        y = c if self.pooling == "f" else torch.sigmoid(others[0]) * c
        return y, QRNNState(c, X[:, 1:])

    def diagnostics(self, state: QRNNState) -> dict[str, Tensor]:
        """Return the cell."""
        return {"cell": state.c}
