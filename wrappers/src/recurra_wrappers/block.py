"""The residual block around a cell, of which deep recurrent networks are built."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import gelu, silu

from recurra import Cell, IncompatibleParts, InvalidOption
from recurra_wrappers.base import CellWrapper, cell_name
from recurra_wrappers.normalisation import NormKind, norm_of

Width = Annotated[
    Annotated[int, Field(gt=0)] | None,
    Field(description="d, width of the residual stream; none: the width of what is read"),
]
NormOption = Annotated[NormKind, Field(description="N, normalisation of what a part of the block reads")]
Convolution = Annotated[
    int, Field(ge=0, description="k, steps of a causal convolution before the cell; 0: none")
]
Gated = Annotated[bool, Field(description="multiply the cell's output by a gate of the block's input")]
FeedForwardKind = Annotated[
    Literal["none", "mlp", "glu"], Field(description="feed-forward part after the cell")
]
Expansion = Annotated[
    float, Field(gt=0, description="m / d, hidden units of the feed-forward part per feature")
]
Residual = Annotated[bool, Field(description="add what each part reads to its output")]


class BlockState(NamedTuple):
    """The state: the cell's state, and the last inputs of the convolution (B, k − 1, D), () without one."""

    cell: Any
    window: Any


class Block(CellWrapper):
    """A cell as a part of a residual block, with what surrounds it in deep recurrent networks.

        x = W_i x;  u = N(x);  v = W_u u
        v_t = silu(b + Σ_j w_j ∘ v_{t−k+j}),  j = 1 … k                     with `convolution` = k
        c, s' = cell(v, s);  c = c ∘ silu(W_g u)                            the gate with `gate`
        a = x + W_o c
        y = a + F(N(a)),  F(u) = W_2 gelu(W_1 u) or W_2 (silu(W_1 u) ∘ W_3 u)   `mlp` or `glu`

    x and a are the residual stream of width d; without `residual` they are not added. W_i exists only where
    the input has another width than the stream, and W_u only where the cell reads another one. W_o exists
    where something is added to c or follows it, unless the cell outputs d features and there is no gate.
    Each N has its own gain; the inputs of the convolution before the first step are zero. With `norm_output`,
    as the last block of a stack has it, y is N(y).

    Six layers of `Block(S6(2 d), width=d, norm="rms", convolution=4, gate=True)` are a Mamba; xLSTM, Griffin
    and minGRU are built of such blocks too.

    Shapes: x (B, I), y (B, d), or what the cell outputs if nothing is added or follows. I and d are by
    default what the cell reads, D.
    Parameters: the cell's, and d I for W_i, D d for W_u, O d for W_g, d O for W_o, (k + 1) D for the
    convolution, 2 m d (mlp) or 3 m d (glu) with m = `expansion` d, rounded, and for each N 2 d (layer) or
    d (rms).
    Initialization: that of `nn.Linear`, without biases, and of `nn.Conv1d`.
    Source: pre-norm residual blocks: Xiong et al. 2020; convolution and gate: Gu and Dao 2023; gated
    feed-forward part: Shazeer 2020; root mean square normalisation: Zhang and Sennrich 2019.

    Raises:
        InvalidOption: The convolution has one step, which is none.
        IncompatibleParts: The cell reads trees or the elapsed time, or a single number would be normalised.
    """

    def __init__(
        self,
        cell: Cell[Any],
        input_size: int | None = None,
        *,
        width: Width = None,
        norm: NormOption = "layer",
        convolution: Convolution = 0,
        gate: Gated = False,
        feed_forward: FeedForwardKind = "none",
        expansion: Expansion = 2.0,
        residual: Residual = True,
        norm_output: Annotated[bool, Field(description="normalise y")] = False,
    ) -> None:
        super().__init__(cell)
        _check(self, convolution)
        d = width or cell.input_size
        self.input_size = input_size or d
        followed = residual or feed_forward != "none"
        self.output_size = d if followed else cell.output_size
        self.residual = residual
        self.enter = _linear(self.input_size, d)
        self.norm = norm_of(norm, "Block", d)
        self.up = _linear(d, cell.input_size)
        self.convolution = CausalConvolution(convolution, cell.input_size) if convolution else None
        self.gate = nn.Linear(d, cell.output_size, bias=False) if gate else None
        self.out = _linear(cell.output_size, self.output_size, always=followed and gate)
        self.feed_forward = _feed_forward(feed_forward, norm, d, expansion)
        self.norm_output = norm_of(norm if norm_output else "none", "Block", self.output_size)

    def initial_state(self, batch_size: int) -> BlockState:
        """Return the cell's initial state and a window of zeros."""
        start = self.cell.initial_state(batch_size)
        if self.convolution is None:
            return BlockState(start, ())
        k, D = self.convolution.weight.shape
        return BlockState(start, self.zeros(batch_size, k - 1, D))

    def step(self, x: Tensor, state: BlockState) -> tuple[Tensor, BlockState]:
        """Advance by one step: x (B, I), state -> y (B, d), state."""
        x, window = self.enter(x), state.window
        u = self.norm(x)
        v = self.up(u)
        if self.convolution is not None:
            v, window = self.convolution(v, window)
        c, inner = self.cell.step(v, state.cell)
        if self.gate is not None:
            c = c * silu(self.gate(u))
        a = self._added(x, self.out(c))
        y = a if self.feed_forward is None else self._added(a, self.feed_forward(a))
        return self.norm_output(y), BlockState(inner, window)

    def _added(self, read: Tensor, output: Tensor) -> Tensor:
        return read + output if self.residual else output

    def auxiliary_loss(self, state: BlockState) -> Tensor | None:
        """Return the cell's auxiliary loss."""
        return self.cell.auxiliary_loss(state.cell)

    def diagnostics(self, state: BlockState) -> dict[str, Tensor]:
        """Return the cell's diagnostics."""
        return self.cell.diagnostics(state.cell)


