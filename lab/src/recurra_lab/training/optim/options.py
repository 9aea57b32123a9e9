"""The options of a rule that follows a gradient: an optimizer, a schedule and limits on the gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from recurra.config.options import Options
from recurra_lab.training.optim.clipping import clip
from recurra_lab.training.optim.optimizers import Adam, OptimizerChoice
from recurra_lab.training.optim.schedules import Constant, ScheduleChoice

OptimizerOption = Annotated[OptimizerChoice, Field(description="what turns gradients into updates")]
ScheduleOption = Annotated[ScheduleChoice, Field(description="how the learning rate changes")]
ClipNorm = Annotated[float | None, Field(gt=0, description="largest norm of the whole gradient")]
ClipValue = Annotated[float | None, Field(gt=0, description="largest size of one component of it")]


class OptimizationOptions(Options):
    """How a gradient becomes an update.

    A trainer lists these four among its own options, with the aliases above and its own defaults, and hands
    them to its `GradientRule`.
    """

    optimizer: OptimizerOption = Adam()
    schedule: ScheduleOption = Constant()
    clip_norm: ClipNorm = None
    clip_value: ClipValue = None

    def build(self, params: Iterable[Any], max_updates: int | None) -> dict[str, Any]:
        """Return the optimizer of parameters or parameter groups and its schedule, as Lightning takes them.

        Args:
            params: What is optimized.
            max_updates: Updates of the whole run, for schedules that end with it; None if unknown.
        """
        optimizer = self.optimizer.build(params)
        schedule = self.schedule.build(optimizer, max_updates)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def clip(self, parameters: Sequence[nn.Parameter]) -> Tensor | None:
        """Clip the gradients of parameters and return their norm before that; see `clip`."""
        return clip(parameters, self.clip_value, self.clip_norm)
