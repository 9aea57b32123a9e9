"""The language in which the engine thinks of a step: a graph of a dozen kinds of nodes.

A node is the value of one *row* of the batch at one step of time. Rows never meet, which is what makes a cell
a cell, so the graph says nothing of batches: the levels decide how many rows they do at once.

    leaves      x, state i, weight i, shared i, and the streams and gradients that `partition` adds
    const       one number, at any shape
    pointwise   add, mul, tanh, where ...: all arguments have the node's shape, or are constants
    movement    reshape, permute, expand, slice, cat, pad: no arithmetic
    reductions  sum and amax over dimensions, which stay with size 1; softmax over the last dimension
    dot         (Z, I, K) by (Z, K, J) -> (Z, I, J)
    torch       a call of torch (`ir/torch_calls.py`): its results one after the other
    torch_gradient         the gradients of a call of torch, which are found step by step
    stop        its argument, through which no gradient passes
    straight_through       the value of its first argument, with a gradient as if it were the second

Nodes are made by the functions of this module, which infer shapes and leave out what changes nothing. Equal
nodes are one node, so whatever the user wrote twice is done once.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

Shape = tuple[int, ...]
Number = float | int

ROOTS_AND_POWERS = frozenset({"exp", "log", "log1p", "expm1", "sqrt", "rsqrt", "pow"})
SQUASHING = frozenset({"tanh", "sigmoid", "softplus", "erf", "erfc", "sin", "cos", "atan", "asin"})
STEPS = frozenset({"floor", "ceil", "round", "trunc"})
COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})
QUOTIENTS = frozenset({"div", "fmod", "remainder", "atan2"})
UNARY = (ROOTS_AND_POWERS - {"pow"}) | SQUASHING | STEPS | {"neg", "abs", "sign"}
BINARY = COMPARISONS | QUOTIENTS | {"add", "sub", "mul", "pow", "maximum", "minimum"}
POINTWISE = UNARY | BINARY | {"where"}
MOVEMENT = frozenset({"reshape", "permute", "expand", "slice", "cat", "pad"})
OF_TORCH = frozenset({"torch", "torch_gradient"})
EXPENSIVE = ROOTS_AND_POWERS | SQUASHING | QUOTIENTS
SHARED, PARALLEL, CORE = 0, 1, 2
"""How a value depends on time: not at all, on the input of its step only, on the state before its step."""
LEVELS = {
    "shared": SHARED,
    "weight": SHARED,
    "x": PARALLEL,
    "stream": PARALLEL,
    "state": CORE,
    "carried": CORE,
    "torch_gradient": CORE,
}


class Node:
    """One value of a step.

    Args:
        op: What makes it, or the kind of a leaf.
        args: The nodes it is made of.
        shape: Its shape for one row; a leading 1, where the batch was in the trace, is kept.
        data: What else the op needs, such as dimensions, a constant's number or a leaf's index.
    """

    __slots__ = ("__weakref__", "args", "data", "level", "op", "shape")

    def __init__(self, op: str, args: tuple[Node, ...], shape: Shape, data: tuple[Any, ...]) -> None:
        self.op, self.args, self.shape, self.data = op, args, shape, data
        self.level: int = LEVELS.get(op, max((arg.level for arg in args), default=SHARED))

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"{self.op}{list(self.data) if self.data else ''}{self.shape}"


_known: weakref.WeakValueDictionary[tuple[Any, ...], Node] = weakref.WeakValueDictionary()


def make(op: str, args: Iterable[Node], shape: Sequence[int], *data: Any) -> Node:
    """Return the node, the same object for the same arguments."""
    args, shape = tuple(args), tuple(shape)
    sign = math.copysign(1, data[0]) if op == "const" else 0  # zeros of both signs are equal
    key = (op, tuple(map(id, args)), shape, tuple((type(d), d) for d in data), sign)
    node = _known.get(key)  # it keeps its arguments alive, so their addresses name nothing else
    if node is None:
        node = _known[key] = Node(op, args, shape, data)
    return node


def leaf(kind: str, index: Any, shape: Sequence[int]) -> Node:
    """Return a leaf: the index, a number or name, tells leaves of one kind apart."""
    return make(kind, (), shape, index)


def const(value: Number, shape: Sequence[int] = ()) -> Node:
    """Return a number, at any shape."""
    return make("const", (), shape, float(value))


def is_const(node: Node, value: Number | None = None) -> bool:
    """Say whether a node is a constant (of that value)."""
    return node.op == "const" and (value is None or node.data[0] == value)


def pointwise(op: str, *args: Node) -> Node:
    """Return an elementwise function of nodes, which are broadcast to one shape."""
    shape = broadcast_shape(*(arg.shape for arg in args))
    args = tuple(const(arg.data[0]) if is_const(arg) else expand(arg, shape) for arg in args)
    return _neutral(op, args, shape) or make(op, args, shape)


def _neutral(op: str, args: tuple[Node, ...], shape: Shape) -> Node | None:
    a, b = args[0], args[-1]
    if op == "where" and is_const(a):
        return expand(args[1] if a.data[0] else b, shape)
    if op == "add" and is_const(a, 0):
        return const(b.data[0], shape) if is_const(b) else b
    if (op in ("add", "sub") and is_const(b, 0)) or (op in ("mul", "div") and is_const(b, 1)):
        return const(a.data[0], shape) if is_const(a) else a
    # Not 0 * x for 0, which would hide a NaN or an infinity in x.
    return b if op == "mul" and is_const(a, 1) else None


def broadcast_shape(*shapes: Shape) -> Shape:
    """Return the shape to which all shapes broadcast."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(next((n for n in sizes if n != 1), 1) for sizes in zip(*padded, strict=True))


