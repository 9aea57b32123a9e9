"""Unsupervised history compression: each level learns to predict what surprises the one below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from recurra import IncompatibleParts, Network, Task, Trainer
from recurra_lab import (
    Adam,
    ClipNorm,
    ClipValue,
    Constant,
    OptimizationOptions,
    OptimizerOption,
    ScheduleOption,
    Staged,
)

if TYPE_CHECKING:
    from recurra_history_compression.module import HistoryCompressionModule

Count = Annotated[int, Field(gt=0)]
ADAM, CONSTANT = Adam(lr=1e-2), Constant()


class HistoryCompression(Trainer):
    """Train the parts of a cell one after another, unsupervised; then the readout, supervised.

        part 1 learns to predict its input, until it stops improving, and is frozen
        part 2 learns to predict what part 1 did not expect, until it stops improving, and is frozen; ...
        then the readout of all of them learns the task, and with it the top part, or all, or none (`taught`)

    A part stops improving when the mean loss of a block of batches is not below that of the block before by a
    share of `improvement`; after `most` batches it ends anyway. A cell whose parts learn together, such as
    `automatizer-chunker`, is one part. Gradients go back through whole sequences of what a part has read,
    which get shorter from level to level.

    Works with every differentiable cell that offers its parts (`recurra_lab.Staged`).
    Source: Schmidhuber 1992, Neural Computation 4(2):234-242.
    """

    contract_examples = "recurra_history_compression.contract:examples"
    contract_options = {"block": 5, "most": 10}

    def __init__(
        self,
        *,
        optimizer: OptimizerOption = ADAM,
        schedule: ScheduleOption = CONSTANT,
        block: Annotated[
            Count, Field(description="number of batches over which the loss of a part is averaged")
        ] = 50,
        improvement: Annotated[
            float, Field(ge=0, lt=1, description="fraction by which the loss must fall from block to block")
        ] = 0.02,
        most: Annotated[
            Count, Field(description="maximum number of batches for which a part is trained")
        ] = 1000,
        taught: Annotated[
            Literal["none", "top", "all"], Field(description="parts that are finally trained on the task too")
        ] = "top",
        clip_norm: ClipNorm = 1.0,
        clip_value: ClipValue = None,
    ) -> None:
        self.optimization = OptimizationOptions(
            optimizer=optimizer, schedule=schedule, clip_norm=clip_norm, clip_value=clip_value
        )
        self.block, self.improvement, self.most, self.taught = block, improvement, most, taught

    def lightning_module(self, model: Network, task: Task, seed: int) -> HistoryCompressionModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The cell offers no parts, or is not differentiable.
        """
        from recurra_history_compression.module import HistoryCompressionModule

        cell = model.sequencer
        if not isinstance(cell, Staged) or not model.tags.differentiable:
            message = f"and {type(cell).__name__} is not one; try cell=history-compressor"
            raise IncompatibleParts(
                f"trainer 'history-compression' needs a differentiable cell with stages, {message}"
            )
        return HistoryCompressionModule(
            model,
            task,
            seed,
            self.optimization,
            block=self.block,
            improvement=self.improvement,
            most=self.most,
            taught=self.taught,
        )
