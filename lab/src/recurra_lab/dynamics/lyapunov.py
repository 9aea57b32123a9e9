"""Lyapunov exponents of a network that is driven by the sequences of its task."""

from __future__ import annotations

import torch
from torch import Tensor

from recurra_lab.dynamics.step_map import StepMap


def lyapunov_exponents(step: StepMap, x: Tensor, lengths: Tensor, count: int, steps: int) -> Tensor:
    """Return the largest Lyapunov exponents in nats per step, descending, by the QR method.

        Q R = J_t Q,    λ_i = mean over t of ln |R_ii|

    The sequences follow one another; each starts in the initial state, and Q goes on (Benettin et al. 1980;
    for recurrent networks Vogt et al. 2022).

    Args:
        step: The map.
        x: (B, T, I), what drives it.
        lengths: (B,).
        count: How many exponents, at most D.
        steps: At most so many steps in all.
    """
    count = min(count, step.size)
    basis = torch.eye(step.size, count, dtype=x.dtype)
    total, seen = torch.zeros(count, dtype=x.dtype), 0
    for row, length in zip(x, lengths.tolist(), strict=True):
        state = step.vector(step.sequencer.initial_state(1))[0]
        for x_t in row[: min(length, steps - seen)]:
            moved = _pushed(step, state, x_t, basis)
            basis, stretch = torch.linalg.qr(moved)
            total += stretch.diagonal().abs().clamp_min(torch.finfo(x.dtype).tiny).log()
            state, seen = step(state[None], x_t[None])[0].detach(), seen + 1
    return (total / max(seen, 1)).sort(descending=True).values


def _pushed(step: StepMap, state: Tensor, x: Tensor, basis: Tensor) -> Tensor:
    """Return J Q: (D, k) -> (D, k), by the gradient of uᵀ J with respect to u, a row for each column of Q."""
    states = state.expand(basis.shape[1], -1).clone().requires_grad_()
    after = step(states, x.expand(basis.shape[1], -1))
    u = torch.zeros_like(after, requires_grad=True)
    (pulled,) = torch.autograd.grad(after, states, u, create_graph=True)
    (pushed,) = torch.autograd.grad(pulled, u, basis.T)
    return pushed.T
