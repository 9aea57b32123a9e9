"""Three gated recurrent units whose gates do not depend on the input."""

from __future__ import annotations

import abc

import torch
from torch import Tensor, nn

from recurra import Cell
from recurra_gru.cell import FUNCTIONS, Candidate, GRUState, Reset, Size


class ReducedGRU(Cell[GRUState]):
    """A GRU whose gates do not depend on the input; subclasses define what they depend on.

    n = φ(W x + b + U (r ∘ h))              before
    n = φ(W x + b + r ∘ (U h + b'))         after
    y = h' = (1 − z) ∘ n + z ∘ h
    """

    contract_options = {"hidden_size": 5}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        reset: Reset = "before",
        candidate: Candidate = "tanh",
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.function = FUNCTIONS[candidate]
        self.gates = self.make_gates()
        self.from_x = nn.Linear(input_size, hidden_size)
        self.from_h = nn.Linear(hidden_size, hidden_size, bias=False)
        self.reset_bias = nn.Parameter(torch.zeros(hidden_size)) if reset == "after" else None
        nn.init.xavier_uniform_(self.from_x.weight)
        nn.init.zeros_(self.from_x.bias)
        nn.init.orthogonal_(self.from_h.weight)

    @abc.abstractmethod
    def make_gates(self) -> nn.Module:
        """Return both gates before the logistic function: h (B, H) -> r and z, (B, 2 H) or (2 H,)."""

    def initial_state(self, batch_size: int) -> GRUState:
        """Return zeros."""
        return GRUState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        h = state.h
        r, z = torch.sigmoid(self.gates(h)).chunk(2, -1)
        if self.reset_bias is None:
            n = self.function(self.from_x(x) + self.from_h(r * h))
        else:
            n = self.function(self.from_x(x) + r * (self.from_h(h) + self.reset_bias))
        h = n + z * (h - n)
        return h, GRUState(h)

    def diagnostics(self, state: GRUState) -> dict[str, Tensor]:
        """Return the output."""
        return {"hidden units": state.h}


class GRU1(ReducedGRU):
    """Gated recurrent unit whose gates depend on the previous state and biases, but not on the input.

        r = σ(U_r h + b_r);  z = σ(U_z h + b_z)
        n = φ(W x + b + U (r ∘ h))              before, as in the paper
        n = φ(W x + b + r ∘ (U h + b'))         after
        y = h' = (1 − z) ∘ n + z ∘ h

    φ is tanh or ReLU, by the option `candidate`. A z near one keeps h, as in `GRU`; in a model
    that writes h' = (1 − z) ∘ h + z ∘ n, U_z and b_z are the negative of these.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: H (I + 3 H + 3), and H more for b' when reset after.
    Initialization: W Glorot-uniform; U, U_r and U_z orthogonal; all biases zero.
    Differs from the paper: nothing known; resetting after the product is an addition.
    Source: Dey and Salem 2017, arXiv 1701.05923.
    """

    def make_gates(self) -> nn.Module:
        """Return U_r, U_z, b_r and b_z."""
        return _linear_gates(self.output_size, bias=True)


class GRU2(ReducedGRU):
    """Gated recurrent unit whose gates depend on the previous state only.

        r = σ(U_r h);  z = σ(U_z h)
        n = φ(W x + b + U (r ∘ h))              before, as in the paper
        n = φ(W x + b + r ∘ (U h + b'))         after
        y = h' = (1 − z) ∘ n + z ∘ h

    φ is tanh or ReLU, by the option `candidate`. A z near one keeps h, as in `GRU`; in a model
    that writes h' = (1 − z) ∘ h + z ∘ n, U_z is the negative of this.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: H (I + 3 H + 1), and H more for b' when reset after.
    Initialization: W Glorot-uniform; U, U_r and U_z orthogonal; all biases zero.
    Differs from the paper: nothing known; resetting after the product is an addition.
    Source: Dey and Salem 2017, arXiv 1701.05923.
    """

    def make_gates(self) -> nn.Module:
        """Return U_r and U_z."""
        return _linear_gates(self.output_size, bias=False)


class GRU3(ReducedGRU):
    """Gated recurrent unit whose gates are learned constants, so each unit has its own time scale.

        r = σ(b_r);  z = σ(b_z)
        n = φ(W x + b + U (r ∘ h))              before, as in the paper
        n = φ(W x + b + r ∘ (U h + b'))         after
        y = h' = (1 − z) ∘ n + z ∘ h

    φ is tanh or ReLU, by the option `candidate`. A z near one keeps h, as in `GRU`; in a model
    that writes h' = (1 − z) ∘ h + z ∘ n, b_z is the negative of this.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: H (I + H + 3), and H more for b' when reset after.
    Initialization: W Glorot-uniform, U orthogonal, all biases zero: both gates are half open.
    Differs from the paper: nothing known; resetting after the product is an addition.
    Source: Dey and Salem 2017, arXiv 1701.05923.
    """

    def make_gates(self) -> nn.Module:
        """Return b_r and b_z."""
        return Constant(2 * self.output_size)


class Constant(nn.Module):
    """Learned constants, independent of the input.

    Shapes: the input is anything, the output (n,).  Parameters: n.  Initialization: zeros.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, h: Tensor) -> Tensor:
        """Return the constants (n,)."""
        return self.bias


def _linear_gates(size: int, bias: bool) -> nn.Linear:
    gates = nn.Linear(size, 2 * size, bias=bias)  # rows: r, z
    for U in gates.weight.chunk(2):
        nn.init.orthogonal_(U)
    if bias:
        nn.init.zeros_(gates.bias)
    return gates
