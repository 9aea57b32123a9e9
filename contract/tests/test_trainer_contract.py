"""The contract of trainers: the toy trainer keeps it, and each check kills trainers that break it."""

import random

import pytest
import torch

from recurra import Tags
from recurra.errors import IncompatibleParts
from recurra_contract import CheckFailed, ToyTrainer, checks
from recurra_contract.examples.toy_rule import ToyRule
from recurra_contract.harness import module_of
from recurra_contract.kit import maker
from recurra_lab.training.module import LearningModule

CHECKS = {check.__name__: check for check in checks("trainer")}
MUTANTS = []


def mutant(check):
    """Register a broken trainer, or the rule of one, under the check that must kill it."""

    def register(broken):
        component = trainer_with(broken) if issubclass(broken, LearningModule) else broken
        MUTANTS.append(pytest.param(check, component, id=f"{check}-{broken.__name__}"))
        return broken

    return register


def trainer_with(rule):
    class Mutant(ToyTrainer):
        def module(self, model, task, seed):
            self.check(model)
            return rule(model, task, seed, self.lr)

    return Mutant


@mutant("check_options_round_trip")
class KeepsObjects(ToyTrainer):
    def __init__(self, *, dtype: torch.dtype = torch.float32):
        super().__init__()


@mutant("check_module_teaches_the_model")
class ReturnsTheModel(ToyTrainer):
    def module(self, model, task, seed):
        model.task, model.seed, model.batches_seen = task, seed, 0
        return model


@mutant("check_module_teaches_the_model")
class OwnSeed(ToyTrainer):
    def module(self, model, task, seed):
        return super().module(model, task, 0)


@mutant("check_module_teaches_the_model")
class OtherTask(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, None, seed, lr)


@mutant("check_module_teaches_the_model")
class OtherModel(ToyTrainer):
    def module(self, model, task, seed):
        module = super().module(model, task, seed)
        module.model = module_of(ToyTrainer).model
        return module


@mutant("check_module_teaches_the_model")
class StartsLate(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, task, seed, lr)
        self.batches_seen += 1


@mutant("check_start_is_repeatable")
class StartsAnywhere(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, task, seed, lr)
        for parameter in model.parameters():
            torch.nn.init.constant_(parameter, random.random())


@mutant("check_module_needs_no_accelerator")
class MovesTheModel(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model.to("meta"), task, seed, lr)


@mutant("check_options_for_lightning_exist")
class MisspeltOption(ToyTrainer):
    def options_for_lightning(self):
        return {"gradient_clip_value": 1.0}


@mutant("check_options_for_lightning_exist")
class NoOptions(ToyTrainer):
    def options_for_lightning(self):
        return None


@mutant("check_learning_changes_weights")
class LearnsNothing(ToyRule):
    def configure_optimizers(self):
        return torch.optim.SGD(self.model.parameters(), 0.0)


@mutant("check_learning_changes_weights")
class Explodes(ToyRule):
    def on_train_batch_end(self, *args):
        torch.nn.init.constant_(self.model.readout.bias, torch.inf)

    def learn(self, batch):
        torch.nn.init.zeros_(self.model.readout.bias)
        return super().learn(batch)


@mutant("check_position_counts_batches")
class CountsNothing(ToyRule):
    def on_train_batch_start(self, batch, batch_idx):
        pass


@mutant("check_position_counts_batches")
class SavesNoPosition(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, task, seed, lr)
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64), persistent=False)


@mutant("check_progress_is_recorded")
class RecordsNoScore(ToyRule):
    def record(self, y, batch):
        pass


@mutant("check_progress_is_recorded")
class RecordsNothing(ToyRule):
    def training_step(self, batch, batch_idx):
        return self.learn(batch)


@mutant("check_progress_is_recorded")
class RecordsAnotherStep(ToyRule):
    def log(self, name, value, **options):
        super().log(name, value + 1, **options)


@mutant("check_same_seed_same_weights")
class TrueChance(ToyRule):
    def learn(self, batch):
        return super().learn(batch) * (1 + random.random())


@mutant("check_other_seed_other_weights")
class IgnoresTheData(ToyRule):
    def learn(self, batch):
        self.record(batch.target, batch)
        return sum(parameter.square().sum() for parameter in self.model.parameters())


