"""Fifteen transductions along the Chomsky hierarchy: trained on short strings, evaluated on long ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, GeneratedTask, Goal, InvalidOption, Score, Task
from recurra_formal_languages import binary, expressions, strings
from recurra_formal_languages.answers import Count
from recurra_formal_languages.problem import Problem

PROBLEMS: dict[str, Problem] = strings.PROBLEMS | expressions.PROBLEMS | binary.PROBLEMS

LEVELS: dict[str, tuple[str, ...]] = {
    "regular": ("even-pairs", "modular-arithmetic-simple", "parity-check", "cycle-navigation"),
    "context-free": ("stack-manipulation", "reverse-string", "modular-arithmetic", "solve-equation"),
    "context-sensitive": (
        "duplicate-string",
        "missing-duplicate",
        "odds-first",
        "binary-addition",
        "binary-multiplication",
        "compute-sqrt",
        "bucket-sort",
    ),
}
"""The level of the hierarchy -> the transductions on it; context-free means deterministic here."""

Name = Literal[
    "even-pairs",
    "modular-arithmetic-simple",
    "parity-check",
    "cycle-navigation",
    "stack-manipulation",
    "reverse-string",
    "modular-arithmetic",
    "solve-equation",
    "duplicate-string",
    "missing-duplicate",
    "odds-first",
    "binary-addition",
    "binary-multiplication",
    "compute-sqrt",
    "bucket-sort",
]
SUITE_LENGTHS = (40, 50, 100, 200, 500)
LONGER = (41, 500)
REFERENCE_LENGTHS, REFERENCE_ROWS = 40, 200


class Chomsky(GeneratedTask):
    """Read a string, then output the answer without further input.

    Regular: `even-pairs`, `modular-arithmetic-simple`, `parity-check`, `cycle-navigation`; context-free:
    `stack-manipulation`, `reverse-string`, `modular-arithmetic`, `solve-equation`; context-sensitive:
    `duplicate-string`, `missing-duplicate`, `odds-first`, `binary-addition`, `binary-multiplication`,
    `compute-sqrt`, `bucket-sort`. Each is defined by the function of that name in `strings`,
    `expressions` or `binary`. All strings of a batch have one length n, uniform from `min_length` to
    `max_length`; answers of uneven length end with a symbol of their own and count up to it.

    Shapes: x (B, n + m, V + 1), one-hot over the V symbols and the empty one, which fills the m steps of the
    answer; y (B, n + m, O), logits of the O symbols of answers.
    Scores: accuracy_percent, the right symbols of an answer in percent, averaged over sequences (the paper's
    score is its mean over lengths of 41 to 500, `length-41-to-500` in the suite; from 90 on it counts as
    solved); exact_percent, the sequences without a mistake in percent.
    Differs from the paper: symbols after the end of an answer are not trained on; a batch of answers of
    uneven lengths averages over sequences, not over symbols; lengths for which a problem is not defined are
    not drawn, where the published program has stand-ins (`missing-duplicate` below 2; `solve-equation`,
    `binary-addition` and `binary-multiplication` below 3), and `modular-arithmetic-simple` takes n − 1 for an
    even n, as there. `odds-first` follows the paper's text, where the program puts even places first.
    Source: Deletang et al. 2023, Neural networks and the Chomsky hierarchy, appendix A.
    """

    stream = "Chomsky"
    goal = Goal("accuracy_percent", above=90)

    def __init__(
        self,
        *,
        task: Annotated[Name, Field(description="which of the fifteen problems")] = "even-pairs",
        min_length: Annotated[Count, Field(description="minimum length of a string")] = 1,
        max_length: Annotated[Count, Field(description="maximum length of a string")] = 40,
    ) -> None:
        self.problem = PROBLEMS[task]
        super().__init__(self.problem.symbols + 1, self.problem.classes)
        if min_length > max_length:
            raise InvalidOption(
                f"Chomsky: min_length = {min_length} must not exceed max_length = {max_length}"
            )
        if max_length < self.problem.shortest:
            message = f"task = {task} needs strings of at least {self.problem.shortest} symbols"
            raise InvalidOption(f"Chomsky: {message}, and max_length is {max_length}")
        self.task: Name = task
        self.min_length, self.max_length = max(min_length, self.problem.shortest), max_length

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw a length for the whole batch, then that many symbols for each sequence."""
        length = int(torch.randint(self.min_length, self.max_length + 1, (), generator=rng))
        return self.of_length(length, batch_size, rng)

    def of_length(self, length: int, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw sequences of one length."""
        symbols, answer, due = self.problem.draw(batch_size, length, rng)
        empty = torch.full_like(answer, self.problem.symbols)
        x = one_hot(torch.cat([symbols, empty], 1), self.input_size).float()
        before = torch.zeros_like(symbols)
        target, mask = torch.cat([before, answer], 1), torch.cat([before.bool(), due], 1)
        return Batch(x, target, mask, torch.full((batch_size,), x.shape[1]))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per symbol of the answer, in nats."""
        return cross_entropy(y[batch.mask], batch.target[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return accuracy_percent and exact_percent, both per sequence."""
        right = (y.argmax(-1) == batch.target) & batch.mask
        share = right.sum(1).double() / batch.mask.sum(1)
        sequences = batch.x.shape[0]
        return {
            "accuracy_percent": Score(100 * float(share.sum()), sequences),
            "exact_percent": Score(100 * float((share == 1).sum()), sequences),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Turn logits into the probabilities of the answer's symbols."""
        return torch.softmax(y, -1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the answer, for checks."""
        return 100 * one_hot(batch.target, self.output_size).float()

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the best of the answers that repeat one symbol (`constant`), and the right one (`optimal`).

        The former is measured on 200 sequences each of up to 40 lengths, spread evenly over the task's.
        """
        steps = min(REFERENCE_LENGTHS, self.max_length - self.min_length + 1)
        rng = torch.Generator().manual_seed(0)
        totals = torch.zeros(self.output_size, 2, dtype=torch.float64)
        for length in torch.linspace(self.min_length, self.max_length, steps).round().int().tolist():
            batch = self.of_length(length, REFERENCE_ROWS, rng)
            for symbol in range(self.output_size):
                y = one_hot(torch.full_like(batch.target, symbol), self.output_size).float()
                values = [score.value for score in self.scores(y, batch).values()]
                totals[symbol] += torch.tensor(values, dtype=torch.float64)
        best = totals[totals[:, 0].argmax()] / steps
        return {
            "constant": {"accuracy_percent": float(best[0]), "exact_percent": float(best[1])},
            "optimal": {"accuracy_percent": 100.0, "exact_percent": 100.0},
        }

    def suite(self) -> Mapping[str, Task]:
        """Return the paper's range of 41 to 500, and the single lengths 40, 50, 100, 200 and 500."""
        a, b = LONGER
        single = {f"length-{n}": Chomsky(task=self.task, min_length=n, max_length=n) for n in SUITE_LENGTHS}
        return {f"length-{a}-to-{b}": Chomsky(task=self.task, min_length=a, max_length=b), **single}
