"""The Lightning module of readouts in one shot."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from recurra import Batch, Network, Task
from recurra_hebbian.due import due
from recurra_lab import LearningModule


class HebbianModule(LearningModule):
    """Accumulates the correlations and sets the readout after every batch; the sums are saved.

    Args:
        model: Whose readout is set.
        task: The task whose targets are used.
        seed: The run's seed.
        readout: `ridge` for least squares, or `hebb` for a sum of outer products.
        ridge: λ, the penalty on squared weights.
        washout: Initial steps of each sequence that are not used.
    """

    squares: Tensor
    products: Tensor

    def __init__(
        self,
        model: Network,
        task: Task,
        seed: int,
        *,
        readout: Literal["ridge", "hebb"],
        ridge: float,
        washout: int,
    ) -> None:
        super().__init__(model, task, seed)
        self.readout, self.ridge, self.washout = readout, ridge, washout
        self.automatic_optimization = False
        wide = self._readout.in_features + 1
        zeros = torch.zeros(wide, wide, dtype=torch.float64)
        self.register_buffer("squares", zeros)  # Σ [h 1] [h 1]ᵀ
        self.register_buffer("products", zeros.new_zeros(wide, task.output_size))  # Σ [h 1] dᵀ

    @property
    def _readout(self) -> nn.Linear:
        return cast(nn.Linear, self.model.readout)

    def configure_optimizers(self) -> Any:
        """Return nothing: there is no gradient."""
        return None

    @torch.no_grad()
    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch with the readout as it was, then set it anew."""
        h, state = self._features(batch)
        self.carry_over(state, batch)
        y = self._readout(h)
        loss = self.loss_of(y, state, batch)
        self.record(y, batch)
        if torch.isfinite(loss):  # else the run stops here, and the sums stay good
            self._add(h, batch)
            self._set()
        return loss

    def _features(self, batch: Batch) -> tuple[Tensor, Any]:
        """Return what the readout reads, (B, T, H), and the final state."""
        seen: list[Tensor] = []
        hook = self._readout.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            _, state = self.model(batch.x, self.initial_state_for(batch), lengths=batch.lengths)
        finally:
            hook.remove()
        return seen[0], state

    def _add(self, h: Tensor, batch: Batch) -> None:
        counts = batch.mask & (torch.arange(batch.mask.shape[1], device=h.device) >= self.washout)
        features = torch.cat([h, torch.ones_like(h[..., :1])], -1)[counts].to(torch.float64)
        self.squares += self._sum_over_ranks(features.T @ features)
        self.products += self._sum_over_ranks(features.T @ due(self.task, batch)[counts])

    def _sum_over_ranks(self, value: Tensor) -> Tensor:
        return self.mean_over_ranks(value) * self.world_size

    def _set(self) -> None:
        hebb = self.readout == "hebb"
        found = self.products if hebb else _ridge(self.squares, self.products, self.ridge)
        self._readout.weight.copy_(found[:-1].T)
        if self._readout.bias is not None:
            self._readout.bias.copy_(found[-1] * (not hebb))


def _ridge(squares: Tensor, products: Tensor, penalty: float) -> Tensor:
    """Solve (squares + penalty I) w = products, without a penalty on the last row, the bias."""
    weights = torch.full((len(squares),), penalty, dtype=squares.dtype, device=squares.device)
    weights[-1] = 0
    if penalty:
        solved: Tensor = torch.linalg.solve(squares + weights.diag(), products)
        return solved
    inverse: Tensor = torch.linalg.pinv(squares, hermitian=True)
    return inverse @ products  # where units say the same there are many solutions; this is the smallest
