"""The contract of tasks: the toy task keeps it, and each check kills tasks that break it."""

import pytest
import torch

from recurra import Batch, Corpus, Environment, Goal, InvalidOption
from recurra_contract import CheckFailed, Skip, ToyTask, checks
from recurra_contract.kit import maker

from .mutants import task_batches, task_randomness, task_scores

CHECKS = {check.__name__: check for check in checks("task")}
MUTANTS = [*task_batches.MUTANTS, *task_randomness.MUTANTS, *task_scores.MUTANTS]


class ManyAtOnce(ToyTask):
    def goal_scores(self, y, batch):
        wrong = (y - batch.target).double() * batch.mask[:, :, None]
        return wrong.square().sum((1, 2, 3)) / (batch.mask.sum() * self.output_size)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_the_toy_passes(check):
    offers = check.__name__ == "check_goal_scores_are_scores"
    check(maker("task", ManyAtOnce if offers else ToyTask))


@pytest.mark.parametrize(("name", "mutant"), MUTANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_check_kills_its_mutant(name, mutant):
    with pytest.raises(CheckFailed):
        CHECKS[name](maker("task", mutant))


@pytest.mark.parametrize("honest", [task_batches.Trees, task_batches.TokenTrees])
def test_honest_trees_pass(honest):
    CHECKS["check_sizes_are_declared"](honest)
    CHECKS["check_batch_has_declared_shapes"](honest)


HASHES = """
from recurra_contract import ToyTask

class Hashes(ToyTask):
    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        return batch._replace(x=batch.x + hash("word") % 1000)

class Fails(ToyTask):
    def __init__(self):
        super().__init__()
        if __import__("sys").argv[0].endswith("subprocess_worker.py"):
            raise OSError("no such disk")

class Leaves(ToyTask):
    def __init__(self):
        super().__init__()
        if __import__("sys").argv[0].endswith("subprocess_worker.py"):
            __import__("os")._exit(3)
"""
DIFFERENT = {"Hashes": "draws different data", "Fails": "no such disk", "Leaves": "it exited with code 3"}


def test_a_task_that_differs_between_processes_is_killed(tmp_path, monkeypatch):
    (tmp_path / "task_that_hashes.py").write_text(HASHES)
    monkeypatch.syspath_prepend(str(tmp_path))
    import task_that_hashes

    for name, told in DIFFERENT.items():
        with pytest.raises(CheckFailed, match=told):
            CHECKS["check_batch_is_the_same_in_another_process"](getattr(task_that_hashes, name))


def test_every_check_has_a_mutant():
    killed_by_file = {"check_batch_is_the_same_in_another_process"}
    assert {name for name, _ in MUTANTS} | killed_by_file == set(CHECKS)


class FullRows(ToyTask):
    def sample(self, batch_size, rng):
        x = torch.randn(batch_size, self.length, self.input_size, generator=rng)
        mask = torch.ones(batch_size, self.length, dtype=torch.bool)
        return Batch(x, x + 1, mask, torch.full((batch_size,), self.length))


class Secretive(ToyTask):
    def oracle(self, batch):
        return None


class Rewarding(Environment):
    stream = "Rewarding"
    goal = Goal("return", above=0.5)

    def __init__(self):
        super().__init__(2, 1)

    def environments(self, count):
        raise AssertionError("no check that is skipped plays")

    def actions(self, y):
        return y


class Stored(Corpus, ToyTask):
    """Has the sequences of the toy, and draws nothing."""

    sample = None

    def count(self, split):
        return 7

    def gather(self, split, rows):
        return ToyTask.sample(self, len(rows), torch.Generator().manual_seed(0))


class OtherGoal(ToyTask):
    def goal_scores(self, y, batch):
        return None


def local():
    class Local(ToyTask):
        pass

    return Local()


@pytest.mark.parametrize(
    ("check", "make", "reason"),
    [
        ("check_only_the_mask_counts", FullRows, "every step of a batch is scored"),
        ("check_oracle_meets_the_goal", Secretive, "has no oracle"),
        ("check_loss_is_differentiable", Rewarding, "is an environment, which provides rewards, not targets"),
        ("check_all_randomness_comes_from_rng", Stored, "has no `sample`"),
        ("check_goal_scores_are_scores", ToyTask, "defines no `goal_scores`"),
        ("check_goal_scores_are_scores", OtherGoal, "cannot be computed for an ensemble of networks"),
        ("check_batch_is_the_same_in_another_process", local, "cannot be imported by its name"),
    ],
)
def test_a_check_that_does_not_apply_says_why(check, make, reason):
    with pytest.raises(Skip, match=reason):
        CHECKS[check](make)


def test_the_toy_refuses_a_size_of_nothing():
    with pytest.raises(InvalidOption, match="size"):
        ToyTask(size=0)
