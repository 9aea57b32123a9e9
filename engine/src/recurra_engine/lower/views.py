"""Where a value lies: which storage, and with which strides.

Movement costs nothing where it can be said as strides. Those are kept in tensors without data, so that torch
itself does the arithmetic of views.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from recurra_engine.ir.graph import Node, Shape


@dataclass(frozen=True, eq=False)
class Storage:
    """A run of numbers for every row.

    Args:
        name: The C pointer to those of the block's first row.
        stride: The C expression of the distance between rows; `0` for what all rows share.
        offset: Where in a row it begins.
        size: How many numbers.
    """

    name: str
    stride: str
    size: int
    offset: int = 0

    def part(self, offset: int, size: int) -> Storage:
        """Return a share of it."""
        return Storage(self.name, self.stride, size, self.offset + offset)


@dataclass(frozen=True)
class View:
    """A value as strides over a storage; `layout` is a tensor without data."""

    storage: Storage
    layout: Tensor

    @cached_property
    def squeezed(self) -> tuple[Shape, Shape]:
        """Sizes and strides without dimensions of one element."""
        pairs = [(n, s) for n, s in zip(self.layout.shape, self.layout.stride(), strict=True) if n != 1]
        return tuple(n for n, _ in pairs), tuple(s for _, s in pairs)

    @property
    def offset(self) -> int:
        """The index of its first element, from the storage's pointer."""
        return self.storage.offset + int(self.layout.storage_offset())

    @property
    def whole(self) -> bool:
        """Whether it is the storage itself, in order."""
        return self.layout.is_contiguous() and self.layout.numel() == self.storage.size


def whole(storage: Storage, shape: Shape) -> View:
    """Return the view of a whole storage whose elements are in the order of their indices."""
    return View(storage, torch.empty(shape, device="meta"))


def natural(shape: Shape) -> tuple[int, ...]:
    """Return the order of dimensions in which a value is laid out: the longest along memory.

    A loop over a long run of neighbours is vector code; a memory of 128 slots of 20 numbers is 20 runs.
    """
    return tuple(sorted(range(len(shape)), key=lambda d: shape[d]))


def is_plain(shape: Shape) -> bool:
    """Say whether the natural layout is the order of indices."""
    long = [n for n in shape if n != 1]
    return long == sorted(long)


def laid_out(tensor: Tensor, lead: int) -> Tensor:
    """Return a tensor (..., *shape) with its rows as they lie in memory, and the order of indices lost."""
    order = natural(tuple(tensor.shape[lead:]))
    return tensor.permute([*range(lead), *(lead + d for d in order)])


def as_indexed(tensor: Tensor, shape: Shape, lead: int) -> Tensor:
    """Return a tensor whose rows lie naturally, with the order of indices back."""
    order = natural(shape)
    return tensor.permute([*range(lead), *(lead + order.index(d) for d in range(len(shape)))])


def naturally(storage: Storage, shape: Shape) -> View:
    """Return the view of a whole storage in its natural layout."""
    inner = torch.empty([shape[d] for d in natural(shape)], device="meta")
    return View(storage, as_indexed(inner, shape, 0))


def moved(view: View, node: Node) -> View | None:
    """Return a view's reshape, permutation, expansion or slice; None if strides cannot say it."""
    layout, data = view.layout, node.data
    try:
        if node.op == "reshape":
            layout = layout.view(node.shape)
        elif node.op == "permute":
            layout = layout.permute(data[0])
        elif node.op == "expand":
            layout = layout.expand(node.shape)
        elif node.op == "slice":
            layout = layout.narrow(data[0], data[1], data[2] - data[1])
    except RuntimeError:  # torch says so of a reshape that needs a copy
        return None
    return View(view.storage, layout)
