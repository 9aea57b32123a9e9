"""Multi-query associative recall, which compares the memory of recurrent networks with attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, InvalidOption, Task
from recurra_recall.answers import OPTIMAL, Answers, Count, guess
from recurra_recall.draws import distinct, others

BLANK = 0
SUITE_FACTORS = (1, 2, 4)


class MQAR(Answers):
    """Recall the value of each of several keys when the key comes again.

        k₁ v₁ k₂ v₂ … k_D v_D  …  k₂ … k_D … k₁ …        target v₂, v_D, v₁ at the last three keys

    D different keys are each followed by a value, and all values differ. Then each key comes once more, in
    random order, at every second step at most; the answer at such a step is its value. The gap before a query
    follows a power law: the n-th of the places for a query is chosen with a weight n^(power − 1), without
    replacement. The steps between the queries hold keys that are not used in the sequence, so that they can
    neither answer a query nor bind a key anew, or, without `distractors`, the blank 0.

    With `rebound`, so many keys come twice among the pairs, with different values, in random order; the
    later value is the answer, and the earlier one must be forgotten.

    Shapes: x (B, T) tokens: 0 blank, then (V − 1) / 2 keys, rounded down, and the rest values; y (B, T, V),
    logits, scored at the D queries.
    Scores: accuracy_percent, the queries that are answered rightly; nats_per_answer, their cross-entropy.
    Baselines: constant, a uniform guess among all values; seen-values, among the values in the sequence,
    which needs no binding of values to keys; optimal, a dictionary.
    Suite: the length times 1, 2 and 4 with as many pairs, and twice as many pairs, as far as the vocabulary
    is larger than the length.
    Differs from the paper: its distractors are any tokens, which may bind a key anew; its vocabulary is
    8,192, and it trains on a fixed set of sequences of several lengths, 64 to 256 with 4 to 64 pairs. Keys
    that are bound anew are an addition.
    Source: Arora et al. 2023, arXiv 2312.04927.

    Raises:
        InvalidOption: The vocabulary is not larger than the length, more keys are bound anew than there are,
            or pairs and queries do not fit into the length.
    """

    stream = "MQAR"

    def __init__(
        self,
        *,
        pairs: Annotated[Count, Field(description="D, number of keys with a value, all of them queried")] = 8,
        length: Annotated[Count, Field(description="T, number of steps")] = 64,
        vocabulary: Annotated[Count, Field(description="V, number of tokens; must exceed the length")] = 512,
        power: Annotated[
            float, Field(gt=0, le=1, description="exponent of the gaps before queries; 1 is uniform")
        ] = 0.01,
        distractors: Annotated[
            bool, Field(description="unused keys between the queries instead of blanks")
        ] = True,
        rebound: Annotated[
            int, Field(ge=0, description="number of keys that get a second value, which counts")
        ] = 0,
    ) -> None:
        super().__init__(vocabulary)
        _check(pairs, length, vocabulary, rebound)
        self.pairs, self.length, self.rebound = pairs, length, rebound
        self.context = 2 * (pairs + rebound)
        self.distractors = distractors
        self.keys = (vocabulary - 1) // 2
        self.values = vocabulary - 1 - self.keys
        place = torch.arange(1, (length - self.context) // 2 + 1, dtype=torch.float64)
        self.weights = place ** (power - 1)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw pairs, then where each key is queried."""
        keys = distinct(batch_size, self.pairs, torch.ones(self.keys), rng)
        shown, answers = self._bound(1 + keys, rng)
        queries = self.context + 2 * distinct(batch_size, self.pairs, self.weights, rng)
        x = self._between(keys, rng)
        x[:, : self.context] = shown
        x.scatter_(1, queries, 1 + keys)
        target = torch.zeros_like(x).scatter_(1, queries, answers)
        mask = torch.zeros_like(x, dtype=torch.bool).scatter_(1, queries, True)
        return Batch(x, target, mask, torch.full((batch_size,), self.length))

    def _bound(self, keys: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Bind keys (B, D) to values: return keys and values in turn (B, context), and the answers (B, D)."""
        rows, count = len(keys), self.pairs + self.rebound
        values = 1 + self.keys + distinct(rows, count, torch.ones(self.values), rng)
        order = distinct(rows, count, torch.ones(count), rng)  # which pair comes first, second, ...
        # Pair D + i binds key i, the first ones of the keys in their random order, once more.
        twice = torch.cat([keys, keys[:, : self.rebound]], 1)
        shown = torch.stack([part.gather(1, order) for part in (twice, values)], -1)
        place, again = order.argsort(1), torch.arange(self.rebound)
        later = torch.where(place[:, self.pairs :] > place[:, : self.rebound], self.pairs + again, again)
        latest = torch.arange(self.pairs).repeat(rows, 1)
        latest[:, : self.rebound] = later
        return shown.flatten(1), values.gather(1, latest)

    def _between(self, keys: Tensor, rng: torch.Generator) -> Tensor:
        """Return what all steps hold (B, T) before pairs and queries are set."""
        if not self.distractors:
            return torch.full((len(keys), self.length), BLANK)
        return 1 + others(keys, self.keys, self.length, rng)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return a guess among all values, one among the values that were seen, and the right answers."""
        seen = self.pairs + self.rebound
        return {"constant": guess(self.values), "seen-values": guess(seen), "optimal": OPTIMAL}

    def suite(self) -> Mapping[str, Task]:
        """Return longer sequences, and more pairs, as far as the vocabulary allows."""
        lengths = [factor * self.length for factor in SUITE_FACTORS]
        doubled = 2 * self.pairs
        larger = {"pairs": doubled, "length": max(self.length, 4 * doubled + 2 * self.rebound)}
        variants = {f"length-{n}": {"length": n} for n in lengths} | {f"pairs-{doubled}": larger}
        return {
            name: MQAR(**{**self.options, **options})
            for name, options in variants.items()
            if options["length"] < self.input_size
        }


def _check(pairs: int, length: int, vocabulary: int, rebound: int) -> None:
    needed = 4 * pairs + 2 * rebound
    if rebound > pairs:
        raise InvalidOption(f"MQAR: rebound = {rebound} must not exceed pairs = {pairs}")
    if length < needed:
        asked = f"pairs = {pairs}" + (f" and rebound = {rebound}" if rebound else "")
        raise InvalidOption(f"MQAR: length = {length} must be at least {needed}, which {asked} needs")
    if vocabulary <= length:
        reason = f"so that keys and values suffice for every sequence; choose at least {length + 1}"
        raise InvalidOption(
            f"MQAR: vocabulary = {vocabulary} must be larger than length = {length}, {reason}"
        )
