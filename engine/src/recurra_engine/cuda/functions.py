# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, D103
# (Triton's language is not Python's: its functions have no types that mypy could follow.)
"""Elementwise functions in Triton, for generated kernels; imported only where Triton is.

They are written in terms that Triton's interpreter knows, so that what is tested without a GPU is what runs
on one. Their absolute error is a few units in the last place of 1; NaN stays NaN.
"""

import triton
import triton.language as tl


@triton.jit
def sign(x):
    return (x > 0).to(x.dtype) - (x < 0).to(x.dtype)


@triton.jit
def trunced(x):
    return tl.where(x < 0, tl.ceil(x), tl.floor(x))


@triton.jit
def rounded(x):
    # Halves go to the even neighbour, as in torch.
    y = tl.floor(x + 0.5)
    odd = y - 2 * tl.floor(y / 2) != 0
    return tl.where((y - x == 0.5) & odd, y - 1, y)


@triton.jit
def sigmoid(x):
    return 1 / (1 + tl.exp(-x))


@triton.jit
def tanh(x):
    # exp of what is never positive cannot overflow. Near 0 the quotient would lose digits that an odd series
    # keeps; its next term is below 1e-9 x there, which float64 would see but float32 does not.
    e = tl.exp(-2 * tl.abs(x))
    y = (1 - e) / (1 + e)
    y = tl.where(x < 0, -y, y)
    if x.dtype == tl.float32:
        s = x * x
        series = x * (1 + s * (-1 / 3 + s * (2 / 15 + s * (-17 / 315 + s * (62 / 2835)))))
        y = tl.where(s < 0.04, series, y)
    return y


@triton.jit
def expm1(x):
    y = tl.exp(x) - 1
    if x.dtype == tl.float32:
        series = x * (1 + x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x * (1 / 720))))))
        y = tl.where(tl.abs(x) < 0.2, series, y)
    return y


@triton.jit
def log1p(x):
    # What rounding 1 + x has lost is put right by the slope: Kahan's trick.
    u = 1 + x
    exact = (u == 1) | (u == float("inf"))
    return tl.where(exact, x, tl.log(u) * (x / tl.where(exact, 1, u - 1)))


@triton.jit
def softplus(x):
    return tl.where(x > 20, x, log1p(tl.exp(tl.where(x > 20, 20, x))))


@triton.jit
def power(a, b):
    # In float64: the logarithm's rounding is multiplied by the exponent.
    x, n = a.to(tl.float64), b.to(tl.float64)
    size = tl.exp(n * tl.log(tl.where(x == 0, 1, tl.abs(x))))
    odd = tl.floor(n / 2) * 2 != n
    below = tl.where(tl.floor(n) == n, tl.where(odd, -size, size), float("nan"))
    at_zero = tl.where(n > 0, 0.0, tl.where(n < 0, float("inf"), 1.0))
    made = tl.where(x == 0, at_zero, tl.where(x < 0, below, size))
    return tl.where(n == 0, 1.0, made).to(a.dtype)


@triton.jit
def larger(a, b):
    return tl.where((a > b) | (a != a), a, b)


@triton.jit
def smaller(a, b):
    return tl.where((a < b) | (a != a), a, b)


@triton.jit
def largest(a):
    """The largest of every row of a matrix; NaN where there is one."""
    broken = tl.sum((a != a).to(tl.int32), 1) > 0
    return tl.where(broken, float("nan"), tl.max(a, 1))
