"""Cells that are wrong in their shapes, their state or their options."""

import torch

from recurra_contract import ToyCell
from recurra_contract.examples.cells import ToyState


class WrongWidth(ToyCell):
    def step(self, x, state):
        h, state = super().step(x, state)
        return h[:, :-1], state


class InPlace(ToyCell):
    def step(self, x, state):
        state.h.mul_(0.5)
        return super().step(x, state)


class Counting(ToyCell):
    """Counts its steps on the module."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.seen = []

    def step(self, x, state):
        self.seen.append(len(self.seen))
        return super().step(x, state)


class Hidden(ToyCell):
    """Keeps its state on the module."""

    h = None

    def step(self, x, state):
        kept = state.h if self.h is None or self.h.shape != state.h.shape else self.h
        y, state = super().step(x, ToyState(kept))
        self.h = y.detach()
        return y, state


class Drifting(ToyCell):
    """Starts where it ended."""

    end = 0.0

    def initial_state(self, batch_size):
        return ToyState(super().initial_state(batch_size).h + self.end)

    def step(self, x, state):
        y, state = super().step(x, state)
        self.end = float(y.detach().sum())
        return y, state


class NoCopy(ToyCell):
    """Its copies have forgotten something that is in no parameter."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.secret = torch.rand(())

    def step(self, x, state):
        y, state = super().step(x, state)
        return y * self.secret, state


class WrongOptions(ToyCell):
    """Remembers another size than it has."""

    def __init__(self, input_size, *, hidden_size: int = 4):
        super().__init__(input_size, hidden_size=2 * hidden_size)
        self.options = {"hidden_size": 3 * hidden_size}


class WrongView(ToyCell):
    def diagnostics(self, state):
        return {"h": state.h.sum(-1)}


class WrongLoss(ToyCell):
    def auxiliary_loss(self, state):
        return state.h


class NotEmpty(ToyCell):
    def unroll(self, x, state, *, lengths=None, **how):
        if x.shape[1] == 0:
            return x.new_ones(x.shape[0], 1, self.output_size), state
        return super().unroll(x, state, lengths=lengths, **how)


class EmptyResets(ToyCell):
    """Starts afresh after a piece without steps."""

    def unroll(self, x, state, *, lengths=None, **how):
        return super().unroll(
            x, state if x.shape[1] else self.initial_state(x.shape[0]), lengths=lengths, **how
        )


class LateView(ToyCell):
    def diagnostics(self, state):
        return {"h": torch.cat([state.h, state.h], -1) if state.h.any() else state.h}


class CountingSilently(ToyCell):
    """Counts on a private attribute of a part, which repr of the whole does not show."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.W._calls = 0

    def step(self, x, state):
        self.W._calls += 1
        return super().step(x, state)


class MovesABuffer(ToyCell):
    """Follows its inputs in training mode."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.register_buffer("mean", torch.zeros(input_size), persistent=False)

    def step(self, x, state):
        if self.training:
            self.mean.lerp_(x.detach().mean(0), 0.1)
        return super().step(x, state)


class InfiniteLoss(ToyCell):
    def auxiliary_loss(self, state):
        return state.h.mean(-1) / 0


class InfiniteView(ToyCell):
    def diagnostics(self, state):
        return {"h": state.h.abs().log()}


MUTANTS = [
    ("check_shapes", WrongWidth),
    ("check_pure", InPlace),
    ("check_pure", Counting),
    ("check_pure", CountingSilently),
    ("check_pure", MovesABuffer),
    ("check_whole_state", Hidden),
    ("check_initial_state", Drifting),
    ("check_copies", NoCopy),
    ("check_options", WrongOptions),
    ("check_diagnostics", WrongView),
    ("check_diagnostics", LateView),
    ("check_diagnostics", InfiniteView),
    ("check_auxiliary_loss", WrongLoss),
    ("check_auxiliary_loss", InfiniteLoss),
    ("check_empty", NotEmpty),
    ("check_empty", EmptyResets),
]
