"""The Lightning module of random weight guessing."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from recurra import Batch, IncompatibleParts, Network, Task
from recurra_guessing.guess import Judgement, drawn, judged, passed, screens
from recurra_lab import LearningModule, WeightSpace


class GuessingModule(LearningModule):
    """Tries many networks on every batch, and keeps the first that solves it, or else the best so far.

    Args:
        model: Whose weights are drawn.
        task: The task whose goal and loss evaluate guesses.
        seed: The run's seed.
        weight_range: Largest size of a weight.
        guesses: Networks drawn for each batch.
        screens: Numbers of sequences of the batch on which guesses are screened first.

    Raises:
        IncompatibleParts: All weights are frozen, or batches continue one another.
    """

    replicate_batches: ClassVar[bool] = True
    best: Tensor
    guesses: Tensor

    def __init__(
        self,
        model: Network,
        task: Task,
        seed: int,
        *,
        weight_range: float,
        guesses: int,
        screens: tuple[int, ...],
    ) -> None:
        super().__init__(model, task, seed)
        self.weight_range, self.guesses_per_batch, self.screens = weight_range, guesses, screens
        self.automatic_optimization = False
        self.space = WeightSpace(model)
        if task.continues_previous(1, batch_size=1, seed=seed, split="train"):
            self._refuse_stream()
        self.register_buffer("best", torch.full((2,), torch.nan, dtype=torch.float64))  # score and loss
        self.register_buffer("guesses", torch.zeros((), dtype=torch.int64))

    def _refuse_stream(self) -> None:
        message = f"task '{type(self.task).__name__}' continues the previous batch"
        raise IncompatibleParts(f"trainer 'guessing' draws networks without a past, but {message}")

    def configure_optimizers(self) -> Any:
        """Return nothing: there is no gradient."""
        return None

    @torch.no_grad()
    def training_loss(self, batch: Batch) -> Tensor:
        """Draw and try networks, and return the loss of the one that is kept."""
        k = int(self.batches_seen) - 1
        if self._continues_previous(k, batch):
            self._refuse_stream()
        self._guess(k, batch)
        y, state = self.model(batch.x, lengths=batch.lengths)
        self.record(y, batch)
        self.log("train/guesses", float(self.guesses))
        return self.loss_of(y, state, batch)

    def _guess(self, k: int, batch: Batch) -> None:
        goal, count = self.task.goal, self.guesses_per_batch
        guesses = drawn(self.seed, k, count, self.space.size, self.weight_range)
        left = torch.arange(count)
        for part, share in screens(self.task.supervised(), batch, self.screens):
            left = left[passed(self._judged(guesses[left], part), share, goal)]
        found = self._judged(guesses[left], batch)
        solved = found.solved(goal).nonzero().flatten()
        winner = int(solved[0] if len(solved) else found.ranked(goal)[0])
        self.guesses += int(left[winner]) + 1 if len(solved) else count
        reached = torch.stack([part[winner] for part in found])
        if len(solved) or self._is_better(reached):
            self.space.write(self.model, guesses[left[winner]])
            self.best.copy_(reached)

    def _is_better(self, reached: Tensor) -> bool:
        """Say whether a score and loss (2,) are better than the best so far."""
        (score, loss), (best, least) = reached.tolist(), self.best.tolist()
        if best != best or self.task.goal.better(score, best):
            return True
        return score == best and not loss >= least

    def _judged(self, guesses: Tensor, batch: Batch) -> Judgement:
        """Judge guesses (P, n), each on one of the ranks; all get to know all results."""
        share = -(-len(guesses) // self.world_size)
        first = share * self.rank
        mine = torch.arange(first, first + share).clamp(max=len(guesses) - 1)
        like = next(self.model.parameters())
        task = self.task.supervised()
        found = judged(self.model, self.space, task, guesses[mine].to(like), batch)
        if self.world_size == 1:
            return found
        everyone = self.all_gather(torch.stack(found).to(self.device))  # (ranks, 2, share)
        assert isinstance(everyone, Tensor)
        return Judgement(*everyone.transpose(0, 1).flatten(1)[:, : len(guesses)].cpu())
