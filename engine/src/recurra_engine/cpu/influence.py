"""Run the forward-mode recurrence of a step as compiled C; see `influence.h`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import torch
from torch import Tensor

from recurra_engine.cpu.cache import load
from recurra_engine.passes.influence_groups import Group

WORTH_A_THREAD = 1_000_000
"""How many multiplications a thread must have to do; below that starting it costs more."""
_LONG, _POINTER = ctypes.c_long, ctypes.c_void_p


class _Group(ctypes.Structure):
    _fields_ = [
        *((name, _LONG) for name in ("rows", "dense", "entries", "runs", "columns", "J_at", "gradient_at")),
        *((name, _POINTER) for name in ("states", "matrix", "entry", "run", "term")),
    ]


class _Influence(ctypes.Structure):
    _fields_ = [
        *((name, _LONG) for name in ("steps", "batch", "states", "numbers", "groups", "J_row")),
        ("lengths", _POINTER),
        ("group", ctypes.POINTER(_Group)),
        *((name, _POINTER) for name in ("factors", "before", "after", "J", "gradient", "signs")),
    ]


class Kernel:
    """The recurrence of some groups, with J and the gradient laid out for it.

    Args:
        groups: What is kept of J; a single one for an estimate of rank one.
        states: S, the numbers of the state.
        rank_one: Whether J is an estimate of rank one.
        dtype: In which it computes.

    Attributes:
        J_row: Numbers of J for one row of the batch.
        width: The length of the gradient as it is laid out.
        starts: For each group, where its columns begin in the gradient.

    Raises:
        NoCompiler: This machine cannot compile it.
    """

    def __init__(self, groups: Sequence[Group], states: int, rank_one: bool, dtype: torch.dtype) -> None:
        self.states, self.rank_one = states, rank_one
        self.library = _library(dtype == torch.float32)
        self.tile: int = 1 if rank_one else self.library.tile_width()
        self.tables: list[Tensor] = []  # whose memory the structures point to
        self.starts: list[int] = []
        self.J_row, self.width = (states if rank_one else 0), 0
        self.groups = (_Group * len(groups))(*map(self._group, groups))
        self.multiplications = sum(group.multiplications for group in groups)

    def _group(self, group: Group) -> _Group:
        columns, tiles = group.columns, -(-group.columns // self.tile)
        made = _Group(
            *(len(group.rows), group.matrix.shape[1], len(group.entries), len(group.runs), columns),
            *(self.J_row, self.width),
            *map(self._kept, (group.rows, group.matrix.clamp(0), group.entries, *_runs(group))),
        )
        self.starts.append(self.width)
        self.J_row += tiles * self.tile * (1 if self.rank_one else len(group.rows))
        self.width += tiles * self.tile
        return made

    def _kept(self, table: Tensor) -> int:
        table = table.to(torch.int64).contiguous()
        self.tables.append(table)
        return table.data_ptr()

    def in_order(self, J: Tensor) -> Tensor:
        """Return J (B, J_row) row by row of each group, without what fills its tiles."""
        if self.rank_one:
            return J.clone()
        return torch.cat(
            [self._tiles(J, i).flatten(2)[..., : g.columns].flatten(1) for i, g in self._each()], 1
        )

    def laid_out(self, numbers: Tensor) -> Tensor:
        """Return J (B, J_row) of what `in_order` returns."""
        if self.rank_one:
            return numbers.clone()
        J, start = numbers.new_zeros(len(numbers), self.J_row), 0
        for i, group in self._each():
            size = group.rows * group.columns
            own = numbers[:, start : start + size].view(-1, group.rows, group.columns)
            tiles = self._tiles(J, i)
            filled = tiles.shape[2] * tiles.shape[3] - group.columns
            tiles.copy_(torch.nn.functional.pad(own, (0, filled)).view(tiles.shape))
            start += size
        return J

    def _each(self) -> list[tuple[int, Any]]:
        return list(enumerate(self.groups))

    def _tiles(self, J: Tensor, i: int) -> Tensor:
        """Return the part of group i, (B, rows, tiles, width)."""
        group = self.groups[i]
        tiles = -(-group.columns // self.tile)
        part = J[:, group.J_at : group.J_at + tiles * group.rows * self.tile]
        return part.view(-1, tiles, group.rows, self.tile).transpose(1, 2)

    def run(
        self,
        factors: Tensor,
        before: Tensor | None,
        after: Tensor | None,
        J: Tensor,
        lengths: Tensor | None,
        signs: Tensor | None = None,
    ) -> Tensor:
        """Advance J (B, J_row) in place over factors (T, B, N), and return the gradient (width,).

        Args:
            factors: D, E and a of each step.
            before: ∂ loss / ∂ s before each step, (T, B, S), or None for zeros.
            after: ∂ loss / ∂ s after each step, (T, B, S), or None for zeros.
            J: The influence before the first step.
            lengths: (B,) or None.
            signs: (T, B, S), for an estimate of rank one.
        """
        steps, batch, numbers = factors.shape
        given = [part if part is None else part.contiguous() for part in (factors, before, after)]
        gradient, signs = factors.new_zeros(self.width), signs if signs is None else signs.contiguous()
        ends = None if lengths is None else lengths.to(torch.int64).contiguous()
        call = _Influence(
            *(steps, batch, self.states, numbers, len(self.groups), self.J_row),
            _address(ends),
            self.groups,
            *map(_address, (*given, J, gradient, signs)),
        )
        if self._run(ctypes.byref(call), steps * batch):
            raise MemoryError("out of memory for the scratch buffer of a forward-mode recurrence")
        return gradient

    def _run(self, call: Any, row_steps: int) -> int:
        if self.rank_one:
            return int(self.library.advance_rank_one(call))
        work = row_steps * self.multiplications
        threads = max(1, min(torch.get_num_threads(), work // WORTH_A_THREAD))
        return int(self.library.advance(call, threads))


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _runs(group: Group) -> tuple[Tensor, Tensor]:
    """Return where the columns and the terms of each run begin, with the end; and all terms."""
    terms = group.terms
    sizes = torch.tensor([[run.columns, len(own)] for run, own in zip(group.runs, terms, strict=True)])
    return torch.cat([torch.zeros(1, 2, dtype=torch.int64), sizes.cumsum(0)]), torch.cat(terms)


@lru_cache
def _library(single: bool) -> Any:
    here = files("recurra_engine.cpu")
    parts = [here.joinpath(name).read_text() for name in ("kernels.h", "tiny.h", "influence.h")]
    library = load("\n".join([f"#define REAL_IS_FLOAT {int(single)}", *parts]), name="influence")
    library.advance.argtypes, library.advance_rank_one.argtypes = [_POINTER, _LONG], [_POINTER]
    library.tile_width.restype = _LONG
    return library
