"""Training in memory: the steps of a run without its folder."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from recurra.errors import InvalidOption
from recurra.rng import preserve_rng_state
from recurra.task import Split, Task
from recurra_lab.errors import NonFinite
from recurra_lab.experiments import Experiment
from recurra_lab.experiments.lightning_callbacks import make_callback
from recurra_lab.runs.build import Parts, build, goal_of, threads
from recurra_lab.runs.callbacks import Guard, StopRule, Validation
from recurra_lab.runs.memory import memory_errors_named
from recurra_lab.runs.pl_trainer import lightning, quiet
from recurra_lab.runs.progress import progress
from recurra_lab.runs.signals import Interrupted, SignalFlag
from recurra_lab.runs.trained import Trained
from recurra_lab.training.batches import Batches, training_loader
from recurra_lab.training.seeding import reseed

REMEDY = "train again with a smaller learning rate"


def fit(
    experiment: Experiment, task: Task | None = None, *, tell: Callable[[str], None] | None = None
) -> Trained:
    """Train in memory, in this process, and return the trained network, in evaluation mode.

    The updates are those of `train` with the same experiment, which also keeps checkpoints, metrics, scores
    of the suite and a report in a folder. The random state of the process is not changed.

    Args:
        experiment: The experiment; options that concern files of a run have no effect.
        task: The task; None builds that of the experiment. The experiment still names its kind.
        tell: Receives lines on the progress; None: train silently.

    Raises:
        InvalidOption: The experiment asks for several processes.
        NonFinite: The loss or a parameter became NaN or infinite.
        KeyboardInterrupt: Training was interrupted.
    """
    _check_one_process(experiment)
    parts = build(experiment, task)
    with threads(experiment.run.threads), preserve_rng_state(), quiet():
        reseed(experiment.seed, -1, 0)
        with memory_errors_named(experiment, "task"):
            _learn(experiment, parts, tell)
    return Trained(parts.module.evaluated_model, parts.task, experiment).eval()


def _check_one_process(experiment: Experiment) -> None:
    for name in ("devices", "nodes"):
        if (count := getattr(experiment.run, name)) > 1:
            raise InvalidOption(f"training in memory uses one process; run.{name} = {count}: expected 1")


def _learn(experiment: Experiment, parts: Parts, tell: Callable[[str], None] | None) -> None:
    options, module = experiment.run, parts.module
    module.max_updates = options.max_steps
    with _stoppable() as flag:
        validation = _validation(experiment, parts, flag)
        kept = KeepsBest(validation)
        around = [Guard(), validation, kept, Stops(flag), *map(make_callback, options.callbacks)]
        if tell is not None:
            around.append(progress(options.max_steps * options.accumulate, tell))
        rule = parts.trainer.lightning_options()
        trainer = lightning(options, Path(), rule, logger=False, callbacks=around)
        loader = training_loader(_batches(experiment, parts, "train"), module.batches_seen, options.workers)
        with _explained():
            trainer.fit(module, loader)
        kept.restore(module)
        if tell is not None:
            at = f"; the weights are those of update {kept.step:,}" if kept.step else ""
            tell(f"training ended after {trainer.global_step:,} updates{at}")


@contextmanager
def _stoppable() -> Iterator[SignalFlag]:
    """Turn a signal that ends training into what it would have done outside."""
    try:
        with SignalFlag() as flag:
            yield flag
    except Interrupted as error:
        if flag.received == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise SystemExit(error.exit_code) from None


@contextmanager
def _explained() -> Iterator[None]:
    """Say what to do when training diverges."""
    try:
        yield
    except NonFinite as error:
        raise NonFinite(f"{error}; {REMEDY}") from None
    except RuntimeError as error:
        if "without overflow" not in str(error):
            raise
        raise NonFinite(f"an update became infinite ({error}); {REMEDY}") from error


def _validation(experiment: Experiment, parts: Parts, flag: SignalFlag) -> Validation:
    options = experiment.run
    return Validation(
        lambda _: _batches(experiment, parts, "validation"),
        options.validation_batches,
        options.validate_every * options.accumulate,
        StopRule(goal_of(experiment, parts.task), options.stop_after, options.early_stop_patience),
        flag,
    )


def _batches(experiment: Experiment, parts: Parts, split: Split) -> Batches:
    options = experiment.run
    size = options.batch_size if split == "train" else options.evaluation_batch_size
    return Batches(parts.task, size, experiment.seed, split, rank=0, ranks=1)


class KeepsBest(Callback):
    """Keeps a copy of the weights of the best validation, if the stopping criterion asks for it."""

    def __init__(self, validation: Validation) -> None:
        self.validation = validation
        self.step = 0
        self.state: dict[str, Any] = {}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Copy the weights after a validation that is the best so far."""
        best = self.validation.kept_step
        if best is not None and best != self.step:
            self.step = best
            self.state = {name: part.clone() for name, part in pl_module.state_dict().items()}

    def restore(self, module: pl.LightningModule) -> None:
        """Set the module to the weights that were kept."""
        if self.state:
            module.load_state_dict(self.state)


class Stops(Callback):
    """Ends training after a signal."""

    def __init__(self, flag: SignalFlag) -> None:
        self.flag = flag

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Reinstall the signal handlers, which Lightning has just replaced."""
        self.flag.install()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop.

        Raises:
            Interrupted: A signal was received.
        """
        if self.flag.received:
            raise Interrupted("training was interrupted", self.flag.received)
