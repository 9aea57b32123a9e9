"""The sLSTM: exponential gates and memory mixing within heads."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, InvalidOption
from recurra_xlstm.gates import LOGARITHMS, ForgetGate, Heads, Norm, head_norm, stabilised

Size = Annotated[int, Field(gt=0, description="H, number of units; a multiple of the number of heads")]
NOTHING = -1e30
"""The initial m: nothing was stored, so the first input sets the scale, however small it is."""
SMALLEST = 1e-15
"""The least n that divides.

The cell's own n is at least 1 and its |c / n| at most 1. A wrapper may change n, to zero or below by
normalisation; then both bounds keep the step finite.
"""
BIAS, BIAS_RANGE, BIAS_POWER = 5.0, 12.0, 0.3


class SLSTMState(NamedTuple):
    """The state, (B, H) each: output h, cell c, normaliser n, and m, the logarithm of their scale."""

    h: Tensor
    c: Tensor
    n: Tensor
    m: Tensor


class SLSTM(Cell[SLSTMState]):
    """LSTM with exponential gates, whose units are connected within heads.

        z = tanh(z̃);  o = σ(õ);  [ĩ, f̃, z̃, õ] = W x + R h + b
        m' = max(log f + m, ĩ);  i = e^(ĩ − m');  f' = e^(log f + m − m')
        c' = f' ∘ c + i ∘ z;  n' = f' ∘ n + i;  h' = o ∘ c' / n'

    f is σ(f̃), or e^f̃ by the option `forget_gate`. R is block diagonal, a block per head. y is h', or with
    `norm` its layer normalisation in each head; R reads h as it is.

    Shapes: x (B, I), h, c, n and m (B, H), y (B, H).  Parameters: 4 H (I + H/h + 1), and H with `norm`.
    Initialization: W Glorot-uniform for each gate, R zero; b zero, but −(−5 + 12 (j / (d − 1))^0.3) for the
    forget gate of unit j of the d in a head, from 5 to −7; gain one; h, c and n zero, m −1e30.
    Differs from the paper: the initial m makes the first input set the scale of each row and unit; published
    code decides this for the whole batch. The block around the cell (convolution, feed-forward layer,
    residual connection) is left out, and with it the exponent of b that depends on the block's number.
    Source: Beck et al. 2024, arXiv 2405.04517, section 2.2 and appendix A; the initial b and R are those of
    its code.

    Raises:
        InvalidOption: `hidden_size` is no multiple of `heads`.
    """

    contract_options = {"hidden_size": 6, "heads": 2}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        heads: Heads = 4,
        forget_gate: ForgetGate = "sigmoid",
        norm: Norm = True,
    ) -> None:
        if hidden_size % heads:
            message = f"SLSTM: hidden_size = {hidden_size} is no multiple of heads = {heads}"
            raise InvalidOption(f"{message}; the nearest: {_multiples(hidden_size, heads)}")
        super().__init__(input_size, hidden_size)
        self.head, self.log_forget = (heads, hidden_size // heads), LOGARITHMS[forget_gate]
        self.from_x = nn.Linear(input_size, 4 * hidden_size)  # rows: i, f, z, o, each head by head
        # (h, d, 4 d): of each head, from its units to i, f, z, o
        self.from_h = nn.Parameter(torch.zeros(heads, hidden_size // heads, 4 * hidden_size // heads))
        self.norm = head_norm(*self.head, norm)
        self._initialise()

    def _initialise(self) -> None:
        for W in self.from_x.weight.chunk(4):
            nn.init.xavier_uniform_(W)
        nn.init.zeros_(self.from_x.bias)
        heads, size = self.head
        forget = BIAS - BIAS_RANGE * torch.linspace(0, 1, size) ** BIAS_POWER
        with torch.no_grad():
            self.from_x.bias.chunk(4)[1].copy_(forget.repeat(heads))

    def initial_state(self, batch_size: int) -> SLSTMState:
        """Return zeros, and an m by which the first input sets the scale."""
        h, c, n, m = (self.zeros(batch_size, self.output_size) for _ in range(4))
        return SLSTMState(h, c, n, m + NOTHING)

    def step(self, x: Tensor, state: SLSTMState) -> tuple[Tensor, SLSTMState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        i, f, z, o = self._raw(x, state.h)
        i, f, m = stabilised(i, self.log_forget(f), state.m)
        c = f * state.c + i * torch.tanh(z)
        n = f * state.n + i
        h = torch.sigmoid(o) * (c / n.clamp_min(SMALLEST)).clamp(-1, 1)
        return self.norm(torch.unflatten(h, -1, self.head)), SLSTMState(h, c, n, m)

    def _raw(self, x: Tensor, h: Tensor) -> list[Tensor]:
        """Return ĩ, f̃, z̃ and õ: x (B, I), h (B, H) -> (B, H) each."""
        from_h = torch.einsum("bhd,hde->bhe", torch.unflatten(h, -1, self.head), self.from_h)
        by_gate = zip(self.from_x(x).chunk(4, -1), from_h.chunk(4, -1), strict=True)
        return [from_x + recurrent.flatten(1) for from_x, recurrent in by_gate]

    def diagnostics(self, state: SLSTMState) -> dict[str, Tensor]:
        """Return the cell over its normaliser, and the output before its norm."""
        return {"cell": state.c / state.n.clamp_min(torch.finfo(state.n.dtype).tiny), "hidden units": state.h}


def _multiples(size: int, heads: int) -> str:
    below = size // heads * heads
    return f"{below} and {below + heads}" if below else str(heads)
