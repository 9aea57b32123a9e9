"""The operators `recurra::sequence` and `recurra::sequence_backward`: what torch has to know of them.

`sequence` returns y, the tensors of the final state, and a ticket for the gradient (see `records`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from recurra_engine.operator.batching import as_rows, one_by_one
from recurra_engine.operator.call import Call
from recurra_engine.operator.records import record_of, ticket_of

SEQUENCE, BACKWARD = "recurra::sequence", "recurra::sequence_backward"
_CALL = (
    "int number, Tensor x, Tensor[] state, Tensor[] tensors, Tensor? lengths, Tensor? resets, bool states, "
    "bool[] needs, SymInt width, ScalarType dtype, ScalarType? cast, int place"
)
# A cell may draw random numbers, and it runs Python code, which a CUDA graph would not replay.
_TAGS = tuple(
    getattr(torch.Tag, name)
    for name in ("pt2_compliant_tag", "nondeterministic_seeded", "cudagraph_unsafe")
    if hasattr(torch.Tag, name)
)
torch.library.define(SEQUENCE, f"({_CALL}) -> Tensor[]", tags=_TAGS)
torch.library.define(BACKWARD, f"(Tensor?[] gradients, Tensor ticket, {_CALL}) -> Tensor[]", tags=_TAGS)


def _sequence(*arguments: Any) -> list[Tensor]:
    call = Call(*arguments)
    record = call.recorded() if any(call.needs) else None
    results = call.results() if record is None else record.outputs
    # In memory of their own: generated code may write over a result that its graph does not read any more.
    apart = [result.detach().clone(memory_format=torch.contiguous_format) for result in results]
    return [*apart, ticket_of(record)]


def _sequence_like(*arguments: Any) -> list[Tensor]:
    call = Call(*arguments)
    results = [call.x.new_empty(shape, dtype=dtype) for shape, dtype in call.sizes]
    return [*results, torch.empty(1, dtype=torch.uint8, device="cpu")]


def _backward(gradients: Sequence[Tensor | None], ticket: Tensor, *arguments: Any) -> list[Tensor]:
    return Call(*arguments).gradients(record_of(ticket), gradients)


def _backward_like(gradients: Sequence[Tensor | None], ticket: Tensor, *arguments: Any) -> list[Tensor]:
    call = Call(*arguments)
    pairs = zip(call.inputs, call.needs, strict=True)
    return [torch.empty_like(tensor, memory_format=torch.contiguous_format) for tensor, need in pairs if need]


def _save(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    number, x, state, tensors, lengths, resets, *rest = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[-1], x, *state, *tensors, lengths, resets)
    ctx.number, ctx.n, ctx.rest = number, len(state), rest


def _differentiate(ctx: Any, gradients: Sequence[Tensor | None]) -> tuple[Any, ...]:
    ticket, x, *others, lengths, resets = ctx.saved_tensors
    state, tensors = others[: ctx.n], others[ctx.n :]
    call = (ctx.number, x, state, tensors, lengths, resets, *ctx.rest)
    found = iter(torch.ops.recurra.sequence_backward(gradients[:-1], ticket, *call))
    of_x, *of_others = [next(found) if need else None for need in Call(*call).needs]
    return None, of_x, of_others[: ctx.n], of_others[ctx.n :], *[None] * (2 + len(ctx.rest))


def _refuse(ctx: Any, *gradients: Any) -> None:
    raise NotImplementedError(
        "a compiled sequence has no second derivative; call the cell outside torch.compile"
    )


torch.library.impl(SEQUENCE, "default", _sequence)
torch.library.impl(BACKWARD, "default", _backward)
torch.library.register_fake(SEQUENCE, _sequence_like)
torch.library.register_fake(BACKWARD, _backward_like)
torch.library.register_autograd(SEQUENCE, _differentiate, setup_context=_save)
torch.library.register_autograd(BACKWARD, _refuse)
torch.library.register_vmap(SEQUENCE, as_rows(torch.ops.recurra.sequence.default))
torch.library.register_vmap(BACKWARD, one_by_one(torch.ops.recurra.sequence_backward.default))
