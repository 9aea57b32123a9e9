"""Back-propagation through time: the gradient of the whole sequence, then one step of an optimiser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from recurra import IncompatibleParts, InvalidOption, Network, Task, Trainer
from recurra_bptt.averaging import AveragingChoice, NoAverage
from recurra_bptt.windows import Truncation
from recurra_lab import (
    Adam,
    ClipNorm,
    ClipValue,
    Constant,
    OptimizationOptions,
    OptimizerOption,
    ScheduleOption,
)

if TYPE_CHECKING:
    from recurra_bptt.module import BPTTModule


ADAM, CONSTANT, NO_AVERAGE = Adam(), Constant(), NoAverage()
Steps = Annotated[int, Field(gt=0)]
Scale = Annotated[float, Field(ge=0)]


class BPTT(Trainer):
    """Back-propagation through time over whole sequences, or truncated.

        w = w + optimizer(∂ loss / ∂ w), the gradient taken through every step of the sequence

    With `k1` it is truncated, TBPTT(k1, k2): there is an update every `k1` steps, on the mean loss per scored
    element of these, and its gradient goes back through the last `k2` steps. The state is carried from window
    to window, so that sequences of any length are learned in constant memory; windows in which nothing is
    scored are run without an update. The learning rate's schedule advances once per batch.

    Works with every cell that is differentiable.
    Source: Werbos 1990; Williams and Peng 1990, where TBPTT(k1, k2) is BPTT(h; h') with h' = k1 and h = k2.

    Raises:
        InvalidOption: `k2` is not a multiple of `k1`, or is given without it.
    """

    renamed_options = {"window": "k1", "reach": "k2"}

    def __init__(
        self,
        *,
        optimizer: OptimizerOption = ADAM,
        schedule: ScheduleOption = CONSTANT,
        readout_lr_scale: Annotated[
            float, Field(gt=0, description="factor of the readout's learning rate relative to the rest")
        ] = 1.0,
        clip_norm: ClipNorm = 0.1,
        clip_value: ClipValue = None,
        k1: Annotated[
            Steps | None, Field(description="k1, steps between two updates; none: whole sequences")
        ] = None,
        k2: Annotated[
            Steps | None, Field(description="k2, steps that a gradient goes back; none: k1")
        ] = None,
        averaging: Annotated[
            AveragingChoice, Field(description="average of the weights that is evaluated and saved")
        ] = NO_AVERAGE,
        weight_noise: Annotated[
            Scale,
            Field(description="standard deviation of noise on the weights, drawn for every batch or window"),
        ] = 0.0,
        gradient_noise: Annotated[
            Scale,
            Field(description="variance of noise on the first gradient; it falls with (1 + updates)^0.55"),
        ] = 0.0,
    ) -> None:
        self.optimization = OptimizationOptions(
            optimizer=optimizer, schedule=schedule, clip_norm=clip_norm, clip_value=clip_value
        )
        self.truncation = _truncation(k1, k2)
        self.readout_lr_scale, self.averaging = readout_lr_scale, averaging
        self.weight_noise, self.gradient_noise = weight_noise, gradient_noise

    def lightning_module(self, model: Network, task: Task, seed: int) -> BPTTModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The cell is not differentiable.
        """
        from recurra_bptt.module import BPTTModule

        if not model.tags.differentiable:
            cell = type(model.sequencer).__name__
            raise IncompatibleParts(
                f"trainer 'bptt' needs a differentiable cell, and {cell} is not; try trainer=guessing"
            )
        return BPTTModule(
            model,
            task,
            seed,
            self.optimization,
            truncation=self.truncation,
            averaging=self.averaging,
            readout_lr_scale=self.readout_lr_scale,
            weight_noise=self.weight_noise,
            gradient_noise=self.gradient_noise,
        )


def _truncation(k1: int | None, k2: int | None) -> Truncation | None:
    if k2 is not None and (k1 is None or k2 % k1):
        near = f"; {k2 - k2 % k1 or k1} is" if k1 else ""
        message = f"trainer.k2 = {k2} must be a multiple of trainer.k1 = {k1 or 'none'}"
        raise InvalidOption(message + near)
    return None if k1 is None else Truncation(k1, k2 or k1)
