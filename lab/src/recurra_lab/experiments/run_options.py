"""The options of a run that belong to no part: its budget, its stops and the machine."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from recurra.config.options import Options
from recurra_lab.extensions.choices import Installed

Names = Annotated[tuple[str, ...], Field(strict=False)]
Count = Annotated[int, Field(gt=0)]
Precision = Literal["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true"]


class RunOptions(Options):
    """How long a run trains, when it looks and stops, and on what it computes."""

    batch_size: Annotated[Count, Field(description="sequences per batch, over all devices together")] = 16
    max_steps: Annotated[Count, Field(description="updates after which training ends")] = 2500
    validate_every: Annotated[Count, Field(description="updates between two validations")] = 100
    evaluation_batch_size: Annotated[
        Count, Field(description="sequences per batch when scores are taken")
    ] = 128
    validation_batches: Annotated[Count, Field(description="batches per validation")] = 10
    suite_batches: Annotated[Count, Field(description="batches per variant of the final evaluation")] = 1
    checkpoint_every: Annotated[Count, Field(description="updates between two checkpoints")] = 100
    stop_score: Annotated[
        str | None, Field(description="score that ends training; none: that of the task's goal")
    ] = None
    stop_below: Annotated[float | None, Field(description="end when the score is less than this")] = None
    stop_above: Annotated[float | None, Field(description="end when the score is greater than this")] = None
    stop_after: Annotated[Count, Field(description="validations in a row that must meet the goal")] = 6
    early_stop_patience: Annotated[
        int | None, Field(gt=0, description="end after so many validations without improvement; none: never")
    ] = None
    devices: Annotated[Count, Field(description="devices per node, one process each")] = 1
    nodes: Annotated[Count, Field(description="nodes")] = 1
    accelerator: Annotated[Literal["auto", "cpu", "gpu"], Field(description="what to compute on")] = "cpu"
    strategy: Annotated[
        str, Field(description="how devices share the work, by Lightning's name, such as ddp")
    ] = "auto"
    precision: Annotated[Precision, Field(description="number format, by Lightning's name")] = "32-true"
    accumulate: Annotated[Count, Field(description="batches whose gradients make one update")] = 1
    workers: Annotated[
        int, Field(ge=0, description="processes that draw batches; 0: the training process does")
    ] = 0
    threads: Annotated[
        int | None,
        Field(
            gt=0,
            description="CPU threads per process (one is usually faster for small recurrent nets); none: all",
        ),
    ] = 1
    progress: Annotated[bool, Field(description="show a progress bar")] = True
    logger: Annotated[
        str | Names,
        Installed("logger"),
        Field(description="where numbers are logged beside metrics.csv; a list for several"),
    ] = "csv"

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "tensorboard" not in given:
            return given
        if given["tensorboard"]:
            raise ValueError("tensorboard has become logger; write run.logger=tensorboard")
        return {name: value for name, value in given.items() if name != "tensorboard"}

    @model_validator(mode="after")
    def _one_direction(self) -> RunOptions:
        if self.stop_below is not None and self.stop_above is not None:
            raise ValueError("stop_below and stop_above exclude each other; set only one of them")
        return self
