"""The memory of the Neural Turing Machine with its read and write heads."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Memory
from recurra_ntm.addressing import content_weighting, interpolate, sharpen, shift
from recurra_ntm.squashing import Free, Positive, Unit, squash

Count = Annotated[int, Field(gt=0)]
Start = Literal["constant", "learned"]
KEY_STRENGTH = 4.0
"""β of every head at first: a head that hardly looks by content learns ways that fail on longer sequences."""
LEARNED_SCALE = 10.0
"""A learned weighting is softmax(10 w): the one-hot start gives slot 0 all but N e^-10 of the focus."""


class NTMMemoryState(NamedTuple):
    """The state: M (B, N, W) and the last weightings, w_r (B, R, N) and w_w (B, K, N)."""

    M: Tensor
    w_r: Tensor
    w_w: Tensor


class NTMMemory(Memory[NTMMemoryState]):
    """A matrix of N slots, read and written by heads that address by content and by location.

        w = sharpen(shift(g softmax(β K(k, M)) + (1 − g) w, s), γ)      for every head           # (5)-(9)
        M = M ∘ Π_k (1 − w_w e_kᵀ) + Σ_k w_w a_kᵀ;   r = w_r M                                    # (2)-(4)

    k and a pass through tanh, β through softplus, γ through 1 + softplus, g and e through the logistic
    function and s through a softmax, since the paper names no activation; options choose others.

    Shapes: interface (B, H (W + 2 m + 4) + 2 K W) with H = R + K heads, r (B, R W).
    Parameters of a learned initial state: R W of the first read, N W of the memory, H N of the weightings.
    Differs from the paper: the order inside a step, which it leaves open, is address on the old memory,
    write, then read the new memory. The cosine has 1e-4 added to each squared norm.
    Source: Graves, Wayne and Danihelka 2014, section 3.
    """

    r_0: Tensor
    M_0: Tensor
    w_0: Tensor

    contract_options = {"slots": 6, "width": 3, "read_heads": 2, "write_heads": 2}

    def __init__(
        self,
        *,
        slots: Annotated[Count, Field(description="N, number of memory slots")] = 128,
        width: Annotated[Count, Field(description="W, width of a slot")] = 20,
        read_heads: Annotated[Count, Field(description="R, number of read heads")] = 1,
        write_heads: Annotated[Count, Field(description="K, number of write heads")] = 1,
        max_shift: Annotated[int, Field(ge=0, description="m, heads move by -m to m slots per step")] = 1,
        initial_memory: Annotated[Start, Field(description="initial M: all 1e-6, or learned")] = "constant",
        initial_weighting: Annotated[Start, Field(description="initial w: slot 0, or learned")] = "constant",
        initial_read: Annotated[Start, Field(description="initial r: zeros, or learned")] = "learned",
        key: Annotated[Free, Field(description="activation of k")] = "tanh",
        strength: Annotated[Positive, Field(description="activation of β")] = "softplus",
        gate: Annotated[Unit, Field(description="activation of g")] = "logistic",
        sharpening: Annotated[Positive, Field(description="activation of γ - 1")] = "softplus",
        erase: Annotated[Unit, Field(description="activation of e")] = "logistic",
        add: Annotated[Free, Field(description="activation of a")] = "tanh",
    ) -> None:
        heads = read_heads + write_heads
        sizes = _interface_sizes(heads, write_heads, width, 2 * max_shift + 1)
        super().__init__(sum(sizes), read_heads * width)
        self.slots, self.width, self.heads, self.read_heads = slots, width, heads, read_heads
        self.sizes = sizes
        self.learns_weighting = initial_weighting == "learned"
        self.key, self.strength, self.gate, self.sharpening = key, strength, gate, sharpening
        self.erase, self.add = erase, add
        self._start("r_0", torch.zeros(read_heads * width), initial_read == "learned")
        self._start("M_0", torch.full((slots, width), 1e-6), initial_memory == "learned")
        first_slot = torch.zeros(heads, slots)
        first_slot[:, 0] = 1.0
        self._start("w_0", first_slot, self.learns_weighting)

    def _start(self, name: str, value: Tensor, learned: bool) -> None:
        if learned:
            self.register_parameter(name, nn.Parameter(value))
        else:
            self.register_buffer(name, value)

    def init_interface(self, interface: nn.Linear) -> None:
        """Initialise the layer that drives the heads: Glorot's weights, zero biases but for β's."""
        super().init_interface(interface)
        first = self.heads * self.width
        with torch.no_grad():
            interface.bias[first : first + self.heads] = self._raw_strength()

    def _raw_strength(self) -> float:
        return math.log(math.expm1(KEY_STRENGTH)) if self.strength == "softplus" else KEY_STRENGTH

    def initial_read(self, batch_size: int) -> Tensor:
        """Return the first read vectors (B, R W)."""
        return self.r_0.expand(batch_size, -1)

    def initial_state(self, batch_size: int) -> NTMMemoryState:
        """Return the memory and the weightings that every sequence starts with."""
        w = torch.softmax(LEARNED_SCALE * self.w_0, -1) if self.learns_weighting else self.w_0
        w = w.expand(batch_size, -1, -1)
        M = self.M_0.expand(batch_size, -1, -1)
        return NTMMemoryState(M, w[:, : self.read_heads], w[:, self.read_heads :])

    def step(self, interface: Tensor, state: NTMMemoryState) -> tuple[Tensor, NTMMemoryState]:
        """Address, write, then read: raw head parameters (B, I) -> r (B, R W)."""
        M, w_r, w_w = state
        *addressing, e, a = torch.split(interface, self.sizes, -1)
        w = self._address(addressing, M, torch.cat([w_r, w_w], 1))
        w_r, w_w = w[:, : self.read_heads], w[:, self.read_heads :]
        M = _write(M, w_w, squash(self.erase, self._words(e)), squash(self.add, self._words(a)))
        r = w_r @ M  # (2)
        return r.flatten(1), NTMMemoryState(M, w_r, w_w)

    def _address(self, v: list[Tensor], M: Tensor, w_prev: Tensor) -> Tensor:
        k, beta, g, s, gamma = v
        w_c = content_weighting(squash(self.key, self._words(k)), squash(self.strength, beta)[..., None], M)
        w_g = interpolate(w_c, squash(self.gate, g)[..., None], w_prev)
        w_s = shift(w_g, torch.softmax(torch.unflatten(s, -1, (self.heads, -1)), -1))
        return sharpen(w_s, 1 + squash(self.sharpening, gamma)[..., None])

    def _words(self, v: Tensor) -> Tensor:
        return torch.unflatten(v, -1, (-1, self.width))  # (B, heads, W)

    def diagnostics(self, state: NTMMemoryState) -> dict[str, Tensor]:
        """Return the weighting of every head."""
        heads = [("read", w) for w in state.w_r.unbind(1)] + [("write", w) for w in state.w_w.unbind(1)]
        numbers = [*range(1, self.read_heads + 1), *range(1, self.heads - self.read_heads + 1)]
        return {f"{what} weighting {n}": w for (what, w), n in zip(heads, numbers, strict=True)}


def _interface_sizes(heads: int, write_heads: int, width: int, shifts: int) -> list[int]:
    """Return how wide the raw parameters are: k, β, g, s, γ of all heads, then e, a of the write heads."""
    return [heads * width, heads, heads, heads * shifts, heads, write_heads * width, write_heads * width]


def _write(M: Tensor, w: Tensor, e: Tensor, a: Tensor) -> Tensor:
    """Erase with all heads, then add with all: M (B, N, W), w (B, K, N), e and a (B, K, W)."""
    for w_k, e_k in zip(w.unbind(1), e.unbind(1), strict=True):
        M = M * (1 - w_k[:, :, None] * e_k[:, None, :])  # (3)
    return M + w.mT @ a  # (4)
