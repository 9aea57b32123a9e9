"""Teacher forcing: what was due takes the place of what a network put out, in what it sees of itself next."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class TakesTargets(Protocol):
    """What a cell offers that sees its own outputs and can be shown targets in their place.

    Source: Williams and Zipser 1989, section 5.
    """

    def forced(self, state: Any, target: Tensor, scored: Tensor) -> Any:
        """Return the state with target (B, O) in place of y, in the rows where scored (B,) is true."""
        ...
