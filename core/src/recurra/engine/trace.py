"""Read a cell's `step` once: what it does to one row becomes a graph.

The step runs for a single row, so every recorded shape is that of one row. Numbers that the step takes from the
cell (sizes, options) are in the graph for good; parameters, buffers and other tensors stay inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from recurra.engine.aten import Untranslated, translate
from recurra.engine.graph import Node, const, expand, leaf
from recurra.state import leaves, map_state

if TYPE_CHECKING:
    from recurra.cell import Cell

MAKES = frozenset("zeros ones full zeros_like ones_like full_like new_zeros new_ones new_full arange".split())
"""Operators whose result depends on no value; on the shapes alone, which a trace fixes."""


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
    weights = weights_of(cell)
    row = map_state(lambda tensor: torch.zeros_like(tensor[:1]), state)
    example = (torch.zeros_like(x[:1]), [tensor for _, tensor in leaves(row)], list(weights.values()))
    try:
        with torch.no_grad():  # else autograd's own bookkeeping is recorded too
            module = make_fx(_flat(cell, row, list(weights)))(*example)
    except Exception as error:  # a step may do anything; what it is told here is why it runs in the loop
        told = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise Untranslated(f"the step could not be traced ({told})") from error
    return _Reader(module, x.dtype, example).step()


def _flat(cell: Cell[Any], like: Any, names: list[str]) -> Any:
    runner = _Step(cell)

    def run(x: Tensor, parts: list[Tensor], weights: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        given = iter(parts)
        state = map_state(lambda _: next(given), like)
        named = {f"cell.{name}": tensor for name, tensor in zip(names, weights, strict=True)}
        y, after = torch.func.functional_call(runner, named, (x, state))
        return y, [tensor for _, tensor in leaves(after)]

    return run


class _Step(nn.Module):
    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: Any) -> Any:
        return self.cell.step(x, state)


class _Reader(fx.Interpreter):
    """Walks torch's record; every value is a node, or a tensor where no input has a part in it."""

    def __init__(self, module: fx.GraphModule, dtype: torch.dtype, example: tuple[Any, ...]) -> None:
        super().__init__(module)
        x, states, weights = example
        self.dtype, self.weights = dtype, len(weights)
        self.constants: list[Tensor] = []
        kinds = [("x", 0, x), *(("state", i, s) for i, s in enumerate(states))]
        kinds += [("weight", i, w) for i, w in enumerate(weights)]
        self.given = iter(kinds)

    def step(self) -> Step:
        y, states = self.run()
        made = tuple(self._node(value) for value in (y, *states))
        return Step(made[0], made[1:], tuple(self.constants))

    def run(self, *args: Any) -> Any:
        return super().run(*[self._input(*given) for given in self.given])

    def _input(self, kind: str, index: int, value: Tensor) -> Any:
        if value.dtype == self.dtype or (kind == "weight" and value.dtype == torch.bool):
            return leaf(kind, index, value.shape)
        if kind == "weight":
            return _Foreign(f"a parameter or buffer of {value.dtype} beside an input of {self.dtype}")
        raise Untranslated(f"the state holds {value.dtype} beside an input of {self.dtype}")

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if target.__name__ == "getitem":
            return args[0][args[1]]
        name, inputs = str(target).split(".")[1], list(_flattened([*args, *kwargs.values()]))
        foreign = next((value for value in inputs if isinstance(value, _Foreign)), None)
        if foreign:
            raise Untranslated(f"the step reads {foreign.what}")
        if name in MAKES or not any(isinstance(value, Node) for value in inputs):
            return self._made(target, args, kwargs)
        if name == "_to_copy":
            return self._converted(args[0], **kwargs)
        args, kwargs = fx.node.map_aggregate((args, kwargs), self._operand)  # type: ignore[assignment]
        return translate(name, args, kwargs)

    def _made(self, target: Any, args: Any, kwargs: Any) -> Any:
        # Of a node that only lends its shape an empty tensor will do.
        args = fx.node.map_aggregate(args, lambda a: torch.empty(a.shape) if isinstance(a, Node) else a)
        if torch.Tag.nondeterministic_seeded in target.tags:
            raise Untranslated("the step draws random numbers")
        return target(*args, **kwargs)

    def _converted(self, a: Node, dtype: torch.dtype | None = None, **_: Any) -> Node:
        if dtype not in (None, self.dtype, torch.bool):
            raise Untranslated(f"the step converts to {dtype} what it computes in {self.dtype}")
        return a

    def _operand(self, value: Any) -> Any:
        return self._node(value) if isinstance(value, Tensor) else value

    def _node(self, value: Any) -> Node:
        if isinstance(value, Node):
            return value
        if isinstance(value, _Foreign):
            raise Untranslated(f"the step returns {value.what}")
        first = value.flatten()[0].item() if value.numel() else 0
        if bool((value == first).all()):
            return expand(const(first), value.shape)
        self.constants.append(value)
        return leaf("weight", self.weights + len(self.constants) - 1, value.shape)


@dataclass(frozen=True)
class _Foreign:
    """An input of another dtype: harmless unless the step reads it."""

    what: str


def _flattened(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flattened(value)
        else:
            yield value