def expand(a: Node, shape: Sequence[int]) -> Node:
    """Broadcast a node to a shape."""
    shape = tuple(shape)
    if is_const(a):
        return const(a.data[0], shape)
    padded = reshape(a, (1,) * (len(shape) - len(a.shape)) + a.shape)
    return padded if padded.shape == shape else make("expand", [padded], shape)


def reshape(a: Node, shape: Sequence[int]) -> Node:
    """Return the same elements, in the same order, in another shape."""
    if a.op == "reshape":
        a = a.args[0]
    if a.shape == tuple(shape):
        return a
    return const(a.data[0], shape) if is_const(a) else make("reshape", [a], shape)


def permute(a: Node, order: Sequence[int]) -> Node:
    """Put the dimensions in another order."""
    order = tuple(order)
    shape = [a.shape[d] for d in order]
    if a.op == "permute":
        order, a = tuple(a.data[0][d] for d in order), a.args[0]
    if order == tuple(range(len(order))):
        return a
    return const(a.data[0], shape) if is_const(a) else make("permute", [a], shape, order)


def cut(a: Node, dim: int, start: int, stop: int) -> Node:
    """Return the elements from start to stop along a dimension.

    A slice of an elementwise function is that function of slices, so that what works on part of a value, such
    as one of several gates, is one loop from its arguments to its result.
    """
    shape = (*a.shape[:dim], stop - start, *a.shape[dim + 1 :])
    if shape == a.shape:
        return a
    if is_const(a):
        return const(a.data[0], shape)
    if a.op in POINTWISE:
        return pointwise(a.op, *(arg if is_const(arg) else cut(arg, dim, start, stop) for arg in a.args))
    if a.op == "expand":
        fixed = a.args[0].shape[dim] == 1
        return expand(a.args[0] if fixed else cut(a.args[0], dim, start, stop), shape)
    if a.op == "slice" and a.data[0] == dim:
        a, start, stop = a.args[0], start + a.data[1], stop + a.data[1]
    return _cut_of_cat(a, dim, start, stop) or make("slice", [a], shape, dim, start, stop)


def _cut_of_cat(a: Node, dim: int, start: int, stop: int) -> Node | None:
    if a.op != "cat" or a.data[0] != dim:
        return None
    begin = 0
    for part in a.args:
        end = begin + part.shape[dim]
        if begin <= start and stop <= end:
            return cut(part, dim, start - begin, stop - begin)
        begin = end
    return None


def cat(parts: Iterable[Node], dim: int) -> Node:
    """Join nodes along a dimension."""
    parts = [part for part in parts if part.shape[dim]] or list(parts)
    if len(parts) == 1:
        return parts[0]
    shape = list(parts[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    return make("cat", parts, shape, dim)


def pad(a: Node, dim: int, before: int, after: int) -> Node:
    """Put zeros before and after a node, along a dimension."""
    shape = list(a.shape)
    shape[dim] += before + after
    return make("pad", [a], shape, dim, before, after) if before or after else a


def total(a: Node, dims: Iterable[int]) -> Node:
    """Sum over dimensions, which stay with size 1."""
    return _reduced("sum", a, dims)


def largest(a: Node, dims: Iterable[int]) -> Node:
    """Take the largest element over dimensions, which stay with size 1."""
    return _reduced("amax", a, dims)


def _reduced(op: str, a: Node, dims: Iterable[int]) -> Node:
    dims = tuple(sorted(d for d in dims if a.shape[d] != 1))
    shape = tuple(1 if d in dims else n for d, n in enumerate(a.shape))
    if is_const(a):
        scale = math.prod(a.shape[d] for d in dims) if op == "sum" else 1
        return const(a.data[0] * scale, shape)
    return make(op, [a], shape, dims) if dims else a


def softmax(a: Node) -> Node:
    """Return exp(a - max a), divided by its sum over the last dimension."""
    return make("softmax", [a], a.shape)


def stop(a: Node) -> Node:
    """Return the value, without its gradient."""
    return make("stop", [a], a.shape)


def straight_through(value: Node, source: Node) -> Node:
    """Return a value whose gradient goes to another: what changing it in place without gradients means."""
    return make("straight_through", [value, source], value.shape)


def dot(a: Node, b: Node) -> Node:
    """Multiply matrices: (Z, I, K) by (Z, K, J) -> (Z, I, J).

    What does not depend on the row goes to the right, where the levels expect matrices that all rows share.
    """
    (z, i, k), j = a.shape, b.shape[-1]
    if k == 1:
        return pointwise("mul", expand(a, (z, i, j)), expand(b, (z, i, j)))
    if a.level == SHARED < b.level:
        return permute(dot(permute(b, (0, 2, 1)), permute(a, (0, 2, 1))), (0, 2, 1))
    return make("dot", [a, b], (z, i, j))


def sorted_by_use(results: Iterable[Node]) -> list[Node]:
    """Return every node that the results are made of, each after its arguments."""
    done: dict[Node, None] = {}
    pending = [(result, False) for result in reversed(list(results))]
    while pending:
        node, arguments_done = pending.pop()
        if arguments_done:
            done[node] = None
        elif node not in done:
            pending.append((node, True))
            pending += [(arg, False) for arg in reversed(node.args)]
    return list(done)
