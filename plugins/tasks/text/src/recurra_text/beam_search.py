"""Beam search: the likeliest sequence of tokens that a network continues its input with, nearly."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from recurra import Predictor, map_state


class Found(NamedTuple):
    """A continuation: its tokens without the end, and the log-probability of them and the end, in nats."""

    tokens: list[int]
    log_probability: float


class BeamSearch(NamedTuple):
    """Search that keeps the `beams` likeliest beginnings at every step; one beam is greedy search.

    Of the continuations that ended, the one with the highest log-probability per token wins, since a sum
    would favour short ones. One that has not ended after `longest` tokens is taken as it is.

    Args:
        beams: How many beginnings are kept.
        longest: The number of tokens after which the search ends.
        end: The token that ends a continuation.
        never: Tokens that are never chosen.
        fed: What the network reads after it has chosen tokens: (K,) -> (K,).
    """

    beams: int
    longest: int
    end: int
    never: tuple[int, ...]
    fed: Callable[[Tensor], Tensor]

    def __call__(self, network: Predictor, x: Tensor) -> Found:
        """Continue one sequence: tokens x (1, T)."""
        y, state = network(x, None, lengths=None)
        tokens, scores = torch.empty(1, 0, dtype=torch.long), torch.zeros(1, dtype=torch.float64)
        ended: list[Found] = []
        for _ in range(self.longest):
            rows, chosen, scores = self._best(y[:, -1].cpu(), scores)
            tokens = torch.cat([tokens[rows], chosen[:, None]], 1)
            stops = chosen == self.end
            ended += _found(tokens[stops, :-1], scores[stops])
            rows, tokens, scores = rows[~stops], tokens[~stops], scores[~stops]
            if len(ended) >= self.beams or not len(tokens):
                break
            state = map_state(lambda leaf, rows=rows: leaf[rows.to(leaf.device)], state)
            y, state = network(self.fed(tokens[:, -1:]), state, lengths=None)
        return max(ended or _found(tokens, scores), key=_per_token)

    def _best(self, logits: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return of the likeliest next beginnings their rows, last tokens and scores, (K,) each."""
        logits[:, list(self.never)] = -torch.inf
        each = scores[:, None] + logits.double().log_softmax(-1)
        best, places = each.flatten().topk(min(self.beams, each.numel()))
        likely = best > -torch.inf
        places = places[likely]
        return places // each.shape[1], places % each.shape[1], best[likely]


def _found(tokens: Tensor, scores: Tensor) -> list[Found]:
    return [Found(row, score) for row, score in zip(tokens.tolist(), scores.tolist(), strict=True)]


def _per_token(found: Found) -> float:
    return found.log_probability / (len(found.tokens) + 1)
