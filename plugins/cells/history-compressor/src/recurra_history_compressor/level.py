"""One level of the hierarchy: a net that predicts its own next input, and what it did not expect."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra import Cell, Ref, add_losses, select
from recurra_history_compressor.clock import bits_of, number_of


class LevelState(NamedTuple):
    """What survives a step of one level; a level that is not reached keeps all of it.

    net: the state of its net.  h (B, H): the last output of its net, from which it predicts.
    seen (B,): inputs so far.  since (B,): inputs since the last unexpected one.
    loss (B,): summed cost of its predictions, in nats.
    """

    net: tuple[Any, ...]
    h: Tensor
    seen: Tensor
    since: Tensor
    loss: Tensor


class Level(nn.Module):
    """A net P_s and the layer that turns its output into a prediction of its next input.

    An input is a symbol and the elapsed times that the levels below attach to it.

    Args:
        net: Any cell by reference; it reads symbol and times, A + K n numbers.
        symbols: A, the size of the alphabet.
        clocks: n, how many elapsed times come with a symbol.
        bits: K, binary digits of an elapsed time.
        confidence: Minimum probability for a correct prediction to count as expected.
    """

    def __init__(self, net: Ref, symbols: int, clocks: int, bits: int, confidence: float) -> None:
        super().__init__()
        self.symbols, self.clocks, self.bits = symbols, clocks, bits
        self.least = math.log(confidence) if confidence else -math.inf
        width = symbols + clocks * bits
        self.net: Cell[Any] = net.build(width)
        self.head = nn.Linear(self.net.output_size, width)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def initial_state(self, batch_size: int) -> LevelState:
        """Return the initial state of the net, and nothing seen."""
        zeros = self.head.bias.new_zeros
        none = zeros(batch_size, dtype=torch.int64)
        h = zeros(batch_size, self.net.output_size)
        return LevelState(self.net.initial_state(batch_size), h, none, none, zeros(batch_size))

    def predict(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the next symbol (B, A) and of the bits of its times (B, n, K)."""
        symbol, times = self.head(h).split([self.symbols, self.clocks * self.bits], -1)
        return symbol, times.reshape(h.shape[0], self.clocks, self.bits)

    def expects(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the likeliest next symbol (B,) and times (B, n), and whether that is confident (B,)."""
        logits, times = self.predict(h)
        symbol, elapsed = _likeliest(logits, times)
        return symbol, elapsed, self._log_likelihood(logits, times, symbol, elapsed) >= self.least

    def _log_likelihood(self, logits: Tensor, times: Tensor, symbol: Tensor, elapsed: Tensor) -> Tensor:
        log_p = F.log_softmax(logits, -1).gather(-1, symbol[:, None])[:, 0]
        sign = 2 * self._written(elapsed) - 1
        return log_p + F.logsigmoid(sign * times.flatten(1)).sum(-1)

    def _written(self, elapsed: Tensor) -> Tensor:
        return bits_of(elapsed, self.bits).flatten(1)

    def step(
        self, x: Tensor, elapsed: Tensor, live: Tensor, state: LevelState
    ) -> tuple[Tensor, Tensor, LevelState]:
        """Compare an input with what was predicted and read it, in the rows where `live` (B,) is true.

        Args:
            x: (B, A), the symbol.
            elapsed: (B, n or more), its times.
            live: (B,), which rows have an input at all.
            state: What the level remembers.

        Returns:
            Whether the input was unexpected (B,), the inputs since the last that was (B,), the state after.
        """
        elapsed = elapsed[:, : self.clocks]
        symbol, first, since = x.argmax(-1), state.seen == 0, state.since + 1
        logits, times = self.predict(state.h)
        log_p = self._log_likelihood(logits, times, symbol, elapsed)
        likely_symbol, likely_times = _likeliest(logits, times)
        hit = (likely_symbol == symbol) & (likely_times == elapsed).all(-1) & (log_p >= self.least)
        unexpected = live & (first | ~hit)
        h, net = self.net.step(torch.cat([x, self._written(elapsed).to(x.dtype)], -1), state.net)
        loss = state.loss - torch.where(first, torch.zeros_like(log_p), log_p)
        after = LevelState(net, h, state.seen + 1, torch.where(unexpected, 0, since), loss)
        return unexpected, since, select(live, after, state)


def _likeliest(logits: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    return logits.argmax(-1), number_of(times > 0)


def typed(levels: nn.ModuleList) -> list[Level]:
    """Return a list of modules as the levels that they are."""
    return [cast("Level", level) for level in levels]


def ascend(levels: Sequence[Level], x: Tensor, states: Iterable[LevelState]) -> tuple[LevelState, ...]:
    """Hand x (B, A) up as far as it surprises, row by row, and return the states after."""
    live = torch.ones(x.shape[0], dtype=torch.bool, device=x.device)
    elapsed = torch.zeros(x.shape[0], 0, dtype=torch.int64, device=x.device)
    after = []
    for level, state in zip(levels, states, strict=True):
        live, since, state = level.step(x, elapsed, live, state)
        elapsed = torch.cat([elapsed, since[:, None]], 1)
        after.append(state)
    return tuple(after)


def prediction_losses(levels: Sequence[Level], states: Sequence[LevelState]) -> Tensor:
    """Return the nats per prediction of every level, with the loss of its net's own: (levels, B)."""
    costs = [s.loss / (s.seen - 1).clamp(min=1) for s in states]
    nets = [level.net.auxiliary_loss(s.net) for level, s in zip(levels, states, strict=True)]
    return torch.stack([cast("Tensor", add_losses(pair)) for pair in zip(costs, nets, strict=True)])


def surprises(states: Sequence[LevelState]) -> Tensor:
    """Return 1 where the last input reached a level and was unexpected there, else 0: (B, levels)."""
    hit = torch.stack([(s.seen > 0) & (s.since == 0) for s in states], 1)
    return hit.cumprod(1).to(states[0].h.dtype)
