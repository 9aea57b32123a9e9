"""The Lightning module of back-propagation through time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim import Optimizer

from recurra.learning import LearningModule
from recurra.model import Model
from recurra.task import Task

if TYPE_CHECKING:
    from recurra_bptt.trainer import BPTT


class BPTTModule(LearningModule):
    """Takes the gradient of each batch's loss, clips it and makes one step of the optimiser."""

    def __init__(self, model: Model, task: Task, seed: int, rule: BPTT) -> None:
        super().__init__(model, task, seed)
        self.rule = rule

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule, which moves on with every update."""
        scale = self.rule.readout_lr_scale
        body = [p for name, p in self.model.named_parameters() if not name.startswith("readout.")]
        rate = self.rule.optimizer.lr
        groups = [
            {"params": body, "lr": rate},
            {"params": list(self.model.readout.parameters()), "lr": rate * scale},
        ]
        optimizer = self.rule.optimizer.build(groups)
        schedule = {"scheduler": self.rule.schedule.build(optimizer, self.updates), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def configure_gradient_clipping(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
        """Clip each component first, then the norm of the whole."""
        parameters = list(self.model.parameters())
        if self.rule.clip_value is not None:
            nn.utils.clip_grad_value_(parameters, self.rule.clip_value)
        if self.rule.clip_norm is not None:
            norm = nn.utils.clip_grad_norm_(parameters, self.rule.clip_norm)
            self.log("train/gradient_norm", norm)
