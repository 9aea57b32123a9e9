"""Truncated back-propagation: how far back a gradient reaches, what goes on, and in how much memory."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from recurra import Batch, Cell, InvalidOption
from recurra_bptt.trainer import BPTT
from recurra_bptt.windows import Truncation, windows
from recurra_contract import ToyTask
from recurra_contract.harness import CellOf, PlainCell, evaluation_loss, fit, module_of
from recurra_lab import Model
from recurra_lab.training.batches import Batches
from recurra_lab.training.optim import SGD

RATE = 0.1


class Sums(Cell):
    """The state is the sum of all w x so far, so that every gradient can be counted."""

    def __init__(self, input_size):
        super().__init__(input_size, 1)
        self.w = nn.Parameter(torch.ones(()))

    def initial_state(self, batch_size):
        return self.zeros(batch_size, 1)

    def step(self, x, state):
        state = state + self.w * x
        return state, state


class Last(ToyTask):
    """The loss is the sum of the outputs at the scored steps, over how many there are."""

    def __init__(self, steps, scored):
        super().__init__(size=1)
        self.steps, self.scored = steps, scored

    def sample(self, batch_size, rng):
        x = torch.ones(batch_size, self.steps, 1)
        mask = torch.zeros(batch_size, self.steps, dtype=torch.bool)
        mask[:, self.scored] = True
        return Batch(x, x, mask, torch.full((batch_size,), self.steps))

    def loss(self, y, batch):
        return y[batch.mask].sum() / batch.mask.sum()


def trained(task, k1, k2=None, batches=1):
    """Return w after one batch, the learning rate being 0.1, from w = 1."""
    rule = BPTT(optimizer=SGD(lr=RATE), clip_norm=None, k1=k1, k2=k2)
    module = rule.lightning_module(Model(task, CellOf(Sums), readout="none"), task, seed=0)
    fit(lambda: rule, module, batches)
    return float(module.model.sequencer.w.detach())


def test_windows_end_every_so_many_steps_and_reach_back():
    assert [window[:3] for window in windows(7, Truncation(2, 4))] == [
        (0, 0, 2),
        (0, 2, 4),
        (2, 4, 6),
        (4, 6, 7),
    ]
    assert [window[:3] for window in windows(5, Truncation(2, 2))] == [(0, 0, 2), (2, 2, 4), (4, 4, 5)]
    assert list(windows(0, Truncation(2, 2))) == []


@pytest.mark.parametrize(
    ("k1", "k2", "slope"),
    [
        (None, None, 6),  # the sixth sum holds w six times
        (6, None, 6),
        (10, None, 6),
        (3, None, 3),  # what came before the window is a constant
        (2, None, 2),
        (2, 4, 4),
        (2, 6, 6),
        (2, 8, 6),
        (1, None, 1),
        (1, 5, 5),
    ],
)
def test_a_gradient_goes_back_k2_steps(k1, k2, slope):
    assert trained(Last(6, [5]), k1, k2) == pytest.approx(1 - RATE * slope)


def test_there_is_an_update_for_every_window_that_is_scored_and_the_state_goes_on():
    # Steps 1 and 3 are scored: sums 2 w, then (with the state 2 w as it was) 2 w + 2 w'; slopes 2 and 2.
    assert trained(Last(4, [1, 3]), 2) == pytest.approx(1 - RATE * 2 - RATE * 2)
    # With k2 = 4 the second gradient counts all four, of the weights as they are by then.
    assert trained(Last(4, [1, 3]), 2, 4) == pytest.approx(1 - RATE * 2 - RATE * 4)


def test_a_window_as_long_as_the_sequence_is_the_whole_rule():
    whole, cut = (trained_weights(k1) for k1 in (None, 5))
    for a, b in zip(whole, cut, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-7)


def trained_weights(k1):
    rule = BPTT(k1=k1)
    module = module_of(lambda: rule, PlainCell)
    fit(lambda: rule, module, 5)
    return [weight.detach() for weight in module.model.parameters()]


def test_rows_of_different_lengths_are_learned_from_in_windows():
    rule = BPTT(k1=2, k2=4)
    module = module_of(lambda: rule, PlainCell)
    before = evaluation_loss(module)
    fit(lambda: rule, module, 80)
    assert evaluation_loss(module) < before / 2


def test_the_loss_that_is_logged_is_that_of_the_whole_batch():
    rule = BPTT(optimizer=SGD(lr=1e-12), k1=2)
    module = module_of(lambda: rule, PlainCell)
    trainer = fit(lambda: rule, module, 1)
    batch = Batches(module.task, 8, module.seed, "train", 0, 1)[0]
    expected = module.task.loss(module.model(batch.x, lengths=batch.lengths)[0], batch)
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_a_part_of_a_batch_has_the_lengths_that_are_left():
    batch = ToyTask().batch(0, batch_size=4, seed=0, split="train")
    cut = batch.steps(2, 4)
    assert cut.x.shape[1] == 2
    assert cut.lengths.tolist() == [min(max(n - 2, 0), 2) for n in batch.lengths.tolist()]
    assert torch.equal(cut.mask, batch.mask[:, 2:4])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"k1": 4, "k2": 6}, "k2 = 6 must be a multiple of trainer.k1 = 4; 4 is"),
        ({"k1": 4, "k2": 3}, "k2 = 3 must be a multiple of trainer.k1 = 4; 4 is"),
        ({"k2": 6}, "k2 = 6 must be a multiple of trainer.k1 = none"),
        ({"k1": 0}, "k1"),
        ({"window": 4}, "BPTT: window is now called k1"),
        ({"reach": 4}, "BPTT: reach is now called k2"),
    ],
)
def test_a_wrong_truncation_is_refused(options, told):
    with pytest.raises(InvalidOption, match=told):
        BPTT(**options)


LONG = """
import resource, torch
torch.set_num_threads(1)
from recurra import Ref
from recurra_lab import Model
from recurra.task import Batch
from recurra_contract import ToyTask
from recurra_contract.harness import fit
from recurra_bptt.trainer import BPTT

class Long(ToyTask):
    def sample(self, batch_size, rng):
        x = torch.randn(1, {steps}, 1, generator=rng)
        return Batch(x, x.roll(1, 1), torch.ones(1, {steps}, dtype=torch.bool), torch.tensor([{steps}]))

rule = BPTT(k1=1000)
task = Long(size=1)
module = rule.lightning_module(Model(task, Ref("cell", "lstm", hidden_size=32)), task, seed=0)
fit(lambda: rule, module, 1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_million_steps_take_little_more_memory_than_ten_thousand():
    environment = {name: value for name, value in os.environ.items() if name != "RECURRA_ENGINE"}
    few, many = (
        int(subprocess.check_output([sys.executable, "-c", LONG.format(steps=n)], env=environment))
        for n in (10_000, 1_000_000)
    )
    # The sequence itself, its target and its outputs take 12 MB, and are scored at once.
    assert many - few < 80_000
