"""The associative recall task: read items, then a query item, and output the one that followed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, Task
from recurra_algorithmic.bit_answer import BitAnswer, Bits, Count, blind_references, check_range

SUITE_ITEMS = (6, 10, 15, 20)
LARGE = 1 << 62
"""A number drawn below it and reduced modulo a few items favours none by more than 1e-17."""


class AssociativeRecall(BitAnswer):
    """Output the item that followed the queried one.

    An item is 3 random vectors of 6 bits with a delimiter before them. N items come, then a query delimiter,
    one of the first N − 1 items, the query delimiter again, and 3 empty steps on which the item that came
    after it is due: T = 4 N + 8. N is drawn uniformly from 2 to 6.

    Shapes: x (B, T, bits + 2), delimiter and query delimiter last; y (B, T, bits), logits.
    Scores: bits_per_sequence, the cross-entropy of the answer in bits, 18 for a blind guess; bit_errors, the
    wrong bits per sequence after thresholding.
    Differs from the paper: a delimiter between two items bounds both, and the first query delimiter ends the
    last item; this is our reading.
    Source: Graves, Wayne and Danihelka 2014, section 4.3; evaluated with up to 20 items.
    """

    stream = "AssociativeRecall"
    goal = Goal("bits_per_sequence", below=0.1)

    def __init__(
        self,
        *,
        bits: Bits = 6,
        vectors: Annotated[Count, Field(description="vectors per item")] = 3,
        min_items: Annotated[int, Field(gt=1, description="N, minimum number of items")] = 2,
        max_items: Annotated[int, Field(gt=1, description="N, maximum number of items")] = 6,
    ) -> None:
        super().__init__(bits + 2, bits)
        check_range(self, "min_items", "max_items")
        self.bits, self.vectors, self.min_items, self.max_items = bits, vectors, min_items, max_items

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw numbers of items, the items, then which of them is asked about."""
        counts = torch.randint(self.min_items, self.max_items + 1, (batch_size,), generator=rng)
        most = int(counts.max()) if batch_size else self.min_items
        items = torch.randint(2, (batch_size, most, self.vectors, self.bits), generator=rng).float()
        asked = torch.randint(LARGE, (batch_size,), generator=rng) % (counts - 1)
        query = counts * (self.vectors + 1)  # the step of the first query delimiter, (B,)
        x = self._list(items, query)
        row, place = torch.arange(batch_size)[:, None], torch.arange(self.vectors)
        x[row[:, 0], query, -1] = 1
        x[row, query[:, None] + 1 + place, : self.bits] = items[row[:, 0], asked]
        x[row[:, 0], query + self.vectors + 1, -1] = 1
        due = query[:, None] + self.vectors + 2 + place
        target, mask = torch.zeros_like(x[..., : self.bits]), torch.zeros(x.shape[:2], dtype=torch.bool)
        target[row, due] = items[row[:, 0], asked + 1]
        mask[row, due] = True
        return Batch(x, target, mask, query + 2 * self.vectors + 2)

    def _list(self, items: Tensor, query: Tensor) -> Tensor:
        """Return the items up to the query, each after its delimiter, and room for the rest: (B, T, I)."""
        batch_size, most, vectors, bits = items.shape
        slots = torch.zeros(batch_size, most, vectors + 1, self.input_size)
        slots[:, :, 0, -2] = 1
        slots[:, :, 1:, :bits] = items
        shown = slots.flatten(1, 2)
        shown = shown * (torch.arange(shown.shape[1]) < query[:, None])[..., None]
        return torch.cat([shown, torch.zeros(batch_size, 2 * vectors + 2, self.input_size)], 1)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what a blind guess scores, 18 bits with the paper's items, and a right answer."""
        return blind_references(self.bits * self.vectors)

    def suite(self) -> Mapping[str, Task]:
        """Return lists of 6, 10, 15 and 20 items."""
        item = {"bits": self.bits, "vectors": self.vectors}
        return {f"items-{n}": AssociativeRecall(**item, min_items=n, max_items=n) for n in SUITE_ITEMS}
