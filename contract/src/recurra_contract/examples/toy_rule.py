"""The Lightning module of the toy trainer, apart from it because it imports Lightning."""

from __future__ import annotations

import torch

from recurra.cell import Network
from recurra.task import Task
from recurra_lab.training.module import LearningModule


class ToyRule(LearningModule):
    """Makes one step of gradient descent with momentum per batch."""

    def __init__(self, model: Network, task: Task, seed: int, lr: float) -> None:
        super().__init__(model, task, seed)
        self.lr = lr

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser."""
        return torch.optim.SGD(self.model.parameters(), lr=self.lr, momentum=0.9)