@mutant("check_resume_equals_uninterrupted")
class HiddenCounter(ToyRule):
    batches = 0

    def learn(self, batch):
        self.batches += 1
        return super().learn(batch) * self.batches


@mutant("check_resume_equals_uninterrupted")
class ForgetsTheOptimizer(ToyRule):
    def on_save_checkpoint(self, checkpoint):
        for optimizer in checkpoint["optimizer_states"]:
            optimizer["state"] = {}


@mutant("check_streams_are_continued")
class StartsEveryBatchAnew(ToyRule):
    def start(self, batch):
        return None


@mutant("check_streams_are_continued")
class ForgetsTheState(ToyRule):
    def on_save_checkpoint(self, checkpoint):
        pass


@mutant("check_streams_are_continued")
class TakesUpOtherRows(ToyRule):
    def on_load_checkpoint(self, checkpoint):
        checkpoint["carried"] = [part.flip(0) for part in checkpoint["carried"]]
        super().on_load_checkpoint(checkpoint)


@mutant("check_looking_changes_nothing")
class NoReseeding(ToyRule):
    def on_train_batch_start(self, batch, batch_idx):
        self.batches_seen += 1


@mutant("check_looking_changes_nothing")
class CountsForwards(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, task, seed, lr)
        self.forwards = 0
        model.register_forward_hook(self.count)

    def count(self, *args):
        self.forwards += 1

    def learn(self, batch):
        return super().learn(batch) * self.forwards


@mutant("check_looking_changes_nothing")
class LearnsWhenSaved(ToyRule):
    def on_save_checkpoint(self, checkpoint):
        torch.nn.init.zeros_(self.model.readout.bias)


@mutant("check_non_finite_loss_stops")
class GoesOn(ToyRule):
    def training_step(self, batch, batch_idx):
        return self.learn(batch).nan_to_num(0.0)


@mutant("check_non_finite_loss_stops")
class NoticesLate(ToyRule):
    def training_step(self, batch, batch_idx):
        return (
            self.learn(batch).nan_to_num(0.0) if batch_idx == 0 else super().training_step(batch, batch_idx)
        )


@mutant("check_loss_falls")
class Climbs(ToyRule):
    def learn(self, batch):
        return -super().learn(batch)


@mutant("check_every_cell_is_taught_or_refused")
class RefusesAll(ToyTrainer):
    def check(self, model):
        raise IncompatibleParts("no")


@mutant("check_every_cell_is_taught_or_refused")
class CrashesOnSome(ToyTrainer):
    def check(self, model):
        if model.tags != Tags():
            raise ValueError("what is this?")


@mutant("check_every_cell_is_taught_or_refused")
class NeedsAGradient(ToyTrainer):
    def module(self, model, task, seed):
        return NeedsAll(model, task, seed, self.lr)


class NeedsAll(ToyRule):
    def on_before_optimizer_step(self, optimizer):
        if any(parameter.grad is None for parameter in self.model.parameters()):
            raise RuntimeError("a parameter has no gradient")


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_the_toy_passes(check):
    check(maker("trainer", ToyTrainer))


@pytest.mark.parametrize(("check", "component"), MUTANTS)
def test_the_mutant_is_killed(check, component):
    with pytest.raises(CheckFailed):
        CHECKS[check](maker("trainer", component))


def test_every_check_has_a_mutant():
    assert {parameter.values[0] for parameter in MUTANTS} == set(CHECKS)


def test_a_rule_that_refuses_noise_is_checked_without():
    class Exact(ToyTrainer):
        def check(self, model):
            if model.tags.stochastic:
                raise IncompatibleParts("only without noise")

    for check in CHECKS.values():
        check(maker("trainer", Exact))


def test_a_rule_that_refuses_streams_is_checked_without():
    class Whole(ToyTrainer):
        def module(self, model, task, seed):
            if task.continues(1, batch_size=4, seed=0, split="train"):
                raise IncompatibleParts("only whole sequences")
            return super().module(model, task, seed)

    CHECKS["check_streams_are_continued"](maker("trainer", Whole))


def test_checks_leave_the_generator_as_it_was():
    before = torch.get_rng_state()
    CHECKS["check_looking_changes_nothing"](maker("trainer", ToyTrainer))
    assert torch.equal(before, torch.get_rng_state())
