"""Calls of torch from inside a compiled loop, on the memory in which the loop works."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from recurra_engine.ir.graph import Shape
from recurra_engine.ir.torch_calls import Call, Tape, TorchCall

CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_long, ctypes.c_long)
NONE = CALLBACK()


@dataclass(frozen=True)
class Place:
    """Where a value lies.

    Args:
        shape: Its shape for one row.
        at: Where it begins in scratch for one row, or the number of a shared tensor.
        strides: For a shared tensor, strides and offset within it; None in scratch.
    """

    shape: Shape
    at: int
    strides: tuple[Shape, int] | None = None


@dataclass(frozen=True)
class TorchTask:
    """A call: what it reads, and where its result goes."""

    call: Call
    args: Sequence[Place]
    target: Place


class Callbacks:
    """What a loop calls, by number.

    Args:
        tasks: The calls.
        scratch: The numbers of one row after the other, for each value of all rows.
        shared: What all rows share.
        rows: How many there are.
        tape: Where calls are recorded, or have been by the loop that this is the way back of.
    """

    def __init__(
        self, tasks: Sequence[TorchTask], scratch: Tensor, shared: Sequence[Tensor], rows: int, tape: Tape
    ) -> None:
        self.error: BaseException | None = None
        self.tape = tape
        self.left = {call: len(records) for call, records in tape.records.items()}

        def tensor(place: Place, own: bool) -> Tensor:
            if place.strides is not None:
                return torch.as_strided(shared[place.at], place.shape, *place.strides)
            size = math.prod(place.shape)
            every = scratch[place.at * rows : (place.at + size) * rows].view(rows, *place.shape)
            return every if own else every[0]

        self.tasks = [
            (
                task.call,
                [(tensor(place, own), own) for place, own in zip(task.args, task.call.own, strict=True)],
                tensor(task.target, True),
            )
            for task in tasks
        ]

    def run(self, number: int, rows: int) -> int:
        """Do one call for the first rows, and return whether it failed."""
        call, given, target = self.tasks[number]
        try:
            if rows < target.shape[0]:
                given = [(tensor[:rows] if own else tensor, own) for tensor, own in given]
            target[:rows] = self._value(call, [tensor for tensor, _ in given])
        except BaseException as error:  # of the user's, or of the keyboard's: raised when the loop has ended
            self.error = error
        return int(self.error is not None)

    def _value(self, call: Call, given: list[Tensor]) -> Tensor:
        if isinstance(call, TorchCall):
            return self.tape.do(call, given) if call in self.tape.records else call(*given)
        if not self.tape.records.get(call.of):  # the call was done before the loop, for all steps at once
            return call(*given)
        self.left[call.of] -= 1
        record = self.tape.take(call.of, self.left[call.of])
        return call(*given) if record is None else call.from_record(record, given[-1])
