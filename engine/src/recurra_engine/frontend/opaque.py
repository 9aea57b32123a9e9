"""What the language cannot say becomes a node that calls torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from recurra_engine.frontend.aten.rules import Untranslated
from recurra_engine.frontend.operators import name_of, tensors_in
from recurra_engine.ir.graph import SHARED, Node
from recurra_engine.ir.torch_calls import Function, Kind, TorchCall

ROWS = 3
"""How many rows are tried together."""


def called(
    func: Any,
    where: str,
    tensors: Sequence[Tensor],
    nodes: Sequence[Node],
    given: Any,
    fixed: Collection[int],
) -> TorchCall:
    """Return the call that an operator is.

    Args:
        func: The operator.
        where: The line of the step.
        tensors: The tensors that it was given, for one row.
        nodes: Their nodes.
        given: All of its arguments, as (args, kwargs).
        fixed: Which of the tensors are constants.

    Raises:
        Untranslated: It does not give tensors of the same shapes every time.
    """
    if {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags):
        raise Untranslated(f"what the step does depends on values (aten::{name_of(func)})")
    function = _of_tensors(func, given)
    own = tuple(node.level != SHARED for node in nodes)
    with torch.no_grad():
        made = function(*tensors)
    kinds, results = tuple(map(Kind.of, tensors)), tuple(map(Kind.of, made))
    for_rows, together = _for_rows(function, tensors, own)
    smooth = any(kind.continuous for kind in results)
    call = TorchCall(
        name=name_of(func),
        where=where,
        function=for_rows,
        given=kinds,
        own=own,
        made=results,
        together=together,
        slopes=tuple(i for i, kind in enumerate(kinds) if smooth and kind.continuous and i not in fixed),
        options=repr(tree_map_only(Tensor, lambda _: None, given)),
    )
    if not call.size:
        raise Untranslated(f"the step uses aten::{call.name}, which gives no tensor")
    return call


def _of_tensors(func: Any, given: Any) -> Function:
    """Return the operator as a function of its tensors alone, that gives a list of tensors."""
    # A function that reports errors for its caller to check, such as that of a matrix without an inverse, is
    # to raise them: what checks them is an operator without a result.
    checked = {"check_errors": True} if any(a.name == "check_errors" for a in func._schema.arguments) else {}
    args, kwargs = given
    numbers = iter(range(len(list(tensors_in([*args, *kwargs.values()])))))
    places = [_place(value, numbers) for value in args]
    named = {name: _place(value, numbers) for name, value in (kwargs | checked).items()}

    def function(*tensors: Tensor) -> list[Tensor]:
        options = {name: place(tensors) for name, place in named.items()}
        made = func(*(place(tensors) for place in places), **options)
        return [made] if isinstance(made, Tensor) else list(tensors_in([made]))

    return function


def _place(value: Any, numbers: Iterator[int]) -> Callable[[Sequence[Tensor]], Any]:
    """Return what takes an argument's place: one of the tensors, a list of some, or itself."""
    if isinstance(value, Tensor):
        return itemgetter(next(numbers))
    if isinstance(value, (list, tuple)) and any(isinstance(part, Tensor) for part in value):
        parts = [_place(part, numbers) for part in value]
        return lambda tensors: [part(tensors) for part in parts]
    return lambda tensors: value


def _for_rows(function: Function, tensors: Sequence[Tensor], own: Sequence[bool]) -> tuple[Function, bool]:
    """Return the function for many rows, and whether it does them together: some are tried."""
    if not any(own) or any(mine and t.shape[:1] != (1,) for t, mine in zip(tensors, own, strict=True)):
        return function, False
    generator = torch.Generator(tensors[0].device).manual_seed(0)
    each = [
        [_near(t, generator) if mine else t for t, mine in zip(tensors, own, strict=True)]
        for _ in range(ROWS)
    ]
    whole = [torch.cat(r) if mine else r[0] for r, mine in zip(zip(*each, strict=True), own, strict=True)]
    for way in (function, _spreading(function, own)):
        if _does(way, whole, function, each):
            return way, True
    return function, False


def _spreading(function: Function, own: Sequence[bool]) -> Function:
    """Return the function with what all rows share repeated for each of them."""
    first = list(own).index(True)

    def spread(*tensors: Tensor) -> list[Tensor]:
        n = tensors[first].shape[0]
        given = zip(tensors, own, strict=True)
        return function(*(t if o or t.shape[:1] != (1,) else t.expand(n, *t.shape[1:]) for t, o in given))

    return spread


def _does(way: Function, whole: list[Tensor], function: Function, each: list[list[Tensor]]) -> bool:
    try:
        with torch.no_grad():
            together, alone = way(*whole), [function(*row) for row in each]
    except (RuntimeError, IndexError):
        return False
    return all(
        part.shape[:1] == (ROWS,)
        and all(row.shape[:1] == (1,) for row in rows)
        and part.shape == (joined := torch.cat(rows)).shape
        and torch.allclose(part, joined, equal_nan=True)
        for part, rows in zip(together, zip(*alone, strict=True), strict=True)
    )


def _near(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Return other numbers that are as good, such as for a matrix that has to have an inverse."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return tensor
    noise = torch.randn(tensor.shape, dtype=tensor.dtype, device=tensor.device, generator=generator)
    return tensor + 1e-2 * noise
