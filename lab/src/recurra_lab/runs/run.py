"""A run: build, fit, evaluate and report; from the start, or resumed from a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_only

from recurra.errors import InvalidOption, RecurraError
from recurra.plugins import discovery
from recurra.plugins.engines import engines
from recurra.task import Split
from recurra_lab.artifacts.atomic_files import remove_leftovers
from recurra_lab.artifacts.checkpoint import Checkpoint, DurableCheckpoints, newest_intact
from recurra_lab.artifacts.result import Outcome, RunResult
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.seal import check_seal, history, unseal
from recurra_lab.experiments import Experiment
from recurra_lab.experiments.lightning_callbacks import make_callback
from recurra_lab.runs import callbacks
from recurra_lab.runs.build import build, goal_of, threads
from recurra_lab.runs.conclusion import conclude, load_best
from recurra_lab.runs.failures import explained, resumable
from recurra_lab.runs.loggers import make_loggers
from recurra_lab.runs.memory import memory_errors_named
from recurra_lab.runs.pl_trainer import lightning, quiet
from recurra_lab.runs.progress import progress
from recurra_lab.runs.provenance import differences, provenance
from recurra_lab.runs.record import (
    changed_data,
    changes,
    check_changes,
    configuration,
    new_options,
    record,
    record_change,
)
from recurra_lab.runs.renewal import renew, reopen
from recurra_lab.runs.signals import SignalFlag
from recurra_lab.training.batches import Batches, training_loader
from recurra_lab.training.seeding import reseed

Tell = Callable[[str], None]
"""Prints one line to the user."""

BATCH_SIZES = ("batch_size", "evaluation_batch_size")


class Run:
    """One experiment in one folder.

    Args:
        experiment: The resolved experiment.
        folder: The run folder; only rank zero writes to it.
        tell: Receives lines for the user.
        progress: False hides the progress display, whatever the experiment says.
    """

    def __init__(
        self, experiment: Experiment, folder: RunFolder, tell: Tell, *, progress: bool = True
    ) -> None:
        self.progress = progress
        self.experiment, self.folder, self.options = experiment, folder, experiment.run
        self.tell: Tell = rank_zero_only(tell)
        self.parts = build(experiment)
        self.parts.module.max_updates = experiment.run.max_steps
        self._check_accumulation()
        self._check_processes()
        self.goal = goal_of(experiment, self.parts.task)
        self.store, self.options_changed = DurableCheckpoints({}), False

    def _check_accumulation(self) -> None:
        if self.options.accumulate > 1 and not self.parts.module.automatic_optimization:
            rule, count = self.experiment.trainer.name, self.options.accumulate
            message = f"trainer '{rule}' with these options updates the weights itself after every batch"
            raise InvalidOption(
                f"run.accumulate = {count}: {message}; expected 1; use a larger run.batch_size instead"
            )

    def _check_processes(self) -> None:
        """Check, before there are several processes, that the rows of a batch can be divided among them."""
        names = ["evaluation_batch_size"] if self.parts.module.replicate_batches else BATCH_SIZES
        ranks = self.options.devices * self.options.nodes
        for name in names:
            size = getattr(self.options, name)
            if size % ranks:
                near = max(ranks, size - size % ranks)
                message = f"run.{name} = {size} is not divisible by {ranks} processes; use {near}"
                raise InvalidOption(message)

    def start(self) -> RunResult | None:
        """Train from the beginning; returns None on ranks other than zero.

        If an error of the user prevents the run from starting, its folder is removed.
        """
        try:
            with self.folder.locked():
                rank_zero_only(record)(self.folder, self.experiment)
                return self._fit(None)
        except RecurraError as error:
            if error.exit_code == RecurraError.exit_code:
                rank_zero_only(self.folder.discard_unused)()
            raise

    def resume(self, overrides: Sequence[str] = ()) -> RunResult | None:
        """Resume from the newest intact checkpoint, or start from the beginning if there is none.

        Args:
            overrides: Options of the trainer or the run that are not as recorded in the folder.

        Raises:
            InvalidOption: The experiment or its data has changed since the checkpoint was saved.
        """
        check_changes(self.folder, self.experiment, overrides)
        with self.folder.locked():
            checkpoint = newest_intact(self.folder.checkpoints, self.tell)
            if checkpoint is None:
                self.tell("no intact checkpoint; starting from the beginning")
                rank_zero_only(unseal)(self.folder)
                rank_zero_only(record)(self.folder, self.experiment)
            else:
                self._compare(checkpoint, overrides)
                check_seal(self.folder, history(self.folder))
                rank_zero_only(unseal)(self.folder)
                self._change(checkpoint, overrides)
            for folder in (self.folder.path, self.folder.checkpoints):
                rank_zero_only(remove_leftovers)(folder)
            return self._fit(checkpoint)

    def _change(self, checkpoint: Checkpoint, overrides: Sequence[str]) -> None:
        """Record changed options; those of an earlier attempt are not in its checkpoint either."""
        same = checkpoint.manifest["configuration"] == configuration(self.folder)
        self.options_changed = bool(overrides) or not same
        if overrides:
            rank_zero_only(record_change)(self.folder, self.experiment, checkpoint.step, overrides)

    def _compare(self, checkpoint: Checkpoint, overrides: Sequence[str]) -> None:
        """Compare a checkpoint with the experiment, its data and the versions of the present run."""
        known = [configuration(self.folder), *(c.get("configuration_before") for c in changes(self.folder))]
        if checkpoint.manifest.get("configuration") not in known:
            raise InvalidOption(
                f"{self.folder.experiment} was changed after {checkpoint.path.name} was saved;"
                " restore it, or start a new run from it with -c"
            )
        for path in changed_data(self.folder, self.experiment):
            self._refuse_changed(path)
        for line in (
            *new_options(self.folder, self.experiment, overrides),
            *self._other_versions(checkpoint),
        ):
            self.tell(f"warning: {line}")

    def _refuse_changed(self, path: Path) -> None:
        if path.is_dir():  # which may hold other files
            self.tell(f"warning: {path} has changed since the run was started; the result may mix data sets")
            return
        raise InvalidOption(
            f"{path} has changed since the run was started; restore it, or start a new run with the changed"
            f" data: recurra train -c {self.folder.experiment}"
        )

    def _other_versions(self, checkpoint: Checkpoint) -> Iterator[str]:
        for difference in differences(checkpoint.manifest, provenance(self.experiment)):
            yield f"{difference}; the result may not be bit-identical"

    def _fit(self, checkpoint: Checkpoint | None) -> RunResult | None:
        """Train and evaluate, with the threads and the seed of the run."""
        rank_zero_only(self._identify)()
        reseed(self.experiment.seed, -1, 0)
        with threads(self.options.threads), resumable(self.folder):
            return self._trained(checkpoint)

    def _identify(self) -> None:
        self.store.identity = {"configuration": configuration(self.folder), **provenance(self.experiment)}

    def _trained(self, checkpoint: Checkpoint | None) -> RunResult | None:
        began = time.perf_counter(), time.process_time()
        with SignalFlag() as flag, quiet():
            validation = self._validation(flag)
            checkpoints = self._checkpoints(validation, flag)
            trainer = self._lightning([callbacks.Guard(), validation, checkpoints], checkpoint)
            self.tell(f"run folder: {self.folder.path}")
            for defect in engines().defects:
                self.tell(f"warning: {defect}")
            if not self._finished(checkpoint, validation):
                self._learn(trainer, checkpoint)
            checkpoints.leave_when_asked(int(self.parts.module.batches_seen))
            if not trainer.is_global_zero:
                return None
            seconds = time.perf_counter() - began[0], time.process_time() - began[1]
            return self._conclude(validation, flag, *seconds)

    def _learn(self, trainer: pl.Trainer, checkpoint: Checkpoint | None) -> None:
        module, data = self.parts.module, self._batches(trainer, "train")
        if checkpoint is not None:
            self.store.offer(checkpoint)
            if self.options_changed:
                reopen(checkpoint.content)
                renew(checkpoint.content, module.configure_optimizers())
        with memory_errors_named(self.experiment, "task"), explained(self.folder, self.experiment, self.tell):
            trainer.fit(
                module,
                training_loader(data, module.batches_seen, self.options.workers),
                ckpt_path=checkpoint and checkpoint.path,
                weights_only=True,
            )

    def _finished(self, checkpoint: Checkpoint | None, validation: callbacks.Validation) -> bool:
        """Return whether training is complete, and if so load the final state."""
        if checkpoint is None:
            return False
        state = checkpoint.content["state_dict"]
        judged = checkpoint.content["callbacks"][validation.state_key]
        budget, step = self.options.max_steps * self.options.accumulate, checkpoint.step
        due = step % validation.every == 0 and step != judged["last"]
        ended = judged["outcome"] is not None and not self.options_changed
        if not ended and (step < budget or due):
            return False
        self.parts.module.load_state_dict(state)
        validation.load_state_dict(judged)
        return True

    def _lightning(self, around: list[Any], checkpoint: Checkpoint | None) -> pl.Trainer:
        options, path = self.options, self.folder.path
        step = checkpoint.step if checkpoint else 0
        loggers = make_loggers(options.logger, path, self.experiment.as_dict(), step)
        if options.progress and self.progress:
            around.append(progress(options.max_steps * options.accumulate, self.tell))
        around += [make_callback(choice) for choice in options.callbacks]
        around += self._plugin_callbacks()
        rule = self.parts.trainer.lightning_options()
        return lightning(options, path, rule, logger=loggers, callbacks=around, plugins=[self.store])

    def _plugin_callbacks(self) -> list[Any]:
        plugins = discovery.plugins()
        known = len(plugins.defects)
        about = {"folder": self.folder.path, "experiment": self.experiment.as_dict()}
        found = [item for _, item in plugins.results("recurra_callbacks", pl.Callback, **about)]
        for defect in plugins.defects[known:]:
            self.tell(f"warning: {defect}")
        return list(found)

    def _validation(self, flag: SignalFlag) -> callbacks.Validation:
        options = self.options
        return callbacks.Validation(
            lambda trainer: self._batches(trainer, "validation"),
            options.validation_batches,
            options.validate_every * options.accumulate,
            callbacks.StopRule(self.goal, options.stop_after, options.early_stop_patience),
            flag,
        )

    def _checkpoints(self, validation: callbacks.Validation, flag: SignalFlag) -> callbacks.Checkpoints:
        every = self.options.checkpoint_every * self.options.accumulate
        return callbacks.Checkpoints(self.folder, self.store, every, validation, flag)

    def _batches(self, trainer: pl.Trainer, split: Split) -> Batches:
        if split == "train" and self.parts.module.replicate_batches:
            return Batches(self.parts.task, self.options.batch_size, self.experiment.seed, split, 0, 1)
        size = getattr(self.options, BATCH_SIZES[split != "train"])
        rank, ranks = trainer.global_rank, trainer.world_size
        return Batches(self.parts.task, size, self.experiment.seed, split, rank, ranks)

    def _conclude(
        self, validation: callbacks.Validation, flag: SignalFlag, wall_s: float, cpu_s: float
    ) -> RunResult:
        steps = int(self.parts.module.batches_seen)
        kept = load_best(self.parts.module, self.folder, validation.kept_step, self.tell)
        status, sequences = validation.outcome or "budget used", steps * self.options.batch_size
        outcome = Outcome(status, steps, sequences, round(wall_s, 2), round(cpu_s, 2), kept)
        return conclude(self.folder, self.experiment, self.parts, self.goal, outcome, flag.check)
