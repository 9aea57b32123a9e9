"""Optional inputs of an ONNX graph: an initializer of the same name is the value where none is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

ONE_OR_ALL = "rows"
"""Dimension of an optional input: 1, which stands for every row, or B."""


def set_defaults(graph: Any, values: Mapping[str, Tensor]) -> None:
    """Give inputs of a graph of `onnx_ir` a value for when they are left out.

    Args:
        graph: The graph; the batch is axis 0 of its first input.
        values: Name of an input -> (1, ...), the value of every row.
    """
    batch = graph.inputs[0]
    for given in graph.inputs:
        if given.name in values:
            _set_default(graph, batch, given, values[given.name].numpy())


def _set_default(graph: Any, batch: Any, given: Any, value: np.ndarray[Any, Any]) -> None:
    import onnx_ir as ir

    expanded = _expanded_to(batch, given, value.shape[1:])
    ir.convenience.replace_all_uses_with(given, expanded[-1].outputs[0])
    expanded[-1].replace_input_with(0, given)
    graph.insert_before(graph[0], expanded)
    given.shape = ir.Shape([ONE_OR_ALL, *value.shape[1:]])
    given.const_value = ir.tensor(value, name=given.name)
    graph.register_initializer(given)


def _expanded_to(batch: Any, given: Any, sizes: tuple[int, ...]) -> list[Any]:
    """Return the nodes that repeat the only row of an input for the whole batch, in their order."""
    import onnx_ir as ir

    named = [f"{given.name}_{what}" for what in ("rows", "sizes", "shape", "of_all_rows")]
    rows = ir.node("Shape", [batch], {"start": 0, "end": 1})
    rest = ir.node("Constant", [], {"value": ir.tensor(np.array(sizes, np.int64))})
    shape = ir.node("Concat", [rows.outputs[0], rest.outputs[0]], {"axis": 0})
    nodes = [rows, rest, shape, ir.node("Expand", [given, shape.outputs[0]])]
    for node, name in zip(nodes, named, strict=True):
        node.outputs[0].name = name
    return nodes
