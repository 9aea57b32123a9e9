"""What the contract of `force` is checked on; imported by the contract kit alone."""

import torch
from torch import Tensor, nn

from recurra import Cell
from recurra_contract import Examples, ToyTask
from recurra_recursive_least_squares.trainers import FORCE

OUTPUTS = ToyTask().output_size


class Fed(Cell[Tensor]):
    """h' = tanh(W [x, z] + U h), z the readout of h, y = h'."""

    def __init__(self, input_size: int) -> None:
        super().__init__(input_size, 4)
        self.W, self.U = nn.Linear(input_size + OUTPUTS, 4), nn.Linear(4, 4, bias=False)
        self.readback = nn.Linear(4, OUTPUTS)

    def initial_state(self, batch_size: int) -> Tensor:
        """Return zeros."""
        return self.zeros(batch_size, 4)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Advance by one step."""
        h = torch.tanh(self.W(torch.cat([x, self.readback(state)], -1)) + self.U(state))
        return h, h

    def fed_back(self) -> nn.Linear:
        """Return the copy of the readout."""
        return self.readback


def examples(trainer: FORCE) -> Examples:
    """Return a cell that feeds its readout back."""
    return Examples(cell=Fed)
