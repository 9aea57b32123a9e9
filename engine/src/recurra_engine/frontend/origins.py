"""Where the tensors of a step come from: it was given them, found them, or has made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from recurra_engine.frontend.aten import Untranslated
from recurra_engine.frontend.aten.indices import INDEXED
from recurra_engine.frontend.operators import line_of_step
from recurra_engine.ir.graph import Node, leaf

NEW = ("lift_fresh", "lift")
"""Operators that are given a tensor which nothing else has."""


class Origins(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Knows of every tensor whether it was there before; those that are inputs have nodes.

    Args:
        dtype: In which the step computes.
        weights: How many there are.

    Attributes:
        others: What the leaves after those of the weights stand for.
        outside: Tensors that were there before and are no parameters or buffers, by id.
        held: Those of them whose numbers are in the graph.
        free: Tensors that the step has made, and no input has a part in, by id.
        obstacles: What was refused; the step itself may have caught it.
    """

    def __init__(self, dtype: torch.dtype, weights: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype, self.weights = dtype, weights
        self.others: list[Tensor] = []
        self.outside: dict[int, Tensor] = {}
        self.held: list[Tensor] = []
        self.free: dict[int, Tensor] = {}
        self.obstacles: list[str] = []
        self.nodes: dict[int, Node] = {}
        self.foreign: dict[int, str] = {}
        self.alive: list[Tensor] = []  # an address names a tensor while it lives

    def is_free(self, tensor: Tensor) -> bool:
        """Say whether the step has made a tensor, and no input has a part in it."""
        return id(tensor) in self.free

    def is_live(self, tensor: Tensor) -> bool:
        """Say whether a tensor was there before, so that its numbers may change."""
        return id(tensor) in self.outside

    def refuse(self, reason: str) -> NoReturn:
        """Note why there is no graph, and end the step; should it catch that, the note remains."""
        refusal = Untranslated(reason, line_of_step())
        self.obstacles.append(str(refusal))
        raise refusal

    def _watch(self, node: Node, tensor: Tensor) -> None:
        self.nodes[id(tensor)] = node
        self.alive.append(tensor)

    def _keep(self, made: Sequence[Tensor], name: str) -> None:
        self.alive += made
        if "empty" in name:
            for tensor in made:
                tensor.zero_()  # what lies in new memory is another thing in every run

    def _meet(self, tensors: Sequence[Tensor], name: str) -> None:
        """Note tensors that no operation has made: each is new, or was there before and is an input."""
        for tensor in tensors:
            if not (id(tensor) in self.nodes or self.is_free(tensor) or self.is_live(tensor)):
                if name in NEW:
                    self.free[id(tensor)] = tensor
                else:
                    self._find(tensor, name)

    def _find(self, tensor: Tensor, name: str) -> None:
        self.outside[id(tensor)] = tensor
        if not tensor.is_floating_point() and (tensor.dtype != torch.bool or name in INDEXED):
            self.held.append(tensor)
            return
        if tensor.dtype not in (self.dtype, torch.bool) and tensor.dim() > 0:
            self._mark_as_foreign(tensor, "tensor")
        self._watch(self._other(tensor), tensor)

    def _other(self, tensor: Tensor) -> Node:
        self.others.append(tensor)
        return leaf("weight", self.weights + len(self.others) - 1, tensor.shape)

    def _mark_as_foreign(self, tensor: Tensor, what: str) -> None:
        self.foreign[id(tensor)] = f"a {what} of {tensor.dtype}, but the input has {self.dtype}"
