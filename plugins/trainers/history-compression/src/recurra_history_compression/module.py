"""The Lightning module of unsupervised history compression."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from recurra import Batch, Network, Task
from recurra_lab import GradientRule, OptimizationOptions, Staged


class HistoryCompressionModule(GradientRule):
    """Lets one part of the cell learn at a time; where it stands is saved with the weights.

    Args:
        model: The model to train.
        task: The task to learn in the end.
        seed: The run's seed.
        optimization: Optimizer, schedule and clipping.
        block: Number of batches over which the loss of a part is averaged.
        improvement: The fraction by which the loss must fall from block to block.
        most: Maximum number of batches for which a part is trained.
        taught: The parts that are finally trained on the task: `none`, `top` or `all`.
    """

    stage: Tensor
    batches: Tensor
    total: Tensor
    before: Tensor

    def __init__(
        self,
        model: Network,
        task: Task,
        seed: int,
        optimization: OptimizationOptions,
        *,
        block: int,
        improvement: float,
        most: int,
        taught: Literal["none", "top", "all"],
    ) -> None:
        super().__init__(model, task, seed, optimization)
        self.block, self.improvement, self.most, self.taught = block, improvement, most, taught
        self.automatic_optimization = False
        self.register_buffer("stage", torch.zeros((), dtype=torch.int64))  # the part that learns
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))  # that it has learned from
        self.register_buffer("total", torch.zeros((), dtype=torch.float64))  # its losses in this block
        self.register_buffer(
            "before", torch.full((), torch.inf, dtype=torch.float64)
        )  # their mean in the last

    @property
    def _cell(self) -> Staged:
        return cast(Staged, self.model.sequencer)

    def training_loss(self, batch: Batch) -> Tensor:
        """Make one update of the part that learns, or of the readout; returns its loss."""
        y, state = self.model(batch.x, self.initial_state_for(batch), lengths=batch.lengths)
        self.carry_over(state, batch)
        self.record(y, batch)
        losses = self._cell.stage_losses(state).mean(1)
        for i, value in enumerate(losses.detach()):
            self.log(f"train/level_{i + 1}_nats", value, sync_dist=True)
        self.log("train/level", self.stage.to(torch.float32) + 1)
        if int(self.stage) == len(losses):
            return self._update(self.task_loss(y, batch), self._taught())
        loss = self._update(losses[int(self.stage)], list(self._cell.stages()[int(self.stage)].parameters()))
        self._look(loss)
        return loss

    def _taught(self) -> list[nn.Parameter]:
        """Return what learns the task in the end."""
        parts = list(self._cell.stages())
        learns = {"none": 0, "top": 1, "all": len(parts)}[self.taught]
        frozen = {p for part in parts[: len(parts) - learns] for p in part.parameters()}
        return [p for p in self.model.parameters() if p not in frozen]

    def _update(self, loss: Tensor, weights: list[nn.Parameter]) -> Tensor:
        """Step down the gradient of the mean loss over ranks, with these weights alone."""
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = None if gradient is None else self.mean_over_ranks(gradient)
        self.optimization.clip(weights)
        optimizer.step()
        schedule: Any = self.lr_schedulers()
        schedule.step()
        return loss.detach()

    def _look(self, loss: Tensor) -> None:
        """Add a loss to those of the block, and go on to the next part when the block says so."""
        self.batches += 1
        self.total += self.mean_over_ranks(loss).to(self.total)
        if int(self.batches) % self.block and int(self.batches) < self.most:
            return
        mean = self.total / ((int(self.batches) - 1) % self.block + 1)
        self.total.zero_()
        stuck = bool(mean > (1 - self.improvement) * self.before)
        self.before.copy_(mean)
        if stuck or int(self.batches) >= self.most:
            self.stage += 1
            self.batches.zero_()
            self.before.fill_(torch.inf)
