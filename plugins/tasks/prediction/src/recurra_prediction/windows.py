"""Windows of a series of vectors, split by time: what is learned from has seen nothing of the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from recurra import Batch, GeneratedTask, Score, Split


@dataclass(frozen=True)
class Cut:
    """How windows are cut out of a series of N steps.

    Args:
        window: W, length of the input window in steps.
        offsets: How many steps after a seen one the values lie that are to be predicted.
        scored: How many steps at the end of a window are scored.
        parts: Split -> first step, and first step after the last, of the values to be predicted.
    """

    window: int
    offsets: tuple[int, ...]
    scored: int
    parts: Mapping[Split, tuple[int, int]]

    def ends(self, split: Split) -> range:
        """Return the last steps of the windows whose scored values lie in a part; inputs may lie before."""
        first, after = self.parts[split]
        earliest = max(self.window - 1, first - self.offsets[0] + self.scored - 1)
        return range(earliest, after - self.offsets[-1])


class Windows(GeneratedTask):
    """Prediction of values that lie ahead of a window of a series.

    A training batch is drawn at random from the training part. In validation and test every window comes
    once, in an order that depends on the seed, before any comes again. Columns are scaled to mean 0 and
    standard deviation 1 in the training part, of which alone these are taken.

    Shapes: x (B, W, C), y (B, W, K C), the K values ahead, each of C columns.

    Args:
        series: (N, C), float64.
        cut: How windows are cut.
    """

    def __init__(self, series: Tensor, cut: Cut) -> None:
        super().__init__(series.shape[1], len(cut.offsets) * series.shape[1])
        first, after = cut.parts["train"]
        self.mean, self.deviation = _moments(series[first:after])
        self.series, self.cut = (series - self.mean) / self.deviation, cut
        self.shown = self.series.to(torch.get_default_dtype())

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw windows of the training part at random."""
        ends = self.cut.ends("train")
        return self._windows(ends.start + torch.randint(len(ends), (batch_size,), generator=rng))

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return batch k of a split: at random in training, the next windows of a fixed order elsewhere."""
        if split == "train":
            return super().batch(k, batch_size=batch_size, seed=seed, split=split)
        ends = self.cut.ends(split)
        order = torch.randperm(len(ends), generator=torch.Generator().manual_seed(seed))
        return self._windows(
            ends.start + order[torch.arange(k * batch_size, (k + 1) * batch_size) % len(ends)]
        )

    def _windows(self, ends: Tensor) -> Batch:
        """Return the windows that end at the steps (B,)."""
        window, scored = self.cut.window, self.cut.scored
        steps = ends[:, None] + torch.arange(1 - window, 1)  # (B, W)
        mask = (torch.arange(window) >= window - scored).expand(len(ends), -1)
        ahead = steps[..., None] + torch.tensor(self.cut.offsets)
        target = self.shown[ahead].flatten(2) * mask[..., None]
        return Batch(self.shown[steps], target, mask.clone(), torch.full((len(ends),), window))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error of the scaled values."""
        return (y[batch.mask] - batch.target[batch.mask]).square().mean()

    def errors(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the errors of the scaled values at scored steps, (n, K, C) in float64."""
        wrong = y[batch.mask].double() - batch.target[batch.mask].double()
        return wrong.reshape(len(wrong), -1, self.input_size)

    def measured(self, errors: Tensor) -> dict[str, Score]:
        """Return the scores of errors (n, K, C)."""
        return {"squared_error": Score(float(errors.square().sum()), errors.numel())}

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the scores of the outputs (B, W, K C)."""
        return self.measured(self.errors(y, batch))

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who sees the future, for checks."""
        return batch.target

    def naive(self, season: int = 1) -> dict[str, float]:
        """Score, over the whole test part, the last known value, or that of as many whole seasons before."""
        first, after = self.cut.parts["test"]
        offsets = torch.tensor(self.cut.offsets)
        now = torch.arange(first - self.cut.offsets[0], after - self.cut.offsets[-1])[:, None]
        ahead = now + offsets
        back = season * torch.div(offsets + season - 1, season, rounding_mode="floor")
        return self._means(self.series[ahead - back] - self.series[ahead])

    def constant(self) -> dict[str, float]:
        """Score, over the whole test part, the mean of the training part."""
        first, after = self.cut.parts["test"]
        now = torch.arange(first - self.cut.offsets[0], after - self.cut.offsets[-1])[:, None]
        return self._means(-self.series[now + torch.tensor(self.cut.offsets)])

    def _means(self, errors: Tensor) -> dict[str, float]:
        return {name: score.value for name, score in self.measured(errors).items()}


def _moments(part: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and deviation of each column; exact sums, so that every machine finds the same bits."""
    means = [math.fsum(column) / len(column) for column in part.T.tolist()]
    mean = torch.tensor(means, dtype=part.dtype)
    squares = [math.fsum(column) / len(column) for column in (part - mean).square().T.tolist()]
    return mean, torch.tensor([math.sqrt(square) for square in squares], dtype=part.dtype)
