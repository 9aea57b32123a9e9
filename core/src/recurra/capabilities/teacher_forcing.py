"""Teacher forcing: the target replaces the network's own output as its next input."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class TakesTargets(Protocol):
    """A cell that reads its own previous outputs, which targets can replace.

    Source: Williams and Zipser 1989, section 5.
    """

    def forced(self, state: Any, target: Tensor, scored: Tensor) -> Any:
        """Return the state with target (B, O) in place of y, in the rows where scored (B,) is true."""
        ...
