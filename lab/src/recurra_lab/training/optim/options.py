"""The options of gradient-based learning rules: optimizer, schedule and gradient clipping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from recurra.config.options import Options
from recurra_lab.training.optim.clipping import clip
from recurra_lab.training.optim.optimizers import Adam, OptimizerChoice
from recurra_lab.training.optim.schedules import Constant, ScheduleChoice

OptimizerOption = Annotated[OptimizerChoice, Field(description="the optimizer")]
"""The type of a rule's option `optimizer`."""
ScheduleOption = Annotated[ScheduleChoice, Field(description="learning-rate schedule")]
"""The type of a rule's option `schedule`."""
ClipNorm = Annotated[float | None, Field(gt=0, description="maximum norm of the gradient; none: do not clip")]
"""The type of a rule's option `clip_norm`."""
ClipValue = Annotated[
    float | None, Field(gt=0, description="maximum absolute value of a gradient component; none: do not clip")
]
"""The type of a rule's option `clip_value`."""


class OptimizationOptions(Options):
    """Optimizer, schedule and gradient clipping.

    A trainer declares these four options with the aliases above and its own defaults, and passes them to its
    `GradientRule`.
    """

    optimizer: OptimizerOption = Adam()
    schedule: ScheduleOption = Constant()
    clip_norm: ClipNorm = None
    clip_value: ClipValue = None

    def build(self, params: Iterable[Any], max_updates: int | None) -> dict[str, Any]:
        """Return the optimizer of parameters or parameter groups and its schedule, as Lightning expects them.

        Args:
            params: Parameters or parameter groups to optimize.
            max_updates: Updates of the whole run, for schedules that depend on it; None if unknown.
        """
        optimizer = self.optimizer.build(params)
        schedule = self.schedule.build(optimizer, max_updates)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def clip(self, parameters: Sequence[nn.Parameter]) -> Tensor | None:
        """Clip the gradients of parameters and return their previous norm; see `clip`."""
        return clip(parameters, self.clip_value, self.clip_norm)
