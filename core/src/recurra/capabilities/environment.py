"""Tasks that answer back: what is read next depends on what was put out before. They follow gymnasium."""

from __future__ import annotations

import abc
import operator
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

import torch
from torch import Tensor

from recurra.errors import IncompatibleParts
from recurra.plugins import registry
from recurra.task import Batch, Score, Task

Policy = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""Observations (n, I) and states -> outputs (n, O) and states."""


class Environments(Protocol):
    """Several environments side by side: what is needed of a `gymnasium.vector.VectorEnv`."""

    def reset(self, *, seed: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in each, the i-th with the i-th seed; returns observations (n, I) and notes."""
        ...

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Act; returns observations (n, I), rewards, terminated and truncated (n,), and notes."""
        ...

    def close(self) -> None:
        """Let go of them."""
        ...


class Environment(Task):
    """A task whose sequences are episodes in an environment; the score `return` sums an episode's rewards.

    A batch holds no sequences but the seeds of episodes: x (B, 1, I) zeros, target (B, 1) seeds.
    """

    @abc.abstractmethod
    def environments(self, count: int) -> Environments:
        """Return environments whose episodes end by themselves; rewards after the end do not count."""

    @abc.abstractmethod
    def actions(self, y: Tensor) -> Any:
        """Turn outputs (n, O) into what the environments take as actions."""

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw seeds."""
        seeds = torch.randint(2**31 - 1, (batch_size, 1), generator=rng)
        steps = torch.ones(batch_size, dtype=torch.int64)
        return Batch(torch.zeros(batch_size, 1, self.input_size), seeds, seeds >= 0, steps)

    def play(self, policy: Policy, state: Any, seeds: Sequence[int]) -> Tensor:
        """Return the sum of rewards (n,) of one episode for each seed."""
        environments = self.environments(len(seeds))
        try:
            seen, _ = environments.reset(seed=list(seeds))
            total = torch.zeros(len(seeds), dtype=torch.float64)
            live = torch.ones(len(seeds), dtype=torch.bool)
            while live.any():
                y, state = policy(torch.as_tensor(seen, dtype=torch.get_default_dtype()), state)
                seen, reward, ended, cut, _ = environments.step(self.actions(y))
                total += torch.as_tensor(reward, dtype=torch.float64) * live
                live &= ~(torch.as_tensor(ended) | torch.as_tensor(cut))
        finally:
            environments.close()
        return total

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Refuse: nobody says what would have been right.

        Raises:
            IncompatibleParts: Always.
        """
        self.refuse()

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Refuse, as `loss` does; `recurra_lab.play` scores."""
        self.refuse()

    def refuse(self) -> NoReturn:
        """Tell a rule that needs targets to leave this task to others.

        Raises:
            IncompatibleParts: Always.
        """
        others = registry.suggestion("trainer", operator.attrgetter("supports_environments"))
        message = f"task '{type(self).__name__}' is an environment, which provides rewards, not targets"
        raise IncompatibleParts(message + others)
