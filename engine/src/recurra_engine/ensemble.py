"""An ensemble of cells of one kind, each with its own weights, at the native level: one program.

The program is that of a single cell. Its values have the networks in front, and the compiled loop is called
once for each network, without Python between the calls. What a step makes of weights alone is made for all
networks at once.

Shapes: P networks, T steps, B sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import vmap

from recurra.state import leaves, map_state
from recurra_engine import cpu, dispatch
from recurra_engine.autograd import Differentiable, WeightGradients, is_batched
from recurra_engine.compiled import Compiled, Traced
from recurra_engine.cpu.each import run_each
from recurra_engine.frontend.trace import weights_of
from recurra_engine.ir.graph import Node
from recurra_engine.ir.torch_calls import Tape
from recurra_engine.passes.backend import Backend, LoopResult
from recurra_engine.passes.joint import Training
from recurra_engine.passes.partition import VIEWS
from recurra_engine.passes.program import Pass, kept_leaf

if TYPE_CHECKING:
    from recurra.cell import Cell


def run(
    cell: Cell[Any], weights: Mapping[str, Tensor], x: Tensor, state: Any, lengths: Tensor | None
) -> tuple[Tensor, Any] | None:
    """Run P cells, or return None where that is not for this level.

    Args:
        cell: What they are, but for their weights.
        weights: Name -> (P, ...), of the parameters and buffers in which they differ.
        x: (P, B, T, I).
        state: Where they start, with (P, B) in front of every leaf.
        lengths: (B,) for all of them, (P, B), or None.

    Returns:
        y (P, B, T, O), and the final states with (P, B) in front. Both have a gradient, but no second one.
    """
    compiled = dispatch.choose(cell, x[0], map_state(lambda part: part[0], state)).compiled
    if not isinstance(compiled, Compiled) or compiled.sequence.backend is not cpu.BACKEND:
        return None
    if compiled.made.step.calls or any("parametrizations." in name for name in weights):
        return None
    ensemble = Ensemble(compiled.sequence)
    shared = _shared(compiled.made, cell, weights, x)
    if not ensemble.can_run(x, shared):
        return None
    parts = [part for _, part in leaves(state)]
    if lengths is None:
        y, after = ensemble(x, parts, shared, None)
    else:
        y, after = _ragged(ensemble, x, parts, shared, lengths.expand(x.shape[:2]))
    given = iter(after)
    return y, map_state(lambda _: next(given), state)


class Ensemble(Differentiable):
    """A program that runs for P networks: the inputs and results of `Differentiable` with P in front.

    Args:
        single: The program of one network, with all that was derived of it.
    """

    def __init__(self, single: Differentiable) -> None:
        vars(self).update(vars(single))

    def can_run(self, x: Tensor, shared: Sequence[Tensor]) -> bool:
        """Say whether nothing but the loops reads what is made of weights."""
        passes = [self.inference]
        if torch.is_grad_enabled():
            training = self.training(x.requires_grad, [w.requires_grad for w in shared])
            passes = [training.forward, training.backward]
        return all(p.epilogue_of_each is not None and not p.hoisted for p in passes)

    def forward(
        self,
        pass_: Pass,
        inputs: Sequence[Tensor],
        states: int,
        lengths: Tensor | None,
        backend: Backend | None = None,
        tape: Tape | None = None,
    ) -> tuple[list[Tensor], dict[Node, Tensor]]:
        """Return the outputs, and every value that is there for all steps, by its leaf.

        Raises:
            NotImplementedError: A gradient of a gradient is asked for.
        """
        _refuse(backend is not None)
        x, carried, shared = _by_steps(inputs[0]), inputs[1 : 1 + states], inputs[1 + states :]
        rows = [part.unsqueeze(2) for part in carried]
        values, ran, (y,) = _run_pass(pass_, [x], rows, shared, lengths)
        y = _zero_past_end(y, pass_.finished[0], lengths)
        return [_by_rows(y), *_shaped_as(carried, ran.after)], values

    def gradients(
        self,
        training: Training,
        inputs: Sequence[Tensor],
        states: int,
        reads: Sequence[Tensor],
        lengths: Tensor | None,
        gradients: Sequence[Tensor],
        tape: Tape | None = None,
    ) -> list[Tensor | None]:
        """Return the gradients of the inputs by the derived pass; None for those that were not asked for.

        Raises:
            NotImplementedError: A batch of gradients is asked for.
        """
        _refuse(is_batched(gradients))
        shared = inputs[1 + states :]
        given = [_by_steps(gradients[0]), *([_by_steps(inputs[0])] if training.reads_x else []), *reads]
        carried = [gradient.unsqueeze(2) for gradient in gradients[1:]]
        _, ran, finished = _run_pass(training.backward, given, carried, shared, lengths)
        weights = WeightGradients(shared)
        rest = iter(zip(finished, training.backward.finished, strict=True))
        x = _by_rows(_zero_past_end(*next(rest), lengths)) if training.x else None
        for i in training.outer:
            weights.add(i, _outer(next(rest)[0], _zero_past_end(*next(rest), lengths)))
        for i, gradient in zip(training.sums, ran.sums, strict=True):
            weights.add(i, gradient)
        for i in training.late:
            weights.add(i, _zero_past_end(*next(rest), lengths).sum((1, 2)))
        return [x, *_shaped_as(inputs[1 : 1 + states], ran.after), *weights.found]


def _refuse(asked: bool) -> None:
    if asked:
        raise NotImplementedError(
            "an ensemble has first derivatives only; call each of its cells by itself for others"
        )


def _run_pass(
    pass_: Pass,
    given: Sequence[Tensor],
    carried: Sequence[Tensor],
    shared: Sequence[Tensor],
    lengths: Tensor | None,
) -> tuple[dict[Node, Tensor], LoopResult, list[Tensor]]:
    """Run loop and epilogue as `autograd.run_pass` does, with P in front of every tensor."""
    networks, steps, rows = size = tuple(given[0].shape[:3])
    values = dict(zip(pass_.given, (tensor.resolve_neg() for tensor in given), strict=True))
    ran = LoopResult([], list(carried), [], {})
    if pass_.loop.does_anything:
        streams = [values[stream] for stream in pass_.loop.streams]
        ran = run_each(pass_.loop, streams, carried, shared, (networks, steps, rows), lengths)
    values |= zip(pass_.results, ran.out, strict=True)
    for i, history in ran.kept.items():
        values[kept_leaf("before", i, pass_.loop)] = history[:, :-1]
        values[kept_leaf("after", i, pass_.loop)] = history[:, 1:]
    assert pass_.epilogue_of_each is not None
    finished = pass_.epilogue_of_each([values[leaf] for leaf in pass_.stored], given[0])
    return values, ran, [_everywhere(f, node, size) for f, node in zip(finished, pass_.finished, strict=True)]


def _everywhere(value: Tensor, node: Node, size: tuple[int, ...]) -> Tensor:
    return value if value.dim() - len(node.shape) == 3 else value.expand(*size, *node.shape)


def _shared(made: Traced, cell: Cell[Any], weights: Mapping[str, Tensor], like: Tensor) -> list[Tensor]:
    """Return what each cell makes of its weights, (P, ...)."""

    def of_one(own: dict[str, Tensor]) -> tuple[Tensor, ...]:
        found = made.weights(made.step.inputs(cell, list((weights_of(cell) | own).values())), like)
        return tuple(value.to(like.dtype) for value in found)

    return list(vmap(of_one)(dict(weights)))


def _ragged(
    ensemble: Ensemble, x: Tensor, parts: list[Tensor], shared: list[Tensor], lengths: Tensor
) -> tuple[Tensor, Sequence[Tensor]]:
    """Run with the longest rows of every network first, so that those still going on are the first ones."""
    lengths, order = lengths.to(torch.int64).sort(descending=True, stable=True)
    back = order.argsort()
    live = torch.arange(x.shape[2]) < lengths[..., None]
    # Zeroed before the step, not only after it: a NaN in the padding would come back as a NaN gradient.
    x = torch.where(live[..., None], _rows(x, order), torch.zeros((), dtype=x.dtype))
    y, after = ensemble(x, [_rows(part, order) for part in parts], shared, lengths)
    return _rows(y, back), [_rows(part, back) for part in after]


def _rows(value: Tensor, order: Tensor) -> Tensor:
    """Return the rows of every network in an order: (P, B, ...), (P, B) -> (P, B, ...)."""
    return value[torch.arange(len(value))[:, None], order]


def _by_steps(x: Tensor) -> Tensor:
    """Return (P, T, B, 1, I) of (P, B, T, I)."""
    return x.transpose(1, 2).unsqueeze(3)


def _by_rows(y: Tensor) -> Tensor:
    """Return (P, B, T, O) of (P, T, B, 1, O)."""
    return y.squeeze(3).transpose(1, 2)


def _shaped_as(states: Sequence[Tensor], rows: Sequence[Tensor]) -> list[Tensor]:
    """Return (P, B, ...) of (P, B, 1, ...)."""
    return [row.reshape(state.shape) for row, state in zip(rows, states, strict=True)]


def _zero_past_end(value: Tensor, node: Node, lengths: Tensor | None) -> Tensor:
    """Put zeros past each row's length; what a loop has stored is so already."""
    while node.op in VIEWS:
        node = node.args[0]
    if lengths is None or (node.op == "stream" and node.data[0][0] == "out"):
        return value
    live = torch.arange(value.shape[1])[:, None] < lengths[:, None]  # (P, T, B)
    return torch.where(live.view(*live.shape, *[1] * (value.dim() - 3)), value, torch.zeros_like(value))


def _outer(a: Tensor, g: Tensor) -> Tensor:
    """Return each network's sum of a^T g: (P, T, B, Z, I, K), (P, T, B, Z, I, J) -> (P, Z, K, J)."""
    if a.shape[3:5] == (1, 1):  # one after another: torch's batched product of long, thin matrices is slow
        pairs = zip(a.flatten(1, 4), g.flatten(1, 4), strict=True)
        return torch.stack([cpu.BACKEND.outer(*pair, None) for pair in pairs]).unsqueeze(1)
    a, g = (side.movedim(3, 1).flatten(2, 4) for side in (a, g))
    return a.mT @ g
