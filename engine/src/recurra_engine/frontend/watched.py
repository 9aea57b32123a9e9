"""Every operation of a step on one row, as a graph."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from recurra.state import leaves, map_state
from recurra_engine.frontend.aten import Untranslated, translate
from recurra_engine.frontend.tensors import listed, tensors_in
from recurra_engine.ir.graph import Node, const, expand, leaf, stop, straight_through

SHAPES_ALONE = frozenset(
    f"{like}{name}{suffix}"
    for name in ("zeros", "ones", "full", "empty")
    for like, suffix in (("", ""), ("", "_like"), ("new_", ""))
)
"""Operators that read no value of their arguments."""
NEW = ("lift_fresh", "lift")
"""Operators that are given a tensor which nothing else has."""


class Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation; a tensor that an input has a part in has a node.

    Attributes:
        others: What the leaves after those of the weights stand for.
        outside: Tensors that were there before and are no parameters or buffers, by id.
        held: Those of them whose numbers are in the graph.
        obstacles: What was refused; the step itself may have caught it.
    """

    def __init__(self, x: Tensor, state: Any, weights: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.x, self.dtype, self.weights = x, x.dtype, len(weights)
        self.state = map_state(lambda part: torch.zeros_like(part[:1]), state)
        self.others: list[Tensor] = []
        self.outside: dict[int, Tensor] = {}
        self.held: list[Tensor] = []
        self.obstacles: list[str] = []
        self.free: dict[int, Tensor] = {}
        self.nodes: dict[int, Node] = {}
        self.foreign: dict[int, str] = {}
        self.alive: list[Tensor] = []  # an address names a tensor while it lives
        self._watch(leaf("x", 0, x.shape), x)
        for i, (_, part) in enumerate(leaves(self.state)):
            if part.dtype != self.dtype:
                self.obstacles.append(f"the state has dtype {part.dtype}, but the input has {self.dtype}")
            self._watch(leaf("state", i, part.shape), part)
        for i, weight in enumerate(weights):
            if weight.dtype not in (self.dtype, torch.bool):
                self._mark_as_foreign(weight, "parameter or buffer")
            self._watch(leaf("weight", i, weight.shape), weight)
        self.given = set(self.nodes)

    def _watch(self, node: Node, tensor: Tensor) -> None:
        self.nodes[id(tensor)] = node
        self.alive.append(tensor)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # skipping it means importing torch's compiler, a second that nobody asked for

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name, inputs = func.name().split("::")[1].split(".")[0], list(tensors_in([*args, *kwargs.values()]))
        for tensor in inputs:
            self._meet(tensor, name in NEW)
        self._check(func, name, inputs)
        result = func(*args, **kwargs)
        if name in SHAPES_ALONE or not any(id(tensor) in self.nodes for tensor in inputs):
            self.free |= {id(tensor): tensor for tensor in tensors_in(listed(result))}
            return result
        for node, tensor in zip(listed(self._translated(name, args, kwargs)), listed(result), strict=False):
            self._watch(node if torch.is_grad_enabled() else self._without_gradient(node, tensor), tensor)
        return result

    def _meet(self, tensor: Tensor, new: bool) -> None:
        """Note a tensor that no operation has made: it is new, or was there before and is an input."""
        if id(tensor) in self.nodes or id(tensor) in self.free or id(tensor) in self.outside:
            return
        if new:
            self.free[id(tensor)] = tensor
            return
        self.outside[id(tensor)] = tensor
        self.given.add(id(tensor))
        if not (tensor.is_floating_point() or tensor.dtype == torch.bool):
            self.held.append(tensor)
            self.alive.append(tensor)
            return
        if tensor.dtype not in (self.dtype, torch.bool) and tensor.dim() > 0:
            self._mark_as_foreign(tensor, "tensor")
        self._watch(self._other(tensor), tensor)

    def _other(self, tensor: Tensor) -> Node:
        self.others.append(tensor)
        return leaf("weight", self.weights + len(self.others) - 1, tensor.shape)

    def _mark_as_foreign(self, tensor: Tensor, what: str) -> None:
        self.foreign[id(tensor)] = f"a {what} of {tensor.dtype}, but the input has {self.dtype}"

    def is_free(self, tensor: Tensor) -> bool:
        """Say whether the step has made a tensor, and no input has a part in it."""
        return id(tensor) in self.free

    def is_live(self, tensor: Tensor) -> bool:
        """Say whether a tensor was there before, so that its numbers may change."""
        return id(tensor) in self.outside

    def refuse(self, reason: str) -> NoReturn:
        """Note why there is no graph, and end the step; should it catch that, the note remains."""
        self.obstacles.append(reason)
        raise Untranslated(reason)

    def _translated(self, name: str, args: Any, kwargs: Any) -> Any:
        if name == "_to_copy":
            return self._converted(*args, **kwargs)
        given = tree_map_only(Tensor, self.node, (args, kwargs))
        try:
            return translate(name.removesuffix("_"), given[0], given[1])
        except Untranslated as reason:
            self.refuse(str(reason))

    def _without_gradient(self, node: Node, tensor: Tensor) -> Node:
        before = self.nodes.get(id(tensor))  # of a tensor that is changed in place, which keeps its history
        return stop(node) if before is None else straight_through(node, before)

    def _check(self, func: Any, name: str, inputs: list[Tensor]) -> None:
        foreign = next((self.foreign[id(tensor)] for tensor in inputs if id(tensor) in self.foreign), None)
        if foreign:
            self.refuse(f"the step reads {foreign}")
        if torch.Tag.nondeterministic_seeded in func.tags:
            self.refuse("the step draws random numbers")
        if func._schema.is_mutable and not self._is_new(inputs[0]):
            self.refuse(f"the step changes a tensor in place (aten::{name})")

    def _is_new(self, tensor: Tensor) -> bool:
        """Say whether a tensor is of the step's own making, and no other is a view of it."""
        place = tensor.untyped_storage().data_ptr()
        return id(tensor) not in self.given and not any(
            other.untyped_storage().data_ptr() == place for other in self.alive if other is not tensor
        )

    def _converted(self, a: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Node:
        if dtype not in (None, self.dtype, torch.bool):
            self.refuse(f"the step casts from {self.dtype} to {dtype}")
        return self.nodes[id(a)]

    def node(self, tensor: Tensor) -> Node:
        """Return the node of a tensor; one that no input has a part in becomes a constant."""
        self._meet(tensor, new=False)
        known = self.nodes.get(id(tensor))
        if known is not None:
            return known
        first = tensor.flatten()[0].item() if tensor.numel() else 0
        if bool((tensor == first).all()):
            return expand(const(first), tensor.shape)
        made = self._other(tensor)
        self._watch(made, tensor)
        return made
