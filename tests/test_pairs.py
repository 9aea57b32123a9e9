"""Every installed cell on every installed task: two updates, with a finite loss."""

import itertools

import pytest
import torch

from recurra.errors import IncompatibleParts
from recurra.experiment import Experiment
from recurra.learning import LearningModule
from recurra.registry import components
from recurra.run.setup import build


def names(kind):
    return [offer.component.name for offer in components(kind)]


def two_losses(module: LearningModule):
    module.log = lambda *args, **kwargs: None
    module.updates = 2
    optimizer = module.configure_optimizers()["optimizer"]
    for k in range(2):
        batch = module.task.batch(k, batch_size=2, seed=0, split="train")
        loss = module.learn(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.detach()


def built(task: str, cell: str, *overrides: str) -> LearningModule:
    """Return what would be trained, or skip what the trainer refuses, with its sentence."""
    try:
        return build(Experiment.compose(task, cell, file=None, overrides=list(overrides))).module
    except IncompatibleParts as refused:
        pytest.skip(str(refused))


@pytest.mark.parametrize(("task", "cell"), list(itertools.product(names("task"), names("cell"))))
def test_a_pair_learns(task, cell):
    assert all(torch.isfinite(loss) for loss in two_losses(built(task, cell)))


@pytest.mark.parametrize(("controller", "memory"), list(itertools.product(names("cell"), names("memory"))))
def test_every_controller_goes_with_every_memory(controller, memory):
    if controller == "ntm":
        pytest.skip("a controller that has a memory of its own is the nested case below")
    overrides = [f"cell.controller={controller}", f"cell.memory={memory}"]
    assert all(torch.isfinite(loss) for loss in two_losses(built("copy", "ntm", *overrides)))


def test_a_memory_may_drive_a_memory():
    overrides = ['cell.controller={name="ntm", controller={name="feed-forward", hidden_size=4}}']
    assert all(torch.isfinite(loss) for loss in two_losses(built("copy", "ntm", *overrides)))
