"""A cell of the same structure with other tensors, which may run beside the cell itself in another thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from recurra.transforms import Transforms, transformed

Place = tuple[str, str]
"""Where a tensor is found: the path of a part of a cell, and the name of an attribute of it."""
_ORIGINAL = "_stands_for"


def tensors_of(cell: nn.Module) -> dict[Place, Tensor]:
    """Return a cell's parameters, buffers and other attributes that are tensors, each at its first place."""
    found: dict[int, tuple[Place, Tensor]] = {}
    for path, part in cell.named_modules():
        for name, tensor in _held(part):
            found.setdefault(id(tensor), ((path, name), tensor))
    return dict(found.values())


def _held(part: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for space in (part._parameters, part._buffers, vars(part)):
        yield from ((name, value) for name, value in space.items() if isinstance(value, Tensor))


def stand_in(cell: nn.Module, tensors: Sequence[Tensor]) -> Any:
    """Return a cell that shares everything with this one except its modules and its tensors.

    Args:
        cell: The cell.
        tensors: What stands in for each of `tensors_of(cell)`.
    """
    own = tensors_of(cell).values()
    given = {id(mine): other for mine, other in zip(own, tensors, strict=True)}
    copies = {part: _copied(part, given) for part in cell.modules()}
    for copy in copies.values():
        parts = copy.__dict__["_modules"]
        copy.__dict__["_modules"] = {name: part and copies[part] for name, part in parts.items()}
    return copies[cell]


def _copied(part: nn.Module, given: dict[int, Tensor]) -> nn.Module:
    copy: nn.Module = object.__new__(type(part))
    space = copy.__dict__
    space |= {name: given.get(id(value), value) for name, value in vars(part).items()}
    for table in ("_parameters", "_buffers"):
        space[table] = {name: given.get(id(value), value) for name, value in space[table].items()}
    space[_ORIGINAL] = part
    return copy


@contextmanager
def standing_in(cell: Any, tensors: Sequence[Tensor], resets: bool, states: bool) -> Iterator[Any]:
    """Yield a stand-in to be called once, with resets and for all states or not.

    What is made of it for such a call stands for what was made of the cell.
    """
    made = transformed(cell, resets, states)
    outer = inner = stand_in(made, tensors)
    while made is not cell:
        made, inner = made.cell, inner.cell
    inner._transforms = Transforms()
    if outer is not inner:
        inner._transforms.made[resets, states] = outer
    try:
        yield inner
    finally:
        inner._transforms.made.clear()  # a circle, which would keep memory


def original(cell: Any) -> Any:
    """Return what a cell stands for: another one, or itself."""
    return vars(cell).get(_ORIGINAL, cell)
