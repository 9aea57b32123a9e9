"""Cells that treat resets, states of every step or a generator otherwise than they should."""

import torch

from recurra.state import map_state, select
from recurra_contract import ToyCell

from .cell_sequences import Noisy, SecretlyStochastic


class IgnoresResets(ToyCell):
    def unroll(self, x, state, *, resets=None, **how):
        return super().unroll(x, state, **how)


class ResetsPastTheEnd(ToyCell):
    """Hands the initial state on where a mark lies in the padding."""

    def unroll(self, x, state, *, lengths=None, resets=None, states=False):
        y, last = super().unroll(x, state, lengths=lengths, resets=resets, states=states)
        if lengths is None or resets is None or states:
            return y, last
        past = (resets & (torch.arange(x.shape[1]) >= lengths[:, None])).any(1)
        return y, select(past, self.initial_state(len(x)), last)


class LeaksOverBorders(ToyCell):
    """What comes before a border changes nothing after it, but gets a gradient from there."""

    def unroll(self, x, state, *, resets=None, **how):
        total = x.sum(1, keepdim=True)
        seen = x if resets is None else x + total - total.detach()
        return super().unroll(seen, state, resets=resets, **how)


class StatesBefore(ToyCell):
    """Shows the state that each step begins with."""

    def unroll(self, x, state, *, states=False, **how):
        y, found = super().unroll(x, state, states=states, **how)
        if not states:
            return y, found
        return y, map_state(lambda leaf, first: torch.cat([first[:, None], leaf[:, :-1]], 1), found, state)


class StatesPadded(ToyCell):
    """Shows zeros past the end of a row."""

    def unroll(self, x, state, *, lengths=None, states=False, **how):
        y, found = super().unroll(x, state, lengths=lengths, states=states, **how)
        if lengths is None or not states:
            return y, found
        live = torch.arange(x.shape[1]) < lengths[:, None]
        return y, map_state(lambda leaf: leaf * live[..., None], found)


class StatesDetached(ToyCell):
    def unroll(self, x, state, *, states=False, **how):
        y, found = super().unroll(x, state, states=states, **how)
        return y, map_state(torch.Tensor.detach, found) if states else found


class IgnoresTheGenerator(SecretlyStochastic):
    def forward(self, x, state=None, *, rng=None, **how):
        return super().forward(x, state, **how)


class ItsOwnGenerator(ToyCell):
    def __init__(self, input_size):
        super().__init__(input_size)
        self.rng = torch.Generator()

    def step(self, x, state):
        return super().step(x + torch.rand(x.shape, generator=self.rng, dtype=x.dtype), state)


MUTANTS = [
    ("check_resets", IgnoresResets),
    ("check_resets", ResetsPastTheEnd),
    ("check_no_gradient_crosses_resets", LeaksOverBorders),
    ("check_states", StatesBefore),
    ("check_states", StatesPadded),
    ("check_gradients_of_states", StatesDetached),
    ("check_generator", IgnoresTheGenerator),
    ("check_generator", ItsOwnGenerator),
    ("check_generator", Noisy),
]
