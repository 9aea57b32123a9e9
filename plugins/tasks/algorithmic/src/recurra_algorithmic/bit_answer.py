"""What the tasks of the Neural Turing Machine paper share: an answer of bits, and its cost."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from recurra import Batch, GeneratedTask, InvalidOption, Score, Task

Count = Annotated[int, Field(gt=0)]
Bits = Annotated[Count, Field(description="bits per vector")]


class BitAnswer(GeneratedTask):
    """A task whose answer is bits; the target is (B, T, O) and the outputs are logits.

    Its scores: `bits_per_sequence`, the cross-entropy of the whole answer in bits, one per bit for a blind
    guess; `bit_errors`, the wrong bits per sequence after thresholding.
    """

    def scored(self, part: Tensor, batch: Batch) -> Tensor:
        """Return what belongs to the answer, out of a part (B, T, O) of a batch or of the outputs."""
        return part[batch.mask]

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per bit of the answer, in nats."""
        return binary_cross_entropy_with_logits(self.scored(y, batch), self.scored(batch.target, batch))

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return bits_per_sequence and bit_errors, both per sequence."""
        y, target, sequences = self.scored(y, batch), self.scored(batch.target, batch), batch.x.shape[0]
        wrong = ((y > 0) != (target > 0.5)).sum()
        return {
            "bits_per_sequence": Score(cost(y, target), sequences),
            "bit_errors": Score(float(wrong), sequences),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Turn logits into the probability that each bit is one."""
        return torch.sigmoid(y)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the answer, for checks."""
        return 100 * (batch.target - 0.5)


def cost(y: Tensor, target: Tensor) -> float:
    """Return the cross-entropy of logits, summed, in bits."""
    nats = binary_cross_entropy_with_logits(y.double(), target.double(), reduction="sum")
    return float(nats) / math.log(2)


def blind_references(bits: float) -> dict[str, dict[str, float]]:
    """Return the baselines of an answer of so many fair bits: a guess at each, and all of them right."""
    return {
        "constant": {"bits_per_sequence": bits, "bit_errors": bits / 2},
        "optimal": {"bits_per_sequence": 0.0, "bit_errors": 0.0},
    }


def check_range(task: Task, least: str, most: str) -> None:
    """Compare two options of a task.

    Raises:
        InvalidOption: The least is larger than the most.
    """
    small, large = task.options[least], task.options[most]
    if small > large:
        raise InvalidOption(f"{type(task).__name__}: {least} = {small} must not exceed {most} = {large}")
