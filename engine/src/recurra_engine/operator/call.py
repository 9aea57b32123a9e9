"""The operator at work: a call of a cell with the tensors of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey

from recurra import sequence
from recurra.checks import checked_lengths
from recurra.parametrized import evaluated_once, parametrized
from recurra.state import leaves, map_state
from recurra.transforms import owners
from recurra_engine.dispatch import outside_hooks
from recurra_engine.frontend.operators import place_of
from recurra_engine.operator.description import structure_of
from recurra_engine.operator.records import Record
from recurra_engine.stand_in import standing_in, tensors_of

_OF_AUTOGRAD = (
    DispatchKey.AutogradFunctionality,
    DispatchKey.AutogradOther,
    DispatchKey.AutogradNestedTensor,
    DispatchKey.ADInplaceOrView,
)


@dataclass(frozen=True)
class Call:
    """A call of a cell, as the graph has it.

    Args:
        number: The cell's.
        x: (B, T, I).
        state: The tensors of the state (B, ...).
        tensors: What stands in for the cell's own, in the order of `tensors_of`.
        lengths: (B,) or None.
        resets: (B, T) or None.
        states: Whether the states after all steps are asked for.
        needs: For x, each of the state and each of the tensors, whether its gradient may be asked for.
        width: O.
        dtype: The dtype of y.
        cast: What autocast casts to, or None.
        place: Where a graph calls a cell that draws random numbers, since equal calls count as one; else 0.
    """

    number: int
    x: Tensor
    state: Sequence[Tensor]
    tensors: Sequence[Tensor]
    lengths: Tensor | None
    resets: Tensor | None
    states: bool
    needs: Sequence[bool]
    width: int
    dtype: torch.dtype
    cast: torch.dtype | None
    place: int

    @property
    def inputs(self) -> list[Tensor]:
        """What a gradient may be asked for."""
        return [self.x, *self.state, *self.tensors]

    @property
    def sizes(self) -> list[tuple[tuple[Any, ...], torch.dtype]]:
        """The shapes and dtypes of y and of the tensors of the state."""
        lead = tuple(self.x.shape[:2])
        states = [(*lead, *part.shape[1:]) if self.states else tuple(part.shape) for part in self.state]
        y = (*lead, self.width), self.dtype
        return [y, *((shape, part.dtype) for shape, part in zip(states, self.state, strict=True))]

    def results(self) -> list[Tensor]:
        """Return y and the tensors of the state."""
        with _with_autograd(False), self._cast():
            return self._run(self.inputs)

    def recorded(self) -> Record:
        """Return the call with autograd's record of it."""
        own = {place_of(tensor) for tensor in tensors_of(self._cell()).values()}
        with _with_autograd(True), self._cast():
            given = [_own(t, need, own) for t, need in zip(self.inputs, self.needs, strict=True)]
            wanted = [tensor for tensor, need in zip(given, self.needs, strict=True) if need]
            return Record(wanted, self._run(given))

    def gradients(self, record: Record | None, given: Sequence[Tensor | None]) -> list[Tensor]:
        """Return the gradients of inputs that need one; without a record, the call runs once more.

        Raises:
            RuntimeError: It would draw other random numbers.
        """
        if record is None:
            if self.place:
                who, why = type(self._cell()).__name__, "what was saved was copied, as by a hook"
                again = "the backward pass would have to run forward again, with other random numbers"
                raise RuntimeError(f"{who}: {why}, so {again}")
            record = self.recorded()
        with _with_autograd(False):
            return [gradient.contiguous() for gradient in record.gradients(given)]

    def _cast(self) -> torch.autocast:
        device = self.x.device.type
        return torch.autocast(device, self.cast, enabled=self.cast is not None)

    def _cell(self) -> Any:
        cell = owners.get(self.number)
        if cell is None:
            raise RuntimeError("a compiled graph calls a cell that is gone, or that of another process")
        return cell

    def _run(self, given: Sequence[Tensor]) -> list[Tensor]:
        cell, n = self._cell(), len(self.state)
        x, parts, tensors = given[0], iter(given[1 : 1 + n]), given[1 + n :]
        lengths = None if self.lengths is None else checked_lengths(cell, x, self.lengths)
        with standing_in(cell, tensors, self.resets is not None, self.states) as one, evaluated_once(one):
            parametrized(one)  # first of all: torch keeps one value for a module and all its copies
            state = map_state(lambda _: next(parts), structure_of(cell))
            y, after = sequence.run(one, x, state, lengths, resets=self.resets, states=self.states)
        results = [y, *(part for _, part in leaves(after))]
        self._check(cell, results)
        return results

    def _check(self, cell: Any, results: Sequence[Tensor]) -> None:
        got = [(tuple(result.shape), result.dtype) for result in results]
        if got != self.sizes:
            who, hint = type(cell).__name__, "call torch.compiler.reset() after such a change"
            raise RuntimeError(f"{who}: it was compiled for results {self.sizes} and gives {got}; {hint}")


def _own(tensor: Tensor, need: bool, kept: set[int]) -> Tensor:
    """Return an input that stays as it is until the gradient is asked for.

    Generated code reuses the memory of values that its graph does not read any more, without a word to
    autograd. It does not reuse that of the cell's own tensors.
    """
    mine = tensor.detach() if place_of(tensor) in kept else tensor.detach().clone()
    return mine.requires_grad_(need)


@contextmanager
def _with_autograd(recording: bool) -> Iterator[None]:
    """Let autograd see what runs: inside an operator it is switched off, and so it is in compiled graphs."""
    without = torch._C._dispatch_tls_local_exclude_set()
    for key in _OF_AUTOGRAD:
        without = without.remove(key)
    included = torch._C._dispatch_tls_local_include_set()
    guard = torch._C._ForceDispatchKeyGuard(included, without)
    with guard, torch.set_grad_enabled(recording), outside_hooks():
        yield
