"""Every check of a memory kills a broken memory that is broken in just the way the check is about."""

import pytest
import torch

from recurra_contract import Contract, ToyMemory, checks
from recurra_contract.examples.cells import ToyMemoryState, driven_by_toy


class WrongRead(ToyMemory):
    def initial_read(self, batch_size):
        return self.zeros(batch_size, self.output_size + 1)


class UnevenRead(ToyMemory):
    def initial_read(self, batch_size):
        return self.zeros(batch_size, self.output_size) + torch.arange(batch_size)[:, None]


class WrongOptions(ToyMemory):
    def __init__(self, *, slots: int = 4):
        super().__init__(slots=2 * slots)
        self.options = {"slots": 3 * slots}


class NaiveSoftmax(ToyMemory):
    def step(self, v, state):
        _, after = super().step(v, state)
        powers = v[:, : self.slots].exp()
        return after.M[:, 0], ToyMemoryState(after.M, powers / (powers.sum(-1, keepdim=True) + 1e-16))


class NotNormalised(ToyMemory):
    def step(self, v, state):
        r, after = super().step(v, state)
        return r, ToyMemoryState(after.M, after.w * 1.1)


class NaiveNorm(ToyMemory):
    def step(self, v, state):
        r, after = super().step(v, state)
        return r / r.norm(dim=-1, keepdim=True), after


class RootedGradient(ToyMemory):
    def step(self, v, state):
        r, after = super().step(v, state)
        return r + v.abs().sqrt().sum(-1, keepdim=True), after


class Underflowing(ToyMemory):
    """Sharpens by a power: what underflows is divided by the small number added for safety."""

    def step(self, v, state):
        _, after = super().step(v, state)
        powers = after.w ** (1 + v[:, :1].abs())
        return after.M[:, 0], ToyMemoryState(after.M, powers / (powers.sum(-1, keepdim=True) + 1e-16))


class LateBlur(ToyMemory):
    """Its weightings are right in the first step only."""

    def step(self, v, state):
        r, after = super().step(v, state)
        first = bool((state.w == state.w[:, :1]).all())
        return r, after if first else ToyMemoryState(after.M, after.w * 1.1)


class RootedStart(ToyMemory):
    """Its input gets a finite gradient, its parameter does not."""

    def step(self, v, state):
        r, after = super().step(v, state)
        return r + (0 * self.M_0).sum().sqrt(), after


class RootedContents(ToyMemory):
    def step(self, v, state):
        r, after = super().step(v, state)
        return r + state.M[:, 0].square().sum(-1, keepdim=True).sqrt(), after


class Growing(ToyMemory):
    def step(self, v, state):
        r, after = super().step(v, state)
        return r, ToyMemoryState(after.M + state.M**4, after.w)


class Mixing(ToyMemory):
    def step(self, v, state):
        return super().step(v + v.mean(0), state)


class Leaking(ToyMemory):
    kept = 0.0

    def step(self, v, state):
        r, after = super().step(v, state)
        r = r + self.kept
        self.kept = after.M.detach().mean()
        return r, after


class Amnesic(ToyMemory):
    def step(self, v, state):
        return super().step(v, self.initial_state(v.shape[0]))


MUTANTS = [
    ("check_initial_read", WrongRead),
    ("check_initial_read", UnevenRead),
    ("check_memory_options", WrongOptions),
    ("check_weightings", NaiveSoftmax),
    ("check_weightings", NotNormalised),
    ("check_weightings", LateBlur),
    ("check_weightings", Underflowing),
    ("check_extreme_contents", NaiveNorm),
    ("check_extreme_contents", Growing),
    ("check_finite_gradients", RootedGradient),
    ("check_finite_gradients", RootedStart),
    ("check_finite_gradients", RootedContents),
    ("check_nothing_leaks", Leaking),
    ("check_nothing_leaks", Mixing),
    ("check_it_remembers", Amnesic),
]


def result(name, contract):
    (check,) = (check for check in contract.checks() if check.name == name)
    return check.result()


@pytest.mark.parametrize(("name", "mutant"), MUTANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_check_kills_its_mutant(name, mutant):
    assert result(name, Contract("memory", mutant)).status == "failed"


def test_every_check_has_a_mutant():
    assert {name for name, _ in MUTANTS} == {check.__name__ for check in checks("memory")}


def test_the_toy_passes_everything_as_a_memory_and_as_a_part_of_a_cell():
    results = list(Contract("memory", ToyMemory).run())
    assert [r for r in results if r.status == "failed"] == []
    assert [r.check for r in results if r.status == "skipped"] == ["check_options"]
    assert len(results) == len(checks("memory")) + len(checks("cell"))


def test_a_memory_that_shows_no_weighting_is_skipped_and_says_so():
    class Blind(ToyMemory):
        def diagnostics(self, state):
            return {}

    found = result("check_weightings", Contract("memory", Blind))
    assert (found.status, found.message) == ("skipped", "none of its diagnostics has `weighting` in its name")


def test_a_leaking_memory_is_also_found_as_a_part_of_a_cell():
    assert result("check_whole_state", Contract("cell", driven_by_toy(Leaking))).status == "failed"
