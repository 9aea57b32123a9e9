"""One run of an ensemble: its position, its validations, its log, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytorch_lightning.loggers import Logger
from torch import Tensor

from recurra.task import Batch, Split
from recurra_lab.runs.callbacks import Validation
from recurra_lab.runs.run import Run
from recurra_lab.training.batches import Batches


class Member:
    """One run of an ensemble.

    Args:
        run: The run.
        validation: Its validations.
        loggers: Its loggers.

    Attributes:
        carried: The state after its last batch, where the next one continues it.
        failure: Why it cannot go on, or None.
        seconds: Its share of the wall time and the CPU time of training.
        end: Its tensors when it left the ensemble.
    """

    def __init__(self, run: Run, validation: Validation, loggers: Iterable[Logger]) -> None:
        self.run, self.validation, self.loggers = run, validation, list(loggers)
        self.carried: Any = None
        self.failure: str | None = None
        self.seconds = (0.0, 0.0)
        self.end: dict[str, Tensor] | None = None

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.run.experiment.seed

    @property
    def is_done(self) -> bool:
        """Whether it needs no more training."""
        return self.failure is not None or self.validation.outcome is not None

    def batches(self, split: Split) -> Batches:
        """Return the data of a split."""
        options = self.run.options
        size = options.batch_size if split == "train" else options.evaluation_batch_size
        return Batches(self.run.parts.task, size, self.seed, split, rank=0, ranks=1)

    def continues_previous(self, k: int, batch: Batch) -> bool:
        """Return whether batch k of training continues the previous one."""
        task, rows = self.run.parts.task, len(batch.x)
        return task.continues_previous(k, batch_size=rows, seed=self.seed, split="train")

    def log(self, values: dict[str, float], step: int) -> None:
        """Log values of a training batch."""
        for logger in self.loggers:
            logger.log_metrics(values, step)

    def write_log(self) -> None:
        """Write what was logged."""
        for logger in self.loggers:
            logger.save()