class CausalConvolution(nn.Module):
    """A convolution over the last k steps of each feature by itself, step by step.

        v_t = silu(b + Σ_j w_j ∘ u_{t−k+j}),  j = 1 … k

    Shapes: u (B, D), window (B, k − 1, D), the inputs before u -> v (B, D), window.  Parameters: (k + 1) D.
    Initialization: uniform between ±1/√k, as that of a depthwise `nn.Conv1d`.
    """

    def __init__(self, steps: int, size: int) -> None:
        super().__init__()
        bound = steps**-0.5
        self.weight = nn.Parameter(torch.empty(steps, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(size).uniform_(-bound, bound))

    def forward(self, u: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
        """Return v, and the window that the next step reads."""
        seen = torch.cat([window, u[:, None]], 1)  # (B, k, D)
        return silu(self.bias + (self.weight * seen).sum(1)), seen[:, 1:]


class FeedForward(nn.Module):
    """A normalisation and two linear layers: the second part of a block.

        W_2 gelu(W_1 N(a))   or   W_2 (silu(W_1 N(a)) ∘ W_3 N(a))

    Shapes: a (B, d) -> (B, d).  Parameters: 2 m d, or 3 m d where gated, and those of N.
    """

    def __init__(self, norm: nn.Module, size: int, hidden: int, gated: bool) -> None:
        super().__init__()
        self.norm = norm
        self.hidden = nn.Linear(size, hidden, bias=False)
        self.linear = nn.Linear(size, hidden, bias=False) if gated else None
        self.out = nn.Linear(hidden, size, bias=False)

    def forward(self, a: Tensor) -> Tensor:
        """Map the features of a step."""
        u = self.norm(a)
        hidden = self.hidden(u)
        hidden = gelu(hidden) if self.linear is None else silu(hidden) * self.linear(u)
        return self.out(hidden)  # type: ignore[no-any-return]


def _feed_forward(kind: str, norm: NormKind, size: int, expansion: float) -> FeedForward | None:
    if kind == "none":
        return None
    hidden = max(1, round(expansion * size))
    return FeedForward(norm_of(norm, "Block", size), size, hidden, gated=kind == "glu")


def _linear(inputs: int, outputs: int, always: bool = False) -> nn.Module:
    needed = always or inputs != outputs
    return nn.Linear(inputs, outputs, bias=False) if needed else nn.Identity()


def _check(block: Block, convolution: int) -> None:
    if block.tags.input_kind != "vectors":
        reads = f"{cell_name(block.cell)} reads trees, whose structure a block would mix with features"
        raise IncompatibleParts(f"Block: {reads}; choose a cell that reads vectors")
    if any(getattr(part, "timed", False) for part in block.cell.modules()):
        reads = f"{cell_name(block.cell)} reads the elapsed time in the last channel of its input"
        raise IncompatibleParts(
            f"Block: {reads}, which a block would normalise or mix; use it without a block"
        )
    if convolution == 1:
        raise InvalidOption("Block: convolution = 1 sees no earlier step; choose 0, for none, or at least 2")
