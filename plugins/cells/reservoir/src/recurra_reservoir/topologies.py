"""Which units of a reservoir are connected, and how strongly: matrices (n, n), from column to row."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from recurra import InvalidOption


def random_sparse(units: int, density: float) -> Tensor:
    """Return weights uniform in ±1 for a fraction of all pairs of units, and 0 for the others."""
    there = torch.rand(units, units) < density
    return there * torch.empty(units, units).uniform_(-1, 1)


def delay_line(units: int) -> Tensor:
    """Return weights of 1 from each unit to the next: units − 1 connections, no cycle."""
    return torch.diag(torch.ones(units - 1), -1)


def ring(units: int) -> Tensor:
    """Return a delay line whose last unit is connected to the first: as many connections as units."""
    W = delay_line(units)
    W[0, -1] = 1
    return W


def cyclic_jump(units: int, jump: int, jump_weight: float) -> Tensor:
    """Return a ring with jumps, forward and backward, between the units 0, jump, 2 jump, ...

    There are ⌊units / jump⌋ pairs of jumps; the last leads back to unit 0 if `jump` divides `units`.
    """
    W = ring(units)
    ends = torch.arange(units // jump + 1) * jump % units
    W[ends[1:], ends[:-1]] = W[ends[:-1], ends[1:]] = jump_weight
    return W


def orthogonal(units: int) -> Tensor:
    """Return a random orthogonal matrix, all eigenvalues of which have the absolute value 1."""
    W = torch.empty(units, units)
    torch.nn.init.orthogonal_(W)
    return W


UNIT_RADIUS: Mapping[str, Callable[[int], Tensor]] = {
    "delay-line": delay_line,
    "ring": ring,
    "orthogonal": orthogonal,
}


def scaled(W: Tensor, radius: float) -> Tensor:
    """Return a matrix with this spectral radius.

    Raises:
        InvalidOption: All eigenvalues are 0, since no units form a cycle.
    """
    found = float(torch.linalg.eigvals(W.double()).abs().max())
    if found <= torch.finfo(W.dtype).eps * float(W.abs().max()):
        told = f"spectral_radius = {radius}: the units form no cycle"
        raise InvalidOption(f"LeakyEchoState: {told}; raise density")
    return W * (radius / found)
