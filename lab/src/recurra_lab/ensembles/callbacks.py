"""The callback of an ensemble: log, check, validate, save, and let go of the members that are done."""

from __future__ import annotations

import time
from signal import SIGTERM
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from recurra_lab.ensembles.checkpoints import EnsembleCheckpoints
from recurra_lab.ensembles.module import EnsembleModule
from recurra_lab.runs.signals import Interrupted, SignalFlag
from recurra_lab.training.evaluate import evaluate


class Members(Callback):
    """Does for each member of an ensemble what the callbacks of a run do for the run.

    As there, a batch is saved when the next one starts. A member that is done leaves the ensemble then.

    Args:
        module: The ensemble.
        store: Writes its checkpoints.
        flag: The signal that interrupts it.
    """

    def __init__(self, module: EnsembleModule, store: EnsembleCheckpoints, flag: SignalFlag) -> None:
        self.module, self.store, self.flag = module, store, flag
        self.saved: int | None = None
        self.clock = _now()

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Reinstall the signal handlers, and run the validations that were due at an interruption."""
        self.flag.install()
        self._validate(trainer)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Save the members that are due, let go of those that are done, and leave if a signal was received.

        Raises:
            Interrupted: A signal was received.
        """
        self._save(trainer, all_of_them=bool(self.flag.received))
        if self.flag.received:
            raise interrupted(self.flag, self.module.step)
        self._let_go()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the weights, validate and log the batch."""
        members, step = self.module.members, self.module.step
        self.module.check_weights(batch)
        self._validate(trainer)
        for member, row in zip(members, self.module.rows, strict=True):
            if member.failure is None:
                member.log(row, step)
        self._share_time()
        trainer.should_stop = trainer.should_stop or all(member.is_done for member in members)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Run the last validation of members that have no batches left, and save all."""
        self._validate(trainer)
        self._save(trainer, all_of_them=True)
        self._share_time()

    def _share_time(self) -> None:
        now, count = _now(), len(self.module.members)
        for member in self.module.members:
            wall, cpu = member.seconds
            member.seconds = (
                wall + (now[0] - self.clock[0]) / count,
                cpu + (now[1] - self.clock[1]) / count,
            )
        self.clock = now

    def _validate(self, trainer: pl.Trainer) -> None:
        step, goal = self.module.step, f"validation/{self.module.task.goal.score}"
        found = []
        for i, member in enumerate(self.module.members):
            if member.failure is not None or not member.validation.is_due(step):
                continue
            model = self.module.stack.turn(i).evaluated_model
            batches = member.run.options.validation_batches
            scores = evaluate(model, member.batches("validation"), batches, lambda: bool(self.flag.received))
            if scores is None:
                return
            found.append(member.validation.judged(scores, step, member.loggers)[goal])
        if found:
            trainer.callback_metrics[goal] = torch.tensor(found).median()

    def _save(self, trainer: pl.Trainer, all_of_them: bool) -> None:
        step = self.module.step
        if not step or step == self.saved:
            return
        members = self.module.members
        every = members[0].run.options.checkpoint_every
        self.store.due = [
            i
            for i, member in enumerate(members)
            if member.failure is None
            and (all_of_them or step % every == 0 or member.is_done or step == member.validation.kept_step)
        ]
        for i in self.store.due:
            members[i].write_log()
        if self.store.due:
            trainer.save_checkpoint(members[0].run.folder.checkpoints)
            self.saved = step

    def _let_go(self) -> None:
        rows = [i for i, member in enumerate(self.module.members) if not member.is_done]
        if len(rows) == len(self.module.members):
            return
        for i, member in enumerate(self.module.members):
            if member.is_done:
                member.end = self.module.stack.one(i)
        self.module.keep(rows)


def interrupted(flag: SignalFlag, step: int) -> Interrupted:
    """Return the error of an ensemble that a signal interrupts after a step, which was saved."""
    message = f"interrupted after step {step}; checkpoints of all unfinished runs were saved"
    return Interrupted(message, flag.received or SIGTERM)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
