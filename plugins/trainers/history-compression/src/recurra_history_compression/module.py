"""The Lightning module of unsupervised history compression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from recurra import Batch, Network, Staged, Task
from recurra_lab import LearningModule, clip

if TYPE_CHECKING:
    from recurra_history_compression.trainer import HistoryCompression


class HistoryCompressionModule(LearningModule):
    """Lets one part of the cell learn at a time; where it stands is saved with the weights.

    Args:
        model: What learns.
        task: What is learned in the end.
        seed: The run's seed.
        rule: Its options.
    """

    stage: Tensor
    batches: Tensor
    total: Tensor
    before: Tensor

    def __init__(self, model: Network, task: Task, seed: int, rule: HistoryCompression) -> None:
        super().__init__(model, task, seed)
        self.rule, self.automatic_optimization = rule, False
        self.register_buffer("stage", torch.zeros((), dtype=torch.int64))  # the part that learns
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))  # that it has learned from
        self.register_buffer("total", torch.zeros((), dtype=torch.float64))  # its losses in this block
        self.register_buffer(
            "before", torch.full((), torch.inf, dtype=torch.float64)
        )  # their mean in the last

    @property
    def _cell(self) -> Staged:
        return cast(Staged, self.model.sequencer)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule, which moves on with every update."""
        optimizer = self.rule.optimizer.build(self.model.parameters())
        schedule = self.rule.schedule.build(optimizer, self.updates)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def learn(self, batch: Batch) -> Tensor:
        """Make one update of the part that learns, or of the readout; returns its loss."""
        y, state = self.model(batch.x, self.start(batch), lengths=batch.lengths)
        self.keep(state, batch)
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
        learns = {"none": 0, "top": 1, "all": len(parts)}[self.rule.taught]
        frozen = {p for part in parts[: len(parts) - learns] for p in part.parameters()}
        return [p for p in self.model.parameters() if p not in frozen]

    def _update(self, loss: Tensor, weights: list[nn.Parameter]) -> Tensor:
        """Step down the gradient of the mean loss over ranks, with these weights alone."""
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = None if gradient is None else self.mean_over_ranks(gradient)
        clip(weights, self.rule.clip_value, self.rule.clip_norm)
        optimizer.step()
        schedule: Any = self.lr_schedulers()
        schedule.step()
        return loss.detach()

    def _look(self, loss: Tensor) -> None:
        """Add a loss to those of the block, and go on to the next part when the block says so."""
        self.batches += 1
        self.total += self.mean_over_ranks(loss).to(self.total)
        if int(self.batches) % self.rule.block and int(self.batches) < self.rule.most:
            return
        mean = self.total / ((int(self.batches) - 1) % self.rule.block + 1)
        self.total.zero_()
        stuck = bool(mean > (1 - self.rule.improvement) * self.before)
        self.before.copy_(mean)
        if stuck or int(self.batches) >= self.rule.most:
            self.stage += 1
            self.batches.zero_()
            self.before.fill_(torch.inf)
