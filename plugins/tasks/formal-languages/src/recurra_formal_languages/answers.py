"""Answers that are yes or no per output: the sets of legal symbols, and the verdict on a whole string."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from recurra import Batch, GeneratedTask, Score

NONE = 1e-9
"""What a share is below when it is zero."""

REFERENCE_ROWS = 1000

Tolerance = Annotated[
    float, Field(gt=0, lt=1, description="an output is wrong if its distance from 0 or 1 is this or more")
]
Count = Annotated[int, Field(gt=0)]


class BinaryTask(GeneratedTask):
    """A task whose every output is a probability that ought to be 0 or 1; the target is (B, T, O).

    Args:
        input_size: I, the width of x.
        output_size: O, the width of the answer.
        tolerance: An output is wrong when |σ(y) − target| is not below it.
    """

    def __init__(self, input_size: int, output_size: int, tolerance: float) -> None:
        super().__init__(input_size, output_size)
        self.tolerance = tolerance

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per output, in nats."""
        return binary_cross_entropy_with_logits(y[batch.mask], batch.target[batch.mask])

    def wrong(self, y: Tensor, batch: Batch) -> Tensor:
        """Return which outputs are wrong, (..., B, T, O), at scored steps only."""
        error = (torch.sigmoid(y.double()) - batch.target).abs()
        return (error >= self.tolerance) & batch.mask[..., None]

    def predict(self, y: Tensor) -> Tensor:
        """Turn logits into probabilities."""
        return torch.sigmoid(y)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the answer, for checks."""
        return 100 * (batch.target - 0.5)


class LegalSets(BinaryTask):
    """A task of predicting, after every symbol, the set of symbols that may come next.

    Its scores: `rejected_share`, the share of sequences with a wrong output anywhere; `steps_before_error`,
    how many steps a sequence is right from its start; `bit_errors`, the wrong outputs per sequence.
    """

    causal = True

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return rejected_share, steps_before_error and bit_errors, all per sequence."""
        wrong, rows = self.wrong(y, batch), batch.x.shape[0]
        failed = wrong.any(-1)
        right_so_far = (failed.cumsum(1) == 0) & batch.mask
        return {
            "rejected_share": Score(float(failed.any(1).sum()), rows),
            "steps_before_error": Score(float(right_so_far.sum()), rows),
            "bit_errors": Score(float(wrong.sum()), rows),
        }

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the right answer scores (`optimal`), and one set for all steps (`constant`).

        The set holds what is legal at more than half of the steps, which makes the fewest bit errors.
        """
        batch = self.reference_batch()
        usual = batch.target[batch.mask].mean(0) > 0.5
        one_set = torch.where(usual, 100.0, -100.0).expand_as(batch.target)
        answers = {"constant": one_set, "optimal": self.oracle(batch)}
        return {name: {s: v.value for s, v in self.scores(y, batch).items()} for name, y in answers.items()}

    def reference_batch(self) -> Batch:
        """Return the sequences on which `baselines` are taken: 1,000, drawn with a seed of their own."""
        return self.sample(REFERENCE_ROWS, torch.Generator().manual_seed(0))


class Verdicts(BinaryTask):
    """A task of saying yes or no to a string, with one output.

    Its scores: `wrong_share`, the share of wrong verdicts; `bits_per_verdict`, their cross-entropy in bits.
    """

    def __init__(self, input_size: int) -> None:
        super().__init__(input_size, 1, tolerance=0.5)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return wrong_share and bits_per_verdict."""
        verdicts = int(batch.mask.sum())
        said, target = y[batch.mask].double(), batch.target[batch.mask].double()
        nats = binary_cross_entropy_with_logits(said, target, reduction="sum")
        return {
            "wrong_share": Score(float(self.wrong(y, batch).sum()), verdicts),
            "bits_per_verdict": Score(float(nats) / math.log(2), verdicts),
        }

    def goal_scores(self, y: Tensor, batch: Batch) -> Tensor | None:
        """Return wrong_share of many networks at once: y (P, B, T, 1) -> (P,)."""
        if self.goal.score != "wrong_share":
            return None
        return self.wrong(y, batch).sum((1, 2, 3)).double() / int(batch.mask.sum())


def verdict_references(share: float) -> dict[str, dict[str, float]]:
    """Return the baselines of verdicts of which a share is yes: always the same, and the right one."""
    entropy = -sum(p * math.log2(p) for p in (share, 1 - share) if p)
    return {
        "constant": {"wrong_share": min(share, 1 - share), "bits_per_verdict": entropy},
        "optimal": {"wrong_share": 0.0, "bits_per_verdict": 0.0},
    }
