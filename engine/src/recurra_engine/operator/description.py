"""What a cell is like, found while torch.compile traces a call of it."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from recurra import sequence
from recurra.rng import preserve_rng_state
from recurra.state import leaves, map_state
from recurra.transforms import owners
from recurra_engine.dispatch import outside_hooks
from recurra_engine.guards.objects import own_names
from recurra_engine.guards.untouched import untouched
from recurra_engine.obstacles import under_functorch
from recurra_engine.stand_in import Place, stand_in, tensors_of


class Description(NamedTuple):
    """What the graph has to know of a cell.

    Args:
        tensors: Where it keeps them.
        constants: Where it keeps other values that never change, and these.
        width: O, the size of y.
        dtype: The dtype of y.
        mapped: Whether `vmap` is active, which hides who needs gradients.
        draws: Whether its steps may draw random numbers, or change buffers: equal calls differ.
    """

    tensors: tuple[Place, ...]
    constants: tuple[tuple[Place, Any], ...]
    width: int
    dtype: torch.dtype
    mapped: bool
    draws: bool


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def new_place() -> int:
    """Return a number for a place in a graph, larger than zero."""
    return next(_places)


_places = itertools.count(1)

_structures: weakref.WeakKeyDictionary[nn.Module, Any] = weakref.WeakKeyDictionary()


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def described(number: int, dtype: torch.dtype) -> tuple[Any, ...] | None:
    """Return the description of a cell, or None where its sequences cannot be one operator."""
    cell = owners.get(number)
    if cell is None or under_functorch(besides_vmap=True):
        return None
    mapped = under_functorch()
    try:
        with (
            preserve_rng_state(),
            torch.enable_grad(),
            outside_hooks(),
            temporarily_clear_interpreter_stack(),
        ):
            return _tried(cell, dtype, mapped)
    except Exception:  # a step may do anything; the loop is traced instead, and tells what is wrong
        return None


def _tried(cell: Any, dtype: torch.dtype, mapped: bool) -> Description | None:
    """Run a step for one row with other tensors, and see whether it reads these alone."""
    places = tensors_of(cell)
    given = [_apart(tensor) for tensor in places.values()]
    one = stand_in(cell, given)
    with untouched(one) as touched:
        state = one.initial_state(1)
        x = torch.zeros(1, 1, cell.input_size, dtype=dtype, device=cell._anchor.device)
        y, after = sequence.loop(one, x, state)
    _structures[cell] = map_state(torch.zeros_like, state)
    results = [y, *(part for _, part in leaves(after))]
    same = [_kind(a) == _kind(b) for (_, a), b in zip(leaves(state), results[1:], strict=True)]
    if touched or not all(same) or not _sources(results) <= {id(tensor) for tensor in given}:
        return None
    draws = (cell.tags.stochastic and cell.training) or any(tensor._version for tensor in given)
    return Description(tuple(places), tuple(_constants(cell)), y.shape[-1], y.dtype, mapped, draws)


def structure_of(cell: Any) -> Any:
    """Return a state of the cell, for its structure alone."""
    if cell not in _structures:
        with preserve_rng_state(), torch.no_grad():
            _structures[cell] = cell.initial_state(1)
    return _structures[cell]


def _apart(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _kind(part: Tensor) -> tuple[Any, ...]:
    return part.shape, part.dtype, part.device


def _sources(results: Sequence[Tensor]) -> set[int]:
    """Return the ids of the tensors to which autograd would bring gradients from here."""
    todo = [result.grad_fn for result in results if result.grad_fn is not None]
    seen = set(todo)
    while todo:
        ahead = {node for node, _ in todo.pop().next_functions if node is not None} - seen
        todo += ahead
        seen |= ahead
    return {id(node.variable) for node in seen if hasattr(node, "variable")}


def _constants(cell: nn.Module) -> Iterator[tuple[Place, Any]]:
    for path, part in cell.named_modules():
        for name in sorted(own_names(part)):
            if type(vars(part)[name]) in (bool, int, float, str, type(None)):
                yield (path, name), vars(part)[name]
