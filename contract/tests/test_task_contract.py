"""The contract of tasks: the toy task keeps it, and each check kills tasks that break it."""

import random

import numpy as np
import pytest
import torch

from recurra import Batch, Goal, Score
from recurra.errors import InvalidOption
from recurra_contract import CheckFailed, Skip, ToyTask, checks
from recurra_contract.kit import maker

CHECKS = {check.__name__: check for check in checks("task")}
MUTANTS = []


def mutant(check):
    """Register a broken task under the check that must kill it."""

    def register(component):
        MUTANTS.append(pytest.param(check, component, id=f"{check}-{component.__name__}"))
        return component

    return register


class Altered(ToyTask):
    """Changes every batch after it was drawn."""

    def sample(self, batch_size, rng):
        return self.alter(super().sample(batch_size, rng))


@mutant("check_options_round_trip")
class KeepsObjects(ToyTask):
    def __init__(self, *, size: int = 3, device: torch.dtype = torch.float32):
        super().__init__(size=size)


@mutant("check_options_round_trip")
class RemembersNothing(ToyTask):
    made = 0

    def __init__(self, *, size: int = 3, length: int = 5):
        type(self).made += 1
        super().__init__(size=size, length=length + type(self).made % 2)


@mutant("check_sizes_are_declared")
class NoWidth(ToyTask):
    def __init__(self):
        super().__init__()
        self.output_size = 0


@mutant("check_sizes_are_declared")
class GivesSomething(ToyTask):
    gives = "pictures"


@mutant("check_batch_has_declared_shapes")
class TimeFirst(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x.transpose(0, 1))


@mutant("check_batch_has_declared_shapes")
class MaskOfNumbers(Altered):
    def alter(self, batch):
        return batch._replace(mask=batch.mask.float())


@mutant("check_batch_has_declared_shapes")
class Overlong(Altered):
    def alter(self, batch):
        return batch._replace(lengths=batch.lengths + self.length)


@mutant("check_batch_has_declared_shapes")
class EmptyRow(Altered):
    def alter(self, batch):
        return batch._replace(lengths=torch.zeros_like(batch.lengths))


@mutant("check_batch_has_declared_shapes")
class TooWide(Altered):
    def alter(self, batch):
        return batch._replace(x=torch.cat([batch.x, batch.x], -1))


@mutant("check_batch_has_declared_shapes")
class DoublePrecision(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x.double())


@mutant("check_batch_has_declared_shapes")
class Infinite(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x / 0)


@mutant("check_batch_has_declared_shapes")
class TokenTooLarge(Altered):
    gives = "tokens"

    def alter(self, batch):
        return batch._replace(x=torch.full(batch.mask.shape, self.input_size))


class Trees(Altered):
    """Gives x as trees, whose arities are in the last channel."""

    gives = "trees"
    arities = (0, 0, 2, 0, 2)

    def alter(self, batch):
        arities = torch.tensor(self.arities).expand(batch.mask.shape)
        return batch._replace(x=torch.cat([batch.x[..., :-1], arities[..., None].to(batch.x)], -1))


class TokenTrees(Trees):
    gives = "token-trees"

    def alter(self, batch):
        tokens = torch.stack(
            [batch.target.argmax(-1), torch.tensor(self.arities).expand(batch.mask.shape)], -1
        )
        return batch._replace(x=tokens)


@pytest.mark.parametrize("honest", [Trees, TokenTrees])
def test_honest_trees_pass(honest):
    CHECKS["check_sizes_are_declared"](honest)
    CHECKS["check_batch_has_declared_shapes"](honest)


@mutant("check_batch_has_declared_shapes")
class HalfAChild(Trees):
    arities = (0, 0, 1.5, 0, 2)


@mutant("check_batch_has_declared_shapes")
class LessThanNoChild(Trees):
    arities = (0, 0, -1, 0, 2)


@mutant("check_batch_has_declared_shapes")
class OrphansOfNobody(Trees):
    arities = (0, 2, 0, 0, 2)


@mutant("check_batch_has_declared_shapes")
class TokenTreeOfOrphans(TokenTrees):
    arities = (0, 0, 3, 0, 2)


@mutant("check_batch_has_declared_shapes")
class TreeTokenTooLarge(TokenTrees):
    def alter(self, batch):
        batch = super().alter(batch)
        return batch._replace(x=batch.x + torch.tensor([self.input_size, 0]))


@mutant("check_batch_has_declared_shapes")
class TreesWithoutArities(TokenTrees):
    def alter(self, batch):
        return batch._replace(x=super().alter(batch).x[..., 0])


@mutant("check_batch_size_is_honoured")
class AlwaysFour(ToyTask):
    def sample(self, batch_size, rng):
        return super().sample(4, rng)


@mutant("check_mask_lies_within_lengths")
class ScoresPadding(Altered):
    def alter(self, batch):
        return batch._replace(mask=torch.ones_like(batch.mask))


@mutant("check_mask_lies_within_lengths")
class ScoresNothing(Altered):
    def alter(self, batch):
        return batch._replace(mask=torch.zeros_like(batch.mask))


