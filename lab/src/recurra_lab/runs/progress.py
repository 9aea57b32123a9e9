"""The progress of a run: a bar on a terminal, and otherwise a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, RichProgressBar

from recurra_lab.formatting import duration, number
from recurra_lab.time_left import left_of

INTERVAL_S = 10.0
"""Least time between two lines."""


def progress(budget: int, tell: Callable[[str], None]) -> Callback:
    """Return the progress display of a run of `budget` batches that fits stdout."""
    return Bar(leave=True) if sys.stdout.isatty() else Lines(budget, tell)


class Bar(RichProgressBar):
    """Lightning's rich progress bar with scores only, brought up to date a few times a second."""

    SECONDS = 0.2
    updated = 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show the position and the scores, unless they were shown a moment ago."""
        last = trainer.should_stop or batch_idx + 1 == trainer.num_training_batches
        if last or time.monotonic() - self.updated > self.SECONDS:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
            self.updated = time.monotonic()

    def _get_train_description(self, current_epoch: int) -> str:
        return "training"  # a run is one epoch

    def get_metrics(self, trainer: pl.Trainer, pl_module: Any) -> dict[str, Any]:
        """Return the scores of the training batch and of the last validation."""
        shown = super().get_metrics(trainer, pl_module)
        shown.pop("v_num", None)
        known = trainer.callback_metrics
        goals = [f"{split}/{pl_module.task.goal.score}" for split in ("train", "validation")]
        return shown | {goal: float(known[goal]) for goal in goals if goal in known}


class Lines(Callback):
    """A line with the last validation score and the time left, at most every ten seconds.

    Args:
        budget: The number of batches of the whole run.
        tell: Receives the lines.
        clock: Returns seconds.
    """

    def __init__(
        self, budget: int, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.budget, self.tell, self.clock = budget, tell, clock
        self.began = self.last = 0.0
        self.first = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock."""
        self.began = self.last = self.clock()
        self.first = int(pl_module.batches_seen)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a line if the last one is old enough."""
        now, step = self.clock(), int(pl_module.batches_seen)
        if now - self.last < INTERVAL_S or not trainer.is_global_zero or step >= self.budget:
            return
        self.last = now
        left = left_of(now - self.began, step - self.first, self.budget - step)
        goal = f"validation/{pl_module.task.goal.score}"
        known = trainer.callback_metrics.get(goal)
        score = "" if known is None else f", {goal} {number(float(known))}"
        self.tell(f"{step:,} of {self.budget:,} updates{score}, at most {duration(left)} left")
