"""The learning-rate range test: a short training whose rate rises from batch to batch (Smith 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pytorch_lightning.tuner.tuning import Tuner

from recurra.errors import IncompatibleParts
from recurra_lab.experiments import Experiment
from recurra_lab.runs.build import build
from recurra_lab.runs.pl_trainer import lightning, quiet
from recurra_lab.training.batches import Batches, training_loader

WORSE = 4.0
"""The test ends when the loss is so many times the least."""


@dataclass(frozen=True)
class Rates:
    """What a range test found.

    Args:
        rates: Tried, one for each batch.
        losses: Smoothed, of the batches.
        suggested: Where the loss fell most steeply; None if it did nowhere.
    """

    rates: list[float]
    losses: list[float]
    suggested: float | None


def find_rates(experiment: Experiment, lowest: float, highest: float, batches: int) -> Rates:
    """Train on a number of batches with rates that rise evenly in their logarithm.

    Raises:
        IncompatibleParts: The learning rule has no optimiser.
    """
    parts = build(experiment)
    if parts.module.configure_optimizers() is None:
        told = f"trainer '{experiment.trainer.name}' has no learning rate that can be tried like this"
        raise IncompatibleParts(f"{told}; trainer=bptt has")
    parts.module.updates = batches
    data = Batches(parts.task, experiment.run.batch_size, experiment.seed, "train", 0, 1)
    rule = parts.rule.options_for_lightning()
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