@mutant("check_batch_is_a_function_of_its_number")
class Streams(Altered):
    def alter(self, batch):
        self.drawn = getattr(self, "drawn", 0) + 1
        return batch._replace(x=batch.x + self.drawn)


@mutant("check_batch_is_a_function_of_its_number")
class GlobalNoise(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x + torch.rand_like(batch.x))


@mutant("check_batches_differ")
class IgnoresNumber(ToyTask):
    def batch(self, k, **rest):
        return super().batch(0, **rest)


@mutant("check_batches_differ")
class IgnoresSeed(ToyTask):
    def batch(self, k, *, batch_size, seed, split):
        return super().batch(k, batch_size=batch_size, seed=0, split=split)


@mutant("check_batches_differ")
class JudgesOnTrainingData(ToyTask):
    def batch(self, k, *, batch_size, seed, split):
        return super().batch(k, batch_size=batch_size, seed=seed, split="train")


@mutant("check_batches_differ")
class OneHeldOutSplit(ToyTask):
    def batch(self, k, *, batch_size, seed, split):
        held_out = "train" if split == "train" else "test"
        return super().batch(k, batch_size=batch_size, seed=seed, split=held_out)


@mutant("check_all_randomness_comes_from_rng")
class IgnoresRng(ToyTask):
    def sample(self, batch_size, rng):
        return super().sample(batch_size, torch.Generator().manual_seed(0))


@mutant("check_all_randomness_comes_from_rng")
class OwnChance(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x + torch.rand_like(batch.x))


@mutant("check_global_generators_are_left_alone")
class SeedsTorch(Altered):
    def alter(self, batch):
        torch.manual_seed(0)
        return batch


@mutant("check_global_generators_are_left_alone")
class DrawsFromPython(Altered):
    def alter(self, batch):
        random.random()
        return batch


@mutant("check_global_generators_are_left_alone")
class DrawsFromNumPy(Altered):
    def alter(self, batch):
        np.random.rand()
        return batch


@mutant("check_ranks_share_a_batch")
class SharedLengths(Altered):
    def alter(self, batch):
        return batch._replace(lengths=torch.tensor([self.length]))


@mutant("check_loss_is_differentiable")
class LossPerRow(ToyTask):
    def loss(self, y, batch):
        return (y - batch.target).square().mean((1, 2))


@mutant("check_loss_is_differentiable")
class LossWithoutGradient(ToyTask):
    def loss(self, y, batch):
        return super().loss(y.detach(), batch)


@mutant("check_loss_is_differentiable")
class FlatLoss(ToyTask):
    def loss(self, y, batch):
        return 0 * super().loss(y, batch)


@mutant("check_loss_is_differentiable")
class InfiniteLoss(ToyTask):
    def loss(self, y, batch):
        return super().loss(y, batch) / 0


@mutant("check_loss_is_differentiable")
class SpoiledGradient(ToyTask):
    def loss(self, y, batch):
        return super().loss(y, batch) + (0 * y).sqrt().sum()


@mutant("check_loss_and_scores_change_nothing")
class LossInPlace(ToyTask):
    def loss(self, y, batch):
        return y.data.sub_(batch.target).square().mean()


@mutant("check_loss_and_scores_change_nothing")
class ScoresSpoilTheBatch(ToyTask):
    def scores(self, y, batch):
        batch.target.zero_()
        return super().scores(y, batch)


@mutant("check_loss_and_scores_change_nothing")
class PredictsInPlace(ToyTask):
    def predict(self, y):
        return y.sigmoid_()


@mutant("check_only_the_mask_counts")
class LossOfPadding(ToyTask):
    def loss(self, y, batch):
        return (y - batch.target).square().mean()


@mutant("check_only_the_mask_counts")
class ScoresOfPadding(ToyTask):
    def scores(self, y, batch):
        return super().scores(y, batch._replace(mask=torch.ones_like(batch.mask)))


@mutant("check_scores_are_sums_and_weights")
class PlainNumbers(ToyTask):
    def scores(self, y, batch):
        return {name: score.value for name, score in super().scores(y, batch).items()}


@mutant("check_scores_are_sums_and_weights")
class TensorsInScores(ToyTask):
    def scores(self, y, batch):
        return {"squared_error": Score(self.loss(y, batch), 1)}


@mutant("check_scores_are_sums_and_weights")
class NoScores(ToyTask):
    def scores(self, y, batch):
        return {}


@mutant("check_scores_are_sums_and_weights")
class NoWeight(ToyTask):
    def scores(self, y, batch):
        return {"squared_error": Score(1.0, 0)}


@mutant("check_scores_are_sums_and_weights")
class NotANumber(ToyTask):
    def scores(self, y, batch):
        return {"squared_error": Score(float("nan"), 1)}


@mutant("check_scores_add")
class MeansInsteadOfSums(ToyTask):
    def scores(self, y, batch):
        return {name: Score(score.value, 1) for name, score in super().scores(y, batch).items()}


@mutant("check_goal_is_a_score")
class GoalOnNothing(ToyTask):
    goal = Goal("accuracy", above=0.9)


@mutant("check_goal_is_a_score")
class GoalBothWays(ToyTask):
    goal = Goal("squared_error", below=0.1, above=0.9)


