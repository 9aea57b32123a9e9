"""The dispatch mode under which a step is read: it sees every operation, and knows what each means."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from recurra.state import leaves
from recurra_engine.frontend.aliases import Aliases
from recurra_engine.frontend.aten import Untranslated, decomposition, translate
from recurra_engine.frontend.aten.indices import INDEXED
from recurra_engine.frontend.aten.rules import RULES
from recurra_engine.frontend.opaque import called
from recurra_engine.frontend.operators import (
    bound,
    functional,
    line_of_step,
    listed,
    name_of,
    place_of,
    tensors_in,
)
from recurra_engine.frontend.origins import Origins
from recurra_engine.ir.graph import (
    SHARED,
    Node,
    const,
    expand,
    is_const,
    leaf,
    pointwise,
    stop,
    straight_through,
)
from recurra_engine.ir.rewrite import replaced
from recurra_engine.ir.torch_calls import Kind, as_numbers, torch_call

SHAPES_ALONE = frozenset(
    f"{like}{name}{suffix}"
    for name in ("zeros", "ones", "full", "empty")
    for like, suffix in (("", ""), ("", "_like"), ("new_", ""))
) | {"_linalg_check_errors", "_assert_async", "sym_size", "sym_numel"}
"""Operators that read no value of their arguments, or do so only to raise an error."""
CASTS = frozenset({"_to_copy", "convert_element_type"})


class Watched(Origins):  # type: ignore[no-untyped-call]
    """Sees every operation; a tensor that an input has a part in has a node.

    Args:
        x: The input of one row.
        state: The state of one row.
        weights: Parameters and buffers.
    """

    def __init__(self, x: Tensor, state: Any, weights: list[Tensor]) -> None:
        super().__init__(x.dtype, len(weights))
        self.x, self.state = x, state
        self.aliases = Aliases()
        self.memory: set[int] = set()  # that the step has asked for itself
        self.operations = 0
        self.whole = False  # whether an operator is being taken apart, and must be taken apart to the end
        self.alive += [row for _, row in leaves((x, state))]
        self._watch(leaf("x", 0, x.shape), x)
        for i, (_, part) in enumerate(leaves(state)):
            if part.dtype != self.dtype:
                self.obstacles.append(f"the state has dtype {part.dtype}, but the input has {self.dtype}")
            self._watch(leaf("state", i, part.shape), part)
        for i, weight in enumerate(weights):
            kind = Kind.of(weight)
            if kind.continuous and as_numbers(weight).dtype != self.dtype:
                self._mark_as_foreign(weight, "parameter or buffer")
            self._watch(leaf("weight", i, kind.shape), weight)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # skipping it means importing torch's compiler, a second that nobody asked for

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        try:
            return self._done(func, args, kwargs or {})
        except Untranslated as reason:
            placed = reason.at(line_of_step())
            if not self.whole:
                self.obstacles.append(str(placed))
            raise placed from reason.__cause__

    def _done(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Do an operation, and give what it makes nodes."""
        name, inputs = name_of(func), list(tensors_in([*args, *kwargs.values()]))
        if self.whole and name not in RULES and func._can_decompose():
            with self:  # not by `func.decompose`, which imports torch's compiler
                return func._op_dk(torch._C.DispatchKey.CompositeImplicitAutograd, *args, **kwargs)
        self._meet(inputs, name)
        self._refuse(func, name, inputs, bound(func, args, kwargs))
        matters = name not in SHAPES_ALONE and any(id(tensor) in self.nodes for tensor in inputs)
        target = kwargs.get("out", inputs[0]) if func._schema.is_mutable else None
        root = self._root(target) if matters and target is not None else None
        result = func(*args, **kwargs)
        made = list(tensors_in([result]))
        self._keep(made, name)
        if target is None:
            self._remember_memory(name, inputs, made, args, kwargs)
        if not matters:
            self.free |= {id(tensor): tensor for tensor in made if id(tensor) not in self.outside}
            return result
        nodes = self._nodes(func, name, args, kwargs, made)
        computes = any(place_of(tensor) in self.memory for tensor in made) and not self.whole
        self.operations += computes and any(node.level > SHARED for node in nodes)
        if root is not None and target is not None:
            self._change(target, expand(nodes[0], Kind.of(target).shape), root)
            return result
        self._watch_results(nodes, made, name)
        return result

    def _watch_results(self, nodes: list[Node], made: list[Tensor], name: str) -> None:
        for node, tensor in zip(nodes, made, strict=False):
            self._watch(node if torch.is_grad_enabled() else stop(node), tensor)
        for tensor in made[len(nodes) :]:
            self.foreign[id(tensor)] = f"a result of aten::{name} that the engine leaves out"

    # --- what cannot be in a graph --------------------------------------------------------------------------

    def _refuse(self, func: Any, name: str, inputs: list[Tensor], options: dict[str, Any]) -> None:
        foreign = next((self.foreign[id(tensor)] for tensor in inputs if id(tensor) in self.foreign), None)
        if foreign:
            raise Untranslated(f"the step reads {foreign}")
        never = options.get("dropout_p") == 0 or options.get("train") is False
        if torch.Tag.nondeterministic_seeded in func.tags and not never:
            raise Untranslated("the step draws random numbers")
        if name == "native_batch_norm" and options["training"]:
            raise Untranslated("the step normalises over the rows of a batch")
        if name == "_local_scalar_dense" and any(id(tensor) in self.nodes for tensor in inputs):
            raise Untranslated(
                "the step reads a value in Python, for an `if` or a number (aten::_local_scalar_dense)"
            )

    # --- memory ---------------------------------------------------------------------------------------------

    def _remember_memory(
        self, name: str, inputs: list[Tensor], made: list[Tensor], args: Any, kwargs: Any
    ) -> None:
        """Take note of what is new and of what is a view."""
        places = {place_of(tensor) for tensor in inputs}
        self.memory.update(place_of(tensor) for tensor in made if place_of(tensor) not in places)
        views = [tensor for tensor in made if place_of(tensor) in places]
        if not views or len(views) < len(made):
            return
        root, seen = self.aliases.of(inputs[0])
        if name == "detach" and id(inputs[0]) not in self.nodes:  # as torch does with what is just made
            self.aliases.add(views[0], root, seen)
            return
        try:
            given = tree_map_only(
                Tensor, lambda t: seen if t is inputs[0] else self._given(name, t), (args, kwargs)
            )
            found = listed(translate(name, *given))
        except Untranslated:
            self.aliases.lose(root)
            return
        for view, expression in zip(views, found, strict=True):
            self.aliases.add(view, root, expression)

    def _root(self, target: Tensor) -> Node:
        """Return the node of the memory that a tensor looks at, which is about to be changed."""
        if place_of(target) not in self.memory:
            raise Untranslated("the step changes in place a tensor that it did not make")
        root = self.aliases.root(target)
        if id(root) not in self.nodes:
            self._watch(self._constant(root.clone()), root)
        if id(target) not in self.nodes:
            self._watch(self._seen_through(target, self.nodes[id(root)]), target)
        return self.nodes[id(root)]

    def _seen_through(self, view: Tensor, root: Node) -> Node:
        """Return the node of a view, given that of the memory that it looks at."""
        name, expression = self.aliases.of(view)
        return replaced([expression], {leaf("place", name, root.shape): root})[0]

    def _change(self, target: Tensor, node: Node, root: Node) -> None:
        if not torch.is_grad_enabled():  # the gradient is that of what was there before
            node = straight_through(node, self._seen_through(target, root))
        for tensor, now in self.aliases.after_change(target, node, root):
            self._watch(now, tensor)

    # --- what operators mean --------------------------------------------------------------------------------

    def _nodes(self, func: Any, name: str, args: Any, kwargs: Any, made: list[Tensor]) -> list[Node]:
        """Return the nodes of an operator's results: by a rule, taken apart, or as a call of torch."""
        if func._schema.is_mutable:
            func, name = functional(func), name.removesuffix("_")
            kwargs = {key: value for key, value in kwargs.items() if key != "out"}
        if name in CASTS:
            return [self._converted(args[0], made[0].dtype)]
        given = list(tensors_in([*args, *kwargs.values()]))
        nodes = self._by_rule(name, args, kwargs, given, made)
        if nodes is None and any(self.node(tensor).level > SHARED for tensor in given):
            nodes = self._apart(func, name, args, kwargs)
        return nodes or self._opaque(func, given, (args, kwargs))

    def _by_rule(
        self, name: str, args: Any, kwargs: Any, given: list[Tensor], made: list[Tensor]
    ) -> list[Node] | None:
        if any(tensor.is_complex() for tensor in (*given, *made)):
            return None
        whole = any(not Kind.of(t).continuous and t.dtype != torch.bool for t in given)
        if whole and name.startswith("bitwise"):
            return None
        try:
            nodes = listed(
                translate(name, *tree_map_only(Tensor, partial(self._given, name), (args, kwargs)))
            )
        except Untranslated:
            return None
        fits = all(node.shape == tensor.shape for node, tensor in zip(nodes, made, strict=False))
        return nodes if fits or name == "copy" else None

    def _given(self, name: str, tensor: Tensor) -> Node | Tensor:
        """Return what a rule is given for a tensor: its node, or itself where it names places."""
        places = not Kind.of(tensor).continuous and id(tensor) not in self.nodes
        return tensor if places and name in INDEXED else self.node(tensor)

    def _apart(self, func: Any, name: str, args: Any, kwargs: Any) -> list[Node] | None:
        """Return the nodes of an operator that is written in terms of others."""
        how = decomposition(func, name)
        if how is None or any(tensor.is_complex() for tensor in tensors_in([*args, *kwargs.values()])):
            return None
        before, self.whole = self.whole, True
        try:
            with self:
                return [self.node(tensor) for tensor in tensors_in([how(*args, **kwargs)])]
        except (Untranslated, NotImplementedError, RuntimeError, TypeError, ValueError):
            return None
        finally:
            self.whole = before

    def _opaque(self, func: Any, given: list[Tensor], arguments: Any) -> list[Node]:
        nodes = [self.node(tensor) for tensor in given]
        if self.whole and any(node.level > SHARED for node in nodes):
            raise Untranslated(f"the step uses aten::{name_of(func)}")
        try:
            fixed = [i for i, node in enumerate(nodes) if self._is_constant(node)]
            call = called(func, line_of_step(), given, nodes, arguments, fixed)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise Untranslated(
                f"the step uses aten::{name_of(func)}, which fails for one row ({reason})"
            ) from error
        return torch_call(call, nodes)

    def _is_constant(self, node: Node) -> bool:
        if node.op != "weight" or node.data[0] < self.weights:
            return is_const(node)
        return not self.others[node.data[0] - self.weights].requires_grad

    def _converted(self, a: Tensor, dtype: torch.dtype) -> Node:
        node = self.node(a)
        if dtype == torch.bool:
            return node if a.dtype == torch.bool else pointwise("ne", node, const(0))
        # Numbers of fewer digits than the cell's can only be truth values and whole numbers.
        narrower = a.dtype != self.dtype == torch.promote_types(a.dtype, dtype)
        if dtype == a.dtype or not Kind.of(a).continuous or narrower:
            return node
        if a.is_complex() or dtype.is_complex or dtype.is_floating_point:
            raise Untranslated(f"the step casts from {a.dtype} to {dtype}")
        return stop(pointwise("trunc", node))

    def node(self, tensor: Tensor) -> Node:
        """Return the node of a tensor; one that no input has a part in becomes a constant."""
        self._meet([tensor], "")
        known = self.nodes.get(id(tensor))
        if known is None:
            known = self._constant(tensor)
            self._watch(known, tensor)
        return known

    def _constant(self, tensor: Tensor) -> Node:
        if tensor.is_complex() and tensor.requires_grad:
            raise Untranslated("the step reads a complex tensor that is no parameter, and its gradient")
        numbers = as_numbers(tensor.detach())
        first = numbers.flatten()[0].item() if numbers.numel() else 0
        return expand(const(first), numbers.shape) if bool((numbers == first).all()) else self._other(numbers)
