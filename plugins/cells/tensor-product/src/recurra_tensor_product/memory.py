"""The tensor product memory, driven by a controller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from recurra import Memory
from recurra_tensor_product.facts import retrieve, store

Sizes = tuple[Annotated[int, Field(gt=0)], ...]
LENGTH_EPSILON = 1e-4
"""Added to a squared length: a vector of zeros has none, and must not blow up its gradient."""


class TensorProductMemoryState(NamedTuple):
    """The state: the sum of all facts T (B, d_1, ..., d_k)."""

    T: Tensor


class TensorProductMemory(Memory[TensorProductMemoryState]):
    """A tensor of rank k to which facts of k vectors are added, and which returns one vector for k - 1 cues.

        T' = T + g v1 ⊗ v2 ⊗ ... ⊗ vk
        r_k = Σ T'_ab...c q1_a q2_b ..., the sum over all axes but the last

    A controller emits at each step a fact v1 ... vk, how much of it is stored, g, and the cues. g passes
    through the logistic function; every vector is divided by its length, or passes through a softmax. Where
    the option `retrieved` says `every` there is a cue for each role, and r is r_1 ... r_k, the vector of each
    role for the cues of all others.

    Shapes: emitted (B, 2 Σ d_i − d_k + 1) holds v1 ... vk, the cues and g before the activation,
    T (B, d_1, ..., d_k), r (B, d_k). With `every` emitted (B, 2 Σ d_i + 1), r (B, Σ d_i).
    Parameters: none.  Initialization: T zero.
    Differs from the paper: facts are given there and each is stored whole; here a controller makes them, so
    vectors are made to have length one, or sum one with the softmax, and g lets it store none. The order
    inside a step is store, then retrieve. Squared lengths have 1e-4 added.
    Source: Smolensky 1990, Artificial Intelligence 46:159-216; for any rank, Wilson's tensor product
    networks.
    """

    contract_options = {"sizes": (2, 3, 4), "retrieved": "every"}

    def __init__(
        self,
        *,
        sizes: Annotated[
            Sizes, Field(min_length=2, description="d_1 to d_k, size of the vector of each role")
        ] = (8, 8, 20),
        retrieved: Annotated[
            Literal["last", "every"],
            Field(description="retrieve the last role, or each role from all others"),
        ] = "last",
        vectors: Annotated[
            Literal["unit", "softmax"],
            Field(description="divide vectors by their length, or apply a softmax"),
        ] = "unit",
    ) -> None:
        asked = sizes if retrieved == "every" else sizes[:-1]
        super().__init__(sum(sizes) + sum(asked) + 1, sum(sizes) if retrieved == "every" else sizes[-1])
        self.rank, self.sizes = len(sizes), [*sizes, *asked, 1]
        self.every = retrieved == "every"
        self.code = CODES[vectors]

    def initial_state(self, batch_size: int) -> TensorProductMemoryState:
        """Return a memory without facts."""
        return TensorProductMemoryState(self.zeros(batch_size, *self.sizes[: self.rank]))

    def step(
        self, interface: Tensor, state: TensorProductMemoryState
    ) -> tuple[Tensor, TensorProductMemoryState]:
        """Store, then retrieve: what the controller emits (B, I), state -> r (B, O), state."""
        *raw, g = torch.split(interface, self.sizes, -1)
        codes = [self.code(v) for v in raw]
        (v1, *others), cues = codes[: self.rank], codes[self.rank :]
        T = store(state.T, [torch.sigmoid(g) * v1, *others])
        return self._retrieve(T, cues), TensorProductMemoryState(T)

    def _retrieve(self, T: Tensor, cues: list[Tensor]) -> Tensor:
        if not self.every:
            return retrieve(T, [*cues, None])
        return torch.cat([retrieve(T, [*cues[:j], None, *cues[j + 1 :]]) for j in range(self.rank)], -1)

    def diagnostics(self, state: TensorProductMemoryState) -> dict[str, Tensor]:
        """Return how strong each number of each role is in the facts, as a length over all other axes."""
        axes = range(1, self.rank + 1)
        return {
            f"strength in role {role}": torch.linalg.vector_norm(state.T, dim=[a for a in axes if a != role])
            for role in axes
        }


def _unit(v: Tensor) -> Tensor:
    # A square that overflows would send NaN backwards; held at the largest number it sends zero.
    squared = (v.square().sum(-1, keepdim=True) + LENGTH_EPSILON).clamp_max(torch.finfo(v.dtype).max)
    return v * squared.rsqrt()


def _softmax(v: Tensor) -> Tensor:
    return torch.softmax(v, -1)


CODES: Mapping[str, Callable[[Tensor], Tensor]] = {"unit": _unit, "softmax": _softmax}
