"""Cells whose parts learn one after another, each by a loss of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class Staged(Protocol):
    """What a cell offers to rules that train it part by part, such as `history-compression`."""

    def stages(self) -> Sequence[nn.Module]:
        """Return the parts in the order in which they learn; a part reads what those before it make."""
        ...

    def stage_losses(self, state: Any) -> Tensor:
        """Return the loss of every part at the end of a sequence: (stages, B), in nats."""
        ...
