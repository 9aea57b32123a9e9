"""Broken trainers, and broken rules, which a toy trainer is given."""

import random

import torch

from recurra import IncompatibleParts, Tags
from recurra_contract import ToyTask, ToyTrainer
from recurra_contract.examples.toy_rule import ToyRule
from recurra_contract.harness import module_of


class KeepsObjects(ToyTrainer):
    def __init__(self, *, dtype: torch.dtype = torch.float32):
        super().__init__()


class ReturnsTheModel(ToyTrainer):
    def lightning_module(self, model, task, seed):
        model.task, model.seed, model.batches_seen = task, seed, 0
        return model


class OwnSeed(ToyTrainer):
    def lightning_module(self, model, task, seed):
        return super().lightning_module(model, task, 0)


class PromisesEnvironments(ToyTrainer):
    supports_environments = True


class OtherTask(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, ToyTask(), seed, lr)


class OtherModel(ToyTrainer):
    def lightning_module(self, model, task, seed):
        module = super().lightning_module(model, task, seed)
        module.model = module_of(ToyTrainer).model
        return module


class StartsLate(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, task, seed, lr)
        self.batches_seen += 1


class StartsAnywhere(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, task, seed, lr)
        for parameter in model.parameters():
            torch.nn.init.constant_(parameter, random.random())


class MovesTheModel(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model.to("meta"), task, seed, lr)


class MisspeltOption(ToyTrainer):
    def lightning_options(self):
        return {"gradient_clip_value": 1.0}


class NoOptions(ToyTrainer):
    def lightning_options(self):
        return None


class LearnsNothing(ToyRule):
    def configure_optimizers(self):
        return torch.optim.SGD(self.model.parameters(), 0.0)


class Explodes(ToyRule):
    def on_train_batch_end(self, *args):
        torch.nn.init.constant_(self.model.readout.bias, torch.inf)

    def training_loss(self, batch):
        torch.nn.init.zeros_(self.model.readout.bias)
        return super().training_loss(batch)


class CountsNothing(ToyRule):
    def on_train_batch_start(self, batch, batch_idx):
        pass


class SavesNoPosition(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, task, seed, lr)
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64), persistent=False)


class RecordsNoScore(ToyRule):
    def record(self, y, batch):
        pass


class RecordsNothing(ToyRule):
    def training_step(self, batch, batch_idx):
        return self.training_loss(batch)


class TrueChance(ToyRule):
    def training_loss(self, batch):
        return super().training_loss(batch) * (1 + random.random())


class IgnoresTheData(ToyRule):
    def training_loss(self, batch):
        self.record(batch.target, batch)
        return sum(parameter.square().sum() for parameter in self.model.parameters())


class HiddenCounter(ToyRule):
    batches = 0

    def training_loss(self, batch):
        self.batches += 1
        return super().training_loss(batch) * self.batches


class ForgetsTheOptimizer(ToyRule):
    def on_save_checkpoint(self, checkpoint):
        for optimizer in checkpoint["optimizer_states"]:
            optimizer["state"] = {}


class StartsEveryBatchAnew(ToyRule):
    def initial_state_for(self, batch):
        return None


class ForgetsTheState(ToyRule):
    def on_save_checkpoint(self, checkpoint):
        pass


class TakesUpOtherRows(ToyRule):
    def on_load_checkpoint(self, checkpoint):
        checkpoint["carried"] = [part.flip(0) for part in checkpoint["carried"]]
        super().on_load_checkpoint(checkpoint)


class NoReseeding(ToyRule):
    def on_train_batch_start(self, batch, batch_idx):
        self.batches_seen += 1


class CountsForwards(ToyRule):
    def __init__(self, model, task, seed, lr):
        super().__init__(model, task, seed, lr)
        self.forwards = 0
        model.register_forward_hook(self.count)

    def count(self, *args):
        self.forwards += 1

    def training_loss(self, batch):
        return super().training_loss(batch) * self.forwards


class LearnsWhenSaved(ToyRule):
    def on_save_checkpoint(self, checkpoint):
        torch.nn.init.zeros_(self.model.readout.bias)


class GoesOn(ToyRule):
    def training_step(self, batch, batch_idx):
        return self.training_loss(batch).nan_to_num(0.0)


class NoticesLate(ToyRule):
    def training_step(self, batch, batch_idx):
        return (
            self.training_loss(batch).nan_to_num(0.0)
            if batch_idx == 0
            else super().training_step(batch, batch_idx)
        )


class Climbs(ToyRule):
    def training_loss(self, batch):
        return -super().training_loss(batch)


class RefusesAll(ToyTrainer):
    def check(self, model):
        raise IncompatibleParts("no")


class CrashesOnSome(ToyTrainer):
    def check(self, model):
        if model.tags != Tags():
            raise ValueError("what is this?")


class NeedsAGradient(ToyTrainer):
    def lightning_module(self, model, task, seed):
        return NeedsAll(model, task, seed, self.lr)


class NeedsAll(ToyRule):
    def on_before_optimizer_step(self, optimizer):
        if any(parameter.grad is None for parameter in self.model.parameters()):
            raise RuntimeError("a parameter has no gradient")


MUTANTS = [
    ("check_options_round_trip", KeepsObjects),
    ("check_module_teaches_the_model", ReturnsTheModel),
    ("check_module_teaches_the_model", OwnSeed),
    ("check_module_teaches_the_model", PromisesEnvironments),
    ("check_module_teaches_the_model", OtherTask),
    ("check_module_teaches_the_model", OtherModel),
    ("check_module_teaches_the_model", StartsLate),
    ("check_start_is_repeatable", StartsAnywhere),
    ("check_module_needs_no_accelerator", MovesTheModel),
    ("check_lightning_options_exist", MisspeltOption),
    ("check_lightning_options_exist", NoOptions),
    ("check_learning_changes_weights", LearnsNothing),
    ("check_learning_changes_weights", Explodes),
    ("check_position_counts_batches", CountsNothing),
    ("check_position_counts_batches", SavesNoPosition),
    ("check_progress_is_recorded", RecordsNoScore),
    ("check_progress_is_recorded", RecordsNothing),
    ("check_same_seed_same_weights", TrueChance),
    ("check_other_seed_other_weights", IgnoresTheData),
    ("check_resume_equals_uninterrupted", HiddenCounter),
    ("check_resume_equals_uninterrupted", ForgetsTheOptimizer),
    ("check_streams_are_continued", StartsEveryBatchAnew),
    ("check_streams_are_continued", ForgetsTheState),
    ("check_streams_are_continued", TakesUpOtherRows),
    ("check_looking_changes_nothing", NoReseeding),
    ("check_looking_changes_nothing", CountsForwards),
    ("check_looking_changes_nothing", LearnsWhenSaved),
    ("check_non_finite_loss_stops", GoesOn),
    ("check_non_finite_loss_stops", NoticesLate),
    ("check_loss_falls", Climbs),
    ("check_every_cell_is_taught_or_refused", RefusesAll),
    ("check_every_cell_is_taught_or_refused", CrashesOnSome),
    ("check_every_cell_is_taught_or_refused", NeedsAGradient),
]
