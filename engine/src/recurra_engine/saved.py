"""What a call leaves to its backward pass, and what may be changed in place between the two.

The outputs are the caller's, to change at will, though the backward pass reads some of their memory: a call
whose outputs were changed runs forward again. An input may be changed if its value is not read, as in the
loop; one that is read and was changed is autograd's error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from recurra_engine.frontend.operators import place_of


class Version:
    """Tells whether a tensor was changed in place, without keeping its memory."""

    def __init__(self, tensor: Tensor) -> None:
        self._counter = tensor.detach()  # which counts for both
        self._counter.data = tensor.new_empty(0)
        self._then = self._counter._version

    @property
    def changed(self) -> bool:
        """Whether it was changed since this was made."""
        return self._counter._version != self._then


class Saved:
    """The tensors of one call; autograd keeps those whose values are read.

    Args:
        ctx: The call's context.
        inputs: All its inputs.
        needed: For each, whether the backward pass reads its value.
        reads: What else it reads.
        outputs: What the caller gets.
        lengths: (B,) or None.
    """

    def __init__(
        self,
        ctx: Any,
        inputs: Sequence[Tensor],
        needed: Sequence[bool],
        reads: Sequence[Tensor],
        outputs: Sequence[Tensor],
        lengths: Tensor | None,
    ) -> None:
        self._aside = [
            None if need or not _stays(tensor) else (tensor, _version(tensor))
            for tensor, need in zip(inputs, needed, strict=True)
        ]
        places = {place_of(read) for read in reads}
        self._outputs = [Version(output) for output in outputs if place_of(output) in places]
        kept = [tensor for tensor, aside in zip(inputs, self._aside, strict=True) if aside is None]
        # With version counters of their own, since the caller's changes are seen to by `changed`.
        ctx.save_for_backward(*kept, *(read.data for read in reads), *([] if lengths is None else [lengths]))
        self._counts = len(kept), len(reads)

    @property
    def changed(self) -> bool:
        """Whether the caller has changed an output that shares its memory with what is saved."""
        return any(output.changed for output in self._outputs)

    def restored(self, ctx: Any) -> tuple[list[Tensor], list[Tensor], Tensor | None]:
        """Return inputs, reads and lengths."""
        saved = list(ctx.saved_tensors)
        kept, reads = self._counts
        given = iter(saved[:kept])
        inputs = [next(given) if aside is None else aside[0] for aside in self._aside]
        return inputs, saved[kept : kept + reads], (*saved[kept + reads :], None)[0]

    def check_all(self) -> None:
        """Refuse to go on where an input that is needed after all was changed."""
        if any(aside is not None and _version(aside[0]) != aside[1] for aside in self._aside):
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace "
                "operation: an input or a weight of a recurrent cell, which must run forward again"
            )


def owned(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return outputs that may be changed in place: no views, and each in memory of its own."""
    taken, found = {place_of(tensor) for tensor in inputs}, []
    for output in outputs:
        mine = place_of(output) not in taken and not _repeats(output)
        taken.add(place_of(output))
        found.append(output.detach() if mine else output.clone(memory_format=torch.contiguous_format))
    return found


def _version(tensor: Tensor) -> int | None:
    return None if tensor.is_inference() else tensor._version


def _repeats(tensor: Tensor) -> bool:
    return any(n > 1 and not stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))


def _stays(tensor: Tensor) -> bool:
    """Say whether memory is somebody's anyway, such as a parameter's, so that a reference costs nothing."""
    return (tensor if tensor._base is None else tensor._base).is_leaf
