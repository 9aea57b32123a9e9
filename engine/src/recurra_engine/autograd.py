"""A program over a whole sequence, as one node of autograd's graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from recurra_engine import eager
from recurra_engine.dtypes import uncast
from recurra_engine.ir.graph import OF_TORCH, Node, sorted_by_use
from recurra_engine.ir.torch_calls import Tape
from recurra_engine.passes.backend import Backend, LoopResult
from recurra_engine.passes.joint import Training, with_gradient
from recurra_engine.passes.program import Pass, Program, kept_leaf
from recurra_engine.saved import Saved, owned


def run_pass(
    pass_: Pass,
    given: Sequence[Tensor],
    carried: Sequence[Tensor],
    shared: Sequence[Tensor],
    lengths: Tensor | None,
    backend: Backend,
    tape: Tape | None = None,
) -> tuple[dict[Node, Tensor], LoopResult, list[Tensor]]:
    """Run prologue, loop and epilogue.

    Args:
        pass_: What is run.
        given: (T, B, ...), one for each of its given leaves.
        carried: (B, ...), where the loop starts.
        shared: What all steps read.
        lengths: (B,) or None, see `scan.run`.
        backend: The level.
        tape: Where calls of torch are recorded on the way forward, and read on the way back.

    Returns:
        Every value that is there for all steps, by its leaf; what the loop left; what the epilogue finished.
    """
    size = (given[0].shape[0], given[0].shape[1])
    # Generated code reads memory, which holds -v for a view v with the negative bit, as of `z.conj().imag`.
    given, carried, shared = ([tensor.resolve_neg() for tensor in part] for part in (given, carried, shared))
    values = dict(zip(pass_.given, given, strict=True))
    if pass_.hoisted:
        values |= zip(pass_.streams, pass_.prologue([*given, *shared], given[0]), strict=True)
    ran = LoopResult([], list(carried), [], {})
    if pass_.loop.does_anything:
        streams = [values[stream] for stream in pass_.loop.streams]
        ran = backend.run(pass_.loop, streams, carried, shared, size, lengths, tape)
    values |= zip(pass_.results, ran.out, strict=True)
    for i, history in ran.kept.items():
        values[kept_leaf("before", i, pass_.loop)] = history[:-1]
        values[kept_leaf("after", i, pass_.loop)] = history[1:]
    finished = pass_.epilogue([*(values[leaf] for leaf in pass_.stored), *shared], given[0])
    finished = [_everywhere(value, node, size) for value, node in zip(finished, pass_.finished, strict=True)]
    return values, ran, finished


def _everywhere(value: Tensor, node: Node, size: tuple[int, int]) -> Tensor:
    lead = value.dim() - len(node.shape)
    return value if lead == 2 else value.expand(*size, *node.shape)


class Differentiable:
    """A program with the gradients that were asked for, and the level that runs its loops."""

    def __init__(self, program: Program, backend: Backend) -> None:
        self.program, self.backend = program, backend
        self.inference = program.forward(move=backend.moves_products)
        self.trainings: dict[tuple[bool, tuple[bool, ...]], Training] = {}
        self.calls_torch = any(node.op in OF_TORCH for node in sorted_by_use([program.y, *program.after]))

    def training(self, x: bool, shared: Sequence[bool]) -> Training:
        """Return the passes that give these gradients."""
        key = (x, tuple(shared))
        if key not in self.trainings:
            self.trainings[key] = with_gradient(
                self.program, x=x, shared=shared, move=self.backend.moves_products
            )
        return self.trainings[key]

    def __call__(
        self, x: Tensor, states: Sequence[Tensor], shared: Sequence[Tensor], lengths: Tensor | None
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """Run over x (B, T, I) and return y (B, T, O) and the states after the last step."""
        inputs = (x, *states, *shared)
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs):
            y, *after = _Sequence.apply(self, lengths, len(states), *inputs)  # type: ignore[no-untyped-call]
        else:
            y, *after = owned(self.forward(self.inference, inputs, len(states), lengths)[0], inputs)
        return y, after

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

        Args:
            pass_: What is run.
            inputs: x (B, T, I), states (B, ...) and what all steps read.
            states: How many of them are states.
            lengths: (B,) or None.
            backend: What runs the loop, if not the level.
            tape: See `run_pass`.
        """
        x, carried, shared = _by_steps(inputs[0]), inputs[1 : 1 + states], inputs[1 + states :]
        rows = [part.unsqueeze(1) for part in carried]
        values, ran, (y,) = run_pass(pass_, [x], rows, shared, lengths, backend or self.backend, tape)
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

        Args:
            training: The passes.
            inputs: As in `forward`.
            states: How many of them are states.
            reads: What the backward pass reads besides.
            lengths: (B,) or None.
            gradients: Those of the outputs.
            tape: What calls of torch left on the way forward.
        """
        shared, backend = inputs[1 + states :], _backend(self, gradients)
        given = [_by_steps(gradients[0]), *([_by_steps(inputs[0])] if training.reads_x else []), *reads]
        carried = [gradient.unsqueeze(1) for gradient in gradients[1:]]
        _, ran, finished = run_pass(training.backward, given, carried, shared, lengths, backend, tape)
        weights = WeightGradients(shared)
        rest = iter(zip(finished, training.backward.finished, strict=True))
        x = _by_rows(_zero_past_end(*next(rest), lengths)) if training.x else None
        live = None if lengths is None else _live(given[0].shape[0], lengths).flatten().nonzero().flatten()
        for i in training.outer:
            weights.add(i, _outer(next(rest)[0], next(rest)[0], live, backend))
        for i, gradient in zip(training.sums, ran.sums, strict=True):
            weights.add(i, gradient)
        for i in training.late:
            weights.add(i, _zero_past_end(*next(rest), lengths).sum((0, 1)))
        return [x, *_shaped_as(inputs[1 : 1 + states], ran.after), *weights.found]


class WeightGradients:
    """The gradients of what all steps read, of which each may have several parts.

    Attributes:
        found: One for each of `shared`; None where there is no part.
    """

    def __init__(self, shared: Sequence[Tensor]) -> None:
        self.shared = shared
        self.found: list[Tensor | None] = [None] * len(shared)

    def add(self, i: int, gradient: Tensor) -> None:
        """Add a part to the i-th."""
        gradient = gradient.reshape(self.shared[i].shape)
        known = self.found[i]
        self.found[i] = gradient if known is None else known + gradient


def _by_steps(x: Tensor) -> Tensor:
    """Return (T, B, 1, I) of (B, T, I)."""
    return x.transpose(0, 1).unsqueeze(2)


def _by_rows(y: Tensor) -> Tensor:
    """Return (B, T, O) of (T, B, 1, O)."""
    return y.squeeze(2).transpose(0, 1)


def _shaped_as(states: Sequence[Tensor], rows: Sequence[Tensor]) -> list[Tensor]:
    """Return (B, ...) of (B, 1, ...)."""
    return [row.reshape(state.shape) for row, state in zip(rows, states, strict=True)]


class _Sequence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, made: Differentiable, lengths: Tensor | None, n: int, *inputs: Tensor) -> Any:
        ctx.made, ctx.n = made, n
        ctx.training = made.training(inputs[0].requires_grad, [w.requires_grad for w in inputs[1 + n :]])
        outputs, reads = _with_reads(ctx, inputs, lengths)
        outputs = owned(outputs, inputs)
        needed = [ctx.training.reads_x, *[False] * n, *ctx.training.reads_shared]
        ctx.saved = Saved(ctx, inputs, needed, reads, outputs, lengths)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        inputs, reads, lengths = ctx.saved.restored(ctx)
        with uncast(gradients[0].device):
            # A gradient of this gradient will be asked for, or a batch of them, for which there is no tape.
            if torch.is_grad_enabled() or (ctx.made.calls_torch and is_batched(gradients)):
                ctx.saved.check_all()
                return (None, None, None, *_recorded(ctx, inputs, lengths, gradients))
            if ctx.saved.changed:
                ctx.saved.check_all()
                _, reads = _with_reads(ctx, inputs, lengths)
            found = ctx.made.gradients(ctx.training, inputs, ctx.n, reads, lengths, gradients, ctx.tape)
            return (None, None, None, *found)


def _with_reads(
    ctx: Any, inputs: Sequence[Tensor], lengths: Tensor | None
) -> tuple[list[Tensor], list[Tensor]]:
    """Run forward; return the outputs, and what the backward pass reads besides what is on the tape."""
    ctx.tape = Tape(ctx.training.backward.loop.differentiated)
    outputs, values = ctx.made.forward(ctx.training.forward, inputs, ctx.n, lengths, tape=ctx.tape)
    return outputs, [values[leaf] for leaf in ctx.training.reads]


def _recorded(ctx: Any, inputs: list[Tensor], lengths: Tensor | None, gradients: Sequence[Tensor]) -> Any:
    """Run forward once more with every operation recorded, and let autograd differentiate that."""
    asked = ctx.needs_input_grad[3:]
    with torch.enable_grad():
        # Aliases: a state may be made of a weight, whose gradient would then count what comes by way of both.
        inputs = [tensor.view_as(tensor) for tensor in inputs]
        outputs, _ = ctx.made.forward(ctx.made.inference, inputs, ctx.n, lengths, eager.BACKEND)
        wanted = [tensor for tensor, need in zip(inputs, asked, strict=True) if need]
        pairs = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o.requires_grad]
        found = iter(
            torch.autograd.grad(
                [o for o, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True
            )
        )
    return [next(found) if need else None for need in asked]


def _backend(made: Differentiable, gradients: Sequence[Tensor]) -> Backend:
    """Return the level or, for a batch of gradients at once (`is_grads_batched`), what torch can batch."""
    return eager.BACKEND if is_batched(gradients) else made.backend


def is_batched(gradients: Sequence[Tensor]) -> bool:
    """Say whether these are batches of gradients, of which only torch can take the numbers."""
    batched = torch._C._functorch.peek_interpreter_stack() is not None
    return batched or any(torch._C._functorch.is_legacy_batchedtensor(g) for g in gradients)


def _live(steps: int, lengths: Tensor) -> Tensor:
    return torch.arange(steps, device=lengths.device)[:, None] < lengths


def _zero_past_end(value: Tensor, node: Node, lengths: Tensor | None) -> Tensor:
    """Put zeros past each row's length; what a loop has stored is so already."""
    if lengths is None or (node.op == "stream" and node.data[0][0] == "out"):
        return value
    live = _live(value.shape[0], lengths)
    return torch.where(live.view(*live.shape, *[1] * (value.dim() - 2)), value, torch.zeros_like(value))


def _outer(a: Tensor, g: Tensor, live: Tensor | None, backend: Backend) -> Tensor:
    """Return sum of a^T g over live steps and rows: (T, B, Z, I, K) and (T, B, Z, I, J) -> (Z, K, J)."""
    if a.shape[2:4] == (1, 1):
        return backend.outer(a.reshape(-1, a.shape[-1]), g.reshape(-1, g.shape[-1]), live)[None]
    if live is not None:
        a, g = (side.flatten(0, 1)[live].unsqueeze(0) for side in (a, g))
    a, g = (side.movedim(2, 0).flatten(1, 3) for side in (a, g))
    return a.mT @ g
