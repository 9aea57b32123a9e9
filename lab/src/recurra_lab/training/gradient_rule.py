"""The base class of the Lightning modules of gradient-based learning rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from torch.optim import Optimizer

from recurra.cell import Network
from recurra.task import Task
from recurra_lab.training.module import LearningModule
from recurra_lab.training.optim.options import OptimizationOptions


class GradientRule(LearningModule):
    """Updates the weights with an optimizer, a schedule and gradient clipping.

    By default, it follows the gradient of `training_loss`. A rule that computes gradients itself sets
    `automatic_optimization = False`, and calls `configure_gradient_clipping` before each update.

    Args:
        model: The model to train.
        task: The task.
        seed: The seed of the run.
        optimization: Optimizer, schedule and clipping.
    """

    update_counters: ClassVar[tuple[str, ...]] = ()
    """Buffers that count updates, which are advanced in an ensemble too."""

    def __init__(self, model: Network, task: Task, seed: int, optimization: OptimizationOptions) -> None:
        super().__init__(model, task, seed)
        self.optimization = optimization

    def obstacle_to_ensembles(self) -> str | None:
        """Return why runs of this rule, over several seeds, cannot be trained as one program, or None.

        They can if all that happens to the weights is that the optimizer follows the clipped gradient of
        `task_loss`; a rule for which that holds returns None.
        """
        return f"{type(self).__name__} does not follow the gradient of the task's loss alone"

    def parameter_groups(self) -> Iterable[Any]:
        """Return parameters or parameter groups for the optimizer: by default those of the whole model."""
        return self.model.parameters()

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule, which is stepped with every update."""
        return self.optimization.build(self.parameter_groups(), self.max_updates)

    def configure_gradient_clipping(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
        """Clip each component first, then the total norm, which is logged."""
        norm = self.optimization.clip(list(self.model.parameters()))
        if norm is not None:
            self.log("train/gradient_norm", norm)
