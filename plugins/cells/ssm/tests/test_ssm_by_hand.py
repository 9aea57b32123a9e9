"""Steps of one unit that can be worked by hand, and the discretization against the matrix exponential."""

import math

import pytest
import torch

from recurra_ssm.lru import LRU
from recurra_ssm.mamba import Mamba
from recurra_ssm.mamba2 import Mamba2
from recurra_ssm.rg_lru import RGLRU, RGLRUState
from recurra_ssm.s4d import S4D
from recurra_ssm.s5 import S5
from recurra_ssm.zero_order_hold import zero_order_hold

LN2 = math.log(2)


def filled(cell, **values):
    """Return the cell in float64 with these weights; a number fills the whole tensor."""
    cell.double()
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            parameter.copy_(
                torch.tensor(values[name.replace(".", "_")], dtype=torch.float64).expand_as(parameter)
            )
    return cell


def outputs(cell, *x):
    return cell(torch.tensor(x, dtype=torch.float64)[None, :, None])[0].flatten().tolist()


def test_lru():
    """λ = i / 2 and a gain of 2: the state after one impulse is 2, i, −1/2; y is Re((1 + i) s) + 3 x."""
    cell = filled(
        LRU(1, hidden_size=1, state_size=1),
        nu=math.log(LN2),
        theta=math.log(math.pi / 2),
        gamma=LN2,
        from_x_weight=[[1.0], [0.0]],
        to_y_weight=[[1.0, 1.0]],
        skip_weight=3.0,
    )
    assert outputs(cell, 1.0, 0.0, 0.0) == pytest.approx([5.0, -1.0, -0.5], abs=1e-14)


def test_s4d():
    """Ā = −1/2 and B̄ = (3/2) / (ln 2 − iπ) for Δ = 1; the real part of B̄ is (3/2) ln 2 / (ln² 2 + π²)."""
    cell = filled(
        S4D(1, hidden_size=1, state_size=2),
        from_x_weight=1.0,
        from_x_bias=0.0,
        log_dt=0.0,
        log_decay=math.log(LN2),
        frequency=math.pi,
        C=[[[1.0]], [[0.0]]],
        D=0.25,
    )
    first = 3 * LN2 / (LN2**2 + math.pi**2)
    assert outputs(cell, 1.0, 0.0, 0.0) == pytest.approx([first + 0.25, -first / 2, first / 4], abs=1e-14)


def test_s5():
    """Λ = −ln 2 + 0i and Δ = 1: Λ̄ = 1/2, the input enters with 1 / (2 ln 2) times B̃ = 1 + i; C̃ = i."""
    cell = filled(
        S5(1, hidden_size=1, state_size=2),
        log_dt=0.0,
        log_decay=math.log(LN2),
        frequency=0.0,
        from_x_weight=1.0,
        to_y_weight=[[0.0, 1.0]],
        skip_weight=0.0,
    )
    first = -2 * 0.5 / LN2
    assert outputs(cell, 1.0, 0.0, 0.0) == pytest.approx([first, first / 2, first / 4], abs=1e-14)


def test_rg_lru():
    """Both gates are 1/2 and a = 0.6, so √(1 − a²) = 0.8: 10 and an input of 2 become 6 + 0.8."""
    cell = filled(
        RGLRU(1, hidden_size=1, heads=1),
        from_x_weight=1.0,
        from_x_bias=0.0,
        Lambda=math.log(math.expm1(-math.log(0.6) / 4)),
        gates=0.0,
        gate_bias=0.0,
    )
    x, h = torch.tensor([[2.0]]).double(), torch.tensor([[10.0]]).double()
    assert cell.step(x, RGLRUState(h))[0].item() == pytest.approx(6.8, abs=1e-14)


def test_mamba():
    """Δ = ln 2 and A = −1 halve the state; the convolution adds the current and half of the last input."""
    cell = filled(
        Mamba(1, hidden_size=1, state_size=1, expansion=1, window=2),
        from_x_weight=[[2.0], [1.0]],  # v = 2 x, z = x
        conv_weight=[[0.5], [1.0]],
        conv_bias=0.0,
        from_u_weight=[[0.0], [1.0], [3.0]],  # B = u, C = 3 u
        to_delta_weight=0.0,
        to_delta_bias=0.0,
        log_decay=0.0,
        D=5.0,
        to_y_weight=1.0,
    )
    u, gate = [2 / (1 + math.exp(-2)), 3 / (1 + math.exp(-3))], 1 / (1 + math.exp(-1))
    S = [LN2 * u[0] ** 2, LN2 * u[0] ** 2 / 2 + LN2 * u[1] ** 2]
    expected = [(S[t] * 3 * u[t] + 5 * u[t]) * gate for t in (0, 1)]
    assert outputs(cell, 1.0, 1.0) == pytest.approx(expected, abs=1e-13)


def test_mamba2():
    """Δ = ln 2 halves the state of the only head; the norm of one channel leaves its sign times w."""
    cell = filled(
        Mamba2(1, hidden_size=1, state_size=1, head_size=1, expansion=1, window=2),
        from_x_weight=[[1.0], [2.0], [2.0], [2.0], [0.0]],  # z, u, B, C, δ
        conv_weight=[[0.0], [1.0]],
        conv_bias=0.0,
        delta_bias=0.0,
        log_decay=0.0,
        D=0.0,
        scale=7.0,
        to_y_weight=1.0,
    )
    u, silu_z = 2 / (1 + math.exp(-2)), 1 / (1 + math.exp(-1))
    read = [LN2 * u**3 * silu_z, 1.5 * LN2 * u**3 * silu_z]
    expected = [7 * y / math.sqrt(y * y + 1e-5) for y in read]
    assert outputs(cell, 1.0, 1.0) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("dt", "decay", "frequency"), [(0.1, 0.5, 3.0), (2.0, 1.5, 0.0), (1e-3, 0.5, 300.0)])
def test_the_discretization_is_the_matrix_exponential(dt, decay, frequency):
    """The exponential of [[A, B], [0, 0]] Δ, with A as a real 2 × 2 matrix and B = 1."""
    rows = [[-decay, -frequency, 1.0], [frequency, -decay, 0.0], [0.0, 0.0, 0.0]]
    M = torch.tensor(rows, dtype=torch.float64)
    expected = torch.matrix_exp(dt * M)
    numbers = torch.tensor([dt, decay, frequency], dtype=torch.float64)
    A_re, A_im, F_re, F_im = torch.stack(zero_order_hold(*numbers))
    found = torch.stack([A_re, A_im, F_re, F_im])
    torch.testing.assert_close(found, torch.cat([expected[:2, 0], expected[:2, 2]]), rtol=1e-12, atol=1e-14)


def test_a_small_step_loses_no_digits_in_float32():
    numbers = [torch.tensor(v) for v in (1e-3, 0.5, 3.0)]
    exact = torch.stack(zero_order_hold(*(n.double() for n in numbers)))
    torch.testing.assert_close(torch.stack(zero_order_hold(*numbers)).double(), exact, rtol=3e-7, atol=1e-9)
