"""A matrix memory as a layer of its own: projections around it, as in the published layers."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, rms_norm

from recurra import Cell
from recurra_matrix_memory.memory import MatrixMemory
from recurra_matrix_memory.options import NormKind
from recurra_matrix_memory.recurrence import swish

S = TypeVar("S")
NORM_EPSILON = 1e-5


class HeadNorm(nn.Module):
    """Normalise what each head reads, then scale every channel: (B, h V) -> (B, h V).

    `rms` divides by the root of the mean square; `layer` subtracts the mean before, and adds a bias after.
    `layer` over each head is the group normalisation of h groups.

    Parameters: h V with `rms`, 2 h V with `layer`, 0 with `none`.  Initialization: gain one, bias zero.
    """

    def __init__(self, heads: int, size: int, kind: NormKind, epsilon: float = NORM_EPSILON) -> None:
        super().__init__()
        self.head, self.kind, self.epsilon = (heads, size), kind, epsilon
        self.gain = nn.Parameter(torch.ones(heads * size)) if kind != "none" else None
        self.bias = nn.Parameter(torch.zeros(heads * size)) if kind == "layer" else None

    def forward(self, r: Tensor) -> Tensor:
        """Normalise r (B, h V)."""
        if self.gain is None:
            return r
        normalise = rms_norm if self.bias is None else layer_norm
        normed = normalise(torch.unflatten(r, -1, self.head), self.head[1:], eps=self.epsilon).flatten(1)
        return self.gain * normed if self.bias is None else self.gain * normed + self.bias


class MatrixCell(Cell[S]):
    """A memory driven by the input alone, its reads normalised, gated and projected.

        r = memory(W x + b);  y = W_o (norm(r) ∘ swish(W_g x + b_g))

    The factor with W_g exists only with `gate`, b and b_g only with `bias`.

    Shapes: x (B, I), y (B, H); the state is that of the memory.
    Parameters: P (I + 1) (P the width of the memory's interface), h V H, h V (I + 1) with `gate`, and those
    of the norm and of the memory.
    Initialization: all weights Glorot-uniform, biases uniform in ±1/√I.

    Args:
        input_size: I.
        memory: The memory.
        hidden_size: H.
        norm: The kind of `HeadNorm`.
        gate: Whether there is a W_g.
        bias: Whether W and W_g have biases. A layer inside of a network does without them; as the first layer
            it would be blind to steps at which x is zero.
        interface: The layer that drives the memory, instead of W.
    """

    def __init__(
        self,
        input_size: int,
        memory: MatrixMemory[S],
        hidden_size: int,
        *,
        norm: NormKind,
        gate: bool,
        bias: bool,
        interface: nn.Module | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.memory, width = memory, memory.output_size
        self.interface = interface or projection(input_size, memory.input_size, bias=bias)
        self.norm = HeadNorm(memory.heads, memory.value_size, norm)
        self.gate = projection(input_size, width, bias=bias) if gate else None
        self.output = projection(width, hidden_size, bias=False)

    def initial_state(self, batch_size: int) -> S:
        """Return the initial state of the memory."""
        return self.memory.initial_state(batch_size)

    def step(self, x: Tensor, state: S) -> tuple[Tensor, S]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        r, state = self.memory.step(self.interface(x), state)
        r = self.norm(r)
        if self.gate is not None:
            r = r * swish(self.gate(x))
        return self.output(r), state

    def diagnostics(self, state: S) -> dict[str, Tensor]:
        """Return the diagnostics of the memory."""
        return self.memory.diagnostics(state)


def projection(inputs: int, outputs: int, *, bias: bool) -> nn.Linear:
    """Return a linear layer with Glorot-uniform weights; its biases, if any, are uniform in ±1/√inputs.

    With biases of zero, the reads and the gate at a step without input would both be zero: a saddle point.
    """
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    return layer
