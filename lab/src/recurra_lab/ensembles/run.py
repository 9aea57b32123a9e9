"""Train runs that differ in their seed alone as one program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytorch_lightning.loggers import Logger
from torch.utils.data import DataLoader, Dataset

from recurra.errors import RecurraError
from recurra.task import Batch
from recurra_lab.artifacts.checkpoint import Checkpoint
from recurra_lab.ensembles.callbacks import Members, interrupted
from recurra_lab.ensembles.checkpoints import EnsembleCheckpoints
from recurra_lab.ensembles.member import Member
from recurra_lab.ensembles.module import EnsembleModule
from recurra_lab.ensembles.obstacles import obstacle, obstacle_of_engine
from recurra_lab.ensembles.stack import Stack, tensors_of
from recurra_lab.errors import NonFinite
from recurra_lab.runs.build import threads
from recurra_lab.runs.failures import explained, way_on
from recurra_lab.runs.loggers import make_loggers
from recurra_lab.runs.memory import memory_errors_named
from recurra_lab.runs.pl_trainer import lightning, quiet
from recurra_lab.runs.progress import progress
from recurra_lab.runs.run import Run
from recurra_lab.runs.signals import Interrupted, SignalFlag
from recurra_lab.training.batches import FromPosition
from recurra_lab.training.gradient_rule import GradientRule
from recurra_lab.training.stop_signals import ignore_in_worker

Ended = tuple[Run, RecurraError | None]
"""A run, and why it has no result, or None."""


class CannotStack(Exception):
    """Runs cannot be trained as one program, for a reason that completes a sentence."""


def train_together(runs: Sequence[Run], checkpoints: Sequence[Checkpoint]) -> list[Ended]:
    """Train runs as one program, and conclude each.

    Args:
        runs: The runs, whose folders are locked and recorded.
        checkpoints: Where each goes on from, all at one step; empty to start from the beginning.

    Raises:
        CannotStack: They cannot; nothing has been trained.
        Interrupted: A signal was received, and all unfinished runs were saved.
        RunFailed: A data-loading process was killed, or an update of all became infinite.
    """
    first = runs[0]
    with threads(first.options.threads), quiet(), SignalFlag() as flag:
        ensemble = _Ensemble(runs, checkpoints, flag)
        explains = explained(first.folder, first.experiment, first.tell)
        with memory_errors_named(first.experiment, "task"), explains:
            ensemble.fit()
        return list(ensemble.concluded())


class _Ensemble:
    def __init__(self, runs: Sequence[Run], checkpoints: Sequence[Checkpoint], flag: SignalFlag) -> None:
        self.runs, self.flag, self.checkpoints = runs, flag, checkpoints
        stack = _stack(runs, checkpoints)
        for run in runs:
            run.identify()
            run.parts, run.flag = runs[0].parts, flag
        step = checkpoints[0].step if checkpoints else 0
        self.members = [Member(run, run.validation(flag), _loggers(run, step)) for run in runs]
        self.module = EnsembleModule(list(self.members), stack)
        self.store = EnsembleCheckpoints(self.module, checkpoints)
        self.store.restore()

    def fit(self) -> None:
        """Train until every member is done, or has used its budget."""
        first, options = self.runs[0], self.runs[0].options
        callbacks = [Members(self.module, self.store, self.flag)]
        parts = {"logger": False, "callbacks": callbacks, "plugins": [self.store]}
        if options.progress and first.progress:
            parts["callbacks"] = [*callbacks, progress(options.max_steps, first.tell)]
        rule = first.parts.trainer.lightning_options()
        trainer = lightning(options, first.folder.path, rule, **parts)
        path = first.folder.checkpoints if self.checkpoints else None
        trainer.fit(self.module, _loader(self.module, options.workers), ckpt_path=path, weights_only=True)
        if self.flag.received:
            raise interrupted(self.flag, self.module.step)

    def concluded(self) -> Iterator[Ended]:
        """Conclude each run that has not failed.

        Raises:
            Interrupted: A signal was received; the trained models were saved.
        """
        stack = self.module.stack
        for i, member in enumerate(self.module.members):
            member.end = stack.one(i)
        for member in self.members:
            member.write_log()
            for logger in member.loggers:
                logger.finalize("success")
            if member.failure is not None:
                yield member.run, _non_finite(member)
                continue
            assert member.end is not None
            stack.turn_to(member.end)
            try:
                member.run.conclude(member.validation, *member.seconds)
                yield member.run, None
            except Interrupted:
                raise
            except RecurraError as error:
                yield member.run, error


def _non_finite(member: Member) -> NonFinite:
    run = member.run
    return NonFinite(f"{member.failure}; {way_on(run.folder, run.experiment, run.tell)}")


def _loggers(run: Run, step: int) -> list[Logger]:
    return make_loggers(run.options.logger, run.folder.path, run.experiment.as_dict(), step)


def _stack(runs: Sequence[Run], checkpoints: Sequence[Checkpoint]) -> Stack:
    reason = obstacle(runs)
    if reason:
        raise CannotStack(reason)
    for run, checkpoint in zip(runs, checkpoints, strict=False):
        run.parts.module.load_state_dict(checkpoint.content["state_dict"])
    rule = runs[0].parts.module
    assert isinstance(rule, GradientRule)
    stack = Stack(rule, [tensors_of(run.parts.module) for run in runs])
    reason = obstacle_of_engine(runs, stack)
    if reason:
        raise CannotStack(reason)
    return stack


class _Drawn(Dataset[dict[int, Batch]]):
    """Item k holds batch k of each member that is still trained, by its seed."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members

    def __getitem__(self, k: int) -> dict[int, Batch]:
        return {member.seed: member.batches("train")[k] for member in self.members}


def _loader(module: EnsembleModule, workers: int) -> DataLoader[dict[int, Batch]]:
    return DataLoader(
        _Drawn(module.members),
        batch_size=None,
        sampler=FromPosition(module.stack.tensors["batches_seen"][0]),
        num_workers=workers,
        worker_init_fn=ignore_in_worker if workers else None,
    )
