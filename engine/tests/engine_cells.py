"""Small cells of the usual kinds, and steps of odd shapes, beside those of `engine_toys`."""

from typing import NamedTuple

import torch
from engine_toys import DIFFERENTIABLE, Nested, Toy, Two
from torch import Tensor, nn


class Lstm(Toy):
    """Four gates from one product of the input and one of the state."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.W, self.U = nn.Linear(input_size, 4 * hidden_size), nn.Linear(hidden_size, 4 * hidden_size)

    def initial_state(self, batch_size):
        return Two(*(self.zeros(batch_size, self.output_size) for _ in range(2)))

    def gates(self, x, h):
        return (self.W(x) + self.U(h)).chunk(4, -1)

    def step(self, x, state):
        i, f, g, o = self.gates(x, state.h)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, Two(h, c)


class NormalisedLstm(Lstm):
    """Layer normalisation of both products and of the cells."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.of_x, self.of_h = nn.LayerNorm(4 * hidden_size), nn.LayerNorm(4 * hidden_size)
        self.of_c = nn.LayerNorm(hidden_size)

    def gates(self, x, h):
        return (self.of_x(self.W(x)) + self.of_h(self.U(h))).chunk(4, -1)

    def step(self, x, state):
        i, f, g, o = self.gates(x, state.h)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(self.of_c(c))
        return h, Two(h, c)


class Multiplicative(Lstm):
    """Two levels of products: what the gates see of the state is itself a product."""

    def step(self, x, state):
        return super().step(x, Two(self.x(x) * self.h(state.h), state.c))


class ResetAfter(Toy):
    """GRU with the reset gate after the product."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.W, self.U = nn.Linear(input_size, 3 * hidden_size), nn.Linear(hidden_size, 3 * hidden_size)

    def step(self, x, h):
        (a, b, c), (d, e, f) = self.W(x).chunk(3, -1), self.U(h).chunk(3, -1)
        z, r = torch.sigmoid(a + d), torch.sigmoid(b + e)
        h = torch.lerp(torch.tanh(c + r * f), h, z)
        return h, h


class Minimal(Toy):
    """MGU: one gate, used twice, and a product of what it lets through."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.f, self.g = (nn.Linear(input_size + hidden_size, hidden_size) for _ in range(2))

    def step(self, x, h):
        f = torch.sigmoid(self.f(torch.cat([x, h], -1)))
        h = (1 - f) * h + f * torch.tanh(self.g(torch.cat([x, f * h], -1)))
        return h, h


class NoInput(Toy):
    """Ignores x."""

    def step(self, x, h):
        h = torch.tanh(self.h(h) + 0.5)
        return h, h


class NoState(Toy):
    """Carries a state that nothing reads."""

    def step(self, x, h):
        y = torch.tanh(self.x(x))
        return y, y


class Constant(Toy):
    """The next state is a number, and a parameter."""

    def initial_state(self, batch_size):
        return Two(*(self.zeros(batch_size, self.output_size) for _ in range(2)))

    def step(self, x, state):
        bias = self.x.bias.expand(x.shape[0], -1)
        return torch.tanh(self.x(x) + state.h * state.c), Two(torch.ones_like(state.h), bias)


class ConstantOutput(Toy):
    """Puts out what does not depend on anything, and a state that does."""

    def step(self, x, h):
        return torch.full_like(h, 0.25), torch.tanh(self.x(x) + h)


class Echo(Toy):
    """Puts out its input as it is, and reads it nowhere else."""

    def step(self, x, h):
        return x, torch.tanh(self.h(h))

    def __init__(self, input_size: int = 3, *, hidden_size: int = 3) -> None:
        super().__init__(input_size, hidden_size=hidden_size)


class Readout(Toy):
    """Puts out a product of the state plus one of the input, both with a bias, that no later step reads."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.out, self.skip = nn.Linear(hidden_size, hidden_size), nn.Linear(input_size, hidden_size)

    def step(self, x, h):
        h = torch.tanh(self.x(x) + self.h(h))
        return self.out(h) + self.skip(x), h


class Parameter(Toy):
    """Puts out a parameter."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.p = nn.Parameter(torch.randn(1, hidden_size))

    def step(self, x, h):
        return self.p.expand(x.shape[0], -1), torch.tanh(self.x(x) + h)


