"""What the graph has no words for is a call of torch inside a compiled loop."""

import copy

import pytest
import torch
from engine_calling import CALLING, Addressed, Sorting, Transformed
from engine_cells import made
from engine_compare import FAST, assert_level_is_loop, assert_runs, drawn, level_of, results
from engine_toys import Branching, Toy
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from recurra import leaves, sequence
from recurra.sequence import run_many
from recurra_engine import cuda, dispatch
from recurra_engine.compiled import traced
from recurra_engine.explain import explained


class Inverting(Toy):
    """Needs a matrix that may have no inverse."""

    def step(self, x, h):
        return h + torch.linalg.inv(x[:, :1, None] + h[:, :1, None])[:, 0], h * 0


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", CALLING)
def test_calls_give_what_the_loop_gives(kind, level):
    cell = made(kind)
    x, state = drawn(cell, 5, 6)
    assert_runs(cell, x, state, level)
    assert_level_is_loop(cell, x, state, level=level)
    assert_level_is_loop(cell, x, state, torch.tensor([0, 6, 1, 4, 4]), level)


def test_more_rows_than_a_block():
    cell = made(Sorting)
    x, state = drawn(cell, 37, 3)
    assert_level_is_loop(cell, x, state, torch.arange(37) % 4)


@pytest.mark.parametrize("level", FAST)
def test_gradients_twice_and_gradients_of_gradients(level):
    cell, found = made(Transformed), {}
    x, state = drawn(cell, 2, 3)
    for name in ("loop", level):
        with sequence.using(name):
            y, _ = cell(x, state)
        twice = [torch.autograd.grad(y.square().sum(), x, retain_graph=True)[0] for _ in range(2)]
        (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found[name] = [*twice, torch.autograd.grad(first.square().sum(), state)[0]]
    torch.testing.assert_close(found[level], found["loop"], rtol=1e-10, atol=1e-10)


def test_what_torch_raises_is_raised():
    cell = made(Inverting, 3)
    x, state = torch.ones(2, 3, 3).double(), torch.ones(2, 3).double()
    assert_runs(cell, x, state, "native")
    x[1, 2] = 0
    with sequence.using("native"), pytest.raises(torch.linalg.LinAlgError, match="singular"):
        cell(x, state)


def test_calls_that_only_one_another_read_are_one():
    step = traced(made(Transformed), *drawn(made(Transformed))).step
    assert [str(call) for call in step.calls] == ["aten::_fft_r2c, _fft_r2c, mul, _fft_c2r"]


@pytest.fixture
def best(monkeypatch):
    """Let the engine choose, as it does outside of tests."""
    monkeypatch.delenv("RECURRA_ENGINE")


@pytest.mark.usefixtures("best")
def test_the_loop_runs_a_step_that_is_little_but_calls():
    cell = made(Transformed)
    x, state = drawn(cell)
    choice = dispatch.choose(cell, x, state)
    assert (choice.level, "most of the step" in choice.why_not["native"]) == ("loop", True)
    with torch.no_grad():
        assert dispatch.choose(cell, x, state).level == "native"


@pytest.mark.usefixtures("best")
def test_an_explanation_names_the_line():
    counted = explained(made(Addressed, dtype=torch.float32))["loops"]["forward"]
    assert any("aten::topk, scatter" in kind and "engine_calling.py:" in kind for kind in counted)
    reason = explained(made(Branching, dtype=torch.float32))["why_not"]["native"]
    assert "engine_toys.py:" in reason
    assert "the numbers of a tensor (__float__)" in reason


def test_a_gpu_has_no_kernel_for_a_call():
    cell = made(Sorting)
    reason = dispatch._lacking(traced(cell, *drawn(cell)), cuda.BACKEND)
    assert "engine_calling.py:" in reason


def test_many_cells_with_calls_are_left_to_torch():
    cell = made(Sorting)
    weights = {"x.bias": torch.zeros(2, 5).double()}
    with sequence.using("native"):
        assert (
            run_many(cell, weights, torch.zeros(2, 1, 3, 3).double(), torch.zeros(2, 1, 5).double(), None)
            is None
        )


class Parametrized(Toy):
    """A recurrent matrix that a parametrization makes, read twice in a step."""

    def step(self, x, h):
        h = torch.tanh(self.x(x) + self.h(self.h(h)))
        return h, h


class Counting(nn.Module):
    """Counts how often it is asked."""

    asked = 0

    def forward(self, W):
        Counting.asked += 1
        return W / 2


@pytest.mark.parametrize("level", ["loop", *FAST])
def test_a_parametrization_is_evaluated_once_for_a_sequence(level):
    cell = made(Parametrized)
    parametrize.register_parametrization(cell.h, "weight", Counting())
    x, state = drawn(cell)
    results(cell, x, state, level=level)  # the first call is traced and tried
    Counting.asked = 0
    results(cell, x, state, level=level)
    assert Counting.asked == 1


@pytest.mark.parametrize("level", FAST)
def test_spectral_normalisation_moves_its_estimate_as_in_the_loop(level):
    cell = made(Parametrized)
    parametrizations.spectral_norm(cell.h)
    twin = copy.deepcopy(cell)
    x, state = drawn(cell)
    for _ in range(2):
        got, want = results(cell, x, state, level=level), results(twin, x, state)
        for name, value in want.items():
            torch.testing.assert_close(got[name], value, msg=name)
    assert_runs(cell, x, state, level)
    for (name, a), b in zip(cell.named_buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_weights_that_change_are_evaluated_anew():
    cell = made(Parametrized)
    parametrizations.orthogonal(cell.h, orthogonal_map="cayley")
    x, state = drawn(cell)
    for _ in range(2):
        assert_level_is_loop(cell, x, state)
        with torch.no_grad():
            cell.h.parametrizations.weight.original.add_(0.3 * torch.randn(5, 5).double())


def test_a_state_handed_on_keeps_its_type():
    cell = made(Sorting, dtype=torch.float32)
    with sequence.using("native"):
        y, state = cell(torch.randn(2, 3, 3))
    assert {part.dtype for _, part in leaves(state)} == {y.dtype} == {torch.float32}
    assert level_of(cell, torch.randn(2, 3, 3), state, "native").level == "native"
