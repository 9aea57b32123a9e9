"""What the language cannot say becomes a node that calls torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from recurra_engine.frontend.aten.rules import Untranslated
from recurra_engine.ir.graph import SHARED, Node
from recurra_engine.ir.torch_calls import Kind, TorchCall

ROWS = 3
"""How many rows are tried together."""


def called(func: Any, where: str, tensors: Sequence[Tensor], nodes: Sequence[Node], given: Any) -> TorchCall:
    """Return the call that an operator is.

    Args:
        func: The operator.
        where: The line of the step.
        tensors: The tensors that it was given, for one row.
        nodes: Their nodes.
        given: All of its arguments, as (args, kwargs).

    Raises:
        Untranslated: It does not give tensors of the same shapes every time.
    """
    if {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags):
        raise Untranslated(f"what the step does depends on values (aten::{_name(func)})")
    function = _of_tensors(func, given)
    own = tuple(node.level != SHARED for node in nodes)
    with torch.no_grad():
        made = function(*tensors)
    call = TorchCall(
        name=_name(func),
        where=where,
        function=function,
        given=tuple(map(Kind.of, tensors)),
        own=own,
        made=tuple(map(Kind.of, made)),
        together=any(own) and _does_rows_together(function, tensors, own),
    )
    if not call.size:
        raise Untranslated(f"the step uses aten::{call.name}, which gives no tensor")
    return call


def _name(func: Any) -> str:
    name: str = func.name().split("::")[1].split(".")[0]
    return name


def _of_tensors(func: Any, given: Any) -> Callable[..., list[Tensor]]:
    """Return the operator as a function of its tensors alone, that gives a list of tensors."""
    flat, spec = tree_flatten(given)
    places = [i for i, value in enumerate(flat) if isinstance(value, Tensor)]
    # A function that reports errors for its caller to check, such as that of a matrix without an inverse, is
    # to raise them: what checks them is an operator without a result.
    checked = {"check_errors": True} if any(a.name == "check_errors" for a in func._schema.arguments) else {}
    rest = [None if isinstance(value, Tensor) else value for value in flat]

    def function(*tensors: Tensor) -> list[Tensor]:
        values = list(rest)
        for place, tensor in zip(places, tensors, strict=True):
            values[place] = tensor
        args, kwargs = tree_unflatten(values, spec)
        return list(_tensors(func(*args, **(kwargs | checked))))

    return function


def _tensors(made: Any) -> Iterator[Tensor]:
    if isinstance(made, Tensor):
        yield made
    elif isinstance(made, (list, tuple)):
        for part in made:
            yield from _tensors(part)


def _does_rows_together(function: Any, tensors: Sequence[Tensor], own: Sequence[bool]) -> bool:
    """Try some rows together and one by one."""
    if any(mine and tensor.shape[:1] != (1,) for tensor, mine in zip(tensors, own, strict=True)):
        return False
    generator = torch.Generator(tensors[0].device).manual_seed(0)
    each = [
        [_near(t, generator) if mine else t for t, mine in zip(tensors, own, strict=True)]
        for _ in range(ROWS)
    ]
    whole = [
        torch.cat(rows) if mine else rows[0] for rows, mine in zip(zip(*each, strict=True), own, strict=True)
    ]
    try:
        with torch.no_grad():
            alone = [function(*row) for row in each]
            together = function(*whole)
    except RuntimeError:
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
