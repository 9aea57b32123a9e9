"""The learning-rate range test: a short run with an increasing learning rate (Smith 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pytorch_lightning.tuner.tuning import Tuner

from recurra.config.options import fields_of
from recurra.errors import IncompatibleParts
from recurra.plugins import registry
from recurra.rng import preserve_rng_state
from recurra_lab.experiments import Experiment
from recurra_lab.runs.build import build, threads
from recurra_lab.runs.pl_trainer import lightning, quiet
from recurra_lab.training.batches import Batches, training_loader

WORSE = 4.0
"""The test stops when the loss exceeds its minimum by this factor."""


@dataclass(frozen=True)
class Rates:
    """The result of a range test.

    Args:
        rates: Learning rate of each batch.
        losses: Smoothed loss of each batch.
        suggested: Rate at which the loss fell most steeply; None if it never fell.
    """

    rates: list[float]
    losses: list[float]
    suggested: float | None


def find_rates(experiment: Experiment, lowest: float, highest: float, batches: int) -> Rates:
    """Train on a number of batches with exponentially increasing learning rates.

    The number of threads and the random state of the process are not changed.

    Raises:
        IncompatibleParts: The learning rule has no optimizer.
    """
    with threads(experiment.run.threads), preserve_rng_state():
        return _found(experiment, lowest, highest, batches)


def _found(experiment: Experiment, lowest: float, highest: float, batches: int) -> Rates:
    parts = build(experiment)
    if parts.module.configure_optimizers() is None:
        others = registry.suggestion("trainer", lambda trainer: "optimizer" in fields_of(trainer))
        message = f"trainer '{experiment.trainer.name}' has no optimizer whose learning rate can be tested"
        raise IncompatibleParts(message + others)
    parts.module.max_updates = batches
    data = Batches(parts.task, experiment.run.batch_size, experiment.seed, "train", 0, 1)
    rule = parts.trainer.lightning_options()
    with quiet(), TemporaryDirectory() as folder:
        trainer = lightning(experiment.run, Path(folder), rule, logger=False, callbacks=[])
        found = Tuner(trainer).lr_find(
            parts.module,
            train_dataloaders=training_loader(data, parts.module.batches_seen, 0),
            min_lr=lowest,
            max_lr=highest,
            num_training=batches,
            update_attr=False,
            early_stop_threshold=WORSE,
        )
    assert found is not None
    return Rates(found.results["lr"], found.results["loss"], found.suggestion())
