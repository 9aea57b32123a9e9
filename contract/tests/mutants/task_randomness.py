"""Tasks whose data is not a function of the batch's number, the split and the seed."""

import random

import numpy as np
import torch

from recurra_contract import ToyTask

from .task_altered import Altered


class Streams(Altered):
    def alter(self, batch):
        self.drawn = getattr(self, "drawn", 0) + 1
        return batch._replace(x=batch.x + self.drawn)


class GlobalNoise(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x + torch.rand_like(batch.x))


class IgnoresNumber(ToyTask):
    def batch(self, k, **rest):
        return super().batch(0, **rest)


class IgnoresSeed(ToyTask):
    def batch(self, k, *, batch_size, seed, split):
        return super().batch(k, batch_size=batch_size, seed=0, split=split)


class JudgesOnTrainingData(ToyTask):
    def batch(self, k, *, batch_size, seed, split):
        return super().batch(k, batch_size=batch_size, seed=seed, split="train")


class OneHeldOutSplit(ToyTask):
    def batch(self, k, *, batch_size, seed, split):
        held_out = "train" if split == "train" else "test"
        return super().batch(k, batch_size=batch_size, seed=seed, split=held_out)


class IgnoresRng(ToyTask):
    def sample(self, batch_size, rng):
        return super().sample(batch_size, torch.Generator().manual_seed(0))


class OwnChance(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x + torch.rand_like(batch.x))


class SeedsTorch(Altered):
    def alter(self, batch):
        torch.manual_seed(0)
        return batch


class DrawsFromPython(Altered):
    def alter(self, batch):
        random.random()
        return batch


class DrawsFromNumPy(Altered):
    def alter(self, batch):
        np.random.rand()
        return batch


class AnotherEveryTime(Altered):
    made = 0

    def __init__(self, *, size: int = 3, length: int = 5):
        super().__init__(size=size, length=length)
        self.number = type(self).made = type(self).made + 1

    def alter(self, batch):
        return batch._replace(x=batch.x + self.number)


class SuiteOfOne(ToyTask):
    def suite(self):
        return {"short": ToyTask(), "long": ToyTask()}


MUTANTS = [
    ("check_batch_is_a_function_of_its_number", Streams),
    ("check_batch_is_a_function_of_its_number", GlobalNoise),
    ("check_batches_differ", IgnoresNumber),
    ("check_batches_differ", IgnoresSeed),
    ("check_batches_differ", JudgesOnTrainingData),
    ("check_batches_differ", OneHeldOutSplit),
    ("check_all_randomness_comes_from_rng", IgnoresRng),
    ("check_all_randomness_comes_from_rng", OwnChance),
    ("check_global_generators_are_left_alone", SeedsTorch),
    ("check_global_generators_are_left_alone", DrawsFromPython),
    ("check_global_generators_are_left_alone", DrawsFromNumPy),
    ("check_fingerprints_are_stable", AnotherEveryTime),
    ("check_fingerprints_are_stable", SuiteOfOne),
]
