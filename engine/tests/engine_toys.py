"""Small cells for tests of the engine, each with something that a compiler might get wrong."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from recurra import Cell


class Two(NamedTuple):
    h: Tensor
    c: Tensor


class Nested(NamedTuple):
    memory: Tensor
    inner: Two


class Toy(Cell):
    """One hidden tensor, unless a subclass says otherwise."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size)
        self.x = nn.Linear(input_size, hidden_size)
        self.h = nn.Linear(hidden_size, hidden_size)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)


class Joined(Toy):
    """One product of input and state together."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.W = nn.Linear(input_size + hidden_size, hidden_size)

    def step(self, x, h):
        h = torch.tanh(self.W(torch.cat([x, h], -1)))
        return h, h


class Peephole(Toy):
    """LSTM whose gates see the cells."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.W = nn.Linear(input_size, 4 * hidden_size)
        self.U = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.p = nn.Parameter(torch.randn(3, hidden_size))

    def initial_state(self, batch_size):
        return Two(*(self.zeros(batch_size, self.output_size) for _ in range(2)))

    def step(self, x, state):
        i, f, g, o = (self.W(x) + self.U(state.h)).chunk(4, -1)
        c = torch.sigmoid(f + self.p[0] * state.c) * state.c
        c = c + torch.sigmoid(i + self.p[1] * state.c) * torch.tanh(g)
        h = torch.sigmoid(o + self.p[2] * c) * torch.tanh(c)
        return h, Two(h, c)


class ResetBefore(Toy):
    """Two products, one after the other; one weight used twice."""

    def step(self, x, h):
        r = torch.sigmoid(self.x(x) + self.h(h))
        z = torch.sigmoid(self.h(r * h))
        h = z * h + (1 - z) * torch.relu(self.x(x) + self.h(r * h))
        return h, h


class Truncated(Toy):
    """The state is cut off: no gradient goes from step to step."""

    def step(self, x, h):
        h = torch.tanh(self.x(x) + self.h(h.detach()))
        return h, h


class Odd(Toy):
    """Ignores its input, swaps its states, never uses a parameter, and one state never changes."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.unused = nn.Parameter(torch.randn(2))

    def initial_state(self, batch_size):
        h = self.zeros(batch_size, self.output_size)
        return Nested(h + 0.5, Two(h, h))

    def step(self, x, state):
        a = torch.sin(self.h(state.inner.c))
        return a.abs() + state.memory, Nested(state.memory, Two(state.inner.c, a))


class Kinks(Toy):
    """Functions at the points where they have no slope, or two."""

    def step(self, x, h):
        a = self.x(x).clamp(-0.5, 0.5) + torch.maximum(h, torch.zeros_like(h)) + torch.minimum(h, 2 * h)
        b = torch.where(a > 0, a.abs(), functional.leaky_relu(a)) + h.norm(dim=-1, keepdim=True)
        h = torch.tanh(b * 0.1) + torch.log1p(h * h) + torch.exp(-b * b) * torch.rsqrt(1 + a * a)
        return h.flip(-1), h


class WithoutGradient(Toy):
    """Parts of the step run without gradients, one of them in place."""

    def step(self, x, h):
        with torch.no_grad():
            scale = torch.sigmoid(self.h(h))
        a = self.x(x) + scale * h
        with torch.no_grad():
            a.clamp_(-0.2, 0.2)
        h = torch.tanh(a)
        return h, h


DIFFERENTIABLE = (Joined, Peephole, ResetBefore, Truncated, Odd, Kinks, WithoutGradient)


class Straight(torch.autograd.Function):
    """Rounds, and passes the gradient as if it had not."""

    @staticmethod
    def forward(ctx, x):
        return torch.sign(x)

    @staticmethod
    def backward(ctx, g):
        return g


class StraightThrough(Toy):
    """A gradient of its own making, which no trace of the forward pass shows."""

    def step(self, x, h):
        h = torch.tanh(self.x(x) + self.h(Straight.apply(h + 0.3)))
        return h, h


class Mixing(Toy):
    """Its rows depend on how many they are, which a trace of one row does not show."""

    def step(self, x, h):
        h = torch.tanh(self.x(x) + self.h(h) / x.shape[0])
        return h, h


class Branching(Toy):
    """Decides by a value."""

    def step(self, x, h):
        h = torch.tanh(self.x(x) + (self.h(h) if float(h.detach().sum()) > 0 else h))
        return h, h


class Drawing(Toy):
    """Draws random numbers."""

    def step(self, x, h):
        h = torch.tanh(self.x(x) + functional.dropout(self.h(h), 0.5))
        return h, h
