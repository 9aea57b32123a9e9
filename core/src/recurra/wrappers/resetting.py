"""New sequences inside a sequence: the state starts again where a mask says so."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurra.cell import Cell, check_input, checked_lengths
from recurra.errors import InvalidInput
from recurra.state import select
from recurra.wrappers.base import CellWrapper


class Resetting(CellWrapper):
    """A cell that can be told to forget: before each marked step, the state is set to the initial state.

    `resets` (B, T) is true where a row begins anew, as at the borders of episodes or of sequences that were
    put one after the other into one row. No gradient crosses such a border. Marks past a row's length change
    nothing, and without `resets` the cell runs as ever. Where the initial state is drawn, as that of
    `RecurrentDropout`, it is drawn at every step, so every sequence has masks of its own.

    Shapes: those of the cell, and its state.
    """

    def forward(
        self,
        x: Tensor | PackedSequence,
        state: Any = None,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Any, Any]:
        """Run over a whole sequence.

        Args:
            x: (B, T, I), or a `PackedSequence`, which gives a `PackedSequence` back.
            state: Where to start, or None for the initial state; a row that is reset at once does not see it.
            lengths: (B,) steps that count in each row; past them the state stands still and y is zero.
            resets: (B, T) booleans, true where the state is set to the initial one before the step. The rows
                of a packed x are in the order in which they were before packing.

        Returns:
            y (B, T, O) and the final state.

        Raises:
            InvalidInput: A tensor has the wrong shape, dtype or device, or a length exceeds T.
        """
        if resets is None:
            return super().forward(x, state, lengths)
        marked = _Marked(self.cell)
        if isinstance(x, PackedSequence):
            return marked(_packed(x, resets), state)  # type: ignore[no-any-return]
        check_input(self, x)
        lengths = checked_lengths(self, x, lengths)
        _check(resets, (x.shape[0], x.shape[1]))
        both = torch.cat([x, resets[..., None].to(x)], -1)
        return marked.run(both, self.started(state, x.shape[0]), lengths)

    def run(self, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        """Run the cell as it runs by itself."""
        return self.cell.run(x, state, lengths)


class _Marked(CellWrapper):
    """Reads [x, mark], and starts anew before a step whose mark is 1."""

    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__(cell)
        self.input_size = cell.input_size + 1

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        start = self.cell.initial_state(x.shape[0])
        return self.cell.step(x[:, :-1], select(x[:, -1] > 0, start, state))


def _check(resets: Tensor, wanted: tuple[int, int]) -> None:
    if not isinstance(resets, Tensor):
        raise InvalidInput(f"Resetting: resets must be a tensor {wanted}, got {type(resets).__name__}")
    if resets.dtype != torch.bool or tuple(resets.shape) != wanted:
        got = f"{tuple(resets.shape)} of {resets.dtype}"
        raise InvalidInput(f"Resetting: resets must be {wanted} of torch.bool, got {got}")


def _packed(x: PackedSequence, resets: Tensor) -> PackedSequence:
    _check(resets, (int(x.batch_sizes[0]), len(x.batch_sizes)))
    rows = resets.to(x.data.device)
    rows = rows if x.sorted_indices is None else rows[x.sorted_indices]
    marks = torch.cat([rows[:n, t] for t, n in enumerate(x.batch_sizes.tolist())])
    data = torch.cat([x.data, marks[:, None].to(x.data)], -1)
    return PackedSequence(data, x.batch_sizes, x.sorted_indices, x.unsorted_indices)
