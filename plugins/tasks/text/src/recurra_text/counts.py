"""Predictors that only count symbols, against which networks are compared."""

from __future__ import annotations

import torch
from torch import Tensor


def entropy(symbols: Tensor) -> float:
    """Return the nats per symbol (N,) of the best constant answer: as often as each symbol comes."""
    shares = torch.bincount(symbols).double() / len(symbols)
    return float(-torch.special.xlogy(shares, shares).sum())


def most_frequent(symbols: Tensor) -> float:
    """Return how many of the symbols (N,) are the most frequent one, in percent."""
    return 100 * float(torch.bincount(symbols).max()) / len(symbols)


def unigram(known: Tensor, kinds: int) -> Tensor:
    """Return the probability (kinds,) of each symbol: as often as in `known`, and once more."""
    counts = torch.bincount(known, minlength=kinds).double() + 1
    return counts / counts.sum()


def unigram_nats(known: Tensor, due: Tensor, kinds: int) -> float:
    """Return the nats per symbol of `due` by how often each was in `known`."""
    return float(-unigram(known, kinds)[due].log().mean())


def bigram_nats(known: Tensor, due: Tensor, kinds: int) -> float:
    """Return the nats per symbol by what followed each symbol: known (2, N) and due (2, M), before and after.

        p(w | v) = (c(v w) + d(v) p(w)) / (c(v) + d(v))

    c counts in `known`, d(v) is how many different symbols followed v, and p(w) is that of `unigram`.
    Source: Witten and Bell 1991, method C.
    """
    pairs, counts = torch.unique(_coded(known, kinds), return_counts=True)
    followers = torch.bincount(pairs // kinds, minlength=kinds).double()
    totals = torch.bincount(known[0], minlength=kinds).double()
    asked, before = _coded(due, kinds), due[0]
    places = torch.searchsorted(pairs, asked).clamp(max=len(pairs) - 1)
    seen = torch.where(pairs[places] == asked, counts[places], 0).double()
    guessed = unigram(known[1], kinds)[due[1]]
    mixed = (seen + followers[before] * guessed) / (totals[before] + followers[before])
    return float(-torch.where(totals[before] > 0, mixed, guessed).log().mean())


def _coded(pairs: Tensor, kinds: int) -> Tensor:
    return pairs[0] * kinds + pairs[1]
