"""Callbacks of a run, in this order: check the weights, validate, save.

Lightning's own validation loop would skip a validation interrupted by a crash, and with it a stop that was
due. Here validation is a pure function of the weights and is repeated after a resume.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGTERM
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from recurra.task import Batch, Goal
from recurra_lab.artifacts.checkpoint import DurableCheckpoints, own_checkpoints, path_of
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.runs.signals import Interrupted, SignalFlag
from recurra_lab.training.batches import Batches
from recurra_lab.training.evaluate import Scores, evaluate
from recurra_lab.training.module import LearningModule
from recurra_lab.training.step_log import save_logs

SOLVED = "solved"
"""Status of a run that met its goal."""
STATE = ("last", "best", "best_step", "stale", "met", "outcome")
"""Attributes of `Validation` that a checkpoint holds."""


class Guard(Callback):
    """Stops the run when a weight becomes non-finite, before a checkpoint is saved."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the weights."""
        pl_module.check_weights(batch)


@dataclass
class StopRule:
    """The stopping criterion of a run before its step budget is exhausted.

    Args:
        goal: The goal of the run.
        after: Consecutive validations that must meet it; a single one may be chance.
        patience: Validations without improvement before stopping early, or None.
    """

    goal: Goal
    after: int
    patience: int | None

    def reason(self, met: int, stale: int) -> str | None:
        """Return why to stop after consecutive validations that met the goal, or had no improvement."""
        if met >= self.after:
            return SOLVED
        return "no improvement" if self.patience is not None and stale >= self.patience else None


class Validation(Callback):
    """Evaluates the model every `every` batches and stops the run by the stopping criterion."""

    def __init__(
        self,
        data: Callable[[pl.Trainer], Batches],
        batches: int,
        every: int,
        rule: StopRule,
        flag: SignalFlag,
    ) -> None:
        self.data, self.batches, self.every, self.rule, self.flag = data, batches, every, rule, flag
        self.last, self.best, self.stale, self.met = 0, float("nan"), 0, 0
        self.best_step = 0
        self.outcome: str | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the state of validation for the checkpoint."""
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state from a checkpoint."""
        vars(self).update(state_dict)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Run a validation that was due when the run was interrupted."""
        self._validate_when_due(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Validate if due."""
        self._validate_when_due(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Run the last validation of a run that has no batches left."""
        self._validate_when_due(trainer, pl_module)

    def _validate_when_due(self, trainer: pl.Trainer, module: LearningModule) -> None:
        step = int(module.batches_seen)
        if step == 0 or step % self.every or step == self.last:
            return
        local = evaluate(
            module.evaluated_model, self.data(trainer), self.batches, lambda: bool(self.flag.received)
        )
        if agreed(trainer, local is None):
            return
        self.last = step
        self._record(trainer, summed(trainer, local or {}), step)

    def _record(self, trainer: pl.Trainer, scores: Scores, step: int) -> None:
        values = {f"validation/{name}": score.value for name, score in scores.items()}
        for logger in trainer.loggers:
            logger.log_metrics(values, step)
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in values.items()})
        self._judge(trainer, scores[self.rule.goal.score].value)

    @property
    def kept_step(self) -> int | None:
        """The step of the best validation, if the run keeps its model; the last model is kept otherwise."""
        return None if self.rule.patience is None else self.best_step or None

    def _judge(self, trainer: pl.Trainer, value: float) -> None:
        if self.best != self.best or self.rule.goal.better(value, self.best):
            self.best, self.best_step, self.stale = value, self.last, 0
        else:
            self.stale += 1
        self.met = self.met + 1 if self.rule.goal.met(value) else 0
        self.outcome = self.rule.reason(self.met, self.stale)
        trainer.should_stop = trainer.should_stop or self.outcome is not None


class Checkpoints(Callback):
    """Saves every `every` batches, at the end, and when a signal interrupts the run.

    The last two are kept, and that of the best validation if the run keeps its model. A batch is saved when
    the next one starts, because only then are all its metrics written.
    """

    KEPT = 2

    def __init__(
        self,
        folder: RunFolder,
        store: DurableCheckpoints,
        every: int,
        validation: Validation,
        flag: SignalFlag,
    ) -> None:
        self.folder, self.store, self.every = folder, store, every
        self.validation, self.flag = validation, flag
        self.last: int | None = None
        self.leaving = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Reinstall the signal handlers, which Lightning has just replaced."""
        self.flag.install()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Save a checkpoint if due or if a signal was received; then stop if interrupted.

        Raises:
            Interrupted: A signal was received.
        """
        step = int(pl_module.batches_seen)
        if step and (self.leaving or step % self.every == 0 or step == self.validation.kept_step):
            self._save(trainer, step)
        self.leave_when_asked(step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check whether any rank received a signal; all ranks stop together."""
        self.leaving = agreed(trainer, bool(self.flag.received))

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Save the final state."""
        self._save(trainer, int(pl_module.batches_seen))

    def on_fit_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Save the state after a late validation of a run with no batches left."""
        if self.last is None:
            self._save(trainer, int(pl_module.batches_seen))

    def leave_when_asked(self, step: int) -> None:
        """Raise `Interrupted` if a signal was received; `step` has been saved."""
        if self.leaving:
            raise Interrupted(
                f"interrupted after step {step}; a checkpoint was saved", self.flag.received or SIGTERM
            )

    def _save(self, trainer: pl.Trainer, step: int) -> None:
        if step == self.last:
            return
        self.last = step
        save_logs(trainer)  # a resumed run needs all rows up to its checkpoint
        trainer.save_checkpoint(path_of(self.folder.checkpoints, step))
        if trainer.is_global_zero:
            self._remove_old()

    def _remove_old(self) -> None:
        folder, kept = self.folder.checkpoints, self.validation.kept_step
        for old in own_checkpoints(folder)[: -self.KEPT]:
            if kept is None or old != path_of(folder, kept):
                self.store.remove_checkpoint(old)


def agreed(trainer: pl.Trainer, here: bool) -> bool:
    """Return whether a flag is set on any rank; all ranks get the same result."""
    return (
        here if trainer.world_size == 1 else bool(trainer.strategy.reduce_boolean_decision(here, all=False))
    )


def summed(trainer: pl.Trainer, scores: Scores) -> Scores:
    """Sum the scores of all ranks."""
    if trainer.world_size == 1:
        return scores
    numbers = torch.tensor([list(score) for score in scores.values()], dtype=torch.float64)
    total = trainer.strategy.reduce(numbers.to(trainer.strategy.root_device), reduce_op="sum")
    return {name: type(scores[name])(*row) for name, row in zip(scores, total.tolist(), strict=True)}
