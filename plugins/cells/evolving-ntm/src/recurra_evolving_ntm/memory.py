"""The tape of the Evolving Neural Turing Machine with its one head."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from recurra import Memory, RecurraError, Tags

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
OVERWRITE_THRESHOLD = 0.5
"""Where a write is all or nothing, it happens from this i on."""


class TapeOverflow(RecurraError, RuntimeError):
    """An unbounded tape needs more cells than there is room for."""

    exit_code = 1


class EvolvingNTMMemoryState(NamedTuple):
    """The state: N slots M (B, N, W), and integers (B,): where in them tape and head are.

    The tape lies in M as in a ring: its leftmost cell in slot `first`, `length` cells from there to the
    right, and the head on the cell in slot `head`. Slots outside the tape are zero.
    """

    M: Tensor
    first: Tensor
    length: Tensor
    head: Tensor


class EvolvingNTMMemory(Memory[EvolvingNTMMemoryState]):
    """A tape with one head that writes, jumps to a similar cell, shifts by one and reads, in this order.

        M[p] = i v + (1 − i) M[p]                                     write
        p = argmax_q 1 − mean |v − M[q]|  where j ≥ 0.5               content jump
        p = p + (−1, 0 or 1, where s_1, s_2 or s_3 is largest)        shift
        r = M[p]                                                      read

    The first of equal maxima counts, from the left. A shift past either end adds a zero cell there. What
    the controller emits passes through the logistic function.

    Shapes: emitted (B, W + 5) holds v, i, j and s before the activation, M (B, N, W), r (B, W).
    Parameters: none.  Initialization: a tape of one zero cell.
    Differs from the paper: an unbounded tape is held in `capacity` slots. T steps add at most T cells (2 T
    with `expand_threshold`). A step that needs more raises TapeOverflow; under torch.func.vmap and in an
    exported program, where that is impossible, its row reads NaN from then on.
    Source: Greve, Jacobsen and Risi 2016, and the authors' program; `write`, `min_similarity`,
    `expand_threshold` and the ends of a finite tape follow its later port.
    """

    slots: Tensor

    tags = Tags(differentiable=False)  # no gradient reaches j and s
    renamed_options = {"squash": "activation"}
    contract_options = {"width": 3, "capacity": 2001}  # a check takes 2,000 steps

    def __init__(
        self,
        *,
        width: Annotated[Count, Field(description="W, width of a tape cell")] = 11,
        capacity: Annotated[Count, Field(description="N, maximum number of tape cells")] = 256,
        tape: Annotated[
            Literal["unbounded", "finite", "finite-original"],
            Field(
                description="finite: N cells at most, and the ends of a full tape meet; finite-original: on "
                "a full tape a right shift leads to the first cell, a left one to the last, from anywhere"
            ),
        ] = "unbounded",
        write: Annotated[
            Literal["interpolate", "overwrite"],
            Field(description="overwrite: v replaces the cell where i >= 0.5, else it stays"),
        ] = "interpolate",
        jump_threshold: Annotated[Share, Field(description="threshold of j from which the head jumps")] = 0.5,
        min_similarity: Annotated[
            Share | None,
            Field(description="if no cell is at least this similar to v, the head jumps to the right end"),
        ] = None,
        expand_threshold: Annotated[
            Share | None,
            Field(
                description="a write on the rightmost cell adds another cell to its right if the old content "
                "is at most this similar to the new"
            ),
        ] = None,
        activation: Annotated[
            Literal["logistic", "identity"],
            Field(description="activation of v, i, j and s; identity if they already lie in [0, 1]"),
        ] = "logistic",
    ) -> None:
        self.sizes = [width, 1, 1, 3]
        super().__init__(sum(self.sizes), width)
        self.capacity, self.tape, self.overwrites = capacity, tape, write == "overwrite"
        # An unbounded tape that is one longer than there is room for stays so: that is how it is known.
        self.longest = capacity + (tape == "unbounded")
        self.jump_threshold, self.min_similarity = jump_threshold, min_similarity
        self.expand_threshold, self.squashes = expand_threshold, activation == "logistic"
        self.register_buffer("slots", torch.arange(capacity), persistent=False)

    def initial_state(self, batch_size: int) -> EvolvingNTMMemoryState:
        """Return a tape of one cell of zeros, with the head on it."""
        slot = self.slots.new_zeros(batch_size)
        M = self.zeros(batch_size, self.capacity, self.output_size)
        return EvolvingNTMMemoryState(M, slot, slot + 1, slot)

    def step(self, interface: Tensor, state: EvolvingNTMMemoryState) -> tuple[Tensor, EvolvingNTMMemoryState]:
        """Write, jump, shift, then read: what the controller emits (B, W + 5), state -> r (B, W), state.

        Raises:
            TapeOverflow: A tape needs more cells than `capacity`.
        """
        *raw, s = torch.split(interface, self.sizes, -1)
        v, i, j = (torch.sigmoid(number) if self.squashes else number for number in raw)
        state = self._write(v, i, state)
        jumps = j.squeeze(-1) >= self.jump_threshold
        state = state._replace(head=torch.where(jumps, self._most_similar(v, state), state.head))
        # Unsquashed, s has the same maximum, and keeps it where the logistic function would round to 1.
        state = self._shift(s.argmax(-1) - 1, state)
        full = self.overflowed(state)
        self._refuse(full)
        return _under_head(state).masked_fill(full[:, None], torch.nan), state

    def _refuse(self, full: Tensor) -> None:
        """Raise TapeOverflow if a row's tape is too long, where values can be read at all."""
        if torch.compiler.is_compiling():
            return
        try:
            any_full = bool(full.any())
        except RuntimeError:  # under torch.func.vmap
            return
        if any_full:
            raise TapeOverflow(
                f"EvolvingNTMMemory: a tape needs more than its capacity of {self.capacity} cells; T steps"
                " need at most T + 1, so set a larger capacity (in a run cell.memory.capacity)"
            )

    def overflowed(self, state: EvolvingNTMMemoryState) -> Tensor:
        """Tell of which rows (B,) the unbounded tape needed more cells than `capacity`."""
        return state.length > self.capacity

    def _write(self, v: Tensor, i: Tensor, state: EvolvingNTMMemoryState) -> EvolvingNTMMemoryState:
        old = _under_head(state)
        new = torch.where(i >= OVERWRITE_THRESHOLD, v, old) if self.overwrites else i * v + (1 - i) * old
        here = self.slots == state.head[:, None]
        M = torch.where(here[..., None], new[:, None], state.M)
        if self.expand_threshold is None:
            return state._replace(M=M)
        changes = _similarity(old, new) <= self.expand_threshold
        return state._replace(M=M, length=self._grown(state.length, changes & (state.head == _last(state))))

    def _most_similar(self, v: Tensor, state: EvolvingNTMMemoryState) -> Tensor:
        """Return the slot (B,) that a jump to the content v (B, W) leads to."""
        from_the_left = (state.first[:, None] + self.slots) % self.capacity
        similarity = _similarity(v[:, None], state.M).gather(1, from_the_left)
        similarity = similarity.masked_fill(self.slots >= state.length[:, None], -torch.inf)
        best = similarity.argmax(-1)
        if self.min_similarity is not None:
            best = torch.where(similarity.amax(-1) >= self.min_similarity, best, state.length - 1)
        return (state.first + best) % self.capacity

    def _shift(self, by: Tensor, state: EvolvingNTMMemoryState) -> EvolvingNTMMemoryState:
        """Move the head by -1, 0 or 1; in a full ring of slots that joins the ends of the tape."""
        M, first, length, head = state
        last, full = _last(state), length >= self.capacity
        off_left, off_right = (by < 0) & (head == first), (by > 0) & (head == last)
        to = (head + by) % self.capacity
        if self.tape == "finite-original":
            ends = torch.where(by > 0, first, torch.where(by < 0, last, head))
            to = torch.where(full, ends, to)
        first = torch.where(off_left & ~full, to, first)
        return EvolvingNTMMemoryState(M, first, self._grown(length, off_left | off_right), to)

    def _grown(self, length: Tensor, grows: Tensor) -> Tensor:
        return (length + grows).clamp_max(self.longest)

    def diagnostics(self, state: EvolvingNTMMemoryState) -> dict[str, Tensor]:
        """Return which slot the head is on, and which are the tape: it began in 0, left of which is N - 1."""
        cells = (self.slots - state.first[:, None]) % self.capacity < state.length[:, None]
        head = self.slots == state.head[:, None]
        return {"head weighting": head.to(state.M.dtype), "cells of the tape": cells.to(state.M.dtype)}


def _under_head(state: EvolvingNTMMemoryState) -> Tensor:
    """Return the cell (B, W) that the head is on."""
    return state.M.gather(1, state.head[:, None, None].expand(-1, 1, state.M.shape[2])).squeeze(1)


def _last(state: EvolvingNTMMemoryState) -> Tensor:
    """Return the slot (B,) of the rightmost cell."""
    return (state.first + state.length - 1) % state.M.shape[1]


def _similarity(u: Tensor, v: Tensor) -> Tensor:
    return 1 - (u - v).abs().mean(-1)
