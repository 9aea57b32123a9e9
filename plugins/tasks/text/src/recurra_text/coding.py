"""Texts as numbers: of which symbols they consist, and which of them are known from training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Codes = NDArray[Any]
Level = Literal["character", "word", "byte"]
BYTES = 256
UNKNOWN, END = "<unk>", "<eos>"
"""The words that stand for any unknown one, and at the end of each line."""


class Coded(NamedTuple):
    """Symbols of some texts: codes, an array of numbers for each; names, what each number stands for."""

    codes: list[Codes]
    names: Sequence[str]


class Vocabulary:
    """Which symbols are known: the most frequent of those that were counted, the alphabet breaking ties.

    Args:
        counts: (N,) how often each code came in training.
        names: What the codes stand for; the word `<unk>` is an unknown one.
        most: How many symbols are known at most.
        first: The number of the first of them; those below are the user's, the last of these being that of
            unknown symbols.
    """

    def __init__(self, counts: Codes, names: Sequence[str], most: int, first: int) -> None:
        seen = [code for code in counts.nonzero()[0].tolist() if names[code] != UNKNOWN]
        seen.sort(key=lambda code: (-counts[code], names[code]))
        self.names = [names[code] for code in seen[:most]]
        self.size = first + len(self.names)
        self._token_of = np.full(len(names), first - 1, np.int32)
        self._token_of[seen[:most]] = np.arange(first, self.size)

    def tokens(self, codes: Codes) -> Tensor:
        """Return the tokens of codes: (N,) in int32."""
        return torch.from_numpy(self._token_of[codes])


def characters_of(texts: Iterable[str]) -> Coded:
    """Return the characters of texts."""
    found = [np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32) for text in texts]
    known, codes = np.unique(np.concatenate(found), return_inverse=True)
    ends = np.cumsum([len(part) for part in found])[:-1]
    return Coded(np.split(codes.astype(np.int32), ends), [chr(code) for code in known])


def words_of(texts: Iterable[Iterable[str]]) -> Coded:
    """Return the words of texts, each in the order of its first coming."""
    number: dict[str, int] = {}
    codes = [
        np.fromiter((number.setdefault(word, len(number)) for word in words), np.int32) for words in texts
    ]
    return Coded(codes, list(number))


def lines_of(text: str) -> Iterable[str]:
    """Return word after word, and `<eos>` at the end of each line."""
    for line in text.removesuffix("\n").split("\n"):
        yield from line.split()
        yield END
