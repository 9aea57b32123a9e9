"""The model for graphs: its cell finds a tree over each and reads it; every node gets an answer."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from recurra.capabilities.graphs import FindsTrees, GraphTask
from recurra.config.ref import Ref
from recurra.device import placement
from recurra.errors import IncompatibleParts
from recurra.plugins import registry
from recurra.task import Task
from recurra_lab.training.forests import forest, most_certain, parsed
from recurra_lab.training.model import Model


class GraphModel(Model):
    """A model of one cell that finds trees in graphs, and a linear readout at every node.

    Shapes: x (B, T, F + N), features of each node and its row of the adjacency matrix -> y (B, T, O) for the
    nodes of the graph, and the state after the last node of each tree.

    Raises:
        IncompatibleParts: The cell finds no trees.
    """

    features: int

    def forward(self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """Find trees, read them from the initial state, and answer for each graph node."""
        if lengths is None:
            lengths = torch.full((x.shape[0],), x.shape[1], device=x.device)
        cell = cast(FindsTrees, self.sequencer)
        found = forest(parsed(cell, x, lengths, self.features), x, lengths, self.features)
        y, after = self.sequencer(found.x, lengths=found.lengths)
        return most_certain(self.readout(y), found.below), after

    def _width(self, task: Task, embedding_size: int) -> int:
        """Return the width of a node of a tree: its features and its arity."""
        self.features = cast(GraphTask, task).features
        return self.features + 1


def make_model(task: Task, cell: Ref, **options: Any) -> Model:
    """Return the model for a task: `GraphModel` where it gives graphs, else `Model`; errors as there.

    Args:
        task: What is learned.
        cell: The cell of every layer, by reference.
        options: Of `Model`.
    """
    if not (isinstance(task, GraphTask) and task.input_kind == "graphs"):
        return Model(task, cell, **options)
    model = GraphModel(task, cell, **options)
    _check_finds_trees(model)
    return model


def _check_finds_trees(model: GraphModel) -> None:
    cell = model.sequencer
    if not isinstance(cell, FindsTrees):
        others = registry.suggestion("cell", lambda component: issubclass(component, FindsTrees))
        message = "finds no trees in the graphs that the task gives, as a single, unwrapped cell must"
        raise IncompatibleParts(f"{type(cell).__name__} {message}{others}")
    # One that was made without it says so here, not while it learns.
    cell.score(torch.zeros(1, cell.output_size, **placement(cell)))
