"""The task: where batches come from, how a network is evaluated on them, and the suite of variants."""

from __future__ import annotations

import abc
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from recurra.cell import InputKind
from recurra.config.options import Configurable
from recurra.errors import IncompatibleParts
from recurra.plugins import registry
from recurra.rng import generator_of

Split = Literal["train", "validation", "test"]


class Predictor(Protocol):
    """A network as a function: x, a state (None: the initial one), lengths -> y (B, T, O) and the state."""

    def __call__(self, x: Tensor, state: Any, *, lengths: Tensor | None) -> tuple[Tensor, Any]:
        """Run over a batch."""
        ...


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
        """Return the steps from `first` to before `end`; lengths become int64, where nothing wraps around."""
        x, target, mask = (part[:, first:end] for part in self[:3])
        return Batch(x, target, mask, (self.lengths.to(torch.int64) - first).clamp(0, end - first))


class Score(NamedTuple):
    """A sum and its weight, so that scores can be added over batches and ranks.

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


@dataclass(frozen=True)
class Goal:
    """The score that says when a task is solved, and the value it must be below or above.

    Args:
        score: The name of one of the task's scores; the progress bar shows it too.
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


class Evaluation(NamedTuple):
    """The result of evaluating a network on a batch.

    Args:
        loss: The loss to minimise, (); in an environment the negative mean return.
        scores: Name -> sum and weight.
        state: The final state, for batches that continue this one; None if none can.
    """

    loss: Tensor
    scores: Mapping[str, Score]
    state: Any


class Task(Configurable, abc.ABC):
    """What is learned: numbered batches, a way to evaluate a network on one, a goal and a suite of variants.

    Global batch k is a pure function of (stream, version, seed, split, k). So any run resumes exactly, and
    results depend neither on the number of ranks nor on that of workers. Authors derive from `GeneratedTask`,
    `Corpus` or `Environment`, or from `SupervisedTask` if batches come from elsewhere.

    Args:
        input_size: I, the width of x, or the number of different tokens where x holds tokens.
        output_size: O, the width of the outputs per step.

    Attributes:
        stream: A name that seeds the data; it must never change, even if the class is renamed.
        version: Increase it whenever the same seed would give different data.
        input_kind: The structure of x; see `Batch`.
        goal: When the task is solved.
        causal: Whether an output may depend on earlier steps only, since later ones hold its target.
    """

    stream: str = ""
    version: int = 1
    input_kind: InputKind = "vectors"
    causal: bool = False
    goal: Goal

    def __init__(self, input_size: int, output_size: int) -> None:
        self.input_size, self.output_size = input_size, output_size

    @abc.abstractmethod
    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return global batch k of a split: the same bytes in any order, worker, process and rank."""

    @abc.abstractmethod
    def evaluate(self, network: Predictor, batch: Batch, state: Any = None) -> Evaluation:
        """Evaluate a network on a batch that starts in a state, or in the initial state if that is None."""

    def supervised(self) -> SupervisedTask:
        """Return the task as one with targets, for learning rules that need them.

        Raises:
            IncompatibleParts: It has none.
        """
        message = f"task '{type(self).__name__}' is an environment, which provides rewards, not targets"
        others = registry.suggestion("trainer", operator.attrgetter("supports_environments"))
        raise IncompatibleParts(message + others)

    def oracle(self, batch: Batch) -> Tensor | None:
        """Return outputs (B, T, O) that meet the goal, such as the targets themselves; None if unknown."""
        return None

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of trivial predictors for comparison: predictor -> score -> mean.

        `constant` is the best that one output for all steps reaches; `optimal` is the best there is, where it
        is known. Empty unless overridden.
        """
        return {}

    def suite(self) -> Mapping[str, Task]:
        """Return the variants that a model is tested on, such as `length-30`; itself, unless overridden."""
        return {"test": self}

    def continues_previous(self, k: int, *, batch_size: int, seed: int, split: Split) -> bool:
        """Return whether row b of batch k continues row b of batch k − 1, so that the state is carried over.

        Never, unless overridden: most sequences are whole. A stream of text that is read window by window is
        not; see `recurra_lab.LearningModule.initial_state_for`. Takes what `batch` takes.
        """
        return False

    def generator(self, k: int, *, seed: int, split: Split) -> torch.Generator:
        """Return the generator that draws global batch k of a split."""
        return generator_of(self.stream, self.version, seed, split, k)


class SupervisedTask(Task):
    """A task whose sequences have targets, with which outputs are compared: by a loss, and by scores."""

    @abc.abstractmethod
    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss per scored element, in nats: y (B, T, O) -> ()."""

    @abc.abstractmethod
    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Score the outputs y (B, T, O) of a network."""

    def predict(self, y: Tensor) -> Tensor:
        """Convert outputs (B, T, O) to predictions of the target, for plots: probabilities, classes."""
        return y

    def evaluate(self, network: Predictor, batch: Batch, state: Any = None) -> Evaluation:
        """Compare the outputs of a network with the targets."""
        y, state = network(batch.x, state, lengths=batch.lengths)
        return Evaluation(self.loss(y, batch), self.scores(y.detach(), batch), state)

    def supervised(self) -> SupervisedTask:
        """Return the task itself."""
        return self


class GeneratedTask(SupervisedTask):
    """A task whose sequences are drawn at random for every batch."""

    @abc.abstractmethod
    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw a batch; all randomness comes from `rng`."""

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return global batch k of a split, drawn by `sample`."""
        return self.sample(batch_size, self.generator(k, seed=seed, split=split))
