"""Networks of memory cell blocks and a linear readout, as the compiled loop of `blocks.c` sees them."""

from __future__ import annotations

from typing import NamedTuple, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from recurra import IncompatibleParts, Network

DOUBLE = torch.float64
SQUASH_G, SQUASH_H = ("scaled", "logistic", "identity"), ("scaled", "identity")


@runtime_checkable
class MemoryBlocks(Protocol):
    """A cell of b blocks of S memory cells, with common gates: what `lstm-1997` has."""

    input_size: int
    block: tuple[int, int]
    gates: list[str]
    weights: nn.Linear
    gate_bias: nn.Parameter | None
    cell_bias: nn.Parameter | None
    peepholes: nn.Parameter | None
    cells_feed_back: bool
    gates_feed_back: bool
    shows_input: bool
    truncated: bool
    g: str
    h: str


class Weights(NamedTuple):
    """All weights in float64.

    Args:
        hidden: (b S + G b, U + 1 + S): rows as in the cell; columns: the U units, bias, peepholes.
        readout: (O, n + 1): the n outputs of the cell, then the bias.
    """

    hidden: Tensor
    readout: Tensor


class BlockNetwork:
    """A network whose weights are copied for the compiled loop and written back.

    Args:
        model: One layer of memory blocks and a linear readout.

    Raises:
        IncompatibleParts: It is not such a network.
    """

    def __init__(self, model: Network) -> None:
        self.cell, self.readout = _blocks_of(model), cast(nn.Linear, model.readout)
        if not all(p.requires_grad for p in model.parameters()):
            raise IncompatibleParts("trainer 'truncated-rtrl' cannot leave weights frozen; freeze none")

    @property
    def sizes(self) -> dict[str, int]:
        """What the C text expects to be defined, except for the target and the outputs' activation."""
        cell = self.cell
        blocks, size = cell.block
        return {
            "I": cell.input_size,
            "O": self.readout.out_features,
            "BLOCKS": blocks,
            "SIZE": size,
            "GATES": len(cell.gates),
            "FEED_CELLS": int(cell.cells_feed_back),
            "FEED_GATES": int(cell.gates_feed_back),
            "SHOW_INPUT": int(cell.shows_input),
            "FORGET": int("forget" in cell.gates),
            "OUTPUT": int("output" in cell.gates),
            "CELL_BIAS": int(cell.cell_bias is not None),
            "GATE_BIAS": int(cell.gate_bias is not None),
            "PEEPHOLES": int(cell.peepholes is not None),
            "READ_BIAS": int(self.readout.bias is not None),
            "SQUASH_G": SQUASH_G.index(cell.g),
            "SQUASH_H": SQUASH_H.index(cell.h),
        }

    def packed(self) -> Weights:
        """Return a copy of all weights; what the network does not have is 0."""
        W, (blocks, size) = self.cell.weights.weight.detach(), self.cell.block
        rows, cells, units = len(W), blocks * size, W.shape[1]
        hidden = torch.zeros(rows, units + 1 + size, dtype=DOUBLE)
        hidden[:, :units] = W
        for part, place in self._parts(hidden, cells, units):
            place.copy_(part.detach().reshape(place.shape))
        readout = torch.zeros(self.readout.out_features, self.readout.in_features + 1, dtype=DOUBLE)
        readout[:, :-1] = self.readout.weight.detach()
        if self.readout.bias is not None:
            readout[:, -1] = self.readout.bias.detach()
        return Weights(hidden, readout)

    @torch.no_grad()
    def write(self, weights: Weights) -> None:
        """Write the weights back."""
        hidden, readout = weights
        W, (blocks, size) = self.cell.weights.weight, self.cell.block
        W.copy_(hidden[:, : W.shape[1]])
        for part, place in self._parts(hidden, blocks * size, W.shape[1]):
            part.copy_(place.reshape(part.shape))
        self.readout.weight.copy_(readout[:, :-1])
        if self.readout.bias is not None:
            self.readout.bias.copy_(readout[:, -1])

    def _parts(self, hidden: Tensor, cells: int, units: int) -> list[tuple[nn.Parameter, Tensor]]:
        """Return biases and peepholes, each with its place in the matrix of all weights."""
        cell = self.cell
        parts = [
            (cell.cell_bias, hidden[:cells, units]),
            (cell.gate_bias, hidden[cells:, units]),
            (cell.peepholes, hidden[cells:, units + 1 :]),
        ]
        return [(part, place) for part, place in parts if part is not None]


def _blocks_of(model: Network) -> MemoryBlocks:
    cell = model.sequencer
    if not isinstance(cell, MemoryBlocks):
        raise IncompatibleParts(
            f"trainer 'truncated-rtrl' teaches one layer of memory cell blocks, and {type(cell).__name__}"
            " is something else; choose cell=lstm-1997, or trainer=rtrl"
        )
    if not cell.truncated:
        raise IncompatibleParts(
            "trainer 'truncated-rtrl' has no whole gradient; choose cell.truncated=true, or trainer=rtrl"
        )
    if not isinstance(model.readout, nn.Linear) or model.embedding is not None:
        raise IncompatibleParts("trainer 'truncated-rtrl' needs vectors as inputs and model.readout=linear")
    return cell
