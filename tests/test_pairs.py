"""Installed cells on installed tasks, two updates and all finite; the slow tests try every pair, longer.

A batch is cut to the last dozen steps before the end of each answer, so that hundreds of pairs take seconds:
what is asked here is whether a pair fits together, not whether it learns.
"""

import functools

import pytest
import torch

from recurra import Batch, IncompatibleParts
from recurra.plugins.registry import components, load
from recurra_lab import Experiment, LearningModule
from recurra_lab.runs.build import build
from selection import accepted, every_pair

STEPS, ROWS = 12, 2
FEW = 2
"""How many cells of each task, and tasks of each cell, the fast tests try."""


def names(kind):
    return [offer.component.name for offer in components(kind)]


def last_steps(batch: Batch) -> Batch:
    """Return of every row its last scored step and what comes before it, a dozen steps in all at most."""
    t = torch.arange(batch.mask.shape[1])
    ends = torch.where(batch.mask, t + 1, 0).amax(1)
    lengths = ends.clamp(max=STEPS)
    shown = torch.arange(int(lengths.max()))
    steps = ((ends - lengths)[:, None] + shown).clamp(max=len(t) - 1)
    x, target, mask = (part[torch.arange(len(ends))[:, None], steps] for part in batch[:3])
    return Batch(x, target, mask & (shown < lengths[:, None]), lengths)


@functools.cache
def batch_of(task: str, k: int) -> Batch:
    """Return a small batch; the steps of a tree belong together, so that trees stay as they are."""
    made = load("task", task)()
    batch = made.batch(k, batch_size=ROWS, seed=0, split="train")
    return batch if "trees" in made.input_kind else last_steps(batch)


def losses(module: LearningModule, task: str, updates: int):
    module.log = lambda *args, **kwargs: None
    module.max_updates = updates
    optimizer = module.configure_optimizers()["optimizer"]
    for k in range(updates):
        loss = module.training_loss(batch_of(task, k))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.detach()


def trains(module: LearningModule, task: str, updates: int = 2) -> bool:
    """Say whether every loss, and every weight at the end, is finite."""
    found = torch.stack(list(losses(module, task, updates)))
    weights = [bool(parameter.isfinite().all()) for parameter in module.parameters()]
    return bool(found.isfinite().all()) and all(weights)


def built(task: str, cell: str, *overrides: str) -> LearningModule:
    """Return what would be trained; raises `IncompatibleParts` where the trainer refuses it."""
    return build(Experiment.compose(task, cell, file=None, overrides=list(overrides))).module


def built_or_skipped(task: str, cell: str, *overrides: str) -> LearningModule:
    try:
        return built(task, cell, *overrides)
    except IncompatibleParts as refused:
        pytest.skip(str(refused))


@pytest.mark.parametrize("task", names("task"))
def test_a_task_is_learned_by_some_cells(task):
    for _, module in accepted([(task, cell) for cell in names("cell")], built, FEW):
        assert trains(module, task), module.model


@pytest.mark.parametrize("cell", names("cell"))
def test_a_cell_learns_some_tasks(cell):
    for (task, _), module in accepted([(task, cell) for task in names("task")], built, FEW):
        assert trains(module, task), task


@pytest.mark.slow
@pytest.mark.parametrize("cell", names("cell"))
@pytest.mark.parametrize("task", names("task"))
def test_every_pair_trains_for_a_hundred_steps(task, cell):
    assert trains(built_or_skipped(task, cell), task, updates=100)


def test_a_batch_is_cut_to_the_end_of_each_answer():
    t = torch.arange(20)
    x = t.repeat(3, 1)[..., None] + 100 * torch.arange(3)[:, None, None]
    mask = torch.stack([t == 4, t == 18, (t > 2) & (t < 16)])
    cut = last_steps(Batch(x, x + 0.5, mask, torch.tensor([20, 19, 17])))
    assert cut.lengths.tolist() == [5, 12, 12]
    assert [row[:n, 0].tolist() for row, n in zip(cut.x, cut.lengths, strict=True)] == [
        list(range(5)),
        list(range(107, 119)),
        list(range(204, 216)),
    ]
    assert torch.equal(cut.target, cut.x + 0.5)
    assert cut.mask.sum(1).tolist() == [1, 1, 12]
    assert cut.mask[0, 4]
    assert cut.mask[1, 11]


def test_a_loss_or_weight_that_is_not_finite_is_noticed():
    module = built("copy", "lstm")
    torch.nn.init.constant_(next(module.parameters()), torch.nan)
    assert not trains(module, "copy")


@pytest.mark.parametrize(("controller", "memory"), every_pair(names("cell"), names("memory")))
def test_a_controller_goes_with_a_memory(controller, memory):
    if controller == "ntm":
        pytest.skip("a controller that has a memory of its own is the nested case below")
    overrides = [f"cell.controller={controller}", f"cell.memory={memory}"]
    assert trains(built_or_skipped("copy", "ntm", *overrides), "copy")


def test_a_memory_may_drive_a_memory():
    overrides = ['cell.controller={name="ntm", controller={name="feed-forward", hidden_size=4}}']
    assert trains(built("copy", "ntm", *overrides), "copy")
