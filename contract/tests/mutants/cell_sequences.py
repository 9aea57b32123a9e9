"""Cells that treat a sequence otherwise than its steps."""

import torch
from torch import nn

from recurra import detach
from recurra_contract import ToyCell
from recurra_contract.examples.cells import ToyState

from .cell_shapes import EmptyResets


class OtherForward(ToyCell):
    def unroll(self, x, state, *, lengths=None, **how):
        y, state = super().unroll(x, state, lengths=lengths, **how)
        return y * 1.001, state


class OtherGradient(ToyCell):
    def unroll(self, x, state, *, lengths=None, **how):
        return super().unroll(x.detach() + 0 * x, state, lengths=lengths, **how)


class Forgetful(ToyCell):
    """Starts afresh with every call."""

    def unroll(self, x, state, *, lengths=None, **how):
        return super().unroll(x, self.initial_state(x.shape[0]), lengths=lengths, **how)


class NoLengths(ToyCell):
    def unroll(self, x, state, *, lengths=None, **how):
        return super().unroll(x, state, **how)


class BackwardLeak(ToyCell):
    """Masks what comes out, not what goes in: the classic NaN gradient."""

    def unroll(self, x, state, *, lengths=None, **how):
        y, state = super().unroll(x, state, **how)
        if lengths is not None:
            live = torch.arange(x.shape[1]) < lengths[:, None]
            y = torch.where(live[..., None], y, torch.zeros_like(y))
        return y, state


class BatchNormed(ToyCell):
    def step(self, x, state):
        return super().step(x - x.mean(0), state)


class Clairvoyant(ToyCell):
    def unroll(self, x, state, *, lengths=None, **how):
        return super().unroll(x + x.sum(1, keepdim=True), state, lengths=lengths, **how)


class Deaf(ToyCell):
    def step(self, x, state):
        return super().step(torch.zeros_like(x), state)


class Noisy(ToyCell):
    def step(self, x, state):
        y, state = super().step(x, state)
        return y + torch.rand(()), state


class SecretlyStochastic(ToyCell):
    def step(self, x, state):
        return super().step(nn.functional.dropout(x, 0.5, self.training), state)


class UnbatchedState(ToyCell):
    def initial_state(self, batch_size):
        return ToyState(self.zeros(1, self.output_size))


class Cut(ToyCell):
    """Its state never has a gradient."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return y, ToyState(state.h.detach())


class CutsAtStart(ToyCell):
    """Lets no gradient into the call before."""

    def unroll(self, x, state, *, lengths=None, **how):
        return super().unroll(x, detach(state), lengths=lengths, **how)


class CutsWhenRagged(ToyCell):
    def unroll(self, x, state, *, lengths=None, **how):
        return super().unroll(x if lengths is None else x.detach() + 0 * x, state, lengths=lengths, **how)


class ForgetsEmptyRows(ToyCell):
    def unroll(self, x, state, *, lengths=None, **how):
        y, ended = super().unroll(x, state, lengths=lengths, **how)
        return y, ended if lengths is None else ToyState(ended.h * (lengths > 0)[:, None])


class PadsThePacked(ToyCell):
    def _forward_packed(self, x, state, **how):
        padded, lengths = nn.utils.rnn.pad_packed_sequence(x, batch_first=True)
        return self(padded, state, lengths=lengths, **how)


class PackedInAnotherOrder(ToyCell):
    def _forward_packed(self, x, state, **how):
        y, state = super()._forward_packed(x, state, **how)
        return y._replace(data=y.data.flip(0)), state


class PackedSortedAnew(ToyCell):
    """Puts the rows out in order of their length."""

    def _forward_packed(self, x, state, **how):
        y, state = super()._forward_packed(x, state, **how)
        return y._replace(sorted_indices=None, unsorted_indices=None), state


class PackedStateSorted(ToyCell):
    def _forward_packed(self, x, state, **how):
        y, state = super()._forward_packed(x, state, **how)
        return y, ToyState(state.h[x.sorted_indices])


MUTANTS = [
    ("check_forward_equals_steps", OtherForward),
    ("check_gradients_equal_steps", OtherGradient),
    ("check_gradients_equal_steps", CutsWhenRagged),
    ("check_gradients_cross_cuts", CutsAtStart),
    ("check_hand_off", Forgetful),
    ("check_hand_off", EmptyResets),
    ("check_lengths", NoLengths),
    ("check_lengths", ForgetsEmptyRows),
    ("check_packed", PadsThePacked),
    ("check_packed", PackedInAnotherOrder),
    ("check_packed", PackedSortedAnew),
    ("check_packed", PackedStateSorted),
    ("check_padding", NoLengths),
    ("check_padding_gradients", BackwardLeak),
    ("check_rows_are_independent", BatchNormed),
    ("check_batch_size", BatchNormed),
    ("check_causality", Clairvoyant),
    ("check_input_matters", Deaf),
    ("check_no_chance_in_evaluation", Noisy),
    ("check_no_chance_in_evaluation", SecretlyStochastic),
    ("check_state_is_batched", UnbatchedState),
]
