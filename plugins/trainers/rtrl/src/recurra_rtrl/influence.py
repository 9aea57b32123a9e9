"""How the weights have acted on the state so far: exactly, or as an unbiased estimate of rank one."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.func import jacrev, vjp, vmap

from recurra import IncompatibleParts
from recurra_rtrl.one_step import Forced, OneStep

Rows = tuple[Tensor, ...]
"""What is carried from step to step, with the batch on axis 0."""
Signs = Callable[[Tensor], Tensor]
"""Draws −1 or 1, as many as a tensor has numbers, a row's independent of how rows are shared out."""
Pair = tuple[Tensor, Callable[[Tensor], Any]]
"""A value, and its pullback."""
MOST_BYTES = 2 * 2**30
SMALL = 1e-12


class Influence(abc.ABC):
    """∂ s / ∂ w, of the S numbers of the state and the n weights, for each row of a batch."""

    def __init__(self, step: OneStep) -> None:
        self.step = step

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights as they are, without a graph."""
        return {name: weight.detach() for name, weight in self.step.weights.items()}

    @property
    def sizes(self) -> tuple[int, int]:
        """S and n."""
        s = self.step.vector_of(self.step.cell.initial_state(1), 1)
        return s.shape[1], sum(weight.numel() for weight in self.weights.values())

    @abc.abstractmethod
    def start(self, rows: int, signs: Signs) -> Rows:
        """Return that of the initial state, on which weights have acted where it is learned."""

    @abc.abstractmethod
    def advance(self, rows: Rows, x: Tensor, state: Any, forced: Forced | None, signs: Signs) -> Rows:
        """Return that of the state after a step from `state` with x (B, I)."""

    @abc.abstractmethod
    def pulled(self, rows: Rows, g: Tensor) -> Tensor:
        """Return Σ over rows of gᵀ ∂ s / ∂ w, for g = ∂ loss / ∂ s (B, S): (n,)."""


class Exact(Influence):
    """J' = D J + I, with D = ∂ s' / ∂ s and I = ∂ s' / ∂ w of the step alone; J is zero at the start."""

    def start(self, rows: int, signs: Signs) -> Rows:
        """Return ∂ s(0) / ∂ w (B, S, n), mostly zeros.

        Raises:
            IncompatibleParts: They would take more than 2 GiB.
        """
        S, n = self.sizes
        zeros = self.step.cell.zeros(0)
        check_size(rows * S * n * zeros.element_size(), rows, self.sizes)
        first = self.step.of_start()
        return (zeros.new_zeros(rows, S, n) if first is None else first.expand(rows, S, n),)

    def advance(self, rows: Rows, x: Tensor, state: Any, forced: Forced | None, signs: Signs) -> Rows:
        """Return J'."""
        if not rows[0].numel():  # there is no state, or no weight acts on it
            return rows

        def of_row(s: Tensor, x: Tensor, state: Any, forced: Forced | None) -> tuple[Tensor, Tensor]:
            by_weights, by_state = jacrev(self.step.of_row(x, state, forced), argnums=(0, 1))(self.weights, s)
            return self.step.vector(by_weights, 1), by_state

        I, D = vmap(of_row, _axes(forced))(self.step.vector_of(state, len(x)), x, state, forced)  # noqa: E741, the paper's letter
        return (torch.baddbmm(I, D, rows[0]),)

    def pulled(self, rows: Rows, g: Tensor) -> Tensor:
        """Return Σ gᵀ J."""
        return torch.einsum("bs,bsn->n", g, rows[0])


class RankOne(Influence):
    """J is estimated by a bᵀ, a (S,) and b (n,): right in the mean, in the memory of the weights alone.

    a' = ρ0 D a + ρ1 ν;  b' = b / ρ0 + I ᵀν / ρ1
    ρ0 = √(|b| / |D a|);  ρ1 = √(|Iᵀ ν| / |ν|);  ν random signs
    """

    def start(self, rows: int, signs: Signs) -> Rows:
        """Return a (B, S) and b (B, n), zeros where the initial state is not learned."""
        S, n = self.sizes
        zeros, first = self.step.cell.zeros(rows, S), self.step.of_start()
        nu = zeros if first is None else signs(zeros)
        return nu, zeros.new_zeros(rows, n) if first is None else nu @ first

    def advance(self, rows: Rows, x: Tensor, state: Any, forced: Forced | None, signs: Signs) -> Rows:
        """Return a' and b'."""
        if not all(part.numel() for part in rows):
            return rows

        def of_row(s: Tensor, x: Tensor, state: Any, forced: Forced | None, a: Tensor, nu: Tensor) -> Rows:
            after, pull = cast(Pair, vjp(self.step.of_row(x, state, forced), self.weights, s))
            # D a by two pullbacks: what `pull` does to its argument is linear, and its own pullback is D.
            _, push = cast(Pair, vjp(lambda g: pull(g)[1], torch.zeros_like(after)))
            return push(a)[0], self.step.vector(pull(nu)[0], 0)

        a, b = rows
        s = self.step.vector_of(state, len(x))
        nu = signs(s)
        Da, Inu = vmap(of_row, (*_axes(forced), 0, 0))(s, x, state, forced, a, nu)
        rho_0, rho_1 = _ratio(b, Da), _ratio(Inu, nu)
        return rho_0 * Da + rho_1 * nu, b / rho_0 + Inu / rho_1

    def pulled(self, rows: Rows, g: Tensor) -> Tensor:
        """Return Σ (gᵀ a) b."""
        a, b = rows
        return (g * a).sum(1) @ b


def check_size(size: int, rows: int, sizes: tuple[int, int]) -> None:
    """Refuse an influence of so many bytes, for a batch of so many rows, if it is too large.

    Raises:
        IncompatibleParts: It would take more than 2 GiB.
    """
    if size > MOST_BYTES:
        S, n = sizes
        message = f"a batch of {rows}, {S:,} numbers of state and {n:,} weights"
        near = "choose trainer.gradient=uoro, or a smaller batch or cell"
        raise IncompatibleParts(f"the influence would need {size / 2**30:,.1f} GiB for {message}; {near}")


def _axes(forced: Forced | None) -> tuple[int | None, ...]:
    return 0, 0, 0, None if forced is None else 0


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """Return the root of the ratio of norms, row by row: (B, n), (B, m) -> (B, 1)."""
    above, below = (side.norm(dim=1, keepdim=True) + SMALL for side in (above, below))
    return (above / below).sqrt()
