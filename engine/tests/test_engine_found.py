"""What random cells have found: each was a difference from the loop, and has a test now that it is mended."""

import copy

import pytest
import torch
from engine_cells import made
from engine_compare import (
    assert_alike,
    assert_level_is_loop,
    assert_runs,
    drawn,
    level_of,
    results,
    weighed,
)
from engine_grid import GRID, NAN, assert_found_alike
from engine_toys import Toy
from torch.func import functional_call
from torch.nn import functional
from torch.nn.utils import parametrizations

from recurra import sequence

LEVELS = ["scan", pytest.param("native", marks=pytest.mark.slow)]


class LearnedStart(Toy):
    """A weight is read by the step and makes the first state."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.start = torch.nn.Parameter(torch.randn(hidden_size))

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size) + self.start

    def step(self, x, h):
        h = torch.tanh(self.x(x) + self.h(h) * self.start)
        return h, h


@pytest.mark.parametrize("level", LEVELS)
def test_second_derivatives_where_the_state_is_made_of_a_weight(level):
    """The gradient of a weight that the step reads and the first state is made of counted the state's part
    twice, when second derivatives were asked for."""
    found = {}
    for name in ("loop", level):
        cell = made(LearnedStart)
        x, _ = drawn(cell, 2, 3)
        with sequence.using(name):
            y, _ = cell(x)
        wanted = list(cell.parameters())
        first = torch.autograd.grad(weighed(y.square()), wanted, create_graph=True)
        second = torch.autograd.grad(sum(weighed(g.square()) for g in first), wanted)
        found[name] = dict(enumerate((*(g.detach() for g in first), *second)))
    assert_alike(found[level], found["loop"], 1e-10)


class Row(Toy):
    """A matrix of a row that has one element."""

    def step(self, x, h):
        h = torch.tanh(self.h(h) + (x[:, :1, None] * h[:, None, :1]).tril().flatten(1))
        return h, h


@pytest.mark.parametrize("level", LEVELS)
def test_a_condition_that_is_known_beforehand(level):
    """The triangle of a matrix of one element, and other choices that depend on nothing, ran in the loop,
    because the compiled step raised an error."""
    cell = made(Row)
    x, state = drawn(cell, 2, 3)
    assert_runs(cell, x, state, level)
    assert_level_is_loop(cell, x, state, level=level)


@pytest.mark.parametrize("level", LEVELS)
def test_the_trial_leaves_the_estimate_of_a_spectral_norm_alone(level):
    """The trial of a level moved the estimate of a spectral norm, so that training went on from elsewhere."""
    cell = made(LearnedStart)
    parametrizations.spectral_norm(cell.h)
    twin = copy.deepcopy(cell)
    x, state = drawn(cell, 2, 3)
    got, want = results(cell, x, state, level=level), results(twin, x, state)
    assert_runs(cell, x, state, level)
    assert_alike(got, want)
    for mine, its in zip(cell.buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=1e-14)


VARIANCES = {
    "var": lambda a, b: a.var(-1, keepdim=True) * b + b.view(-1, 2, 3).var(1, correction=0).repeat(1, 2),
    "std": lambda a, b: a.std(-1, keepdim=True) + b.std(-1, correction=0, keepdim=True) + a * 0,
    "var_mean": lambda a, b: torch.cat([*torch.var_mean(a, -1, keepdim=True), b[:, :4]], 1),
    "std_mean": lambda a, b: torch.cat([*torch.std_mean(b, -1, keepdim=True), a[:, :4]], 1),
}


@pytest.mark.parametrize("name", VARIANCES)
def test_variances_of_infinities(name):
    """The gradient of a variance was NaN in all elements where one is infinite, and the mean beside a
    variance was infinite where torch has NaN."""
    assert_found_alike(VARIANCES[name], "scan")


def test_sums_of_a_negative_zero():
    """A sum of one number that is a negative zero was negative, which a reciprocal shows."""
    assert_found_alike(lambda a, b: 1 / (a.clamp(-1, 1) * -0.0).cumsum(-1) + b, "scan")
    assert_found_alike(
        lambda a, b: 1 / (a * -0.0)[:, :1].sum(-1, keepdim=True) + 1 / (b * -0.0 + 0.0), "scan"
    )


def test_the_sign_of_a_normalised_zero():
    """A layer's norm without a bias gave negative zeros for negative weights, which an angle shows."""
    weight = torch.tensor([1.0, -1.0, 2.0, -2.0, 0.5, -0.5], dtype=torch.float64)
    of_zeros = lambda a: functional.layer_norm(a.detach() * 0, (6,), weight, None, 0.1)  # noqa: E731
    assert_found_alike(lambda a, b: torch.atan2(b.nan_to_num(0.0) * 0, of_zeros(a.nan_to_num(0.0))), "scan")


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_a_variance_of_one_number():
    """A step with the variance of one number could not be traced."""
    assert_found_alike(lambda a, b: a[:, :1].var(-1, keepdim=True) * b + a, "scan")


