"""Recurrent connections of rate units: absent, of one sign per unit, or of low rank."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recurra import InvalidOption


class Connections(nn.Module):
    """A matrix W between H units, some entries of which may be absent and whose columns may have one sign.

        W_ij = m_ij V_ij                without Dale's law
        W_ij = m_ij s_j |V_ij|          with it: s_j = 1 for the first round(dale H) units, −1 for the others

    Shapes: r (B, H) -> W r (B, H).  Parameters: H², of which the absent ones are counted but unused.
    Initialization: m_ij is 1 with probability `density`; V Gaussian with standard deviation
    gain / √(density H). With units of both signs, the columns of the rarer sign are larger, so that the
    expected sum of a row is zero.
    """

    mask: Tensor

    def __init__(self, units: int, *, density: float, gain: float, dale: float | None) -> None:
        super().__init__()
        there = torch.rand(units, units) < density
        self.signed = dale is not None
        self.register_buffer("mask", there * _signs(units, dale))
        V = torch.randn(units, units) * gain / (density * units) ** 0.5
        self.V = nn.Parameter(V * _balance(units, dale) * there)

    def matrix(self) -> Tensor:
        """Return W (H, H): from the unit of a column to that of a row."""
        return self.mask * (self.V.abs() if self.signed else self.V)

    def forward(self, r: Tensor) -> Tensor:
        """Return W r (B, H)."""
        return nn.functional.linear(r, self.matrix())


class LowRankConnections(nn.Module):
    """A matrix W = M Nᵀ / H of rank R between H units.

    Shapes: r (B, H) -> W r (B, H).  Parameters: 2 H R.
    Initialization: M and N standard Gaussian, times √gain.
    """

    def __init__(self, units: int, rank: int, *, gain: float) -> None:
        super().__init__()
        self.M = nn.Parameter(torch.randn(units, rank) * gain**0.5)
        self.N = nn.Parameter(torch.randn(units, rank) * gain**0.5)

    def matrix(self) -> Tensor:
        """Return W (H, H)."""
        return self.M @ self.N.T / len(self.M)

    def forward(self, r: Tensor) -> Tensor:
        """Return W r (B, H), by two thin products."""
        return (r @ self.N) @ self.M.T / len(self.M)


def _excitatory(units: int, dale: float) -> int:
    count = round(dale * units)
    if count == 0:
        raise InvalidOption(f"CTRNN: dale = {dale} leaves none of {units} units excitatory")
    return count


def _signs(units: int, dale: float | None) -> Tensor:
    """Return the signs (H,) of the columns: 1, and −1 for inhibitory units."""
    signs = torch.ones(units)
    if dale is not None:
        signs[_excitatory(units, dale) :] = -1
    return signs


def _balance(units: int, dale: float | None) -> Tensor:
    """Return factors (H,) of the columns that make excitation and inhibition equal in expectation."""
    factors = torch.ones(units)
    excitatory = units if dale is None else _excitatory(units, dale)
    inhibitory = units - excitatory
    if 0 < inhibitory < excitatory:
        factors[excitatory:] = excitatory / inhibitory
    elif excitatory < inhibitory:
        factors[:excitatory] = inhibitory / excitatory
    return factors
