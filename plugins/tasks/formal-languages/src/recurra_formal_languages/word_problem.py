"""The word problem of finite groups, the standard test of state tracking."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, GeneratedTask, Goal, InvalidOption, Score, Task
from recurra_formal_languages.answers import Count
from recurra_formal_languages.groups import product_table, running_products


class WordProblem(GeneratedTask):
    """Tell after every element of a word over a finite group the product of all elements so far.

        target_t = x₁ · x₂ · … · x_t

    The elements are drawn uniformly and independently. In solvable groups, such as Zn, S3, S4, A4 and
    A4xZ5, the problem lies in a class of shallow circuits (ACC⁰); in A5 and S5 it is complete for NC¹, which
    transformers and linear recurrent networks of a fixed depth with diagonal transitions are believed not to
    reach. Networks with a nonlinear or a dense transition can solve all of them.

    Shapes: x (B, T) tokens, the elements, of which 0 is the identity; y (B, T, n), logits of the product in
    a group of n elements, scored at every step.
    Scores: accuracy_percent, the steps that are right; whole_percent, the words that are right at every step;
    nats_per_step, the cross-entropy.
    Baselines: constant, always the same element, which is as good as any other since the product is uniform;
    memoryless, the last element, which is right at the first step and then by chance; optimal.
    Suite: the length of training, and its doubles up to `longest`.
    Goal: accuracy above 99 percent, a bound of our own; the paper asks for more than 90.
    Differs from the paper: it trains on a fixed set of words and counts the depth that a length needs.
    Source: Merrill, Petty and Sabharwal 2024, arXiv 2404.08819; lengths 128 and 512: Siems et al. 2025,
    arXiv 2502.10297.

    Raises:
        InvalidOption: There is no such group, or `longest` is less than the length.
    """

    stream = "WordProblem"
    input_kind = "tokens"
    goal = Goal("accuracy_percent", above=99.0)

    def __init__(
        self,
        *,
        group: Annotated[
            str, Field(description="Zn, Sn or An, such as Z60, S5 or A5, or a product such as A4xZ5")
        ] = "S5",
        length: Annotated[Count, Field(description="T, number of elements in training")] = 128,
        longest: Annotated[Count, Field(description="longest word of the evaluation")] = 512,
    ) -> None:
        if longest < length:
            raise InvalidOption(f"WordProblem: longest = {longest} must not be less than length = {length}")
        self.table = product_table(group)
        super().__init__(len(self.table), len(self.table))
        self.length, self.longest = length, longest

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw the elements and multiply them."""
        x = torch.randint(self.input_size, (batch_size, self.length), generator=rng)
        mask = torch.ones_like(x, dtype=torch.bool)
        return Batch(x, running_products(self.table, x), mask, mask.sum(1))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per step, in nats."""
        return cross_entropy(y[batch.mask], batch.target[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return accuracy_percent, whole_percent and nats_per_step."""
        right, steps = (y.argmax(-1) == batch.target) & batch.mask, int(batch.mask.sum())
        whole = (right | ~batch.mask).all(1)
        nats = cross_entropy(y[batch.mask].double(), batch.target[batch.mask], reduction="sum")
        return {
            "accuracy_percent": Score(100 * float(right.sum()), steps),
            "whole_percent": Score(100 * float(whole.sum()), len(whole)),
            "nats_per_step": Score(float(nats), steps),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Convert logits to probabilities."""
        return torch.softmax(y, -1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of a model that knows the products, for checks."""
        return 100 * one_hot(batch.target, self.output_size).to(torch.get_default_dtype())

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return a constant answer, the last element, and the right products, at the task's length."""
        n, T = self.output_size, self.length
        later = (T - 1) / T
        return {
            "constant": _expected(1 / n, float(n) ** -T, math.log(n)),
            "memoryless": _expected(1 - later + later / n, float(n) ** (1 - T), later * math.log(n)),
            "optimal": _expected(1.0, 1.0, 0.0),
        }

    def suite(self) -> Mapping[str, Task]:
        """Return the length of training, and its doubles up to `longest`."""
        doublings = (self.longest // self.length).bit_length()
        lengths = [self.length << n for n in range(doublings)]
        return {f"length-{n}": WordProblem(**{**self.options, "length": n}) for n in lengths}


def _expected(accuracy: float, whole: float, nats: float) -> Mapping[str, float]:
    return {"accuracy_percent": 100 * accuracy, "whole_percent": 100 * whole, "nats_per_step": nats}
