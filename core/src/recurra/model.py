"""The model of a run: tokens become vectors, cells become layers, and a readout meets the task."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra.cell import Cell, Sequencer, Tags
from recurra.errors import IncompatibleParts, InvalidInput
from recurra.options import Configurable, Ref
from recurra.task import Task
from recurra.wrappers import Bidirectional, Layers, Stacked

Count = Annotated[int, Field(gt=0)]


class Model(Configurable, nn.Module):
    """Embedding (for tokens), one or more layers of a cell, and a linear readout at every step.

    Shapes: x (B, T, I) or tokens (B, T) -> y (B, T, O), state.

    Args:
        task: Says what is read and how wide the output must be.
        cell: The cell of every layer, by reference.
        layers: Number of layers.
        bidirectional: Run a second cell from the end in every layer.
        embedding_size: Width of a token's vector.
    """

    def __init__(
        self,
        task: Task,
        cell: Ref,
        *,
        layers: Annotated[Count, Field(description="number of layers, each of the same cell")] = 1,
        bidirectional: Annotated[bool, Field(description="read from both ends, in every layer")] = False,
        embedding_size: Annotated[Count, Field(description="width of a token's vector")] = 64,
    ) -> None:
        super().__init__()
        tokens = task.gives == "tokens"
        self.embedding = nn.Embedding(task.input_size, embedding_size) if tokens else None
        width = embedding_size if tokens else task.input_size
        self.sequencer = _sequencer(cell, width, layers, bidirectional)
        _check_reads(task, cell, self.tags)
        self.readout = nn.Linear(self.sequencer.output_size, task.output_size)
        nn.init.xavier_uniform_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)

    def forward(self, x: Tensor, state: Any = None, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """Run over a batch: x (B, T, I) or tokens (B, T) -> y (B, T, O) and the final state."""
        vectors = x if self.embedding is None else self.embedding(_checked_tokens(x))
        y, state = self.sequencer(vectors, state, lengths)
        return self.readout(y), state

    @property
    def tags(self) -> Tags:
        """What all cells of the model promise together."""
        each = [m.tags for m in self.modules() if isinstance(m, Cell)]
        return Tags(
            differentiable=all(t.differentiable for t in each),
            exact_gradient=all(t.exact_gradient for t in each),
            stochastic=any(t.stochastic for t in each),
            reads=each[0].reads,
        )


def _sequencer(cell: Ref, width: int, layers: int, bidirectional: bool) -> Sequencer:
    made: list[Any] = []
    for _ in range(layers):
        made.append(_layer(cell, width, bidirectional))
        width = made[-1].output_size
    if layers == 1:
        return made[0]  # type: ignore[no-any-return]
    return Layers(made) if bidirectional else Stacked(made)


def _layer(cell: Ref, width: int, bidirectional: bool) -> Sequencer:
    ahead: Cell[Any] = cell.build(width)
    return Bidirectional(ahead, cell.build(width)) if bidirectional else ahead


def _checked_tokens(x: Tensor) -> Tensor:
    if x.dim() != 2 or x.dtype not in (torch.int64, torch.int32):
        got = f"{tuple(x.shape)} of {x.dtype}"
        raise InvalidInput(f"Model: tokens must be (batch, time) of torch.int64 or torch.int32, got {got}")
    return x


def _check_reads(task: Task, cell: Ref, tags: Tags) -> None:
    given = "vectors" if task.gives == "tokens" else task.gives
    if tags.reads != given:
        told = f"cell '{cell.name}' reads {tags.reads}, but task '{type(task).__name__}' gives {task.gives}"
        raise IncompatibleParts(f"{told}; choose a cell that reads {given}")
