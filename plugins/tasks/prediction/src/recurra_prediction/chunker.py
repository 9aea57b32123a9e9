"""The stream of blocks with which the neural sequence chunker was shown: a lag of twenty steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from recurra import Batch, GeneratedTask, Goal, Score, Task
from recurra_prediction.bits import Count, mean_where

SUITE_BLOCKS = (5, 50)


class ChunkerStream(GeneratedTask):
    """Predict each next symbol of a stream of blocks, and recall at the end of each block how it began.

    A block is a b1 ... b20 or x b1 ... b20, either with probability 1/2; nothing marks where one ends. At its
    last symbol, 20 steps after the a or x, a label is due: 1 for a, 0 for x. All other symbols follow from
    the one before, and only which of a and x comes next cannot be known.

    Shapes: x (B, 21 N, 22), one-hot, in the order a, x, b1 ... b20; y (B, 21 N, 23), logits of the next
    symbol and of the label, which is scored at the ends of blocks; N is the number of blocks.
    Scores: label_wrong, the share of wrong labels; symbol_wrong, the share of wrong symbols among b1 ... b20.
    Loss: the mean cross-entropy of the next symbol plus that of the labels.
    Differs from the paper: a row is a stream of its own that begins with a block. The paper's criterion is
    not known to us; solved means here that fewer than 1 % of the labels are wrong.
    Source: Schmidhuber 1992, "Learning complex, extended sequences using the principle of history
    compression".
    """

    stream = "ChunkerStream"
    causal = True
    goal = Goal("label_wrong", below=0.01)

    def __init__(
        self,
        *,
        lag: Annotated[Count, Field(description="symbols b1, b2, ... of a block; 20 in the paper")] = 20,
        blocks: Annotated[Count, Field(description="N, blocks per row")] = 5,
    ) -> None:
        super().__init__(lag + 2, lag + 3)
        self.lag, self.blocks = lag, blocks

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw how each block begins, also the one after the last, whose first symbol is to be predicted."""
        first = torch.randint(2, (batch_size, self.blocks + 1), generator=rng)  # 0 is a, 1 is x
        rest = torch.arange(2, self.lag + 2).expand(batch_size, self.blocks + 1, -1)
        steps = self.blocks * (self.lag + 1)
        symbols = torch.cat([first[..., None], rest], -1).flatten(1)[:, : steps + 1]
        shown = one_hot(symbols, self.lag + 2).to(torch.get_default_dtype())
        mask = torch.ones(batch_size, steps, dtype=torch.bool)
        begun = (1 - first[:, :-1]).repeat_interleave(self.lag + 1, 1)[..., None]
        target = torch.cat([shown[:, 1:], begun * shown[:, :-1, -1:]], -1)
        return Batch(shown[:, :-1], target, mask, mask.sum(1))

    def _due(self, batch: Batch) -> Tensor:
        """Return at which steps (B, T) a label is due: where a block's last symbol is seen."""
        return batch.mask & (batch.x[..., -1] > 0.5)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the next symbol plus that of the labels, in nats."""
        due = self._due(batch)
        symbols = cross_entropy(y[batch.mask][:, :-1], batch.target[batch.mask][:, :-1])
        labels = binary_cross_entropy_with_logits(y[..., -1], batch.target[..., -1], reduction="none")
        return symbols + torch.where(due, labels, 0.0).sum() / due.sum().clamp(min=1)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return label_wrong and symbol_wrong."""
        due, target = self._due(batch), batch.target
        label = (y[..., -1] > 0) != (target[..., -1] > 0.5)
        symbol = y[..., :-1].argmax(-1) != target[..., :-1].argmax(-1)
        return {
            "label_wrong": mean_where(label.double(), due),
            "symbol_wrong": mean_where(symbol.double(), batch.mask & ~due),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Turn logits into probabilities of the symbols, and of the label."""
        return torch.cat([torch.softmax(y[..., :-1], -1), torch.sigmoid(y[..., -1:])], -1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who sees the future, for checks."""
        return 100 * (batch.target - 0.5)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what one symbol and one label for every step score, and what is possible."""
        return {
            "constant": {"label_wrong": 0.5, "symbol_wrong": 1 - 1 / self.lag},
            "optimal": {"label_wrong": 0.0, "symbol_wrong": 0.0},
        }

    def suite(self) -> Mapping[str, Task]:
        """Return the task with 5 and with 50 blocks per row."""
        return {f"blocks-{n}": ChunkerStream(lag=self.lag, blocks=n) for n in SUITE_BLOCKS}
