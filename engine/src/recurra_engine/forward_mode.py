"""Forward-mode learning: a sequence runs together with the influence of every weight on the state.

What runs step by step is one compiled loop, which computes the state and all coefficients
(`passes.forward_mode`), and one compiled kernel, which advances the influence J and the gradient
(`cpu.influence`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from recurra.parametrized import evaluated_once
from recurra.state import leaves, map_state
from recurra_engine import cpu
from recurra_engine.compiled import Traced
from recurra_engine.cpu.call import compiled
from recurra_engine.cpu.influence import Kernel
from recurra_engine.ir.interpreter import Plan
from recurra_engine.passes.backend import LoopResult
from recurra_engine.passes.forward_mode import START, Elements, loop_of, recurrence, starting
from recurra_engine.passes.influence_groups import ForwardRule, Group, groups
from recurra_engine.passes.jvp import NoTangent
from recurra_engine.passes.program import Loop
from recurra_engine.passes.pull_output import pull_output

if TYPE_CHECKING:
    from recurra.cell import Cell

MOST_NUMBERS = 1 << 24
"""Of coefficients that are kept from `run` to `learn`; more are computed again, some steps at a time."""
Signs = Callable[[Tensor], Tensor]
"""Draws -1 or 1, as many as a tensor has numbers."""


@dataclass(frozen=True)
class ForwardRun:
    """A sequence that has run, for `ForwardMode.learn`.

    Args:
        y: (B, T, O).
        state: The state after each row's last step.
        x: (B, T, I).
        start: The state before the first step.
        lengths: (B,) or None.
        shared: What the steps read of the weights, with autograd's record of how it was made.
        factors: The coefficients of each step, (T, B, N), or None where they are made again.
    """

    y: Tensor
    state: Any
    x: Tensor
    start: Any
    lengths: Tensor | None
    shared: Sequence[Tensor]
    factors: Tensor | None


class Segment(NamedTuple):
    """Some steps of a sequence; the state `start` is the one before them."""

    steps: slice
    x: Tensor
    start: Any
    lengths: Tensor | None
    shared: Sequence[Tensor]
    factors: Tensor


class ForwardMode:
    """The step of a cell with its forward-mode recurrence, for one rule.

    Args:
        cell: The cell, whose weights are read at each call.
        made: Its step.
        rule: What is kept of the influence.
        like: A tensor of the dtype in which the cell runs.

    Raises:
        NoTangent: It cannot be derived; the message says why.
        NoCompiler: This machine cannot compile it.
    """

    def __init__(self, cell: Cell[Any], made: Traced, rule: ForwardRule, like: Tensor) -> None:
        self._cell = weakref.ref(cell)  # which owns, by way of what is remembered of it, all of this
        self.made, self.rule, self.dtype = made, rule, like.dtype
        program = made.program
        self.wanted = tuple(value.requires_grad for value in self._shared(like))
        derived = recurrence(program, self.wanted, local=rule == "e-prop")
        self.states = len(derived.D)
        runs = [*derived.runs, *(starting(self.states) if self._start().requires_grad else [])]
        if not runs:
            raise NoTangent("no weight that learns acts on the state")
        self.groups = groups(derived.D, runs, rule)
        self.kernel = Kernel(self.groups, self.states, rule == "uoro", like.dtype)
        self.seeds = [seed.to(like) for seed in derived.seeds.values()]
        self.loop, prepared = loop_of(program, derived)
        self.prepared = Plan(prepared, [*program.shared, *derived.seeds])
        self.pull = pull_output(program, self.wanted)
        for loop in filter(None, (self.loop, self.pull.loop)):
            compiled(loop, like.dtype == torch.float32)

    @property
    def cell(self) -> Cell[Any]:
        """The cell."""
        cell = self._cell()
        assert cell is not None
        return cell

    # --- the influence --------------------------------------------------------------------------------------

    def start(self, rows: int, signs: Signs) -> Tensor:
        """Return the influence on the initial state, (B, numbers): zeros unless that is learned."""
        J = torch.zeros(rows, self.kernel.J_row, dtype=self.dtype)
        if self.rule == "uoro" and self.learned_start:
            nu = signs(J.new_zeros(rows, self.states))
            J[:, : self.states] = nu
            J[:, self.states + self.places[START]] = nu
        elif self.learned_start:
            J[:, self._ones()] = 1
        return J

    @property
    def learned_start(self) -> bool:
        """Whether the initial state is learned."""
        return START in self.places

    @cached_property
    def places(self) -> dict[int, Tensor]:
        """Where in the gradient each element of a shared weight is, or one past its end."""
        program, end = self.made.program, self.kernel.width
        sizes = {i: node.size for i, node in enumerate(program.shared)} | {START: self.states}
        found: dict[int, Tensor] = {}
        for group, begin in zip(self.groups, self.kernel.starts, strict=True):
            for i, elements in _columns(group):
                of_weight = found.setdefault(i, torch.full((sizes[i],), end))
                of_weight[elements] = begin + torch.arange(len(elements))
                begin += len(elements)
        return found

    def _ones(self) -> Tensor:
        """Return where J is 1 at the start of a sequence: ∂ s / ∂ s(0)."""
        tile, places = self.kernel.tile, []
        for group, laid_out in zip(self.groups, self.kernel.groups, strict=True):
            column = 0
            for i, elements in _columns(group):
                if i == START:
                    row = int((group.rows == elements).nonzero())
                    tiles = column // tile * tile * len(group.rows)
                    places.append(laid_out.J_at + tiles + row * tile + column % tile)
                column += len(elements)
        return torch.tensor(places)

    # --- running and learning -------------------------------------------------------------------------------

    def run(self, x: Tensor, state: Any, lengths: Tensor | None = None) -> ForwardRun:
        """Run over x (B, T, I), without a graph."""
        shared = self._shared(x)
        keep = x.shape[0] * x.shape[1] * self.loop.out[1].size <= MOST_NUMBERS
        ran = self._over(x, state, lengths, shared)
        y = ran.out[0].squeeze(2).transpose(0, 1)
        return ForwardRun(y, _like(state, ran.after), x, state, lengths, shared, ran.out[1] if keep else None)

    def learn(self, ran: ForwardRun, g: Tensor, J: Tensor, nu: Tensor | None = None) -> dict[int, Tensor]:
        """Advance J (B, numbers) in place, and return the gradient of each shared weight by its number.

        Args:
            ran: The sequence.
            g: ∂ loss / ∂ y, (B, T, O).
            J: The influence on the state before it.
            nu: Signs (B, T, S), for an estimate of rank one.
        """
        g = g.transpose(0, 1)
        total = g.new_zeros(self.kernel.width + 1)
        direct: dict[int, Tensor] = {}
        for part in self._segments(ran):
            before, after, found = self._pulled(part, g[part.steps])
            for i, value in found.items():
                direct[i] = direct[i] + value if i in direct else value
            signs = None if nu is None else nu.transpose(0, 1)[part.steps]
            total[:-1] += self.kernel.run(part.factors, before, after, J, part.lengths, signs)
        return self._by_weight(total, direct)

    def pulled(self, J: Tensor, g: Tensor) -> dict[int, Tensor]:
        """Return the gradient of each shared weight for g = ∂ loss / ∂ s (B, S)."""
        nothing = g.new_zeros(1, len(g), self.loop.out[1].size)
        signs = g.new_zeros(1, len(g), self.states)
        found = self.kernel.run(nothing, g[None], None, J.clone(), None, signs)
        return self._by_weight(torch.cat([found, found.new_zeros(1)]), {})

    def of_parameters(
        self, found: dict[int, Tensor], parameters: Sequence[Tensor], shared: Sequence[Tensor] | None = None
    ) -> list[Tensor]:
        """Return the gradients of parameters, from those of the shared weights that are made of them."""
        if not found:
            return [torch.zeros_like(parameter) for parameter in parameters]
        shared = self._shared(parameters[0]) if shared is None else shared
        outputs = [self._start() if i == START else shared[i] for i in found]
        gradients = [value.view(output.shape) for value, output in zip(found.values(), outputs, strict=True)]
        return list(
            torch.autograd.grad(
                outputs, parameters, gradients, allow_unused=True, materialize_grads=True, retain_graph=True
            )
        )

    def _by_weight(self, gradient: Tensor, direct: dict[int, Tensor]) -> dict[int, Tensor]:
        found = {i: gradient[places] for i, places in self.places.items()}
        for i, value in direct.items():
            found[i] = found[i] + value.flatten() if i in found else value.flatten()
        return found

    def _shared(self, like: Tensor) -> list[Tensor]:
        with torch.enable_grad(), evaluated_once(self.cell):
            return list(self.made.weights(self.made.step.inputs(self.cell), like))

    def _start(self) -> Tensor:
        with torch.enable_grad():
            return torch.cat([part.flatten() for _, part in leaves(self.cell.initial_state(1))])

    def _over(self, x: Tensor, state: Any, lengths: Tensor | None, shared: Sequence[Tensor]) -> LoopResult:
        with torch.no_grad():
            made = self.prepared([*(value.detach() for value in shared), *self.seeds], x)
            return _by_length(self.loop, [_by_steps(x)], _rows(state), made, lengths)

    def of_states(self, ran: ForwardRun, g: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return ∂ loss / ∂ s before and after each step, (T, B, S) or None, of ∂ loss / ∂ y (T, B, O)."""
        (part,) = self._segments(ran)
        return self._pulled(part, g)[:2]

    def _pulled(self, part: Segment, g: Tensor) -> tuple[Tensor | None, Tensor | None, dict[int, Tensor]]:
        if self.pull.loop is None:
            return None, self.pull.placed(g), {}
        streams = [_by_steps(part.x), g.unsqueeze(2)]
        streams = [stream for stream, read in zip(streams, self.pull.reads, strict=True) if read]
        values = [value.detach() for value in part.shared]
        ran = _by_length(self.pull.loop, streams, _rows(part.start), values, part.lengths)
        return self.pull.separated(ran)

    def _segments(self, ran: ForwardRun) -> Iterator[Segment]:
        """Yield the sequence in parts whose coefficients fit into memory."""
        steps = ran.x.shape[1]
        if ran.factors is not None:
            yield Segment(slice(0, steps), ran.x, ran.start, ran.lengths, ran.shared, ran.factors)
            return
        size = max(1, MOST_NUMBERS // (len(ran.x) * self.loop.out[1].size))
        state = ran.start
        for t in range(0, steps, size):
            x = ran.x[:, t : t + size]
            lengths = None if ran.lengths is None else (ran.lengths - t).clamp(0, x.shape[1])
            part = self._over(x, state, lengths, ran.shared)
            yield Segment(slice(t, t + size), x, state, lengths, ran.shared, part.out[1])
            state = _like(state, part.after)


def _columns(group: Group) -> Iterator[Elements]:
    for run in group.runs:
        yield from run.weights


def _by_length(
    loop: Loop, streams: list[Tensor], parts: list[Tensor], shared: Sequence[Tensor], lengths: Tensor | None
) -> LoopResult:
    """Run a loop with the longest rows first, and return what it left in the order of the rows."""
    size = (streams[0].shape[0], streams[0].shape[1])
    if lengths is None:
        return cpu.BACKEND.run(loop, streams, parts, shared, size, None, None)
    ends, order = lengths.to(torch.int64).sort(descending=True, stable=True)
    back = order.argsort()
    ran = cpu.BACKEND.run(
        loop,
        [stream.index_select(1, order) for stream in streams],
        [part.index_select(0, order) for part in parts],
        shared,
        size,
        ends,
        None,
    )
    out = [value.index_select(1, back) for value in ran.out]
    return LoopResult(out, [part.index_select(0, back) for part in ran.after], ran.sums, {})


def _by_steps(x: Tensor) -> Tensor:
    """Return (T, B, 1, I) of (B, T, I)."""
    return x.transpose(0, 1).unsqueeze(2)


def _rows(state: Any) -> list[Tensor]:
    return [part.detach().unsqueeze(1) for _, part in leaves(state)]


def _like(state: Any, parts: Sequence[Tensor]) -> Any:
    given = iter(parts)
    return map_state(lambda part: next(given).reshape(part.shape), state)
