"""The model for graphs: its cell parses each graph into a tree and reads it; every node has an output."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from recurra.capabilities.graphs import GraphTask
from recurra.config.ref import Ref
from recurra.errors import IncompatibleParts
from recurra.plugins import registry
from recurra.state import placement
from recurra.task import Task
from recurra_lab.training.capabilities import FindsTrees
from recurra_lab.training.forests import forest, most_certain, parsed
from recurra_lab.training.model import Model


class GraphModel(Model):
    """A model of one cell that parses graphs into trees, and a linear readout at every node.

    Shapes: x (B, T, F + N), features of each node and its row of the adjacency matrix -> y (B, T, O) for the
    nodes of the graph, and the state after the last node of each tree.

    Raises:
        IncompatibleParts: The cell cannot parse graphs into trees.
    """

    features: int

    def forward(self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """Parse the graphs into trees, run the cell over them and return an output per graph node."""
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
    """Return the model for a task: `GraphModel` for graph tasks, else `Model`; raises their errors.

    Args:
        task: The task.
        cell: The cell of every layer, by reference.
        options: Options of `Model`.
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
        message = "cannot parse the graphs of the task into trees, as a single, unwrapped cell must"
        raise IncompatibleParts(f"{type(cell).__name__} {message}{others}")
    # A cell without a score raises its error here instead of during training.
    cell.score(torch.zeros(1, cell.output_size, **placement(cell)))
