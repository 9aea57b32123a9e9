"""Cells that between them need every kind of kernel; written as a user would write them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from recurra import Cell


class H(NamedTuple):
    h: Tensor


class HC(NamedTuple):
    h: Tensor
    c: Tensor


class LSTM(Cell[HC]):
    """One product for four gates."""

    def __init__(self, n_in, n):
        super().__init__(n_in, n)
        self.n, self.mix = n, nn.Linear(n_in + n, 4 * n)

    def initial_state(self, batch_size):
        return HC(self.zeros(batch_size, self.n), self.zeros(batch_size, self.n))

    def gates(self, x, state):
        return self.mix(torch.cat([x, state.h], -1))

    def step(self, x, state):
        i, f, o, g = self.gates(x, state).chunk(4, -1)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, HC(h, c)


class Peephole(LSTM):
    """Gates see the cell through vectors, whose gradients are sums over rows and steps."""

    def __init__(self, n_in, n):
        super().__init__(n_in, n)
        self.p = nn.Parameter(torch.randn(3, n) / 2)

    def step(self, x, state):
        i, f, o, g = self.gates(x, state).chunk(4, -1)
        i, f = torch.sigmoid(i + self.p[0] * state.c), torch.sigmoid(f + self.p[1] * state.c)
        c = f * state.c + i * torch.tanh(g)
        h = torch.sigmoid(o + self.p[2] * c) * torch.tanh(c)
        return h, HC(h, c)


class NormedLSTM(LSTM):
    """The gates and the cell are normalised over a layer."""

    def __init__(self, n_in, n):
        super().__init__(n_in, n)
        self.over_gates, self.over_cell = nn.LayerNorm(4 * n), nn.LayerNorm(n)

    def gates(self, x, state):
        return self.over_gates(super().gates(x, state))

    def step(self, x, state):
        i, f, o, g = self.gates(x, state).chunk(4, -1)
        c = torch.sigmoid(f) * state.c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(self.over_cell(c))
        return h, HC(h, c)


class GRU(Cell[H]):
    """Two products, one after the other."""

    def __init__(self, n_in, n):
        super().__init__(n_in, n)
        self.n, self.mix, self.new = n, nn.Linear(n_in + n, 2 * n), nn.Linear(n_in + n, n)

    def initial_state(self, batch_size):
        return H(self.zeros(batch_size, self.n))

    def step(self, x, state):
        r, z = torch.sigmoid(self.mix(torch.cat([x, state.h], -1))).chunk(2, -1)
        new = torch.tanh(self.new(torch.cat([x, r * state.h], -1)))
        h = z * state.h + (1 - z) * new
        return h, H(h)


class Slots(NamedTuple):
    h: Tensor
    m: Tensor
    w: Tensor


class NTM(Cell[Slots]):
    """A memory addressed by content and by shifts."""

    def __init__(self, n_in, n, slots=9, width=5):
        super().__init__(n_in, n)
        self.n, self.slots, self.width = n, slots, width
        self.mix = nn.Linear(n_in + width + n, n)
        self.head = nn.Linear(n, 3 * width + 6)
        self.out = nn.Linear(n + width, n)
        self.start = nn.Parameter(torch.randn(slots, width) / 4)

    def initial_state(self, batch_size):
        m = self.start.expand(batch_size, -1, -1)
        w = torch.softmax(self.start.sum(-1), -1).expand(batch_size, -1)
        return Slots(self.zeros(batch_size, self.n), m, w)

    def address(self, key, rest, state):
        beta, gate, shift, sharp = rest.split([1, 1, 3, 1], -1)
        norms = state.m.norm(dim=-1) * key.norm(dim=-1, keepdim=True) + 1e-6
        match = torch.bmm(state.m, key.unsqueeze(-1)).squeeze(-1) / norms
        by_content = torch.softmax(nn.functional.softplus(beta) * match, -1)
        gate, shift = torch.sigmoid(gate), torch.softmax(shift, -1)
        w = gate * by_content + (1 - gate) * state.w
        w = sum(shift[:, i : i + 1] * w.roll(i - 1, -1) for i in range(3))
        w = w.clamp_min(1e-6) ** (1 + nn.functional.softplus(sharp))
        return w / w.sum(-1, keepdim=True)

    def step(self, x, state):
        read = torch.bmm(state.w.unsqueeze(1), state.m).squeeze(1)
        h = torch.tanh(self.mix(torch.cat([x, read, state.h], -1)))
        key, erase, add, rest = self.head(h).split([self.width, self.width, self.width, 6], -1)
        w = self.address(key, rest, state)
        m = state.m * (1 - w.unsqueeze(-1) * torch.sigmoid(erase).unsqueeze(1))
        m = m + w.unsqueeze(-1) * torch.tanh(add).unsqueeze(1)
        return self.out(torch.cat([h, read], -1)), Slots(h, m, w)


class Odd(Cell[HC]):
    """Elementwise functions that the others do not use, the largest of a row, and a state that only moves."""

    def __init__(self, n_in, n):
        super().__init__(n_in, n)
        self.n, self.mix = n, nn.Linear(n_in, n)
        self.rate = nn.Parameter(torch.rand(n))

    def initial_state(self, batch_size):
        return HC(self.zeros(batch_size, self.n), self.zeros(batch_size, self.n) + 0.5)

    def step(self, x, state):
        a = self.mix(x) + self.rate * state.h
        b = torch.maximum(torch.sin(a), torch.cos(state.c)) + torch.erf(a) * torch.expm1(-a.abs())
        c = torch.log1p(b.square()) + torch.rsqrt(1 + a * a) - torch.minimum(a, b).sign() * 0.1
        top = torch.log_softmax(c, -1)
        h = torch.where(c > 0.3, top.exp(), nn.functional.leaky_relu(a)).clamp(-1, 1)
        return h + torch.relu(c), HC(h, torch.cat([state.c[:, 1:], c[:, :1]], -1))


CELLS = {cell.__name__: cell for cell in (LSTM, Peephole, NormedLSTM, GRU, NTM, Odd)}
