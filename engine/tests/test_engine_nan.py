"""NaN and infinities: results have them where the loop has them, and gradients where autograd does."""

import pytest
import torch
from engine_cells import Lstm, Masked, ResetAfter, made
from engine_compare import FAST, assert_alike, drawn, results
from engine_grid import INF, NAN, assert_found_alike, found
from engine_operators import KINKS, WIDTH
from engine_toys import Kinks
from torch.nn import functional as F

FUNCTIONS = KINKS | {
    "zero times": lambda a, b: 0.0 * a + b,
    "times zero": lambda a, b: a * 0.0 * b,
    "zeros like": lambda a, b: torch.zeros_like(a) * b + a,
    "exp": lambda a, b: torch.exp(a) * torch.expm1(b),
    "log": lambda a, b: torch.log(a) * torch.log1p(b),
    "squashed": lambda a, b: torch.tanh(a) * torch.sigmoid(b) + torch.erf(a),
    "roots": lambda a, b: torch.sqrt(a) * torch.rsqrt(b),
    "masks": lambda a, b: a * (b > 0) + torch.where(a > b, a, 0.0) * ~(a == b),
    "softmax": lambda a, b: a.softmax(-1) + b,
    "quotients": lambda a, b: a / b + torch.reciprocal(a),
    "unread": lambda a, b: torch.addmm(b, a, torch.eye(WIDTH).to(a), beta=0),
    # Torch's slope of elu(NaN) depends on where in memory it is.
    "elu": lambda a, b: F.elu(a.nan_to_num(0, INF)) + F.celu(b.nan_to_num(1, INF), 0.7),
    "atanh": lambda a, b: torch.atanh(a) + torch.acosh(b),
    "logical": lambda a, b: torch.logical_and(a > 0, b) * a + torch.logical_or(a, b) * b,
    "logit": lambda a, b: torch.logit(a) + b,
    "cumprod": lambda a, b: a.cumprod(-1) + b.logcumsumexp(-1),
    "gates": lambda a, b: torch.lerp(F.silu(a), b, 0.25),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_and_their_slopes(name):
    assert_found_alike(FUNCTIONS[name], "scan")


def side_by_side(a, b):
    """Return the functions whose C is more than an operator of C."""
    named = ("maximum", "minimum", "clamp", "relu6", "where", "zero times", "squashed", "exp")
    return sum(FUNCTIONS[name](a, b).roll(i, -1) for i, name in enumerate(named))


def test_functions_in_c():
    got, want = (found(side_by_side, level) for level in ("native", "loop"))
    for what in ("y", "x", "h"):
        torch.testing.assert_close(got[what], want[what], rtol=1e-10, atol=1e-10, equal_nan=True)
    assert want["y"].isfinite().any()


def with_holes(x, state):
    """Put a NaN in one row of x and an infinity in one row of the state."""
    x, first = x.detach().clone(), state[0] if isinstance(state, tuple) else state
    x[1, 2, 0], x[2, 4, 1] = NAN, INF
    first.detach()[3, 2] = -INF
    return x.requires_grad_(), state


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", [Lstm, ResetAfter, Masked, Kinks])
def test_a_bad_number_spreads_as_in_the_loop(kind, level):
    cell = made(kind)
    x, state = with_holes(*drawn(cell))
    got, want = (results(cell, x, state, level=name) for name in (level, "loop"))
    for name, expected in want.items():
        if expected is not None:
            assert torch.equal(got[name].isnan(), expected.isnan()), name
    assert want["y"][0].isfinite().all()
    assert not want["y"][1:].isfinite().all()
    finite = {n: [t if t is None else t.nan_to_num(0, 0, 0) for t in (got[n], w)] for n, w in want.items()}
    assert_alike(
        {n: pair[0] for n, pair in finite.items()}, {n: pair[1] for n, pair in finite.items()}, 1e-10
    )


def test_what_nothing_depends_on_has_no_gradient():
    """Autograd multiplies the zeros with which it pads the gradient of a slice by an infinite slope."""

    def part(a, b):
        return torch.tanh(a)[:, :3] * b[:, 3:]

    got, want = (found(part, level)["x"] for level in ("scan", "loop"))
    differ = ~torch.isclose(got, want, equal_nan=True)
    assert differ.any()
    assert not got[differ].any()
    assert want[differ].isnan().all()
