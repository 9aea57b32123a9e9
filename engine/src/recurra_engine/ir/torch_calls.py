"""Calls of torch as nodes: what the language has no words for, done by torch for all rows at once.

A node holds real numbers alone. What torch gives as truth values or whole numbers becomes numbers, and a
complex number becomes two; the next call that reads them turns them back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from recurra_engine.ir.graph import Node, Shape, cut, make, reshape, sorted_by_use

Function = Callable[..., list[Tensor]]


@dataclass(frozen=True)
class Kind:
    """A tensor that a call reads or gives.

    Args:
        shape: Its shape for one row, as a node has it.
        dtype: What torch calls its numbers.
    """

    shape: Shape
    dtype: torch.dtype

    @classmethod
    def of(cls, tensor: Tensor) -> Kind:
        """Return the kind of a tensor."""
        return cls((*tensor.shape, 2) if tensor.is_complex() else tuple(tensor.shape), tensor.dtype)

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def continuous(self) -> bool:
        """Whether it can have a gradient."""
        return self.dtype.is_floating_point or self.dtype.is_complex

    def typed(self, numbers: Tensor) -> Tensor:
        """Return a node's numbers as what torch was given."""
        if self.dtype.is_complex:
            return torch.view_as_complex(numbers)
        return numbers if self.continuous else numbers.to(self.dtype)


