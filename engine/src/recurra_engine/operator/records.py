"""What the gradient of a call needs, kept for as long as the graph keeps the call's ticket.

A ticket is a tensor of one byte among the operator's results, and the memory of that byte keeps the record:
when the ticket is freed, as after the backward pass or at once by a checkpoint, so is the record. A ticket
that was copied, by hooks on saved tensors or by `vmap`, has no record: the backward pass runs forward again.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


class Record:
    """A call that was recorded by autograd.

    Args:
        inputs: Those whose gradients will be asked for.
        outputs: The results, with their history.
    """

    def __init__(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.inputs, self.outputs = inputs, outputs

    def gradients(self, given: Sequence[Tensor | None]) -> list[Tensor]:
        """Return the gradients of the inputs.

        Args:
            given: The gradients of the outputs; None counts as zeros.
        """
        pairs = zip(self.outputs, given, strict=True)
        known = [(o, g) for o, g in pairs if g is not None and o.requires_grad]
        outputs, gradients = [o for o, _ in known], [g for _, g in known]
        if not outputs:
            return [torch.zeros_like(tensor) for tensor in self.inputs]
        found = torch.autograd.grad(
            outputs, self.inputs, gradients, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return list(found)


class _Memory(np.ndarray[Any, Any]):
    """A byte that keeps a record."""

    record: Record


_kept: weakref.WeakValueDictionary[int, _Memory] = weakref.WeakValueDictionary()
"""The bytes by their addresses."""


def ticket_of(record: Record | None) -> Tensor:
    """Return a new ticket, which leads to this record."""
    byte = np.zeros(1, np.uint8).view(_Memory)
    if record is not None:
        byte.record = record
        _kept[byte.ctypes.data] = byte
    return torch.from_numpy(byte)


def record_of(ticket: Tensor) -> Record | None:
    """Return the record of a ticket, or None where it was copied."""
    byte = _kept.get(ticket.data_ptr())
    return None if byte is None else byte.record
