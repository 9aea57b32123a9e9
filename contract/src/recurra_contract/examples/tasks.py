"""The smallest task and trainer that keep their contracts: what the kit trains with, and proves itself on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra.cell import Network
from recurra.errors import IncompatibleParts
from recurra.task import Batch, GeneratedTask, Goal, Score, Task
from recurra.trainer import Trainer

if TYPE_CHECKING:
    from recurra_contract.examples.toy_rule import ToyRule


class ToyTask(GeneratedTask):
    """Put out each input plus one, in rows of different lengths: any rule of learning gets better at it soon.

    Shapes: x (B, T, size), y (B, T, size).
    Scores: squared_error, per element; worst_error, the largest absolute error of a row, per sequence.
    """

    stream = "ToyTask"
    goal = Goal("squared_error", below=0.01)

    def __init__(
        self,
        *,
        size: Annotated[int, Field(gt=0, description="width of x and y")] = 3,
        length: Annotated[int, Field(gt=0, description="T, steps of the longest row")] = 5,
    ) -> None:
        super().__init__(size, size)
        self.length = length

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw lengths, then normal numbers."""
        lengths = torch.randint(1, self.length + 1, (batch_size,), generator=rng)
        mask = torch.arange(self.length) < lengths[:, None]
        x = torch.randn(batch_size, self.length, self.input_size, generator=rng) * mask[:, :, None]
        return Batch(x, (x + 1) * mask[:, :, None], mask, lengths)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error per element."""
        return (y[batch.mask] - batch.target[batch.mask]).square().mean()

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return squared_error and worst_error."""
        wrong = (y - batch.target).abs() * batch.mask[:, :, None]
        elements = int(batch.mask.sum()) * self.output_size
        worst = wrong.flatten(1).amax(1)
        return {
            "squared_error": Score(float(wrong.double().square().sum()), elements),
            "worst_error": Score(float(worst.double().sum()), y.shape[0]),
        }

    def oracle(self, batch: Batch) -> Tensor:
        """Return the targets."""
        return batch.target

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the best number scores, 1 for normal x + 1, and what is possible."""
        return {"constant": {"squared_error": 1.0}, "optimal": {"squared_error": 0.0, "worst_error": 0.0}}

    def suite(self) -> Mapping[str, Task]:
        """Return the task at its length and at twice its length."""
        lengths = (self.length, 2 * self.length)
        return {f"length-{n}": type(self)(size=self.input_size, length=n) for n in lengths}


class ToyTrainer(Trainer):
    """Gradient descent with momentum on the loss of each batch."""

    def __init__(self, *, lr: Annotated[float, Field(gt=0, description="learning rate")] = 0.01) -> None:
        self.lr = lr

    def lightning_module(self, model: Network, task: Task, seed: int) -> ToyRule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The cell is not differentiable.
        """
        from recurra_contract.examples.toy_rule import ToyRule

        self.check(model)
        return ToyRule(model, task, seed, self.lr)

    def check(self, model: Network) -> None:
        """Refuse a model that has no gradient."""
        if not model.tags.differentiable:
            raise IncompatibleParts("ToyTrainer needs a differentiable cell")
