"""Cells that cannot be moved to a device or written to a file."""

import math

import torch

from recurra_contract import Identity, ToyCell
from recurra_contract.examples.cells import ToyState


class StaysOnCpu(ToyCell):
    def initial_state(self, batch_size):
        return ToyState(torch.zeros(batch_size, self.output_size, dtype=self.W.weight.dtype))


class ConstantOnCpu(ToyCell):
    def step(self, x, state):
        return super().step(x + torch.full((3,), 0.1), state)


class Unwritable(ToyCell):
    """Computes with the number of rows in a way that torch can trace and cannot write down."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return y * math.floor(x.shape[0] / 100 + 1), state


class OneBatchSize(Identity):
    """Is traced, and written, for the batch of the example alone."""

    def step(self, x, state):
        return x + math.log(x.shape[0] + 1), state


class MappedRows(ToyCell):
    """Is traced and written with operators that only a trace has."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return torch.func.vmap(lambda row: 2 * row)(y), state


class Untraceable(ToyCell):
    """Branches on a value."""

    def step(self, x, state):
        return super().step(x if x.sum() > 0 else 2 * x, state)


MUTANTS = [
    ("check_device", StaysOnCpu),
    ("check_device", ConstantOnCpu),
    ("check_export", Untraceable),
    ("check_export", Unwritable),
    ("check_export", OneBatchSize),
    ("check_export", MappedRows),
]
