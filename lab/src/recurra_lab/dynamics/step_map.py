"""One step of a network as a function of vectors, and where its states have been."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from recurra import Batch, IncompatibleParts, Network, leaves, map_state, using
from recurra_lab.training.graph_model import GraphModel
from recurra_wrappers import Bidirectional

MOST = 4096
"""Numbers in a state; of more, Jacobians do not fit."""


class StepMap:
    """The map from one state to the next, in float64 and evaluation mode.

    Shapes: a state is a vector of D numbers, all tensors of the state one after the other.

    Args:
        network: The network; it is copied.

    Raises:
        IncompatibleParts: It reads trees or sequences from both ends, its gradient is not exact, or its state
            is not made of real numbers alone, or of too many.
    """

    def __init__(self, network: Network) -> None:
        self.network = copy.deepcopy(network).double().eval().requires_grad_(False)
        self.sequencer = self.network.sequencer
        if isinstance(network, GraphModel) or network.tags.input_kind != "vectors":
            raise IncompatibleParts("a network that reads trees or graphs has no state that steps change")
        if any(isinstance(part, Bidirectional) for part in network.modules()):
            raise IncompatibleParts("a bidirectional network has no state that a step changes")
        if not (network.tags.differentiable and network.tags.exact_gradient):
            raise IncompatibleParts("the gradient of this cell is not exact, so its Jacobian is unknown")
        self._like = self.sequencer.initial_state(1)
        parts = [part for _, part in leaves(self._like)]
        self.size = sum(part.numel() for part in parts)
        if not self.size or not all(part.is_floating_point() for part in parts):
            raise IncompatibleParts(
                "the state of this network has no real numbers alone, so it has no Jacobian"
            )
        if self.size > MOST:
            raise IncompatibleParts(f"the state of this network has {self.size:,} numbers; at most {MOST:,}")

    def vector(self, state: Any) -> Tensor:
        """Return a state as vectors (B, D)."""
        return torch.cat([part.flatten(1) for _, part in leaves(state)], 1)

    def state(self, vectors: Tensor) -> Any:
        """Return vectors (B, D) as a state."""
        sizes = [part[0].numel() for _, part in leaves(self._like)]
        given = iter(torch.split(vectors, sizes, 1))
        return map_state(lambda part: next(given).reshape(-1, *part.shape[1:]), self._like)

    def __call__(self, vectors: Tensor, x: Tensor) -> Tensor:
        """Return the next states: (B, D), inputs (B, I) -> (B, D)."""
        return self.vector(self.advanced(vectors, x)[1])

    def advanced(self, vectors: Tensor, x: Tensor) -> tuple[Tensor, Any]:
        """Return the outputs (B, O) and the next state, by the loop, which every derivative can follow."""
        with using("loop"):
            y, state = self.sequencer.unroll(x[:, None], self.state(vectors))
        return self.network.readout(y)[:, 0], state

    def at(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the map of single states under a constant input (I,): (D,) -> (D,)."""
        return lambda vector: self(vector[None], x[None])[0]

    def inputs(self, batch: Batch) -> Tensor:
        """Return what the sequencer reads, (B, T, I): embedded tokens, or vectors in float64."""
        x = batch.x.double() if batch.x.is_floating_point() else batch.x
        return x if self.network.embedding is None else self.network.embedding(x)

    @torch.no_grad()
    def visited(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the states after every valid step of a batch, (n, D), and the inputs there, (n, I)."""
        x = self.inputs(batch)
        vectors, states = self.vector(self.sequencer.initial_state(len(x))), []
        for x_t in x.unbind(1):
            vectors = self(vectors, x_t)
            states.append(vectors)
        valid = torch.arange(x.shape[1]) < batch.lengths[:, None]
        return torch.stack(states, 1)[valid], x[valid]
