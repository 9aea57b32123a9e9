"""What is drawn, how it is evaluated, and which guess is better than another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from recurra import Batch, Goal, Network, SupervisedTask, generator_of
from recurra_lab import WeightSpace, goal_scores, losses, run_each

AT_ONCE = 4_000_000
"""How many numbers the inputs and outputs of the networks that run side by side may have."""
FINALISTS = 8
"""How many of the best are tried on the whole batch, though a screen showed that they do not solve it."""


def drawn(seed: int, k: int, count: int, size: int, largest: float) -> Tensor:
    """Return the guesses of batch k, (count, size), the same in every process."""
    return (torch.rand(count, size, generator=generator_of("guesses", seed, k)) * 2 - 1) * largest


class Judgement(NamedTuple):
    """What guesses reached: the score of the goal and the loss, both (P,) in float64."""

    score: Tensor
    loss: Tensor

    def solved(self, goal: Goal) -> Tensor:
        """Return who met the goal, (P,); nobody did whose outputs are no numbers."""
        return _met(goal, self.score) & self.loss.isfinite()

    def ranked(self, goal: Goal) -> Tensor:
        """Return the numbers (P,) of the guesses, the best first: by score, then by loss, then by number."""
        sign = -1 if goal.above is not None else 1
        by_loss = _worst_last(self.loss).argsort(stable=True)
        return by_loss[_worst_last(sign * self.score)[by_loss].argsort(stable=True)]


def _met(goal: Goal, score: Tensor) -> Tensor:
    """Return where a score meets the goal, as `Goal.met` says of one value."""
    below, above = (torch.nan if bound is None else bound for bound in (goal.below, goal.above))
    return (score < below) | (score > above)


def _worst_last(value: Tensor) -> Tensor:
    return torch.where(value.isnan(), torch.inf, value)


@torch.no_grad()
def judged(
    model: Network, space: WeightSpace, task: SupervisedTask, guesses: Tensor, batch: Batch
) -> Judgement:
    """Judge guesses (P, n) on all sequences of a batch."""
    parts = []
    for some in torch.split(guesses, _at_once(model, task, batch)):
        y, _ = run_each(model, space.stacked(some), batch.x, lengths=batch.lengths)
        parts.append(Judgement(goal_scores(task, y, batch).double(), losses(task, y, batch).double()))
    return Judgement(*(torch.cat(part).cpu() for part in zip(*parts, strict=True)))


def _at_once(model: Network, task: SupervisedTask, batch: Batch) -> int:
    width = model.sequencer.output_size + task.output_size + batch.x[0, 0].numel()
    return max(1, AT_ONCE // max(1, batch.mask.numel() * width))


def screens(task: SupervisedTask, batch: Batch, sizes: tuple[int, ...]) -> Iterator[tuple[Batch, float]]:
    """Yield ever larger parts of a batch, each with its share of what the score of the goal is a mean of.

    A goal that is met from above has no screens: there the best that the rest may bring is not known.
    """
    if task.goal.below is None:
        return
    whole = _weight(task, batch)
    for size in sorted(set(sizes)):
        if size < len(batch.x):
            part = Batch(*(value[:size] for value in batch))
            yield part, _weight(task, part) / whole if whole else 0.0


def _weight(task: SupervisedTask, batch: Batch) -> float:
    blank = torch.zeros(*batch.mask.shape, task.output_size, device=batch.x.device)
    return task.scores(blank, batch)[task.goal.score].weight


def passed(found: Judgement, share: float, goal: Goal) -> Tensor:
    """Return which guesses go on, in ascending order: those that can still meet the goal, and the best few.

    Args:
        found: What was reached on a part of the batch.
        share: The part's share of what the score is a mean of; the rest may add nothing to the sum.
        goal: With an upper bound.
    """
    can = _met(goal, found.score.nan_to_num() * share)
    can[found.ranked(goal)[:FINALISTS]] = True
    return can.nonzero().flatten()