@mutant("check_goal_is_a_score")
class GoalNowhere(ToyTask):
    goal = Goal("squared_error")


@mutant("check_predict_keeps_steps")
class PredictsOneStep(ToyTask):
    def predict(self, y):
        return y[:, -1]


@mutant("check_predict_keeps_steps")
class PredictsNothing(ToyTask):
    def predict(self, y):
        return y / 0


@mutant("check_references_are_scores")
class ForeignScore(ToyTask):
    def references(self):
        return {"constant": {"accuracy": 0.5}}


@mutant("check_references_are_scores")
class ForeignScoreInTheSuite(ToyTask):
    def suite(self):
        return {"length-9": ForeignScore(length=9)}


@mutant("check_references_are_scores")
class NobodyKnows(ToyTask):
    def references(self):
        return {"constant": {"squared_error": float("nan")}}


@mutant("check_references_are_scores")
class BetterThanOptimal(ToyTask):
    def references(self):
        return {"optimal": {"squared_error": 0.5}, "lucky": {"squared_error": 0.4}}


@mutant("check_suite_fits_the_model")
class EmptySuite(ToyTask):
    def suite(self):
        return {}


@mutant("check_suite_fits_the_model")
class SuiteOfAnotherWidth(ToyTask):
    def suite(self):
        return {"wide": ToyTask(size=self.input_size + 1)}


@mutant("check_suite_fits_the_model")
class SuiteOfNames(ToyTask):
    def suite(self):
        return {"test": "toy"}


@mutant("check_perfect_answer_meets_the_goal")
class HalfKnowing(ToyTask):
    def perfect(self, batch):
        return batch.target + 0.5


@mutant("check_perfect_answer_meets_the_goal")
class LossUpsideDown(ToyTask):
    def loss(self, y, batch):
        return -super().loss(y, batch)


@mutant("check_fingerprints_are_stable")
class AnotherEveryTime(Altered):
    made = 0

    def __init__(self, *, size: int = 3, length: int = 5):
        super().__init__(size=size, length=length)
        self.number = type(self).made = type(self).made + 1

    def alter(self, batch):
        return batch._replace(x=batch.x + self.number)


@mutant("check_fingerprints_are_stable")
class SuiteOfOne(ToyTask):
    def suite(self):
        return {"short": ToyTask(), "long": ToyTask()}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_the_toy_passes(check):
    check(maker("task", ToyTask))


@pytest.mark.parametrize(("check", "component"), MUTANTS)
def test_the_mutant_is_killed(check, component):
    with pytest.raises(CheckFailed):
        CHECKS[check](maker("task", component))


HASHES = """
from recurra.testing import ToyTask

class Hashes(ToyTask):
    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        return batch._replace(x=batch.x + hash("word") % 1000)

class Fails(ToyTask):
    def __init__(self):
        super().__init__()
        if __import__("sys").argv[0].endswith("elsewhere.py"):
            raise OSError("no such disk")

class Leaves(ToyTask):
    def __init__(self):
        super().__init__()
        if __import__("sys").argv[0].endswith("elsewhere.py"):
            __import__("os")._exit(3)
"""
DIFFERENT = {"Hashes": "draws other data", "Fails": "no such disk", "Leaves": "it ended with the code 3"}


def test_a_task_that_differs_between_processes_is_killed(tmp_path, monkeypatch):
    (tmp_path / "task_that_hashes.py").write_text(HASHES)
    monkeypatch.syspath_prepend(str(tmp_path))
    import task_that_hashes

    for name, told in DIFFERENT.items():
        with pytest.raises(CheckFailed, match=told):
            CHECKS["check_batch_is_the_same_in_another_process"](getattr(task_that_hashes, name))


def test_every_check_has_a_mutant():
    killed_by_file = {"check_batch_is_the_same_in_another_process"}
    assert {parameter.values[0] for parameter in MUTANTS} | killed_by_file == set(CHECKS)


class FullRows(ToyTask):
    def sample(self, batch_size, rng):
        x = torch.randn(batch_size, self.length, self.input_size, generator=rng)
        mask = torch.ones(batch_size, self.length, dtype=torch.bool)
        return Batch(x, x + 1, mask, torch.full((batch_size,), self.length))


class Secretive(ToyTask):
    def __getattribute__(self, name):
        if name == "perfect":
            raise AttributeError(name)
        return super().__getattribute__(name)


def local():
    class Local(ToyTask):
        pass

    return Local()


@pytest.mark.parametrize(
    ("check", "make", "reason"),
    [
        ("check_only_the_mask_counts", FullRows, "every step of a batch is scored"),
        ("check_perfect_answer_meets_the_goal", Secretive, "defines no `perfect`"),
        ("check_batch_is_the_same_in_another_process", local, "cannot be imported by its name"),
    ],
)
def test_a_check_that_does_not_apply_says_why(check, make, reason):
    with pytest.raises(Skip, match=reason):
        CHECKS[check](make)


def test_the_toy_refuses_a_size_of_nothing():
    with pytest.raises(InvalidOption, match="size"):
        ToyTask(size=0)
