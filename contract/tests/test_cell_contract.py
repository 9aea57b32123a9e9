"""Every check of a cell kills a broken cell that is broken in just the way the check is about."""

from typing import NamedTuple

import pytest
import torch
from torch import nn

from recurra import Tags
from recurra_contract import CheckFailed, Contract, Skip, ToyCell, checks
from recurra_contract.examples.cells import ToyState

from .mutants import cell_calls, cell_mistakes, cell_numbers, cell_placement, cell_sequences, cell_shapes

THEMES = (cell_shapes, cell_sequences, cell_calls, cell_numbers, cell_placement, cell_mistakes)
MUTANTS = [pair for theme in THEMES for pair in theme.MUTANTS]


def maker(cell):
    return lambda input_size=3: cell(input_size)


def check_named(name):
    return next(check for check in checks("cell") if check.__name__ == name)


@pytest.mark.parametrize(("name", "mutant"), MUTANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_check_kills_its_mutant(name, mutant):
    result = {check.name: check for check in Contract("cell", maker(mutant)).checks()}[name].result()
    assert result.status == "failed", result


def test_every_check_has_a_mutant():
    assert {name for name, _ in MUTANTS} == {check.__name__ for check in checks("cell")}


def test_the_toy_passes_everything():
    results = list(Contract("cell", maker(ToyCell)).run())
    assert [r for r in results if r.status != "passed"] == []
    assert len(results) >= 32


class ClockState(NamedTuple):
    h: torch.Tensor
    t: torch.Tensor
    late: torch.Tensor


class Clocked(ToyCell):
    """Updates one unit per step, in turn: its state has integers and booleans."""

    def initial_state(self, batch_size):
        t = torch.zeros(batch_size, dtype=torch.long, device=self.W.weight.device)
        return ClockState(self.zeros(batch_size, self.output_size), t, t > 2)

    def step(self, x, state):
        y, _ = super().step(x, ToyState(state.h))
        due = nn.functional.one_hot(state.t % self.output_size, self.output_size).bool()
        h = torch.where(due, y, state.h)
        return h, ClockState(h, state.t + 1, state.t > 1)


def test_an_honest_state_may_hold_whole_numbers_and_booleans():
    results = list(Contract("cell", maker(Clocked)).run())
    assert [r for r in results if r.status != "passed"] == []


class Branching(ToyCell):
    """Decides by a value what it computes."""

    def step(self, x, state):
        return super().step(x if x.sum() > 0 else -x, state)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU can run it")
def test_a_cell_that_branches_on_values_can_be_moved_on_a_gpu_only():
    with pytest.raises(Skip, match="on a GPU only"):
        check_named("check_device")(maker(Branching))


class NoParameters(ToyCell):
    def __init__(self, input_size):
        super().__init__(input_size)
        self.requires_grad_(False)
        del self.W

    def step(self, x, state):
        h = state.h / 2 + x.sum(-1, keepdim=True)
        return h, ToyState(h)


def test_a_cell_without_parameters_is_moved():
    check_named("check_device")(maker(NoParameters))


class StaysBehind(NoParameters):
    """Starts on the CPU wherever it is."""

    def initial_state(self, batch_size):
        return ToyState(torch.zeros(batch_size, self.output_size, dtype=self.zeros(1).dtype))


def test_a_cell_without_parameters_that_stays_behind_is_found_out():
    with pytest.raises(CheckFailed, match=r"state\.h stays on cpu when the cell is moved"):
        check_named("check_device")(maker(StaysBehind))


class NotDifferentiable(ToyCell):
    tags = Tags(differentiable=False)

    def step(self, x, state):
        y, state = super().step(x, state)
        return y.detach().sign(), ToyState(y.detach().sign())


class Truncated(ToyCell):
    """Cuts its gradient, and says so."""

    tags = Tags(exact_gradient=False)

    def step(self, x, state):
        return super().step(x, ToyState(state.h.detach() * 1.0))


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (NotDifferentiable, "check_exact_gradient"),
        (NotDifferentiable, "check_every_parameter_learns"),
        (NotDifferentiable, "check_padding_gradients"),
        (Truncated, "check_exact_gradient"),
    ],
)
def test_tags_excuse_and_the_skip_is_said(cell, name):
    with pytest.raises(Skip, match="its tags say that"):
        check_named(name)(maker(cell))


def test_an_honest_stochastic_cell_passes():
    class Stochastic(cell_sequences.SecretlyStochastic):
        tags = Tags(stochastic=True)

    check_named("check_no_chance_in_evaluation")(maker(Stochastic))
