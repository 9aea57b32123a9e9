"""What all wrappers share: a cell around a cell, its promises, and the tensors of a state by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, TypeVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils.parametrize import type_before_parametrizations

from recurra import Cell, IncompatibleParts, InvalidOption, Tags, leaves, map_state, nearest

S = TypeVar("S")
Share = Annotated[float, Field(ge=0, lt=1)]
Only = Annotated[
    tuple[str, ...],
    Field(
        strict=False,
        description="tensors of the state to which it applies, such as h or memory.M; all by default",
    ),
]


class CellWrapper(Cell[Any]):
    """Base class of wrappers of a cell; delegates everything, and subclasses override a part.

    A wrapped memory is a cell and no longer a `Memory`: wrap the controller, or the `MemoryCell`.

    Raises:
        IncompatibleParts: The wrapped module has no `step`.
    """

    def __init__(self, cell: Cell[Any]) -> None:
        _check_cell(type(self).__name__, cell)
        super().__init__(cell.input_size, cell.output_size)
        self.cell = cell
        self.tags = Tags.combined([cell])

    def initial_state(self, batch_size: int) -> Any:
        """Return the cell's initial state."""
        return self.cell.initial_state(batch_size)

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Advance the cell by one step."""
        return self.cell.step(x, state)

    def auxiliary_loss(self, state: Any) -> Tensor | None:
        """Return the cell's auxiliary loss."""
        return self.cell.auxiliary_loss(state)

    def diagnostics(self, state: Any) -> dict[str, Tensor]:
        """Return the cell's diagnostics."""
        return self.cell.diagnostics(state)


def _check_cell(who: str, cell: Any) -> None:
    if not isinstance(cell, Cell):
        raise IncompatibleParts(f"{who}: expected a cell, which has a `step`, got {type(cell).__name__}")


def cell_name(cell: Cell[Any]) -> str:
    """Return the class of the cell inside all wrappers, which is what users chose."""
    while isinstance(cell, CellWrapper):
        cell = cell.cell
    # torch gives a cell with parametrized weights of its own a class of its own.
    return type_before_parametrizations(cell).__name__


def floating(state: Any) -> dict[str, Tensor]:
    """Return the floating-point tensors of a state by name, such as `memory.M`."""
    named = ((name.removeprefix("state."), leaf) for name, leaf in leaves(state))
    return {name: leaf for name, leaf in named if leaf.is_floating_point()}


def selected_leaves(who: str, cell: Cell[Any], only: Sequence[str]) -> dict[str, Tensor]:
    """Return name -> tensor (1, ...) of the initial state of a cell, those that are meant; see `Only`.

    A name also means all below it: `memory` stands for `memory.M` and `memory.w`.

    Raises:
        InvalidOption: The state has no tensor of that name, or it is not floating-point.
        IncompatibleParts: The state has no floating-point tensor.
    """
    with torch.enable_grad():
        known = floating(cell.initial_state(1))
    if not known:
        raise IncompatibleParts(f"{who}: {cell_name(cell)} has no floating-point state")
    for name in only:
        if not any(_below(leaf, name) for leaf in known):
            message = f"{who}: only = '{name}': the state of {cell_name(cell)} has {', '.join(known)}"
            raise InvalidOption(message + nearest(name, known))
    return {leaf: t for leaf, t in known.items() if not only or any(_below(leaf, name) for name in only)}


def check_used(who: str, only: Sequence[str], used: object, what: str) -> None:
    """Reject names of tensors that would have no effect.

    Raises:
        InvalidOption: Some are named, and `used` is false.
    """
    if only and not used:
        raise InvalidOption(f"{who}: only = {', '.join(only)} needs {what}")


def _below(leaf: str, name: str) -> bool:
    return leaf == name or leaf.startswith(f"{name}.")


def map_leaves(names: Collection[str], function: Callable[..., Tensor], state: S, *others: Any) -> S:
    """Apply a function to the tensors of these names in states of one structure; the rest stays `state`'s."""
    chosen = iter([name.removeprefix("state.") in names for name, _ in leaves(state)])
    return map_state(lambda leaf, *rest: function(leaf, *rest) if next(chosen) else leaf, state, *others)


def updated_output(y: Tensor, before: Any, after: Any) -> Tensor:
    """Return what became of y where it is itself a tensor of the state, such as the h of an LSTM; else y."""
    pairs = zip(leaves(before), leaves(after), strict=True)
    return next((new for (_, old), (_, new) in pairs if old is y), y)