def as_numbers(tensor: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return what torch gave as a node's numbers."""
    if tensor.is_complex():
        return torch.view_as_real(tensor.resolve_conj())
    return tensor if tensor.is_floating_point() or dtype is None else tensor.to(dtype)


@dataclass(frozen=True, eq=False)
class TorchCall:
    """One call of torch.

    Args:
        name: Of the operator.
        where: The line of the step, as `file:line`.
        function: Returns the list of results for tensors.
        given: What it reads.
        own: Which of that each row has for itself.
        made: What it gives.
        together: Whether it does many rows at once where they are the first dimension.
        slopes: Which of what it reads may have a gradient.
        operations: How many operations of the step it is.
        options: What it was given besides tensors, in words.
    """

    name: str
    where: str
    function: Function
    given: tuple[Kind, ...]
    own: tuple[bool, ...]
    made: tuple[Kind, ...]
    together: bool = False
    slopes: tuple[int, ...] = ()
    operations: int = 1
    options: str = ""

    def __str__(self) -> str:
        return f"aten::{self.name}"

    @property
    def size(self) -> int:
        """How many numbers it gives for a row."""
        return sum(kind.size for kind in self.made)

    @cached_property
    def gradient(self) -> Gradient:
        """The call that gives its gradients."""
        return Gradient(self)

    def __call__(self, *values: Tensor) -> Tensor:
        """Return all results one after the other, (R, N) for R rows, or (N,) where no row has its own.

        Args:
            values: (R, ...) for what each row has, as it is for what all share.
        """
        return self.joined(self.results(self.typed(values)), values)

    def joined(self, made: Sequence[Tensor], values: Sequence[Tensor]) -> Tensor:
        """Return what torch gave for values as the numbers of a node."""
        real = next((value.dtype for value in values if value.is_floating_point()), torch.float64)
        lead = (values[self.own.index(True)].shape[0],) if any(self.own) else ()
        return _side_by_side([as_numbers(part, real).reshape(*lead, -1) for part in made])

    def typed(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Return the numbers of nodes as what torch is given."""
        return [kind.typed(_placed(value)) for kind, value in zip(self.given, values, strict=True)]

    def results(self, typed: Sequence[Tensor]) -> list[Tensor]:
        """Return what torch gives."""
        if not any(self.own):
            return self.function(*typed)
        if self.together:
            return self.function(*(t.flatten(0, 1) if o else t for t, o in zip(typed, self.own, strict=True)))
        made: list[Tensor] = vmap(self.function, tuple(0 if own else None for own in self.own))(*typed)
        return made


def _placed(numbers: Tensor) -> Tensor:
    """Return numbers at an even place, where torch sees pairs of them as complex numbers."""
    even = numbers.is_contiguous() and numbers.storage_offset() % 2 == 0
    return numbers if even else numbers.clone(memory_format=torch.contiguous_format)


def _as(kind: Kind, numbers: Tensor, like: Tensor) -> Tensor:
    """Return numbers, one after the other for each row, as something like what torch gave."""
    if kind.dtype.is_complex:
        return torch.view_as_complex(numbers.reshape(*like.shape, 2))
    return numbers.reshape(like.shape)


def _side_by_side(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


@dataclass(frozen=True)
class Record:
    """What autograd has of one call: the leaves of its graph, and its results."""

    leaves: list[Tensor]
    made: list[Tensor]


class Gradient:
    """The gradients of a call's arguments, given that of its results; a call like it.

    Of an argument that all rows share, the first row gets the gradient of all rows, and the others get zeros:
    only the sum over rows is of interest.
    """

    def __init__(self, of: TorchCall) -> None:
        self.of, self.name, self.where = of, of.name, of.where
        self.own = (*of.own, True)
        self.size = sum(of.given[i].size for i in of.slopes)

    def __str__(self) -> str:
        return f"gradient of {self.of}"

    def __call__(self, *values: Tensor) -> Tensor:
        """Return all gradients one after the other, (R, N)."""
        *given, g = values
        return self.from_record(self.record(given), g)

    def record(self, given: Sequence[Tensor]) -> Record:
        """Do the call, and keep what autograd writes down of it."""
        with torch.enable_grad():
            typed = self.of.typed(given)
            leaves = [typed[i].detach().requires_grad_() for i in self.of.slopes]
            for i, leaf in zip(self.of.slopes, leaves, strict=True):
                typed[i] = leaf
            return Record(leaves, self.of.results(typed))

    def from_record(self, record: Record, g: Tensor) -> Tensor:
        """Return all gradients of a call that was recorded; g (R, N) is that of its results."""
        sizes = [kind.size for kind in self.of.made]
        each = torch.split_with_sizes(g, sizes, -1) if len(sizes) > 1 else [g]
        parts = zip(record.made, each, self.of.made, strict=True)
        known = [(part, _as(kind, _placed(back), part)) for part, back, kind in parts if part.requires_grad]
        if not known:
            return g.new_zeros(g.shape[0], self.size)
        found = torch.autograd.grad(
            [part for part, _ in known],
            record.leaves,
            [back for _, back in known],
            materialize_grads=True,
        )
        backs = zip(self.of.slopes, found, strict=True)
        return _side_by_side([self._of_rows(i, as_numbers(back), g) for i, back in backs])

    def _of_rows(self, i: int, part: Tensor, like: Tensor) -> Tensor:
        if self.of.own[i]:
            return part.reshape(like.shape[0], -1)
        rows = like.new_zeros(like.shape[0], part.numel())
        rows[0] = part.flatten()
        return rows


Call = TorchCall | Gradient


class Tape:
    """Records of calls, of every step of a loop, so that the way back does not do them again.

    Args:
        calls: Those of which there is to be a record.
    """

    def __init__(self, calls: Iterable[TorchCall]) -> None:
        self.records: dict[TorchCall, list[Record | None]] = {call: [] for call in calls}

    def take(self, call: TorchCall, step: int) -> Record | None:
        """Return the record of a step, once: autograd forgets it when it has gone back through it."""
        record, self.records[call][step] = self.records[call][step], None
        return record

    def do(self, call: TorchCall, values: Sequence[Tensor]) -> Tensor:
        """Do a call and record it; values lie in memory that the next step uses again."""
        record = call.gradient.record([v.clone() if o else v for v, o in zip(values, call.own, strict=True)])
        self.records[call].append(record)
        return call.joined([part.detach() for part in record.made], values)


def torch_call(call: TorchCall, args: Sequence[Node]) -> list[Node]:
    """Return the nodes of a call's results."""
    return _cut_up(make("torch", args, (call.size,), call), [kind.shape for kind in call.made])


def described(results: Sequence[Node]) -> list[Any]:
    """Return a graph in words that are equal for two graphs that are the same, but for functions in calls."""
    order = sorted_by_use(results)
    numbers = {node: i for i, node in enumerate(order)}
    nodes = [(node.op, node.shape, [numbers[arg] for arg in node.args], _data(node)) for node in order]
    return [nodes, [numbers[node] for node in results]]


def _data(node: Node) -> str:
    if node.op != "torch":
        return repr(node.data)
    call: Any = node.data[0]
    return repr((call.name, call.where, call.given, call.own, call.made, call.together, call.options))


def gradients(node: Node, g: Node) -> list[tuple[Node, Node]]:
    """Return pairs of an argument of a call's node and its gradient."""
    call: Any = node.data[0]
    if not call.slopes:
        return []
    back = make("torch_gradient", [*node.args, g], (call.gradient.size,), call.gradient)
    args = [node.args[i] for i in call.slopes]
    return list(zip(args, _cut_up(back, [arg.shape for arg in args]), strict=True))


def _cut_up(joined: Node, shapes: Sequence[Shape]) -> list[Node]:
    ends = [sum(map(math.prod, shapes[: i + 1])) for i in range(len(shapes))]
    parts = zip(ends, shapes, strict=True)
    return [reshape(cut(joined, 0, end - math.prod(shape), end), shape) for end, shape in parts]