class Through(Toy):
    """One state goes through unchanged, two change places, and the output is a state as it was."""

    def initial_state(self, batch_size):
        h = self.zeros(batch_size, self.output_size)
        return Nested(h + 1, Two(h + 2, h + 3))

    def step(self, x, state):
        return state.inner.h, Nested(state.memory, Two(state.inner.c, state.inner.h))


class Stateless(NamedTuple):
    """No tensors at all."""


class NoMemory(Toy):
    """Every step stands alone."""

    def initial_state(self, batch_size):
        return Stateless()

    def step(self, x, state):
        return torch.tanh(self.x(x)), state


class Twice(Toy):
    """One matrix in two products, once as it is and once turned over; one bias in two places."""

    def step(self, x, h):
        a = torch.tanh(self.x(x) + h @ self.h.weight + self.h.bias)
        h = torch.tanh(a @ self.h.weight.T + self.h.bias * a)
        return h, h


class Heads(Toy):
    """A matrix for each of several heads, and weights that are made of weights."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 6) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.A = nn.Parameter(torch.randn(3, hidden_size // 3, hidden_size // 3))
        self.register_buffer("mask", torch.rand(hidden_size, input_size) > 0.3)

    def step(self, x, h):
        n = self.output_size
        mixed = torch.einsum("bzk,zkj->bzj", h.view(-1, 3, n // 3), torch.tanh(self.A)).reshape(-1, n)
        h = torch.tanh(x @ (self.x.weight * self.mask).T + mixed)
        return h, h


class Masked(Toy):
    """Decides by a comparison that becomes a number, not by Python's `if`."""

    def step(self, x, h):
        a = self.x(x) + self.h(h)
        on = (a > 0).to(a.dtype)
        h = on * torch.tanh(a) + (1 - on) * 0.1 * h
        return h, h


class Memory(Toy):
    """A nested state with a memory that is addressed by content and by place, in several dimensions."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.W = nn.Linear(input_size + hidden_size, 3 * hidden_size + 5)

    def initial_state(self, batch_size):
        h = self.zeros(batch_size, self.output_size)
        return Nested(self.zeros(batch_size, 4, self.output_size) + 0.1, Two(h, self.zeros(batch_size, 4)))

    def step(self, x, state):
        n, M = self.output_size, state.memory
        parts = self.W(torch.cat([x, state.inner.h], -1)).split([n, n, n, 1, 3, 1], -1)
        key, erase, add, beta, shift, gate = parts
        likeness = nn.functional.cosine_similarity(key[:, None], M, -1, 1e-3)
        w = torch.softmax(nn.functional.softplus(beta) * likeness, -1)
        w = torch.sigmoid(gate) * w + (1 - torch.sigmoid(gate)) * state.inner.c
        s = torch.softmax(shift, -1)
        w = sum(s[:, i, None] * w.roll(i - 1, -1) for i in range(3))
        M = M * (1 - w[..., None] * torch.sigmoid(erase)[:, None]) + torch.bmm(w[:, :, None], add[:, None])
        r = (w[:, None] @ M).squeeze(1)
        return r, Nested(M, Two(torch.tanh(r), w))


USUAL = (Lstm, NormalisedLstm, Multiplicative, ResetAfter, Minimal, Memory)
ODD = (
    NoInput,
    NoState,
    Constant,
    ConstantOutput,
    Echo,
    Readout,
    Parameter,
    Through,
    NoMemory,
    Twice,
    Heads,
    Masked,
    *DIFFERENTIABLE,
)


def made(kind, hidden_size=None, input_size=3, dtype=torch.float64, seed=0) -> Toy:
    """Return a cell with weights of its own."""
    torch.manual_seed(seed)
    options = {} if hidden_size is None else {"hidden_size": hidden_size}
    return kind(input_size, **options).to(dtype)


def tensors_of(dtype: torch.dtype, *sizes: int, seed: int = 0) -> Tensor:
    """Return seeded normal numbers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*sizes, generator=generator, dtype=torch.float64).to(dtype)
