"""The four stages of addressing, by numbers worked by hand and by what must hold for all numbers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra_ntm.addressing import NORM_EPSILON, content_weighting, interpolate, sharpen, shift


def row(*numbers):
    """One row of one head of one sequence: (1, 1, n)."""
    return torch.tensor([[numbers]], dtype=torch.float64)


def close(got, *numbers, atol=1e-12):
    torch.testing.assert_close(got, row(*numbers), rtol=0, atol=atol)


def test_content_weighting_of_two_orthogonal_slots():
    # The key (3, 0) points along slot 0 = (2, 0) and across slot 1 = (0, 5): the cosines are 1 and 0, but for
    # the ε = 1e-4 on each squared norm: 6 / sqrt((9 + ε)(4 + ε)) = 6 / 6.00010833 = 0.99998195 and 0.
    # β = ln 3 makes the softmax 3^0.99998195 : 1 = 2.99994050 : 1.
    M = torch.tensor([[[2.0, 0.0], [0.0, 5.0]]], dtype=torch.float64)
    w = content_weighting(row(3.0, 0.0), row(math.log(3)), M)
    close(w, 2.99994050 / 3.99994050, 1 / 3.99994050, atol=1e-8)
    close(w, 0.75, 0.25, atol=1e-5)


def test_content_weighting_of_three_slots_and_two_heads():
    # Slots (1, 0), (-1, 0), (3, 4); keys (1, 0) and (0, 2). Their cosines are 1, -1, 3/5 and 0, 0, 4/5.
    # β = 5 ln 2 for the first head: 2^5 : 2^-5 : 2^3 = 1024 : 1 : 256, which sum to 1281.
    # β = 10 ln 2 for the second: 1 : 1 : 2^8, which sum to 258.
    M = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [3.0, 4.0]]], dtype=torch.float64) * 1e4
    k = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]], dtype=torch.float64) * 1e4
    beta = torch.tensor([[[5.0], [10.0]]], dtype=torch.float64) * math.log(2)
    expected = [[[1024 / 1281, 1 / 1281, 256 / 1281], [1 / 258, 1 / 258, 256 / 258]]]
    got = content_weighting(k, beta, M)  # 1e4 times larger, where ε does not show
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-10)


def test_a_zero_key_and_a_zero_slot_are_like_no_other():
    M = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]], dtype=torch.float64)
    close(content_weighting(row(0.0, 0.0), row(7.0), M), 0.5, 0.5)
    near = 1 / (1 + NORM_EPSILON)
    e = math.exp(near)
    close(content_weighting(row(1.0, 0.0), row(1.0), M), 1 / (1 + e), e / (1 + e))


def test_interpolation():
    # 0.25 · (1, 0, 0) + 0.75 · (0, 0.4, 0.6) = (0.25, 0.3, 0.45)
    close(interpolate(row(1.0, 0.0, 0.0), row(0.25), row(0.0, 0.4, 0.6)), 0.25, 0.3, 0.45)


def test_shift():
    # s = (0.2 up, 0.7 stay, 0.1 down) on w = (0.5, 0.3, 0.2):
    # slot 0: up from slot 2, stays, down from slot 1: 0.2 · 0.2 + 0.7 · 0.5 + 0.1 · 0.3 = 0.04 + 0.35 + 0.03
    # slot 1: 0.2 · 0.5 + 0.7 · 0.3 + 0.1 · 0.2 = 0.10 + 0.21 + 0.02
    # slot 2: 0.2 · 0.3 + 0.7 · 0.2 + 0.1 · 0.5 = 0.06 + 0.14 + 0.05
    close(shift(row(0.5, 0.3, 0.2), row(0.2, 0.7, 0.1)), 0.42, 0.33, 0.25)


def test_shift_of_two_slots_counts_both_ways_round():
    # Up and down meet in the other slot: slot 0 is 0.7 · 0.9 + (0.2 + 0.1) · 0.1 = 0.66.
    close(shift(row(0.9, 0.1), row(0.2, 0.7, 0.1)), 0.66, 0.34)


def test_no_shift_allowed_changes_nothing():
    close(shift(row(0.9, 0.1), row(1.0)), 0.9, 0.1)


def test_sharpening():
    # (0.6, 0.3, 0.1)² = (0.36, 0.09, 0.01), which sum to 0.46.
    close(sharpen(row(0.6, 0.3, 0.1), row(2.0)), 36 / 46, 9 / 46, 1 / 46)
    close(sharpen(row(0.6, 0.3, 0.1), row(1.0)), 0.6, 0.3, 0.1)


@settings(deadline=None)
@given(slots=st.integers(1, 9), most=st.integers(0, 11), data=st.data())
def test_a_certain_shift_moves_a_focus_exactly_and_around(slots, most, data):
    by, at = data.draw(st.integers(-most, most)), data.draw(st.integers(0, slots - 1))
    w, s = torch.zeros(1, 1, slots), torch.zeros(1, 1, 2 * most + 1)
    w[..., at], s[..., most - by] = 1.0, 1.0  # s lists the shifts from +m down to -m
    moved = torch.zeros(1, 1, slots)
    moved[..., (at + by) % slots] = 1.0
    assert torch.equal(shift(w, s), moved)


EXTREME = st.sampled_from([0.0, 1e-38, 1e-6, 1.0, 1e4, 1e20])
DTYPES = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 2e-2}


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    slots=st.integers(1, 40),
    most=st.integers(0, 2),
    key=EXTREME,
    memory=EXTREME,
    beta=st.sampled_from([0.0, 1.0, 50.0, 1e6]),
    gamma=st.sampled_from([1.0, 3.0, 100.0, 1e6]),
    certain=st.booleans(),
)
def test_weightings_are_distributions_with_finite_gradients(
    dtype, seed, slots, most, key, memory, beta, gamma, certain
):
    rng = torch.Generator().manual_seed(seed)

    def drawn(*sizes, scale=1.0):
        return (torch.randn(*sizes, generator=rng) * scale).to(dtype).requires_grad_()

    inputs = k, M, b, gate, past, s, sharp = (
        drawn(2, 3, 4, scale=key),
        drawn(2, slots, 4, scale=memory),
        torch.full((2, 3, 1), beta, dtype=dtype, requires_grad=True),
        drawn(2, 3, 1),
        drawn(2, 3, slots, scale=1e3 if certain else 1.0),
        drawn(2, 3, 2 * most + 1, scale=1e3 if certain else 1.0),
        torch.full((2, 3, 1), gamma, dtype=dtype, requires_grad=True),
    )
    w_c = content_weighting(k, b, M)
    w_g = interpolate(w_c, torch.sigmoid(gate), torch.softmax(past, -1))
    w_s = shift(w_g, torch.softmax(s, -1))
    w = sharpen(w_s, sharp)
    for weighting in (w_c, w_g, w_s, w):
        assert (weighting >= 0).all()
        total = weighting.sum(-1, dtype=torch.float64)
        torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=DTYPES[dtype])
    (w * torch.randn(2, 3, slots, generator=rng).to(dtype)).sum().backward()
    assert all(x.grad.isfinite().all() for x in inputs)
