"""Back-propagation through time: the gradient of the whole sequence, then one step of an optimiser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from recurra import IncompatibleParts, InvalidOption, Network, Task, Trainer
from recurra_bptt.averaging import AveragingChoice, NoAverage
from recurra_lab import Adam, Constant, OptimizerChoice, ScheduleChoice

if TYPE_CHECKING:
    from recurra_bptt.module import BPTTModule


ADAM, CONSTANT, NO_AVERAGE = Adam(), Constant(), NoAverage()
Steps = Annotated[int, Field(gt=0)]
Scale = Annotated[float, Field(ge=0)]


class BPTT(Trainer):
    """Back-propagation through time over whole sequences, or truncated to windows of them.

        w = w + optimiser(∂ loss / ∂ w), the gradient taken through every step of the sequence

    With `window`, h', there is an update every h' steps, on the mean loss per scored element of these; its
    gradient goes back through the last `reach`, h, steps: BPTT(h; h'). The state goes on from window to
    window, so that sequences of any length are learned from in the same memory; windows in which nothing is
    scored are run without an update. The learning rate's schedule moves on once per batch.

    Works with every cell that is differentiable.
    Source: Werbos 1990; Williams and Peng 1990 for BPTT(h; h').

    Raises:
        InvalidOption: `reach` is no multiple of `window`, or there is no window to reach back from.
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
        window: Annotated[
            Steps | None, Field(description="h', steps between two updates; none: whole sequences")
        ] = None,
        reach: Annotated[
            Steps | None, Field(description="h, steps that a gradient goes back; none: those of its window")
        ] = None,
        averaging: Annotated[
            AveragingChoice, Field(description="average of the weights that is judged and saved")
        ] = NO_AVERAGE,
        weight_noise: Annotated[
            Scale, Field(description="standard deviation of noise on the weights during a batch")
        ] = 0.0,
        gradient_noise: Annotated[
            Scale, Field(description="variance of noise on the first gradient; it falls with (1 + k)^0.55")
        ] = 0.0,
    ) -> None:
        self.optimizer, self.schedule, self.readout_lr_scale = optimizer, schedule, readout_lr_scale
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.window, self.reach, self.averaging = window, reach, averaging
        self.weight_noise, self.gradient_noise = weight_noise, gradient_noise
        if reach is not None and (window is None or reach % window):
            near = f"; {reach - reach % window or window} is" if window else ""
            told = f"trainer.reach = {reach} must be a multiple of trainer.window = {window or 'none'}"
            raise InvalidOption(told + near)

    def module(self, model: Network, task: Task, seed: int) -> BPTTModule:
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
