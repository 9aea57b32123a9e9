"""An initial state that is learned."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from recurra import Cell, IncompatibleParts
from recurra_wrappers.base import CellWrapper, Only, cell_name, map_leaves, selected_leaves


class LearnedInitialState(CellWrapper):
    """A cell whose initial state is learned: one parameter for each floating-point tensor of it.

    The parameters are initialised from the cell's initial state. Integer and boolean tensors remain the
    cell's, and so do those that the cell learns already.

    A parameter is free to become anything. A weighting over memory slots must stay a distribution, and a
    learned one does not: name the other tensors in `only`, or use the memory's own option, where it has one.

    Shapes: those of the cell, and its state.  Parameters: as many as one row of these tensors has numbers.
    Source: Graves, Wayne and Danihelka 2014, whose LSTM learns its first h and c.

    Raises:
        InvalidOption: A tensor is named that the state does not have.
        IncompatibleParts: There is nothing to learn.
    """

    def __init__(self, cell: Cell[Any], *, only: Only = ()) -> None:
        super().__init__(cell)
        found = selected_leaves("LearnedInitialState", cell, only)
        starts = {name: leaf for name, leaf in found.items() if not leaf.requires_grad}
        if not starts:
            raise IncompatibleParts(
                f"LearnedInitialState: {cell_name(cell)} learns {', '.join(found)} already"
            )
        self.names = frozenset(starts)
        self.starts = nn.ParameterList(leaf[0].clone() for leaf in starts.values())

    def initial_state(self, batch_size: int) -> Any:
        """Return the learned tensors, the same for every row, and the others of the cell's initial state."""
        starts = iter(self.starts)

        def learned(leaf: Tensor) -> Tensor:
            first: Tensor = next(starts)
            return first.expand_as(leaf)

        return map_leaves(self.names, learned, self.cell.initial_state(batch_size))

    def unroll(
        self,
        x: Tensor,
        state: Any,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        states: bool = False,
    ) -> tuple[Tensor, Any]:
        """Run the cell as it runs by itself, since only the start differs, unless it starts anew inside."""
        if resets is not None:
            return super().unroll(x, state, lengths=lengths, resets=resets, states=states)
        return self.cell.as_part(x, state, lengths=lengths, states=states)
