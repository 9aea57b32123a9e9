"""The best predictor of a stream of words: it keeps the probability of every place in every word."""

from __future__ import annotations

import torch
from torch import Tensor

from recurra_prediction.bits import bits_of


class Reader:
    """Knows the lexicon, and that its words are drawn evenly, and reads by Bayes' rule.

    Args:
        spelled: (words, letters), numbers 1 to 26, then 0.
    """

    def __init__(self, spelled: Tensor) -> None:
        self.places = spelled.flatten()  # a state is a place in a word: the letter that was read last
        ends = torch.cat([spelled[:, 1:], torch.zeros_like(spelled[:, :1])], 1).flatten() == 0
        self.begins = torch.zeros(self.places.shape, dtype=torch.float64)
        self.begins[:: spelled.shape[1]] = 1 / len(spelled)
        within = torch.diag((~ends[:-1]).double(), 1)
        self.next = torch.where(ends[:, None], self.begins, within)  # rows: from where
        self.bits = bits_of(self.places).double()

    def read(self, stream: Tensor) -> Tensor:
        """Return the probability of each bit of the next letter: (B, T) -> (B, T, 5)."""
        belief, guesses = self.begins.expand(len(stream), -1), []
        for letter in stream.unbind(1):
            seen = belief * (self.places == letter[:, None])
            # Past the end of a row there is no letter, and nothing that could be known.
            seen = torch.where(letter[:, None] > 0, seen / seen.sum(1, keepdim=True), self.begins)
            belief = seen @ self.next
            guesses.append(belief @ self.bits)
        return torch.stack(guesses, 1)
