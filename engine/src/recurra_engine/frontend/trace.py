"""Read a cell's `step` once: what it does to one row becomes a graph.

The step runs for a single row while every operation is watched, so each recorded shape is that of one row.
Numbers that the step takes from the cell (sizes, options) are in the graph for good; parameters, buffers and
other tensors stay inputs, and what is made of none of the inputs is computed here and now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from recurra.state import leaves, map_state
from recurra_engine.frontend.aten import Untranslated, translate
from recurra_engine.ir.graph import Node, const, expand, leaf, stop, straight_through

if TYPE_CHECKING:
    from recurra.cell import Cell

SHAPES_ALONE = frozenset(
    f"{like}{name}{suffix}"
    for name in ("zeros", "ones", "full", "empty")
    for like, suffix in (("", ""), ("", "_like"), ("new_", ""))
)
"""Operators that read no value of their arguments."""


@dataclass(frozen=True)
class Step:
    """One step of a cell as a graph.

    Args:
        y: The output, (1, O).
        states: The state after the step, leaf by leaf.
        constants: Tensors that are neither parameters nor buffers; their leaves follow those of the weights.
    """

    y: Node
    states: tuple[Node, ...]
    constants: tuple[Tensor, ...]


def weights_of(cell: nn.Module) -> dict[str, Tensor]:
    """Return what the step may read besides its arguments: parameters and buffers by name."""
    return dict(cell.named_parameters()) | dict(cell.named_buffers())


def trace(cell: Cell[Any], x: Tensor, state: Any) -> Step:
    """Return the graph of a step for a row like those of x (B, I) and state.

    Raises:
        Untranslated: The step does what a graph of one row cannot say.
    """
    row = map_state(lambda part: torch.zeros_like(part[:1]), state)
    watched = _Watched(torch.zeros_like(x[:1]), row, list(weights_of(cell).values()))
    try:
        with torch.enable_grad(), watched:
            y, after = cell.step(watched.x, row)
    except Untranslated:
        raise
    except Exception as error:  # a step may do anything; what it is told here is why it runs in the loop
        message = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise Untranslated(f"the step could not be traced ({message})") from error
    made = [watched.node(value) for value in (y, *(part for _, part in leaves(after)))]
    _check_shapes(made, [y, *(part for _, part in leaves(row))])
    return Step(made[0], tuple(made[1:]), tuple(watched.constants))


def _check_shapes(made: list[Node], like: list[Tensor]) -> None:
    if [node.shape for node in made[1:]] != [tuple(part.shape) for part in like[1:]]:
        raise Untranslated("the step changes the shapes of its state")


class _Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation; a tensor that an input has a part in has a node."""

    def __init__(self, x: Tensor, state: Any, weights: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.x, self.dtype, self.weights = x, x.dtype, len(weights)
        self.constants: list[Tensor] = []
        self.nodes: dict[int, Node] = {}
        self.foreign: dict[int, str] = {}
        self.alive = [row for _, row in leaves((x, state))]  # an address names a tensor while it lives
        self._watch(leaf("x", 0, x.shape), x)
        for i, (_, part) in enumerate(leaves(state)):
            if part.dtype != self.dtype:
                raise Untranslated(f"the state has dtype {part.dtype}, but the input has {self.dtype}")
            self._watch(leaf("state", i, part.shape), part)
        for i, weight in enumerate(weights):
            if weight.dtype not in (self.dtype, torch.bool):
                self.foreign[id(weight)] = (
                    f"a parameter or buffer of {weight.dtype}, but the input has {self.dtype}"
                )
            self._watch(leaf("weight", i, weight.shape), weight)

    def _watch(self, node: Node, tensor: Tensor) -> None:
        self.nodes[id(tensor)] = node
        self.alive.append(tensor)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # skipping it means importing torch's compiler, a second that nobody asked for

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name, inputs = func.name().split("::")[1].split(".")[0], list(_tensors([*args, *kwargs.values()]))
        self._refuse(func, name, inputs)
        result = func(*args, **kwargs)
        if name in SHAPES_ALONE or not any(id(tensor) in self.nodes for tensor in inputs):
            return result
        if name == "_to_copy":
            made: Any = self._converted(*args, **kwargs)
        else:
            given = tree_map_only(Tensor, self.node, (args, kwargs))
            made = translate(name.removesuffix("_"), given[0], given[1])
        for node, tensor in zip(_listed(made), _listed(result), strict=False):
            self._watch(node if torch.is_grad_enabled() else self._without_gradient(node, tensor), tensor)
        return result

    def _without_gradient(self, node: Node, tensor: Tensor) -> Node:
        before = self.nodes.get(id(tensor))  # of a tensor that is changed in place, which keeps its history
        return stop(node) if before is None else straight_through(node, before)

    def _refuse(self, func: Any, name: str, inputs: list[Tensor]) -> None:
        foreign = next((self.foreign[id(tensor)] for tensor in inputs if id(tensor) in self.foreign), None)
        if foreign:
            raise Untranslated(f"the step reads {foreign}")
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise Untranslated("the step draws random numbers")
        if func._schema.is_mutable and not self._is_new(inputs[0]):
            raise Untranslated(f"the step changes a tensor in place (aten::{name})")

    def _is_new(self, tensor: Tensor) -> bool:
        """Say whether a tensor is of the step's own making, and no other is a view of it."""
        place = tensor.untyped_storage().data_ptr()
        return not any(
            other.untyped_storage().data_ptr() == place for other in self.alive if other is not tensor
        )

    def _converted(self, a: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Node:
        if dtype not in (None, self.dtype, torch.bool):
            raise Untranslated(f"the step casts from {self.dtype} to {dtype}")
        return self.nodes[id(a)]

    def node(self, tensor: Tensor) -> Node:
        """Return the node of a tensor; one that no input has a part in becomes a constant."""
        known = self.nodes.get(id(tensor))
        if known is not None:
            return known
        first = tensor.flatten()[0].item() if tensor.numel() else 0
        if bool((tensor == first).all()):
            return expand(const(first), tensor.shape)
        self.constants.append(tensor)
        made = leaf("weight", self.weights + len(self.constants) - 1, tensor.shape)
        self._watch(made, tensor)
        return made


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
