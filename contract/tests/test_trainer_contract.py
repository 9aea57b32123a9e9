"""The contract of trainers: the toy trainer keeps it, and each check kills trainers that break it."""

import pytest
import torch

from recurra import GraphTask, IncompatibleParts
from recurra_contract import (
    CheckFailed,
    Examples,
    GrowingCell,
    ToyGraphTask,
    ToyTask,
    ToyTrainer,
    checks,
    examples_of,
)
from recurra_contract.altered_tasks import spoiled
from recurra_contract.harness import task_of
from recurra_contract.kit import maker
from recurra_lab import LearningModule

from .mutants.trainers import MUTANTS

CHECKS = {check.__name__: check for check in checks("trainer")}


def trainer_of(broken):
    """Return a broken trainer, or the toy trainer with a broken rule."""
    if not issubclass(broken, LearningModule):
        return broken

    class Mutant(ToyTrainer):
        def lightning_module(self, model, task, seed):
            self.check(model)
            return broken(model, task, seed, self.lr)

    return Mutant


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_the_toy_passes(check):
    check(maker("trainer", ToyTrainer))


@pytest.mark.parametrize(("name", "mutant"), MUTANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_check_kills_its_mutant(name, mutant):
    with pytest.raises(CheckFailed):
        CHECKS[name](maker("trainer", trainer_of(mutant)))


def test_every_check_has_a_mutant():
    assert {name for name, _ in MUTANTS} == set(CHECKS)


def test_a_rule_that_refuses_noise_is_checked_without():
    class Exact(ToyTrainer):
        def check(self, model):
            if model.tags.stochastic:
                raise IncompatibleParts("only without noise")

    for check in CHECKS.values():
        check(maker("trainer", Exact))


def test_a_rule_that_refuses_streams_is_checked_without():
    class Whole(ToyTrainer):
        def lightning_module(self, model, task, seed):
            if task.continues_previous(1, batch_size=4, seed=0, split="train"):
                raise IncompatibleParts("only whole sequences")
            return super().lightning_module(model, task, seed)

    CHECKS["check_streams_are_continued"](maker("trainer", Whole))


def examples(trainer):
    return Examples(cell=GrowingCell if trainer.lr > 1 else None, task=ToyTask(size=2))


def test_a_trainer_names_what_it_is_checked_on():
    class Choosy(ToyTrainer):
        contract_examples = f"{__name__}:examples"

    assert examples_of(ToyTrainer()) == Examples(None, None)
    assert examples_of(Choosy(lr=2.0)).cell is GrowingCell
    assert examples_of(Choosy()).cell is None
    assert task_of(Choosy).output_size == 2


@pytest.mark.parametrize("task", [ToyTask(), ToyGraphTask()], ids=["sequences", "graphs"])
def test_a_spoiled_task_is_a_task_of_the_same_kind_whose_loss_is_nan(task):
    bad = spoiled(task)
    assert isinstance(bad, GraphTask) is isinstance(task, GraphTask)
    assert (bad.goal, bad.input_kind, bad.input_size) == (task.goal, task.input_kind, task.input_size)
    batch = bad.batch(0, batch_size=2, seed=0, split="train")
    y = torch.zeros(*batch.mask.shape, task.output_size)
    assert batch.x.isnan().all()
    assert bad.loss(y, batch).isnan()
    assert type(task) in (ToyTask, ToyGraphTask)


def test_checks_leave_the_generator_as_it_was():
    before = torch.get_rng_state()
    CHECKS["check_looking_changes_nothing"](maker("trainer", ToyTrainer))
    assert torch.equal(before, torch.get_rng_state())
