"""The options of a run: budget, stopping criteria and hardware."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator, model_validator

from recurra.config.options import Options
from recurra_lab.experiments.lightning_callbacks import make_callback
from recurra_lab.extensions.choices import Installed

Names = Annotated[tuple[str, ...], Field(strict=False)]
Count = Annotated[int, Field(gt=0)]
Processes = Annotated[int, Field(gt=0, le=4096)]
Precision = Literal["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true"]
DTYPES = {"64-true": torch.float64, "bf16-true": torch.bfloat16, "16-true": torch.float16}


class RunOptions(Options):
    """Budget, validation, stopping criteria and hardware of a run."""

    batch_size: Annotated[Count, Field(description="sequences per batch, summed over all devices")] = 16
    max_steps: Annotated[Count, Field(description="maximum number of updates")] = 2500
    validate_every: Annotated[Count, Field(description="updates between validations")] = 100
    evaluation_batch_size: Annotated[
        Count, Field(description="sequences per batch in validation and evaluation")
    ] = 128
    validation_batches: Annotated[Count, Field(description="batches per validation")] = 10
    suite_batches: Annotated[
        Count, Field(description="batches per suite variant in the final evaluation")
    ] = 1
    checkpoint_every: Annotated[Count, Field(description="updates between checkpoints")] = 100
    stop_score: Annotated[
        str | None, Field(description="score of the stopping criterion; none: the score of the task's goal")
    ] = None
    stop_below: Annotated[float | None, Field(description="stop when the score is below this value")] = None
    stop_above: Annotated[float | None, Field(description="stop when the score is above this value")] = None
    stop_after: Annotated[Count, Field(description="consecutive validations that must meet the goal")] = 6
    early_stop_patience: Annotated[
        int | None,
        Field(
            gt=0,
            description="validations without improvement before stopping early; the model is then that of the"
            " best validation; none: never stop early",
        ),
    ] = None
    devices: Annotated[Processes, Field(description="devices per node, one process each")] = 1
    nodes: Annotated[Processes, Field(description="number of nodes")] = 1
    accelerator: Annotated[Literal["auto", "cpu", "gpu"], Field(description="hardware to train on")] = "cpu"
    strategy: Annotated[str, Field(description="Lightning strategy for several devices, such as ddp")] = (
        "auto"
    )
    precision: Annotated[Precision, Field(description="Lightning precision")] = "32-true"
    accumulate: Annotated[Count, Field(description="gradient accumulation: batches per update")] = 1
    workers: Annotated[
        int, Field(ge=0, le=1024, description="data-loading processes; 0: load in the training process")
    ] = 0
    threads: Annotated[
        int | None,
        Field(
            gt=0,
            le=4096,
            description="CPU threads per process (1 is usually fastest for small networks); none: all",
        ),
    ] = 1
    progress: Annotated[bool, Field(description="show a progress bar")] = True
    logger: Annotated[
        str | Names,
        Installed("logger"),
        Field(description="logger in addition to metrics.csv; a list for several"),
    ] = "csv"

    callbacks: Annotated[
        tuple[str | dict[str, Any], ...],
        Field(
            strict=False,
            description="Lightning callbacks by name, or as tables of name and options:"
            ' ["Timer", {name = "LearningRateMonitor", logging_interval = "step"}]',
        ),
    ] = ()

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights; mixed precision keeps them in float32."""
        return DTYPES.get(self.precision, torch.float32)

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "tensorboard" not in given:
            return given
        if given["tensorboard"]:
            raise ValueError("tensorboard is now called logger; write run.logger=tensorboard")
        return {name: value for name, value in given.items() if name != "tensorboard"}

    @field_validator("callbacks", mode="before")
    @classmethod
    def _known_callbacks(cls, given: Any) -> Any:
        choices = [given] if isinstance(given, str | dict) else given
        for choice in choices if isinstance(choices, list | tuple) else ():
            make_callback(choice)
        return choices

    @model_validator(mode="after")
    def _one_direction(self) -> RunOptions:
        if self.stop_below is not None and self.stop_above is not None:
            raise ValueError("stop_below and stop_above are mutually exclusive; set only one of them")
        return self
