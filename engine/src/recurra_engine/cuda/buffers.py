"""The tensors of one run: a buffer for everything that `access` names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from recurra_engine.cuda.addressing import buffer
from recurra_engine.cuda.program import Program
from recurra_engine.ir.graph import Node, Shape
from recurra_engine.lower.views import as_indexed, laid_out, natural
from recurra_engine.passes.backend import LoopResult


class Inputs:
    """What a run is given, as its buffers hold it: rows laid out naturally, one after another."""

    def __init__(
        self,
        streams: Sequence[Tensor],
        carried: Sequence[Tensor],
        shared: Sequence[Tensor],
        lengths: Tensor | None,
    ) -> None:
        self.streams = {f"x{i}": laid_out(stream, 2) for i, stream in enumerate(streams)}
        self.shared = {f"w{i}": tensor for i, tensor in enumerate(shared)}
        self.carried = [laid_out(tensor, 1) for tensor in carried]
        self.lengths = lengths

    @property
    def bytes(self) -> int:
        """What buffers for streams and weights take."""
        return _bytes([*self.streams.values(), *self.shared.values()])


class Places:
    """The buffers of a program for so many steps and rows.

    Args:
        program: The program.
        size: T and B.
        device: Where they lie.
    """

    def __init__(self, program: Program, size: tuple[int, int], device: torch.device) -> None:
        self.program, self.size, self.device = program, size, device
        steps, rows = size
        loop, stored, computed = program.loop, program.precision.stored, program.precision.computed
        self.tensors: dict[str, Tensor] = {}
        for i, (where, node) in enumerate(zip(program.carried, loop.carried, strict=True)):
            wide = computed if where.wide else stored
            self._make(f"c{i}", (where.slots("c", steps), rows, node.size), wide)
            if where.rounded:
                self._make(f"h{i}", (where.slots("h", steps), rows, node.size), stored)
            if program.ragged and where.kept and not where.rounded:
                self._make(f"f{i}", (rows, node.size), wide)
        for i, node in enumerate(loop.out):
            self._make(f"o{i}", (steps, rows, node.size), stored)
        for i, node in enumerate(loop.sums):
            self._make(f"a{i}", (rows, node.size), computed)
        for name, (count, dtype) in program.scratch.items():
            self._make(name, (rows, count), dtype)
        self.lengths = torch.empty(rows if program.ragged else 1, dtype=torch.int64, device=device)

    def _make(self, name: str, shape: Sequence[int], dtype: torch.dtype) -> None:
        self.tensors[name] = torch.empty(tuple(shape), dtype=dtype, device=self.device)

    @property
    def bytes(self) -> int:
        """What the buffers take."""
        return _bytes(self.tensors.values())

    def hold(self, given: Inputs) -> None:
        """Read inputs where they are, copied only if their rows do not follow one another."""
        for name, tensor in (given.streams | given.shared).items():
            self.tensors[name] = tensor.contiguous()

    def copy(self, given: Inputs) -> None:
        """Read inputs from buffers of its own, which stay where they are from run to run."""
        for name, tensor in (given.streams | given.shared).items():
            if name not in self.tensors:
                self._make(name, tensor.shape, tensor.dtype)
            self.tensors[name].copy_(tensor)

    def start(self, given: Inputs) -> None:
        """Put the carried values, lengths and sums where a run begins."""
        for i, (where, tensor) in enumerate(zip(self.program.carried, given.carried, strict=True)):
            flat = tensor.reshape(self.size[1], -1)
            self.tensors[f"c{i}"][0].copy_(flat)
            if where.rounded:
                self.tensors[f"h{i}"][0].copy_(flat)
            if f"f{i}" in self.tensors:
                self.tensors[f"f{i}"].copy_(flat)
        for i in range(len(self.program.loop.sums)):
            self.tensors[f"a{i}"].zero_()
        if given.lengths is not None:
            self.lengths.copy_(given.lengths)

    def rows(self, name: str, k: int) -> Tensor:
        """Return the rows (B, n) of a storage at the k-th step that is done."""
        tensor, (steps, _) = self.tensors[buffer(name)], self.size
        kind = name[0]
        if kind in "xo":
            rows = tensor[steps - 1 - k if self.program.loop.reverse else k]
            return rows.reshape(rows.shape[0], -1)
        if kind in "cn":
            where = self.program.carried[int(name[1:])]
            beside = self.tensors[f"h{name[1:]}"] if where.rounded else tensor
            return beside[(k + (kind == "n")) % beside.shape[0]]
        return tensor

    def results(self) -> LoopResult:
        """Return what the run has left; it lies in the buffers."""
        loop = self.program.loop
        out = [self._indexed(self.tensors[f"o{i}"], node, 2) for i, node in enumerate(loop.out)]
        after = [self._indexed(self._last(i), node, 1) for i, node in enumerate(loop.carried)]
        kept = {}
        for i in loop.kept:
            history = self.tensors[f"{self.program.carried[i].history}{i}"]
            kept[i] = self._indexed(history, loop.carried[i], 2)
        stored = self.program.precision.stored
        return LoopResult(out, [tensor.to(stored) for tensor in after], self._sums(out), kept)

    def _sums(self, out: list[Tensor]) -> list[Tensor]:
        layout, (stored, computed) = self.program.layout, self.program.precision
        inside = iter(range(len(self.program.loop.sums)))
        found = []
        for i, node in enumerate(layout.sums):
            late = i in layout.of_stored
            parts = out[layout.of_stored[i]].flatten(0, 1) if late else self.tensors[f"a{next(inside)}"]
            found.append(parts.sum(0, dtype=computed).reshape(node.shape).to(stored))
        return found

    def _last(self, i: int) -> Tensor:
        if f"f{i}" in self.tensors:
            return self.tensors[f"f{i}"]
        states = self.tensors[f"c{i}"]
        return states[self.size[0] % states.shape[0]]

    def _indexed(self, tensor: Tensor, node: Node, lead: int) -> Tensor:
        return as_indexed(tensor.view(*tensor.shape[:lead], *_natural(node.shape)), node.shape, lead)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _natural(shape: Shape) -> list[int]:
    return [shape[d] for d in natural(shape)]
