"""The two-net version: an automatizer that takes over what the chunker above it finds out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from recurra import Cell, Ref, Tags
from recurra_history_compressor import codec
from recurra_history_compressor.cell import TANH, Confidence, Net, TimeBits
from recurra_history_compressor.codec import Compressed
from recurra_history_compressor.level import Level, LevelState, ascend, prediction_losses, surprises


class AutomatizerChunkerState(NamedTuple):
    """The state: the states of A and C, and the summed error (B,) of A's guesses at C's state."""

    automatizer: LevelState
    chunker: LevelState
    error: Tensor


class AutomatizerChunker(Cell[AutomatizerChunkerState]):
    """An automatizer A that predicts every input, and a chunker C that receives what A did not expect.

        A reads x;  C reads [x, time] where A's prediction of x failed, and keeps its state elsewhere
        both predict their own next input, as the levels of a history compressor do
        q_A = Q h_A + b_Q is A's guess at C's state h_C ∘ o_C: C's output and C's prediction
        y = [h_A, h_C];  auxiliary loss =
            mean −log p_A(x) + mean −log p_C([x, time]) + mean ½ |q_A − h_C ∘ o_C|²

    Here ∘ concatenates vectors. A learns to predict C's state, so what only C could predict becomes
    predictable to A as well, and C receives fewer inputs. C does not learn from q_A.

    Shapes: x (B, A), h_A and h_C (B, H), o_C (B, A + K), y (B, 2 H).
    Parameters: those of a history compressor of two levels, and (H + 1) (H + A + K).
    Differs from the paper: targets are not inputs, a readout of y learns them; elapsed time instead of a time
    stamp; softmax and cross-entropy instead of squared error for predictions; `confidence` is an addition.
    Source: Schmidhuber 1992, Neural Computation 4(2):234-242.
    """

    tags = Tags(exact_gradient=False)  # the error of q_A does not reach C
    contract_options = {
        "level": Ref("cell", "tanh-recurrent", hidden_size=4),
        "time_bits": 2,
    }

    def __init__(
        self, input_size: int, *, level: Net = TANH, time_bits: TimeBits = 8, confidence: Confidence = 0.0
    ) -> None:
        A = Level(level, input_size, 0, time_bits, confidence)
        C = Level(level, input_size, 1 if time_bits else 0, time_bits, confidence)
        super().__init__(input_size, A.net.output_size + C.net.output_size)
        self.automatizer, self.chunker = A, C
        self.guess = nn.Linear(A.net.output_size, C.net.output_size + input_size + time_bits)
        nn.init.xavier_uniform_(self.guess.weight)
        nn.init.zeros_(self.guess.bias)

    def initial_state(self, batch_size: int) -> AutomatizerChunkerState:
        """Return the initial states of both, and no error."""
        A, C = (one.initial_state(batch_size) for one in self._levels())
        return AutomatizerChunkerState(A, C, self.zeros(batch_size))

    def step(self, x: Tensor, state: AutomatizerChunkerState) -> tuple[Tensor, AutomatizerChunkerState]:
        """Advance by one step: x (B, A), state -> y (B, 2 H), state."""
        A, C = ascend(self._levels(), x, state[:2])
        missed = self.guess(A.h) - self._state_of_chunker(C).detach()
        error = state.error + missed.square().sum(-1) / 2
        return torch.cat([A.h, C.h], -1), AutomatizerChunkerState(A, C, error)

    def _state_of_chunker(self, C: LevelState) -> Tensor:
        symbol, times = self.chunker.predict(C.h)
        return torch.cat([C.h, torch.softmax(symbol, -1), torch.sigmoid(times).flatten(1)], -1)

    def _levels(self) -> list[Level]:
        return [self.automatizer, self.chunker]

    def auxiliary_loss(self, state: AutomatizerChunkerState) -> Tensor:
        """Return the nats per prediction of both, plus A's squared error per step about C's state: (B,)."""
        predictions = prediction_losses(self._levels(), state[:2]).sum(0)
        return predictions + state.error / state.automatizer.seen.clamp(min=1)

    def stages(self) -> Sequence[nn.Module]:
        """Return both nets as one part, since they learn together."""
        return [self]

    def stage_losses(self, state: AutomatizerChunkerState) -> Tensor:
        """Return the loss of both: (1, B)."""
        return self.auxiliary_loss(state)[None]

    def diagnostics(self, state: AutomatizerChunkerState) -> dict[str, Tensor]:
        """Return which nets did not expect the last input, and the outputs of both."""
        return {
            "unexpected to A, C": surprises(state[:2]),
            "automatizer": state.automatizer.h,
            "chunker": state.chunker.h,
        }

    def compress(self, symbols: Tensor, lengths: Tensor | None = None) -> list[Compressed]:
        """Keep only what neither A nor C expected; see `codec.compress`."""
        return codec.compress(self._levels(), symbols, lengths)

    def reconstruct(self, compressed: Sequence[Compressed]) -> list[Tensor]:
        """Undo `compress` exactly; see `codec.reconstruct`."""
        return codec.reconstruct(self._levels(), compressed)
