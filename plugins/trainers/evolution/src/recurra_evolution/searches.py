"""Searches for a vector of high fitness: each asks for candidates and is told how fit they are."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from cmaes import CMA
from torch import Tensor


class Search(Protocol):
    """A search; vectors are float64 on the CPU, and all that it knows is in `state`."""

    @property
    def mean(self) -> Tensor:
        """The middle of the candidates (n,), or the fittest where they have none."""
        ...

    def ask(self, seed: int) -> Tensor:
        """Return candidates (P, n), a function of the state and the seed; NaN where one has no network."""
        ...

    def tell(self, vectors: Tensor, fitness: Tensor) -> None:
        """Take up how fit the candidates (P, n) are: (P,), more is better."""
        ...

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        ...


class CovarianceSearch:
    """CMA-ES, by the library `cmaes`: normal candidates, whose covariance and step size adapt."""

    def __init__(self, start: Tensor, population: int, sigma: float) -> None:
        self.library = CMA(mean=start.numpy(), sigma=sigma, population_size=population)

    @property
    def mean(self) -> Tensor:
        """The mean of the normal distribution."""
        return torch.from_numpy(self.library.mean.copy())

    def ask(self, seed: int) -> Tensor:
        """Draw candidates, m + σ C^{1/2} z.

        The library draws m + σ B D z, with the eigenvectors B of C. Where eigenvalues are nearly equal, as at
        first, the last bit decides about B, and another number of threads would make other candidates.
        """
        B, D = self.library._eigen_decomposition()
        sizes = (self.library.population_size, self.library.dim)
        z = np.random.RandomState(seed % 2**32).standard_normal(sizes)
        return torch.from_numpy(self.library.mean + self.library._sigma * z @ (B * D) @ B.T)

    def tell(self, vectors: Tensor, fitness: Tensor) -> None:
        """Move mean, step size and covariance; the library looks for the least."""
        self.library.tell(list(zip(vectors.numpy(), (-fitness).tolist(), strict=True)))

    def state(self) -> dict[str, Any]:
        """Return all numbers of the library's object, but for its generator, which is not used."""
        return {name: _saved(value) for name, value in vars(self.library).items() if name != "_rng"}

    def restore(self, state: dict[str, Any]) -> None:
        """Put the numbers back."""
        vars(self.library).update({name: _restored(value) for name, value in state.items()})


def _saved(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    return value.item() if isinstance(value, np.generic) else value


def _restored(value: Any) -> Any:
    return value.cpu().numpy().copy() if isinstance(value, Tensor) else value


class GradientSearch:
    """OpenAI-ES: candidates θ ± σ ε; Adam follows the sum of ε weighted by the ranks of their fitness."""

    def __init__(self, start: Tensor, population: int, sigma: float, rate: float) -> None:
        self.pairs, self.sigma = population // 2, sigma
        self.theta = start.clone().requires_grad_()
        self.adam = torch.optim.Adam([self.theta], lr=rate)

    @property
    def mean(self) -> Tensor:
        """θ."""
        return self.theta.detach().clone()

    def ask(self, seed: int) -> Tensor:
        """Draw ε, and put candidates on both sides of θ."""
        rng = torch.Generator().manual_seed(seed)
        noise = torch.randn(self.pairs, len(self.theta), generator=rng, dtype=self.theta.dtype) * self.sigma
        return torch.cat([self.mean + noise, self.mean - noise])

    def tell(self, vectors: Tensor, fitness: Tensor) -> None:
        """Take one step of Adam."""
        away = (vectors - self.mean) / self.sigma
        self.theta.grad = -(centred_ranks(fitness) @ away) / (len(vectors) * self.sigma)
        self.adam.step()

    def state(self) -> dict[str, Any]:
        """Return θ and what Adam knows."""
        return {"theta": self.mean, "adam": self.adam.state_dict()}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Put both back."""
        self.theta.copy_(state["theta"])
        self.adam.load_state_dict(state["adam"])


def centred_ranks(fitness: Tensor) -> Tensor:
    """Return ranks (P,) from −1/2, the worst, to 1/2; those that are as fit share their mean."""
    below = (fitness[None] < fitness[:, None]).sum(1)
    upto = (fitness[None] <= fitness[:, None]).sum(1)
    return (below + upto - 1).to(fitness.dtype) / 2 / (len(fitness) - 1) - 0.5
