"""What several cells share: the option for their size, and a state of one tensor."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor

from recurra import Cell

Size = Annotated[int, Field(gt=0, description="H, number of units")]


class HiddenState(NamedTuple):
    """The state: the output h (B, H)."""

    h: Tensor


class HiddenCell(Cell[HiddenState]):
    """A cell whose state is its output; subclasses define the step."""

    contract_options = {"hidden_size": 5}

    def initial_state(self, batch_size: int) -> HiddenState:
        """Return zeros."""
        return HiddenState(self.zeros(batch_size, self.output_size))

    def diagnostics(self, state: HiddenState) -> dict[str, Tensor]:
        """Return the output."""
        return {"hidden units": state.h}
