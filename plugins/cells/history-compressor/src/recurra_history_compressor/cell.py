"""The neural history compressor: predictors on top of each other, each of which sees only surprises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, Ref
from recurra_history_compressor import codec
from recurra_history_compressor.codec import Compressed
from recurra_history_compressor.level import (
    Level,
    LevelState,
    ascend,
    prediction_losses,
    surprises,
    typed,
)

Net = Annotated[Ref, Field(description="cell that predicts at each level")]
TimeBits = Annotated[
    int, Field(ge=0, le=32, description="K, bits of an elapsed time; 0 passes no times to the next level")
]
Confidence = Annotated[
    float, Field(ge=0, lt=1, description="minimum probability for a correct prediction to count as expected")
]
TANH = Ref("cell", "tanh-recurrent")


class HistoryCompressorState(NamedTuple):
    """The state: the state of every level, from the bottom up."""

    levels: tuple[LevelState, ...]


class HistoryCompressor(Cell[HistoryCompressorState]):
    """A hierarchy of predictors, in which each level receives only what the level below did not expect.

        i_1(t) = x(t);  P_s reads i_s, and h_s is its output
        p_s = softmax(V_s h_s + b_s), its prediction of the next i_s (logistic for the bits of times)
        i_s is unexpected if it is P_s's first, or differs from the likeliest input under p_s
        i_s unexpected:  i_{s+1} = [i_s, time];  expected:  P_{s+1} and those above keep their state
        y = [h_1, ..., h_S];  auxiliary loss = Σ_s mean of −log p_s(i_s)

    The time is the number of inputs of P_s since the last unexpected one, in K binary digits; P_{s+1}
    predicts it like the rest of its input. x is one-hot; any other x counts as the symbol of its largest
    element. With `confidence`, a prediction must have had that probability, too, to make its input expected.

    Shapes: x (B, A), h_s (B, H), y (B, S H).
    Parameters, with tanh-recurrent: Σ_s H (I_s + H + 1) + (H + 1) I_s, where I_s = A + K (s − 1).
    Initialization: that of its networks; V Glorot-uniform, b zero.
    Differs from the paper: all levels learn at once, where the paper adds a level when the one below stops
    improving and then freezes the latter; elapsed time instead of a time stamp; softmax and
    cross-entropy instead of squared error; `confidence` is an addition.
    Source: Schmidhuber 1992, Neural Computation 4(2):234-242.
    """

    contract_options = {
        "level": Ref("cell", "tanh-recurrent", hidden_size=4),
        "time_bits": 2,
    }

    def __init__(
        self,
        input_size: int,
        *,
        levels: Annotated[int, Field(gt=0, description="S, number of levels")] = 2,
        level: Net = TANH,
        time_bits: TimeBits = 8,
        confidence: Confidence = 0.0,
    ) -> None:
        made = [Level(level, input_size, s if time_bits else 0, time_bits, confidence) for s in range(levels)]
        super().__init__(input_size, sum(one.net.output_size for one in made))
        self.levels = nn.ModuleList(made)

    def initial_state(self, batch_size: int) -> HistoryCompressorState:
        """Return the initial state of every level."""
        return HistoryCompressorState(tuple(one.initial_state(batch_size) for one in typed(self.levels)))

    def step(self, x: Tensor, state: HistoryCompressorState) -> tuple[Tensor, HistoryCompressorState]:
        """Advance by one step: x (B, A), state -> y (B, S H), state."""
        after = ascend(typed(self.levels), x, state.levels)
        return torch.cat([s.h for s in after], -1), HistoryCompressorState(after)

    def auxiliary_loss(self, state: HistoryCompressorState) -> Tensor:
        """Return the nats per prediction (B,), summed over levels."""
        return self.stage_losses(state).sum(0)

    def stages(self) -> Sequence[nn.Module]:
        """Return the levels from the bottom up, each of which reads the surprises of the one before."""
        return typed(self.levels)

    def stage_losses(self, state: HistoryCompressorState) -> Tensor:
        """Return the nats per prediction of each level: (S, B)."""
        return prediction_losses(typed(self.levels), state.levels)

    def diagnostics(self, state: HistoryCompressorState) -> dict[str, Tensor]:
        """Return how far up the last input went, and the output of each level."""
        hidden = {f"level {s}": one.h for s, one in enumerate(state.levels, 1)}
        return {"unexpected at level": surprises(state.levels), **hidden}

    def compress(self, symbols: Tensor, lengths: Tensor | None = None) -> list[Compressed]:
        """Keep only what the highest level did not expect; see `codec.compress`."""
        return codec.compress(typed(self.levels), symbols, lengths)

    def reconstruct(self, compressed: Sequence[Compressed]) -> list[Tensor]:
        """Undo `compress` exactly; see `codec.reconstruct`."""
        return codec.reconstruct(typed(self.levels), compressed)
