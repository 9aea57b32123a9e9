"""The Lightning module of readouts in one shot."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from recurra import Batch, Network, Task
from recurra_lab import ReadoutRule


class HebbianModule(ReadoutRule):
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
        super().__init__(model, task, seed, rule="hebbian", washout=washout)
        self.hebb, self.ridge = readout == "hebb", ridge
        wide = self.readout.in_features + 1
        zeros = torch.zeros(wide, wide, dtype=torch.float64)
        self.register_buffer("squares", zeros)  # Σ [h 1] [h 1]ᵀ
        self.register_buffer("products", zeros.new_zeros(wide, task.output_size))  # Σ [h 1] dᵀ

    @torch.no_grad()
    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch with the readout as it was, then set it anew."""
        h, state = self.features(batch.x, self.initial_state_for(batch), batch.lengths)
        self.carry_over(state, batch)
        y = self.readout(h)
        loss = self.loss_of(y, state, batch)
        self.record(y, batch)
        if torch.isfinite(loss):  # else the run stops here, and the sums stay good
            self._add(h, batch)
            self._set()
        return loss

    def _add(self, h: Tensor, batch: Batch) -> None:
        used = self.used(batch)
        features = self.with_ones(h[used])
        self.squares += self._sum_over_ranks(features.T @ features)
        self.products += self._sum_over_ranks(features.T @ self.targets(batch)[used])

    def _sum_over_ranks(self, value: Tensor) -> Tensor:
        return self.mean_over_ranks(value) * self.world_size

    def _set(self) -> None:
        if not self.hebb:
            self.set_readout(_ridge(self.squares, self.products, self.ridge))
            return
        self.set_readout(torch.cat([self.products[:-1], torch.zeros_like(self.products[-1:])]))


def _ridge(squares: Tensor, products: Tensor, penalty: float) -> Tensor:
    """Solve (squares + penalty I) w = products, without a penalty on the last row, the bias."""
    weights = torch.full((len(squares),), penalty, dtype=squares.dtype, device=squares.device)
    weights[-1] = 0
    if penalty:
        solved: Tensor = torch.linalg.solve(squares + weights.diag(), products)
        return solved
    inverse: Tensor = torch.linalg.pinv(squares, hermitian=True)
    return inverse @ products  # where units say the same there are many solutions; this is the smallest
