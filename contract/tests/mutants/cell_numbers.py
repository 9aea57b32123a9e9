"""Cells with wrong gradients or too little precision."""

import torch
from torch import nn

from recurra_contract import ToyCell
from recurra_contract.examples.cells import ToyState


class HalfGradient(ToyCell):
    def step(self, x, state):
        y, state = super().step(x, state)
        y = 0.5 * y + 0.5 * y.detach()
        return y, ToyState(y)


class _Inflated(torch.autograd.Function):
    """A weight whose gradient is ten per cent too large."""

    @staticmethod
    def forward(context, weight):
        return weight.clone()

    @staticmethod
    def backward(context, gradient):
        return 1.1 * gradient


class InflatedWeightGradient(ToyCell):
    def step(self, x, state):
        joined = torch.cat([x, state.h], -1)
        h = state.h / 2 + torch.tanh(joined @ _Inflated.apply(self.W.weight).mT + self.W.bias) / 2
        return h, ToyState(h)


class Idle(ToyCell):
    def __init__(self, input_size):
        super().__init__(input_size)
        self.unused = nn.Parameter(torch.zeros(3))


class Rounded(ToyCell):
    """Computes in half precision whatever it is asked for."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return y.half().to(y.dtype) if y.dtype == torch.float32 else y, state


class Overflowing(ToyCell):
    def step(self, x, state):
        y, state = super().step(x, state)
        big = x.sum(-1, keepdim=True).exp()
        return y + big - big, state


class Cut(ToyCell):
    """Its state never has a gradient."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return y, ToyState(state.h.detach())


class OnePrecision(ToyCell):
    """Uses an operation that does not mix precisions, as autocast makes it."""

    def step(self, x, state):
        h = torch.lerp(state.h, self.W(torch.cat([x, state.h], -1)).tanh(), 0.5)
        return h, ToyState(h)


class LowPrecision(ToyCell):
    """Its gradient is NaN under autocast only."""

    def step(self, x, state):
        y, state = super().step(x, state)
        if self.W(torch.cat([x, y], -1)).dtype == torch.bfloat16:
            y = y + (0 * y).square().sqrt()
        return y, state


class Diverging(ToyCell):
    """Doubles its state: infinite after some hundred steps."""

    def step(self, x, state):
        y, _ = super().step(x, ToyState(state.h.clamp(max=1)))
        return y, ToyState(2 * state.h + 1)


class KeepsItsGraph(ToyCell):
    """Stores its state, with the graph, on the module."""

    last = None

    def step(self, x, state):
        y, self.last = super().step(x, state)
        return y, self.last


class RootedSlope(ToyCell):
    """Its value at zero is right, its slope there is not finite."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return y + x.square().sum(-1, keepdim=True).sqrt(), state


MUTANTS = [
    ("check_exact_gradient", HalfGradient),
    ("check_exact_gradient", InflatedWeightGradient),
    ("check_every_parameter_learns", Idle),
    ("check_precision", Rounded),
    ("check_mixed_precision", OnePrecision),
    ("check_mixed_precision", LowPrecision),
    ("check_extremes", Overflowing),
    ("check_extremes", Diverging),
    ("check_extremes", RootedSlope),
    ("check_windows_are_cut", Cut),
    ("check_windows_are_cut", KeepsItsGraph),
]
