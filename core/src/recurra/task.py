"""The task: where batches come from, what the loss is, how well was done, and where it is judged."""

from __future__ import annotations

import abc
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from recurra.cell import InputKind
from recurra.config.options import Configurable
from recurra.rng import generator_of

MOST_NATS = math.log(sys.float_info.max)

Split = Literal["train", "validation", "test"]
Gives = InputKind | Literal["tokens", "token-trees", "graphs"]


class Batch(NamedTuple):
    """Sequences to learn from, batch-first.

    Shapes: x (B, T, I) vectors or (B, T) tokens; target (B, T, ...); mask (B, T), true where a step counts;
    lengths (B,), the steps of each row. A tree is read in post-order, children before their parent: the last
    channel of x is the arity of each node, 0 at a leaf. Trees of tokens are x (B, T, 2), [token, arity].
    """

    x: Tensor
    target: Tensor
    mask: Tensor
    lengths: Tensor

    def rows(self, rank: int, ranks: int) -> Batch:
        """Return the rows of one rank: a contiguous share of the batch."""
        share = self.x.shape[0] // ranks
        return Batch(*(part[rank * share : (rank + 1) * share] for part in self))

    def steps(self, first: int, end: int) -> Batch:
        """Return the steps from `first` to before `end`."""
        x, target, mask = (part[:, first:end] for part in self[:3])
        return Batch(x, target, mask, (self.lengths - first).clamp(0, end - first))


class Score(NamedTuple):
    """A sum and the weight it was summed over, so that scores add over batches and ranks.

    Args:
        total: The sum, in the unit that the score's name says.
        weight: How many sequences, steps or elements were summed.
    """

    total: float
    weight: float

    def __add__(self, other: Score) -> Score:  # type: ignore[override]
        return type(other)(self.total + other.total, self.weight + other.weight)

    @property
    def value(self) -> float:
        """The mean."""
        return self.total / self.weight if self.weight else float("nan")


class Perplexity(Score):
    """Nats and how many symbols they were summed over: among how many symbols it was as hard to choose."""

    @property
    def value(self) -> float:
        """The exponential of the mean; infinite where that is too large for a number."""
        mean = super().value
        return math.inf if mean > MOST_NATS else math.exp(mean)


@dataclass(frozen=True)
class Goal:
    """The score that says when a task is solved, and the value it must be below or above.

    Args:
        score: A key of `Task.scores`; it is also the one that the progress bar shows.
        below: Solved when the score is less than this.
        above: Solved when the score is greater than this.
    """

    score: str
    below: float | None = None
    above: float | None = None

    def met(self, value: float) -> bool:
        """Say whether a value of the score solves the task; NaN never does."""
        return (self.below is not None and value < self.below) or (
            self.above is not None and value > self.above
        )

    def better(self, value: float, than: float) -> bool:
        """Say whether one value of the score is nearer to the goal than another."""
        return value > than if self.above is not None else value < than


class Task(Configurable, abc.ABC):
    """A generator or dataset, its loss, its scores and the suite on which generalisation is judged.

    The global batch k is a pure function of (task, version, seed, split, k), so any run resumes exactly and
    results depend neither on the number of ranks nor on that of workers.

    Args:
        input_size: I, the width of x, or the number of token kinds when `gives` is `tokens` or `token-trees`.
        output_size: O, the width of what the model must put out per step.
    """

    version: ClassVar[int] = 1
    """Raise it when the same seed would give other data."""
    gives: ClassVar[Gives] = "vectors"
    """The structure of x; see `Batch`."""
    goal: ClassVar[Goal]

    def __init__(self, input_size: int, output_size: int) -> None:
        self.input_size, self.output_size = input_size, output_size

    @abc.abstractmethod
    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw a batch; all randomness comes from `rng`."""

    @abc.abstractmethod
    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss per scored element, in nats: y (B, T, O) -> ()."""

    @abc.abstractmethod
    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Score the outputs y (B, T, O) of a model."""

    def goal_scores(self, y: Tensor, batch: Batch) -> Tensor:
        """Return what many models score where the goal looks: y (P, B, T, O) -> (P,), in float64.

        It is the value of `scores`, of one model after the other. A task overrides it where it can score them
        all at once, since rules that search try thousands.
        """
        values = [self.scores(own, batch)[self.goal.score].value for own in y]
        return torch.tensor(values, dtype=torch.float64)

    def predict(self, y: Tensor) -> Tensor:
        """Turn outputs (B, T, O) into what they claim the target is, for pictures: probabilities, classes."""
        return y

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what predictors that learn nothing score: predictor -> score -> mean, for whoever compares.

        `constant` is the best that one output for all steps reaches; `optimal` is the best there is, where it
        is known. Empty unless overridden.
        """
        return {}

    def suite(self) -> Mapping[str, Task]:
        """Return the variants on which a model is judged, such as `length-30`; itself, unless overridden."""
        return {"test": self}

    def continues_previous(self, k: int, *, batch_size: int, seed: int, split: Split) -> bool:
        """Say whether row b of batch k goes on where row b of batch k − 1 ended, and so its state does.

        Never, unless overridden: most sequences are whole. A stream of text that is read window by window is
        not; see `recurra_lab.LearningModule.initial_state_for`. Takes what `batch` takes.
        """
        return False

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return the global batch k of a split: the same bytes in any order, worker, process and rank."""
        rng = generator_of(type(self).__name__, self.version, seed, split, k)
        return self.sample(batch_size, rng)
