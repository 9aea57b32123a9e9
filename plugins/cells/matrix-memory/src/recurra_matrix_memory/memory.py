"""What the memories share: heads, the interface that a controller drives, and the state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from recurra import Memory

S = TypeVar("S")


class MatrixState(NamedTuple):
    """The state: S (B, h, V, K), a matrix for each head that maps keys to values."""

    S: Tensor


class MatrixMemory(Memory[S]):
    """A memory of h matrices S (V, K); a subclass defines a step.

    Shapes: interface (B, h Σ sizes), its sections one after another and each of them head by head;
    r (B, h V).

    Args:
        shape: (h, V, K).
        sizes: The widths of the sections of the interface, per head.
    """

    def __init__(self, shape: tuple[int, int, int], sizes: Sequence[int]) -> None:
        self.shape = shape
        self.heads, self.value_size, self.key_size = shape
        self.sizes = [self.heads * size for size in sizes]
        super().__init__(sum(self.sizes), self.heads * self.value_size)

    def split(self, interface: Tensor) -> list[Tensor]:
        """Return the sections of the interface, (B, h, size) each."""
        sections = torch.split(interface, self.sizes, -1)
        return [torch.unflatten(section, -1, (self.heads, -1)) for section in sections]

    def diagnostics(self, state: Any) -> dict[str, Tensor]:
        """Return the length of the value under each key, head by head."""
        return {"strength per key": torch.linalg.vector_norm(state.S, dim=-2).flatten(1)}


class PlainMatrixMemory(MatrixMemory[MatrixState]):
    """A matrix memory whose matrices are the whole state."""

    def initial_state(self, batch_size: int) -> MatrixState:
        """Return zeros."""
        return MatrixState(self.zeros(batch_size, *self.shape))
