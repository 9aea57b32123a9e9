"""Graves' RMSProp against numbers worked out by hand and a second, naive version."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra_lab.training.optim import GravesRMSProp


def steps(gradients, **options):
    w = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = GravesRMSProp([w], **options)
    seen = []
    for gradient in gradients:
        w.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        seen.append(w.item())
    return seen


def test_two_steps_worked_by_hand():
    # d = 2:  n = 0.05 * 4 = 0.2, m = 0.05 * 2 = 0.1, n - m^2 = 0.19, delta = -0.1 * 2 / sqrt(0.19 + 0.0001)
    first = -0.2 / math.sqrt(0.1901)
    # d = -1: n = 0.95 * 0.2 + 0.05 = 0.24, m = 0.95 * 0.1 - 0.05 = 0.045, n - m^2 = 0.237975
    second = 0.9 * first + 0.1 / math.sqrt(0.237975 + 0.0001)
    assert steps([2.0, -1.0], lr=0.1) == pytest.approx([first, first + second], rel=1e-12)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.floats(0.5, 0.99), st.floats(0, 0.95))
def test_equals_a_naive_version(gradients, decay, momentum):
    n = m = delta = w = 0.0
    expected = []
    for d in gradients:
        n = decay * n + (1 - decay) * d * d
        m = decay * m + (1 - decay) * d
        delta = momentum * delta - 1e-2 * d / math.sqrt(n - m * m + 1e-4)
        w += delta
        expected.append(w)
    got = steps(gradients, lr=1e-2, decay=decay, momentum=momentum)
    assert got == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_epsilon_is_inside_the_root():
    # torch.optim.RMSprop adds 1e-4 outside: for a small gradient its step is up to a hundred times larger.
    ours = abs(steps([1e-6], lr=1.0)[0])
    assert ours == pytest.approx(1e-6 / math.sqrt(1e-4), rel=1e-3)


def test_a_closure_is_called_with_gradients():
    w = torch.tensor(3.0, requires_grad=True)
    optimizer = GravesRMSProp([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = w.square()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert w.item() < 3.0


def test_weights_without_a_gradient_stand_still():
    w = torch.tensor(3.0, requires_grad=True)
    GravesRMSProp([w]).step()
    assert w.item() == 3.0
