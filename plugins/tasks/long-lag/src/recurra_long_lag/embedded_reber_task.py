"""The embedded Reber grammar: experiment 1 of the LSTM paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, Score, Split, Task
from recurra_long_lag.coding import coded
from recurra_long_lag.grammar import SYMBOLS, E, Strings, draw, draw_others, joined
from recurra_long_lag.judged import NONE, Loss, Squashed

HeldOut = Annotated[
    Literal["both", "training", "test"], Field(description="which strings validation and test use")
]


class EmbeddedReber(Squashed):
    """Predict each next symbol of strings whose second-to-last symbol repeats the second.

    A string consists of B, then T or P, a string of Reber's grammar from its B to its E, the same T or P, and
    E; every branch has probability 1/2. Training draws from 256 strings at random. Validation and test go
    through these and 256 other strings, each once before any is repeated. A string is correct if, at each
    step, the outputs of all symbols that may come next are larger than all other outputs.

    Shapes: x (B, T, 7), one-hot over B T P S X V E, without the last E; y (B, T, 7), logits. target
    (B, T, 14): the next symbol, one-hot, then a mask of the legal symbols.
    Scores: wrong_share, the fraction of strings that are not correct; the paper calls a trial successful if
    it is 0; outer_errors, the fraction of wrong predictions of the second T or P, 1/2 for a network that
    forgets the first one; squared_error, the mean of (next symbol − σ(y))² per output.
    Differs from the paper: the paper does not say how training and test strings are kept apart. Here both
    sets are drawn independently, so a training string may occur twice, and test strings that are also
    training strings are rejected. The paper's 3 data sets correspond to `data_set` 0 to 2, whose strings
    differ from them.
    Source: Hochreiter and Schmidhuber 1997, experiment 1.
    """

    stream = "EmbeddedReber"
    causal = True
    goal = Goal("wrong_share", below=NONE)

    def __init__(
        self,
        *,
        strings: Annotated[
            int, Field(gt=0, le=1000, description="number of strings in each of the two sets")
        ] = 256,
        data_set: Annotated[int, Field(ge=0, description="index of the pair of sets")] = 0,
        held_out: HeldOut = "both",
        loss: Loss = "squared",
    ) -> None:
        super().__init__(len(SYMBOLS), len(SYMBOLS), loss)
        rng = torch.Generator().manual_seed(data_set)
        self.training = draw(strings, rng)
        test = draw_others(strings, self.training, rng)
        sets = {"training": self.training, "test": test, "both": joined(self.training, test)}
        self.held_out = sets[held_out]

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw training strings at random."""
        picks = torch.randint(len(self.training.lengths), (batch_size,), generator=rng)
        return self._shown(self.training.rows(picks))

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return batch k of a split: random strings in training, otherwise the next ones of a fixed order."""
        if split == "train":
            return super().batch(k, batch_size=batch_size, seed=seed, split=split)
        count = len(self.held_out.lengths)
        # Each of the two splits has its own order.
        rng = torch.Generator().manual_seed(2 * seed + (split == "test"))
        order = torch.randperm(count, generator=rng)
        picks = order[torch.arange(k * batch_size, (k + 1) * batch_size) % count]
        return self._shown(self.held_out.rows(picks))

    def _shown(self, strings: Strings) -> Batch:
        shown = coded(strings.symbols, len(SYMBOLS), strings.lengths)
        target = torch.cat([shown[:, 1:], strings.legal.to(shown.dtype)], -1)
        mask = torch.arange(target.shape[1]) < strings.lengths[:, None] - 1
        return Batch(shown[:, :-1] * mask[..., None], target, mask, strings.lengths - 1)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return wrong_share, outer_errors and squared_error."""
        symbol, legal = batch.target[..., :7], batch.target[..., 7:] > 0
        infinity = float("inf")
        least = torch.where(legal, y, infinity).amin(-1)  # of the legal symbols
        most = torch.where(legal, -infinity, y).amax(-1)  # of the others
        missed = ~(least > most) & batch.mask
        outer = batch.mask & (batch.x[..., E] > 0)
        error = (self.predict(y.double()) - symbol)[batch.mask]
        return {
            "wrong_share": Score(float(missed.any(1).sum()), batch.x.shape[0]),
            "outer_errors": Score(float((missed & outer).sum()), float(outer.sum())),
            "squared_error": Score(float(error.square().sum()), error.numel()),
        }

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of a model that knows the grammar: log-odds of 1, 1/2 and 0."""
        legal = batch.target[..., 7:]
        return 200 * (legal / legal.sum(-1, keepdim=True).clamp(min=1) - 0.5)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of symbol frequencies, and of the grammar, on the held-out strings."""
        batch = self._shown(self.held_out)
        usual = torch.logit(batch.target[batch.mask][:, :7].mean(0)).expand_as(batch.x)
        answers = {"constant": usual, "optimal": self.oracle(batch)}
        return {name: {s: v.value for s, v in self.scores(y, batch).items()} for name, y in answers.items()}

    def suite(self) -> Mapping[str, Task]:
        """Return the task on the training strings and on the test strings."""
        sets: tuple[Literal["training", "test"], ...] = ("training", "test")
        return {f"{name}-strings": EmbeddedReber(**{**self.options, "held_out": name}) for name in sets}