class Halves(Toy):
    """Complex numbers of a row that begins at an odd place of what is kept."""

    def step(self, x, h):
        turned = torch.complex(x, x) * torch.exp(1j * x)
        return torch.cat([h, torch.view_as_real(turned).flatten(1), h], 1), h


@pytest.mark.parametrize("level", LEVELS)
def test_complex_numbers_at_odd_places(level):
    """Complex numbers raised an error where their parts begin at an odd place in memory."""
    cell = made(Halves)
    x, state = drawn(cell, 2, 3)
    assert_runs(cell, x, state, level)
    assert_level_is_loop(cell, x, state, torch.tensor([0, 2]), level)


def test_lerp_by_a_tensor():
    """The gradient of `lerp` by a tensor was NaN where what was not chosen was infinite."""
    assert_found_alike(lambda a, b: torch.lerp(a, b, torch.full_like(a, 0.7)) + b.lerp(a, 0.2), "scan")
    assert_found_alike(lambda a, b: torch.lerp(torch.sin(b), a, torch.sigmoid(b)), "scan")


def test_nan_to_num():
    """The gradient of `nan_to_num` was zero where torch multiplies an infinite one by zero."""
    assert_found_alike(lambda a, b: torch.sqrt(a.nan_to_num(0.0, 1.0, 0.0)) + b.nan_to_num(2.0), "scan")


def test_powers_of_zero():
    """The gradient of the exponent of a power of zero was NaN for negative exponents, where torch's is
    infinite, and not zero where torch's is zero whatever comes from above."""
    assert_found_alike(lambda a, b: (a * 0) ** (b - 1) + a.abs() ** b, "scan")
    assert_found_alike(lambda a, b: 0.0**b + a**0 + a**-1 + a**0.5, "scan")


@pytest.mark.parametrize("name", ["floor", "ceil", "round", "trunc", "sign"])
def test_steps_have_a_gradient_of_zero(name):
    """Whole numbers and signs had no gradient; autograd's is zero, which an infinite slope makes NaN."""
    function = getattr(torch, name)
    assert_found_alike(lambda a, b: function(torch.rsqrt(a)) + function(torch.sqrt(b)), "scan")


def test_a_product_times_zero():
    """Torch does not do a product that it is to multiply by zero, whatever is in it; the engine did."""
    assert_found_alike(lambda a, b: torch.addmm(b, a, torch.eye(6).to(a), alpha=0), "scan")


def test_asinh_of_large_numbers():
    """The inverse hyperbolic sine was infinite for numbers whose square is."""
    large = torch.cat([GRID.nan_to_num(NAN, 1e200, -1e200)[:5], torch.tensor([3e9]).double()])
    assert_found_alike(lambda a, b: torch.asinh(a * large) + torch.asinh(b * -1e9), "scan")


@pytest.mark.parametrize("level", LEVELS)
def test_two_inner_steps_of_learning_to_learn(level):
    found = {}
    for name in ("loop", level):
        cell = made(LearnedStart)
        x, _ = drawn(cell, 3, 3)
        weights = dict(cell.named_parameters())
        with sequence.using(name):
            for _ in range(2):
                loss = weighed(
                    functional_call(cell, weights, (x, None), {"lengths": torch.tensor([3, 0, 2])})[0]
                )
                slopes = torch.autograd.grad(loss.square(), list(weights.values()), create_graph=True)
                weights = {key: w - 0.1 * g for (key, w), g in zip(weights.items(), slopes, strict=True)}
            loss = weighed(functional_call(cell, weights, (x, None))[0])
        found[name] = dict(enumerate(torch.autograd.grad(loss, list(cell.parameters()))))
    assert_alike(found[level], found["loop"], 1e-10)


class Units(Toy):
    """A unit of torch's beside a module that names what torch keeps its functions under."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.unit = torch.nn.RNNCell(hidden_size, hidden_size)

    def step(self, x, h):
        h = functional._VF.tanh(self.unit(self.x(x), h))
        return h, h


def test_units_of_torch_beside_its_functions():
    """A step that reads the place where torch keeps its functions of C, as its units do, ran in the loop."""
    cell = made(Units)
    x, state = drawn(cell, 2, 3)
    assert_runs(cell, x, state, "scan")
    assert_level_is_loop(cell, x, state, level="scan")


class Counting(Toy):
    """Its state has a whole number."""

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size), torch.zeros(batch_size, dtype=torch.long)

    def step(self, x, state):
        h = torch.tanh(self.h(state[0]) / (1 + state[1][:, None]))
        return h, (h, state[1] + 1)


def test_whole_numbers_in_the_state_run_in_the_loop_and_it_says_so():
    cell = made(Counting)
    x = torch.randn(2, 3, 3, dtype=torch.float64)
    choice = level_of(cell, x, cell.initial_state(2), "native")
    assert choice.level == "loop"
    assert choice.why_not["native"] == "the state is not entirely torch.float64"
