"""Back-propagation through time: the gradient of the whole sequence, then one step of an optimiser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from recurra.errors import IncompatibleParts
from recurra.model import Model
from recurra.task import Task
from recurra.trainer import Trainer
from recurra_bptt.options import Adam, Constant, OptimizerChoice, ScheduleChoice

if TYPE_CHECKING:
    from recurra_bptt.module import BPTTModule


ADAM, CONSTANT = Adam(), Constant()


class BPTT(Trainer):
    """Back-propagation through time over whole sequences.

        w = w + optimiser(∂ loss / ∂ w), the gradient taken through every step of the sequence

    Works with every cell that is differentiable.
    Source: Werbos 1990.
    """

    def __init__(
        self,
        *,
        optimizer: Annotated[OptimizerChoice, Field(description="what turns gradients into updates")] = ADAM,
        schedule: Annotated[ScheduleChoice, Field(description="how the learning rate changes")] = CONSTANT,
        readout_lr_scale: Annotated[
            float, Field(gt=0, description="the readout learns this much faster")
        ] = 1.0,
        clip_norm: Annotated[
            float | None, Field(gt=0, description="largest norm of the whole gradient")
        ] = 0.1,
        clip_value: Annotated[
            float | None, Field(gt=0, description="largest size of one component of it")
        ] = None,
    ) -> None:
        self.optimizer, self.schedule, self.readout_lr_scale = optimizer, schedule, readout_lr_scale
        self.clip_norm, self.clip_value = clip_norm, clip_value

    def module(self, model: Model, task: Task, seed: int) -> BPTTModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The cell is not differentiable.
        """
        from recurra_bptt.module import BPTTModule

        if not model.tags.differentiable:
            cell = type(model.sequencer).__name__
            raise IncompatibleParts(
                f"trainer 'bptt' needs a differentiable cell, and {cell} is not; try 'guessing'"
            )
        return BPTTModule(model, task, seed, self)
