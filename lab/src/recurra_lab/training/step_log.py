"""Values that are logged with every update, at little cost."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

SECONDS_BETWEEN_SAVES = 1.0


class StepLog(Callback):
    """Passes the values of each update to the loggers and to `callback_metrics`.

    Lightning's own `log` keeps statistics over the epoch for every value, which takes longer than the update
    of a small network. Loggers save at most once a second; a callback that needs the files calls `save_logs`.

    Attributes:
        values: What has been logged since the last update, by name.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.saved = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log the values of this update, unless it accumulates further batches."""
        step = int(pl_module.batches_seen)
        if step % trainer.accumulate_grad_batches:
            return
        values = {name: float(value) for name, value in self.values.items()}
        self.values = {}
        known = {name: torch.tensor(value) for name, value in values.items()}
        trainer.callback_metrics.update(known)
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by its logger connector
        if step // trainer.accumulate_grad_batches % every == 0:
            for logger in trainer.loggers:
                logger.log_metrics(values, step)
        if time.monotonic() - self.saved > SECONDS_BETWEEN_SAVES:
            save_logs(trainer)
            self.saved = time.monotonic()


def save_logs(trainer: pl.Trainer) -> None:
    """Make the loggers write what they hold."""
    for logger in trainer.loggers:
        logger.save()
