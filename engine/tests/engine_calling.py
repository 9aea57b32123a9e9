"""Cells whose steps call torch for what the graph has no words for."""

import torch
from engine_toys import Toy


class Sorting(Toy):
    """A call of torch between two products, and one of a weight that all rows share."""

    def step(self, x, h):
        a = torch.tanh(self.x(x) + self.h(h)).sort(-1).values
        apart = torch.cdist(a[:, None], self.h.weight[None]).squeeze(1)
        return torch.tanh(apart) * a, a


class Turned(Toy):
    """Rows are not the first dimension of what torch is called for."""

    def step(self, x, h):
        h = torch.tanh(self.x(x) + self.h(h)).T.sort(0).values.T
        return h, h


class Addressed(Toy):
    """Writes the largest elements where they are, into zeros that all rows share."""

    def step(self, x, h):
        a = self.x(x) + self.h(h)
        values, places = a.topk(2, -1)
        h = torch.tanh(torch.zeros_like(a).scatter(1, places, values) + 0.5 * h)
        return h, h


class Transformed(Toy):
    """Complex numbers from one call to the next."""

    def step(self, x, h):
        h = torch.tanh(torch.fft.irfft(torch.fft.rfft(self.x(x)) * torch.fft.rfft(h), 5))
        return h, h


CALLING = [Sorting, Turned, Addressed, Transformed]
