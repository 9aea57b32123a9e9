"""Context-dependent integration: which of two streams of evidence counts is said by the context."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from recurra import Batch, GeneratedTask, Goal, Score, Task

MARGIN = 0.02
"""How far above the optimum the error of a solved task may be."""

Coherences = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...],
    Field(min_length=1, description="absolute means of the evidence, equally likely"),
]


class ContextIntegration(GeneratedTask):
    """Decide, at the end of a row, whether the mean of the relevant evidence is positive.

        x(t) = [d_1 + σ ξ_1(t), d_2 + σ ξ_2(t), context]

    Each row draws d_1 and d_2, of random sign, from the coherences, and a context, 1 or 2, shown as [1, 0] or
    [0, 1] at every step; ξ is standard normal. The target is 1 if d_context is positive, and else 0.

    The best decision is the sign of the sum of the relevant evidence, which is wrong with probability
    Φ(−|d| √T / σ), averaged over the coherences: the baseline `optimal`. `no-context` sums both streams.

    Shapes: x (B, T, 4), y (B, T, 1), a logit, of which the last step is scored.
    Scores: wrong_share, the fraction of wrong decisions; bits, the cross-entropy per decision.
    Goal: a wrong_share of at most 0.02 above the optimum, a criterion of our own.
    Differs from the paper: a decision at the last step instead of a trajectory; coherences and noise are
    scaled to T steps; the paper's inputs are drawn anew in every step of 1 ms.
    Source: Mante, Sussillo, Shenoy and Newsome 2013, "Context-dependent computation by recurrent dynamics in
    prefrontal cortex".
    """

    stream = "ContextIntegration"

    def __init__(
        self,
        *,
        length: Annotated[int, Field(gt=0, description="T, steps of a row")] = 50,
        coherences: Coherences = (0.1, 0.2, 0.4),
        noise: Annotated[float, Field(gt=0, description="σ, standard deviation of the evidence")] = 1.0,
    ) -> None:
        super().__init__(4, 1)
        self.length, self.coherences, self.noise = length, coherences, noise
        self.goal = Goal("wrong_share", below=self.baselines()["optimal"]["wrong_share"] + MARGIN)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw means, a context and noise."""
        sizes = torch.tensor(self.coherences)
        size = sizes[torch.randint(len(sizes), (batch_size, 2), generator=rng)]
        d = size * (2.0 * torch.randint(2, (batch_size, 2), generator=rng) - 1)
        context = torch.randint(2, (batch_size,), generator=rng)
        noise = torch.randn(batch_size, self.length, 2, generator=rng)
        shown = torch.eye(2)[context][:, None].expand(-1, self.length, -1)
        x = torch.cat([d[:, None] + self.noise * noise, shown], -1)
        target = torch.zeros(batch_size, self.length, 1)
        target[:, -1] = (d.gather(1, context[:, None]) > 0).float()
        mask = (torch.arange(self.length) == self.length - 1).repeat(batch_size, 1)
        return Batch(x, target, mask, torch.full((batch_size,), self.length))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the cross-entropy of the decisions, in nats."""
        return binary_cross_entropy_with_logits(y[batch.mask], batch.target[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return wrong_share and bits per decision."""
        y, target = y[batch.mask].double(), batch.target[batch.mask].double()
        nats = binary_cross_entropy_with_logits(y, target, reduction="sum")
        return {
            "wrong_share": Score(float(((y > 0) != (target > 0.5)).sum()), len(y)),
            "bits": Score(float(nats) / math.log(2), len(y)),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Return the probability that the relevant evidence is positive."""
        return torch.sigmoid(y)

    def oracle(self, batch: Batch) -> Tensor:
        """Return logits of the right decisions, which no reader of noise knows for certain."""
        return 100 * (batch.target - 0.5)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the expected errors of a coin, of the sum of both streams and of the relevant sum."""
        scale = math.sqrt(self.length) / self.noise
        signed = [sign * d for d in self.coherences for sign in (1, -1)]
        both = [(a + b) / math.sqrt(2) for a, b in product(self.coherences, signed)]  # relevant, other
        return {
            "constant": {"wrong_share": 0.5, "bits": 1.0},
            "no-context": {"wrong_share": _mean_error(both, scale)},
            "optimal": {"wrong_share": _mean_error(self.coherences, scale)},
        }

    def suite(self) -> Mapping[str, Task]:
        """Return the task, and each of several coherences alone for both streams."""
        several = self.coherences if len(self.coherences) > 1 else ()
        alone = {f"coherence-{d:g}": type(self)(**{**self.options, "coherences": (d,)}) for d in several}
        return {"test": self, **alone}


def _mean_error(means: Sequence[float], scale: float) -> float:
    """Return the probability that normal numbers with these means and deviation 1/scale are negative."""
    return math.fsum(math.erfc(d * scale / math.sqrt(2)) / 2 for d in means) / len(means)
