"""Windows of series of vectors, split by time: what is learned from has seen nothing of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from recurra import Batch, GeneratedTask, InvalidInput, Score, Split


@dataclass(frozen=True)
class Cut:
    """How windows are cut out of a series of N steps.

    Args:
        window: W, length of the input window in steps.
        offsets: How many steps after a seen one the values lie that are to be predicted.
        scored: How many steps at the end of a window are scored.
        parts: Split -> first step, and first step after the last, of the values to be predicted.
        start: The first step; those before belong to another series.
    """

    window: int
    offsets: tuple[int, ...]
    scored: int
    parts: Mapping[Split, tuple[int, int]]
    start: int = 0

    def ends(self, split: Split) -> range:
        """Return the last steps of the windows whose scored values lie in a part; inputs may lie before."""
        first, after = self.parts[split]
        earliest = max(self.start + self.window - 1, first - self.offsets[0] + self.scored - 1)
        return range(earliest, after - self.offsets[-1])


class Windows(GeneratedTask):
    """Prediction of values that lie ahead of a window of one or several series.

    A training batch is drawn at random from the training parts. In validation and test every window comes
    once, in an order that depends on the seed, before any comes again. A missing value is NaN in the target,
    and a window whose values ahead are all missing is left out.

    Shapes: x (B, W, I), y (B, W, K C), the K values ahead, each of C columns; target (B, W, K C), or
    (B, W, K C + 1) where there are several series: the last channel is the number of the series.

    Args:
        shown: (N, I), what is read at every step.
        series: (N, C), float64, what is predicted, scaled; NaN where a value is missing.
        cuts: How windows are cut, in each series; the series lie one after the other.
        output_size: O; K C if None.
    """

    def __init__(
        self, shown: Tensor, series: Tensor, cuts: Sequence[Cut], output_size: int | None = None
    ) -> None:
        self.series, self.cuts, self.cut = series, tuple(cuts), cuts[0]
        width = len(self.cut.offsets) * series.shape[1]
        super().__init__(shown.shape[1], output_size or width)
        dtype = torch.get_default_dtype()
        self.shown, self.due = shown.to(dtype), series.to(dtype)
        self.ends = {split: self._ends(split) for split in self.cut.parts}

    def _ends(self, split: Split) -> Tensor:
        """Return the last steps of the windows of a split that have a value to predict."""
        ends = torch.cat([torch.arange(len(cut.ends(split))) + cut.ends(split).start for cut in self.cuts])
        due = ~self.series.isnan().all(1)
        if bool(due.all()):
            return ends
        ends = ends[due[ends[:, None] + torch.tensor(self.cut.offsets)].any(1)]
        if not len(ends):
            raise InvalidInput(f"all values to be predicted for {split} are missing; fill in some of them")
        return ends

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw windows of the training part at random."""
        ends = self.ends["train"]
        return self._windows(ends[torch.randint(len(ends), (batch_size,), generator=rng)])

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return batch k of a split: at random in training, the next windows of a fixed order elsewhere."""
        if split == "train":
            return super().batch(k, batch_size=batch_size, seed=seed, split=split)
        ends = self.ends[split]
        order = torch.randperm(len(ends), generator=torch.Generator().manual_seed(seed))
        return self._windows(ends[order[torch.arange(k * batch_size, (k + 1) * batch_size) % len(ends)]])

    def _windows(self, ends: Tensor) -> Batch:
        """Return the windows that end at the steps (B,)."""
        window, scored = self.cut.window, self.cut.scored
        steps = ends[:, None] + torch.arange(1 - window, 1)  # (B, W)
        mask = (torch.arange(window) >= window - scored).expand(len(ends), -1)
        ahead = steps[..., None] + torch.tensor(self.cut.offsets)
        target = self.due[ahead].flatten(2)
        target = torch.where(mask[..., None] | ~target.isnan(), target * mask[..., None], 0)
        if len(self.cuts) > 1:
            target = torch.cat([target, self._numbers(ends)[:, None, None].expand(-1, window, 1)], -1)
        return Batch(self.shown[steps], target, mask.clone(), torch.full((len(ends),), window))

    def _numbers(self, steps: Tensor) -> Tensor:
        """Return the number of the series in which each step (...) lies, in the dtype of the target."""
        starts = torch.tensor([cut.start for cut in self.cuts])
        return (torch.searchsorted(starts, steps, right=True) - 1).to(self.due.dtype)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error of the scaled values."""
        return (y[batch.mask] - batch.target[batch.mask]).square().mean()

    def errors(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the errors of the scaled values at scored steps, (n, K, C) in float64.

        NaN where the file has no value; infinite where the output is NaN.
        """
        due = batch.target[batch.mask][:, : y.shape[-1]].double()
        wrong = y[batch.mask].double() - due
        wrong = torch.where(wrong.isnan() & ~due.isnan(), torch.inf, wrong)
        return wrong.reshape(len(wrong), -1, self.series.shape[1])

    def measured(self, errors: Tensor, numbers: Tensor) -> dict[str, Score]:
        """Return the scores of errors (n, K, C), in the series with the numbers (n,)."""
        return {"squared_error": Score(float(known(errors).square().sum()), count(errors))}

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return the scores of the outputs (B, W, K C)."""
        return self.measured(self.errors(y, batch), self.numbers_of(batch))

    def numbers_of(self, batch: Batch) -> Tensor:
        """Return the number of the series of each scored step, (n,)."""
        scored = batch.target[batch.mask]
        return scored[:, -1].long() if len(self.cuts) > 1 else scored.new_zeros(len(scored)).long()

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who sees the future, for checks."""
        return batch.target

    def naive(self, season: int = 1) -> dict[str, float]:
        """Score, over the whole test part, the last known value, or that of as many whole seasons before."""
        offsets = torch.tensor(self.cut.offsets)
        back = season * torch.div(offsets + season - 1, season, rounding_mode="floor")
        ahead = self._tested() + offsets
        return self._means(self.series[ahead - back] - self.series[ahead])

    def constant(self) -> dict[str, float]:
        """Score, over the whole test part, the mean of the training part."""
        return self._means(-self.series[self._tested() + torch.tensor(self.cut.offsets)])

    def _tested(self) -> Tensor:
        """Return the steps (n, 1) from which the test part is predicted."""
        parts = [(cut.parts["test"], cut.offsets) for cut in self.cuts]
        return torch.cat([torch.arange(a - k[0], z - k[-1]) for (a, z), k in parts])[:, None]

    def _means(self, errors: Tensor) -> dict[str, float]:
        numbers = self._numbers(self._tested()[:, 0]).long()
        return {name: score.value for name, score in self.measured(errors, numbers).items()}


def known(errors: Tensor) -> Tensor:
    """Return errors with zeros where there is no value."""
    return torch.where(errors.isnan(), 0, errors)


def count(errors: Tensor) -> int:
    """Return the number of errors where there is a value."""
    return int((~errors.isnan()).sum())
