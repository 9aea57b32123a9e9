"""What the contract of `truncated-rtrl` is checked on; imported by the contract kit alone."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from recurra import Batch, Cell, GeneratedTask, Goal, Score, Tags
from recurra_contract import Examples
from recurra_rtrl.truncated import TruncatedRTRL


class State(NamedTuple):
    """The states s (B, 2) of two cells."""

    s: Tensor


class TwoCells(Cell[State]):
    """Two blocks of one cell with an input gate: s' = s + σ(W_in x) σ(W_c x), y = s'."""

    tags = Tags(exact_gradient=False)
    block, gates, truncated = (2, 1), ["input"], True
    cells_feed_back = gates_feed_back = shows_input = False
    gate_bias = cell_bias = peepholes = None
    g, h = "logistic", "identity"

    def __init__(self, input_size: int) -> None:
        super().__init__(input_size, 2)
        self.weights = nn.Linear(input_size, 4, bias=False)

    def initial_state(self, batch_size: int) -> State:
        """Return zeros."""
        return State(self.zeros(batch_size, 2))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one step."""
        net_c, net_in = torch.sigmoid(self.weights(x)).chunk(2, -1)
        s = state.s + net_in * net_c
        return s, State(s)


class Counts(GeneratedTask):
    """Tell at every step, by a logistic output, whether any of the inputs so far was above 1."""

    stream = "Counts"
    goal = Goal("squared_error", below=0.0)

    def __init__(self) -> None:
        super().__init__(3, 1)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw numbers of variance 1."""
        x = torch.randn(batch_size, 6, 3, generator=rng)
        seen = (x > 1).any(-1).cummax(1).values
        return Batch(x, seen[..., None].to(x.dtype), torch.ones_like(seen), torch.full((batch_size,), 6))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error."""
        return (torch.sigmoid(y) - batch.target)[batch.mask].square().mean()

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return squared_error."""
        count = int(batch.mask.sum())
        return {"squared_error": Score(float(self.loss(y, batch)) * count, count)}


def examples(trainer: TruncatedRTRL) -> Examples:
    """Return a cell of memory blocks, and a task with a squared error."""
    return Examples(cell=TwoCells, task=Counts())
