"""Base class of cells that read trees: the stack in their state, single steps, and batches of trees."""

from __future__ import annotations

import abc
from functools import partial
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, IncompatibleParts, InvalidOption, Tags
from recurra_recursive.fold import fold
from recurra_recursive.reading import Limits, checked

Size = Annotated[int, Field(gt=0, description="H, width of a node's vector h")]
StackSize = Annotated[
    int, Field(gt=0, description="P, maximum number of nodes that wait for their parent at a time")
]
Scoring = Annotated[bool, Field(description="add W_score, which scores merges")]


class TreeState(NamedTuple):
    """The state: a stack of nodes (B, P, N) without a parent, the latest last, and its size (B,)."""

    nodes: Tensor
    waiting: Tensor


class TreeCell(Cell[TreeState]):
    """A network that computes the vector of a node from those of its children, tree by tree in post-order.

    Each step reads one node. The last channel of x is its arity k, the others are its features. If k = 0, the
    node is a leaf; otherwise its children are the last k nodes without a parent, in the order in which they
    were read. y is the node's vector h, so the output of a row's last step is that of the root. The state is
    a stack of P positions with the nodes that have no parent yet. A balanced tree needs as many positions as
    its height, a right-branching tree as many as its leaves.

    A batch is not computed step by step: all nodes of the same height, over all rows, are computed together.
    `step` must not inspect values, so an invalid node (invalid arity, too few children, full stack) is NaN.

    Shapes: x (B, I), features (B, I - 1), a node (B, N) whose first H elements are h.

    Raises:
        IncompatibleParts: `input_size` is 1, so there are no features in addition to the arity.
        InvalidInput: In a batch, an arity is not an integer or not accepted by the cell, a node has more
            children than there are nodes without a parent, or the stack is full.
    """

    tags = Tags(input_kind="trees")
    contract_options = {"hidden_size": 4, "stack_size": 8}

    def __init__(
        self, input_size: int, hidden_size: int, node_size: int, limits: Limits, scoring: bool
    ) -> None:
        if input_size < 2:
            message = f"input_size = {input_size} leaves no features beside the arity of a node"
            raise IncompatibleParts(f"{type(self).__name__}: {message}")
        super().__init__(input_size, hidden_size)
        self.node_size, self.limits = node_size, limits
        start = torch.randn(hidden_size) / hidden_size**0.5 if scoring else None
        self.W_score = None if start is None else nn.Parameter(start)

    @abc.abstractmethod
    def leaf(self, x: Tensor) -> Tensor:
        """Return leaves (M, N) with features x (M, I - 1)."""

    @abc.abstractmethod
    def inner(self, x: Tensor, children: Tensor) -> Tensor:
        """Return nodes (M, N) with features x (M, I - 1) and children (M, K, N), zeros if missing."""

    def merge(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the parents (M, N) of pairs of nodes (M, N); the features of the parents are zeros."""
        nothing = left.new_zeros(left.shape[0], self.input_size - 1)
        return self.inner(nothing, torch.stack([left, right], 1))

    def score(self, nodes: Tensor) -> Tensor:
        """Return the scores of merges, given the merged nodes: s = W_score h, (..., N) or (..., H) -> (...).

        Raises:
            InvalidOption: The cell has no `scoring`.
        """
        if self.W_score is None:
            raise InvalidOption(f"{type(self).__name__}: to score nodes, make the cell with scoring = True")
        return nodes[..., : self.output_size] @ self.W_score

    def initial_state(self, batch_size: int) -> TreeState:
        """Return an empty stack."""
        nodes = self.zeros(batch_size, self.limits.places, self.node_size)
        return TreeState(nodes, torch.zeros(batch_size, dtype=torch.int64, device=nodes.device))

    def step(self, x: Tensor, state: TreeState) -> tuple[Tensor, TreeState]:
        """Read one node: x (B, I), state -> y (B, H), state."""
        arity = x[:, -1]
        good = self.limits.allow(arity, state.waiting)
        arity = torch.where(good, arity, 0).long()
        place = state.waiting - arity  # (B,), the position of the node: that of its first child
        node = self._node(x[:, :-1], self._children(state.nodes, place, arity), arity > 0)
        node = torch.where(good[:, None], node, torch.nan).to(state.nodes.dtype)
        slots = torch.arange(self.limits.places, device=x.device)
        below, here = slots < place[:, None], slots == place[:, None]  # (B, P)
        nodes = torch.where(below[..., None], state.nodes, torch.zeros_like(state.nodes))
        nodes = torch.where(here[..., None], node[:, None], nodes)
        return node[:, : self.output_size], TreeState(nodes, (place + 1).clamp(max=self.limits.places))

    def _children(self, nodes: Tensor, place: Tensor, arity: Tensor) -> Tensor:
        number = torch.arange(self.limits.most, device=nodes.device)
        slots = (place[:, None] + number).clamp(max=self.limits.places - 1)  # (B, K)
        found = nodes.gather(1, slots[..., None].expand(-1, -1, nodes.shape[-1]))
        there = number < arity[:, None]
        return torch.where(there[..., None], found, torch.zeros_like(found))

    def _node(self, x: Tensor, children: Tensor, has_children: Tensor) -> Tensor:
        return torch.where(has_children[:, None], self.inner(x, children), self.leaf(x))

    def unroll(
        self,
        x: Tensor,
        state: TreeState,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        states: bool = False,
    ) -> tuple[Tensor, TreeState]:
        """Compute trees (B, T, I), height by height.

        With resets or the states of every step, and under tracing, where values are unknown, it runs `step`.
        """
        steps = partial(super().unroll, x, state, lengths=lengths, resets=resets, states=states)
        if torch.compiler.is_compiling() or x.is_meta:
            return steps()
        arity, live = checked(type(self).__name__, self.limits, x[..., -1], state.waiting, lengths, resets)
        if resets is not None or states:
            return steps()
        if not live.any():
            return x.new_zeros(*x.shape[:2], self.output_size), state
        y, nodes, waiting = fold(self, x[..., :-1], arity, live, state.nodes, state.waiting)
        return y[..., : self.output_size], TreeState(nodes, waiting)

    def diagnostics(self, state: TreeState) -> dict[str, Tensor]:
        """Return h of the latest node without a parent, and the occupied positions of the stack."""
        last = (state.waiting - 1).clamp(min=0)[:, None, None].expand(-1, 1, self.output_size)
        taken = torch.arange(self.limits.places, device=last.device) < state.waiting[:, None]
        return {"latest node": state.nodes.gather(1, last)[:, 0], "stack": taken.to(state.nodes.dtype)}
