"""Environments in which a network acts; the interface follows gymnasium."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from recurra.task import Batch, Evaluation, Predictor, Score, Split, Task

Population = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""P networks, as a function: x (B, T, I) for all, or (P, B, T, I), and states -> y (P, B, T, O) and states.

The states are None at first, when all networks start from their initial ones and read the same x.
"""
Policy = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""Observations (n, I) and states -> outputs (n, O) and states."""


class Environment(Task):
    """A task whose sequences are episodes in an environment; the score `return` sums an episode's rewards.

    A batch contains the seeds of episodes instead of sequences: x (B, 1, I) zeros, target (B, 1) seeds.
    """

    @abc.abstractmethod
    def environments(self, count: int) -> Any:
        """Return environments side by side, with the `reset`, `step` and `close` of gymnasium's `VectorEnv`.

        Episodes must end by themselves; rewards after the end do not count.
        """

    @abc.abstractmethod
    def actions(self, y: Tensor) -> Any:
        """Convert outputs (n, O) to actions of the environments."""

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw the seeds of episodes; all randomness comes from `rng`."""
        seeds = torch.randint(2**31 - 1, (batch_size, 1), generator=rng)
        steps = torch.ones(batch_size, dtype=torch.int64)
        return Batch(torch.zeros(batch_size, 1, self.input_size), seeds, seeds >= 0, steps)

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return global batch k of a split, drawn by `sample`."""
        return self.sample(batch_size, self.generator(k, seed=seed, split=split))

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

    def evaluate(self, network: Predictor, batch: Batch, state: Any = None) -> Evaluation:
        """Play the episodes of a batch, each from the initial state."""

        def policy(seen: Tensor, state: Any) -> tuple[Tensor, Any]:
            y, state = network(seen[:, None].to(batch.x), state, lengths=None)
            return y[:, 0], state

        returns = self.play(policy, None, batch.target[:, 0].tolist())
        score = Score(float(returns.sum()), len(returns))
        return Evaluation(torch.tensor(-score.value), {"return": score}, None)

    def run_population(self, population: Population, size: int, batch: Batch) -> Tensor:
        """Play all networks on all seeds in parallel; return the mean return of each network, (P,)."""
        seeds = batch.target[:, 0].tolist()

        def policy(seen: Tensor, state: Any) -> tuple[Tensor, Any]:
            each = seen.to(batch.x).reshape(size, len(seeds), 1, -1)
            # At first all networks see the same, since they play the same seeds.
            y, state = population(each[0] if state is None else each, state)
            return y.flatten(0, 2), state

        return self.play(policy, None, seeds * size).reshape(size, -1).mean(1)
