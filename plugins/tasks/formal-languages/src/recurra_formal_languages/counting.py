"""Languages that need counting: a^n b^n, a^n b^m B^m A^n and a^n b^n c^n."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot

from recurra import Batch, Goal, InvalidOption, Task
from recurra_formal_languages.answers import NONE, Count, LegalSets, Tolerance

RANGES = ((1, 10), (11, 20), (21, 50), (51, 100), (101, 200), (201, 500), (501, 1000))
RANGES_OF_PAIRS = ((1, 11), (12, 18), (19, 30), (31, 50))

Least = Annotated[Count, Field(description="minimum n")]
Most = Annotated[Count, Field(description="maximum n")]


class Counting(LegalSets):
    """Predict the set of legal next symbols of words that are blocks of one symbol each.

    Args:
        counts: How long each block of each word is (W, K); words are drawn uniformly among them.
        tolerance: See `BinaryTask`.
    """

    goal = Goal("rejected_share", below=NONE)
    free: ClassVar[int]
    """How many blocks, the first ones, may be of any length; the others follow from them."""

    def __init__(self, counts: Tensor, tolerance: float) -> None:
        super().__init__(counts.shape[1] + 1, counts.shape[1] + 1, tolerance)
        self.counts = counts

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw words, each as likely."""
        return self.words(self.counts[torch.randint(len(self.counts), (batch_size,), generator=rng)])

    def reference_batch(self) -> Batch:
        """Return every word once."""
        return self.words(self.counts)

    def words(self, counts: Tensor) -> Batch:
        """Return the words with blocks of the given lengths (B, K)."""
        blocks = counts.shape[1]
        ends = counts.cumsum(1)
        t = torch.arange(int(ends.max()) + 1 if len(ends) else 1)
        # Block of the symbol at t: −1 is the start symbol, K the end symbol.
        block = (t[None, :, None] > ends[:, None, :]).sum(-1) - (t == 0).long()
        following = (t[None, :, None] >= ends[:, None, :]).sum(-1)
        legal = one_hot(following, blocks + 1)
        open_block = (block >= 0) & (block < self.free)
        either = one_hot(block.clamp(min=0), blocks + 1) + one_hot((block + 1).clamp(max=blocks), blocks + 1)
        legal = torch.where(open_block[..., None], either, legal)
        lengths = ends[:, -1] + 1
        mask = t < lengths[:, None]
        x = one_hot((block + 1).clamp(max=blocks), blocks + 1)
        return Batch((x * mask[..., None]).float(), (legal * mask[..., None]).float(), mask, lengths)


class SameCounts(Counting):
    """The languages whose blocks are all of length n."""

    blocks: ClassVar[int]
    free = 1

    def __init__(self, *, min_n: Least = 1, max_n: Most = 10, tolerance: Tolerance = 0.5) -> None:
        _check(type(self).__name__, min_n=min_n, max_n=max_n)
        n = torch.arange(min_n, max_n + 1)
        super().__init__(n[:, None].expand(-1, self.blocks), tolerance)

    def suite(self) -> Mapping[str, Task]:
        """Return ranges of n from 1 to 10 up to 501 to 1,000."""
        tolerance = self.tolerance
        return {f"n-{a}-to-{b}": type(self)(min_n=a, max_n=b, tolerance=tolerance) for a, b in RANGES}


class AnBn(SameCounts):
    """Predict the legal next symbols of S aⁿ bⁿ T, n from `min_n` to `max_n`.

    After S a is legal; after an a, a and b; after a b but the n-th, b; after the n-th b, T. The start
    symbol S is only seen and the end symbol T only predicted, so there are as many inputs as outputs.

    Shapes: x (B, T, 3), one-hot over S a b; y (B, T, 3), logits of a b T.
    Scores: rejected_share, the share of words with a wrong output anywhere, the criterion of the paper;
    steps_before_error, the steps that are right from the start; bit_errors, the wrong outputs per word. The
    paper's range of n ends where rejected_share leaves zero in the suite.
    Differs from the paper: logits and cross-entropy, where it has targets −1 and 1 and the squared error; the
    decision at zero is the same.
    Source: Gers and Schmidhuber 2001.
    """

    stream = "AnBn"
    blocks = 2


class AnBnCn(SameCounts):
    """Predict the legal next symbols of S aⁿ bⁿ cⁿ T, n from `min_n` to `max_n`: context-sensitive.

    After S a is legal; after an a, a and b; from the first b on the next symbol is certain.

    Shapes: x (B, T, 4), one-hot over S a b c; y (B, T, 4), logits of a b c T.
    Scores: rejected_share, the share of words with a wrong output anywhere, the criterion of the paper;
    steps_before_error, the steps that are right from the start; bit_errors, the wrong outputs per word.
    Differs from the paper: logits and cross-entropy, where it has targets −1 and 1 and the squared error; the
    decision at zero is the same.
    Source: Gers and Schmidhuber 2001.
    """

    stream = "AnBnCn"
    blocks = 3


class AnBmBmAn(Counting):
    """Predict the legal next symbols of S aⁿ bᵐ Bᵐ Aⁿ T: two counters, one inside the other.

    After S a is legal; after an a, a and b; after a b, b and B; from the first B on the next is certain.

    Shapes: x (B, T, 5), one-hot over S a b B A; y (B, T, 5), logits of a b B A T.
    Scores: rejected_share, the share of words with a wrong output anywhere, the criterion of the paper;
    steps_before_error, the steps that are right from the start; bit_errors, the wrong outputs per word.
    Differs from the paper: logits and cross-entropy, where it has targets −1 and 1 and the squared error; the
    decision at zero is the same. Whether it bounded n + m in training we do not know: `max_sum` does it.
    Source: Gers and Schmidhuber 2001.
    """

    stream = "AnBmBmAn"
    free = 2

    def __init__(
        self,
        *,
        min_n: Least = 1,
        max_n: Most = 11,
        min_m: Annotated[Count, Field(description="smallest m")] = 1,
        max_m: Annotated[Count, Field(description="largest m")] = 11,
        max_sum: Annotated[int | None, Field(gt=1, description="maximum n + m; none: any")] = None,
        tolerance: Tolerance = 0.5,
    ) -> None:
        _check("AnBmBmAn", min_n=min_n, max_n=max_n)
        _check("AnBmBmAn", min_m=min_m, max_m=max_m)
        pairs = torch.cartesian_prod(torch.arange(min_n, max_n + 1), torch.arange(min_m, max_m + 1))
        if max_sum is not None:
            pairs = pairs[pairs.sum(1) <= max_sum]
        if not len(pairs):
            least = f"min_n + min_m = {min_n + min_m}"
            raise InvalidOption(f"AnBmBmAn: max_sum = {max_sum} leaves no word; it must be at least {least}")
        super().__init__(pairs[:, [0, 1, 1, 0]], tolerance)

    def suite(self) -> Mapping[str, Task]:
        """Return ranges of both n and m, from 1 to 11 up to 31 to 50."""
        return {
            f"nm-{a}-to-{b}": AnBmBmAn(min_n=a, max_n=b, min_m=a, max_m=b, tolerance=self.tolerance)
            for a, b in RANGES_OF_PAIRS
        }


def _check(task: str, **span: int) -> None:
    (low, least), (high, most) = span.items()
    if least > most:
        raise InvalidOption(f"{task}: {low} = {least} must not exceed {high} = {most}")
