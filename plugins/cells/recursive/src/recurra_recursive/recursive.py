"""The recursive network that merges two nodes into one."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import InvalidOption
from recurra_recursive.found import Found
from recurra_recursive.greedy import greedy_graph
from recurra_recursive.margin import mixed_regions
from recurra_recursive.reading import Limits
from recurra_recursive.trees import Scoring, Size, StackSize, TreeCell

Function = Annotated[Literal["logistic", "tanh"], Field(description="f, activation of every node")]
Leaf = Annotated[
    Literal["mapped", "copied"],
    Field(description="compute leaves as f(W_sem F + b_sem) (mapped) or use F itself (copied)"),
]
Inner = Annotated[bool, Field(description="inner nodes also read their features, such as an operator")]
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"logistic": torch.sigmoid, "tanh": torch.tanh}


class BinaryCell(TreeCell):
    """A network with two children per inner node and one activation function for all nodes."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        stack_size: int,
        function: str,
        leaf: str,
        inner_features: bool,
        scoring: bool,
    ) -> None:
        super().__init__(input_size, hidden_size, hidden_size, Limits(2, 2, stack_size), scoring)
        if leaf == "copied" and hidden_size != input_size - 1:
            message = f"leaf = 'copied' needs hidden_size = {input_size - 1}, the number of features"
            raise InvalidOption(f"{type(self).__name__}: {message}; got {hidden_size}")
        self.function = FUNCTIONS[function]
        self.W_sem = _linear(input_size - 1, hidden_size) if leaf == "mapped" else None
        self.W_inner = _linear(input_size - 1, hidden_size, bias=False) if inner_features else None

    @abc.abstractmethod
    def product(self, pair: Tensor) -> Tensor:
        """Return the parent's pre-activation (M, H) from both children [c1; c2] (M, 2 H)."""

    def parse(
        self, features: Tensor, adjacency: Tensor, regions: Tensor | None = None, kappa: float = 0.0
    ) -> Found:
        """Return a tree found by greedy merging; see `greedy_graph`."""
        penalty = None if regions is None else mixed_regions(regions, kappa)
        return greedy_graph(self, self.leaf(features), adjacency, penalty)

    def leaf(self, x: Tensor) -> Tensor:
        """Return leaves (M, H) with features x (M, I - 1)."""
        return x if self.W_sem is None else self.function(self.W_sem(x))

    def inner(self, x: Tensor, children: Tensor) -> Tensor:
        """Return parents (M, H) with features x (M, I - 1) of two children (M, 2, H)."""
        a = self.product(children.flatten(1))
        return self.function(a if self.W_inner is None else a + self.W_inner(x))


class RecursiveNetwork(BinaryCell):
    """Recursive network: the same layer merges two nodes of a tree into one, from the leaves to the root.

        a = f(W_sem F + b_sem)            a leaf with features F
        p = f(W [c1; c2] + b)             the parent of c1 and c2
        s = W_score p                     the score of that merge, with the option `scoring`; see `score`

    The option `function` selects f, logistic or tanh. The labels, softmax(W_label p), are the readout of a
    model at every step. With `inner_features`, p = f(W [c1; c2] + b + W_inner x), where x are the features of
    the inner node. If no trees are given, `recurra_recursive.greedy` and `.chart` search for them.

    Shapes: x (B, I) whose last channel is the arity, 0 or 2; p and y (B, H); state.nodes (B, P, H).
    Parameters: H (I + 2 H + 1); H (I - 1) more with `inner_features`, H more with `scoring`, H I fewer with
    copied leaves.
    Initialization: W, W_sem and W_inner Glorot-uniform, biases zero, W_score normal with variance 1 / H.
    Differs from the paper: `inner_features` and copied leaves are additions.
    Source: Socher, Lin, Ng and Manning 2011.
    """

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 100,
        function: Function = "logistic",
        leaf: Leaf = "mapped",
        inner_features: Inner = False,
        scoring: Scoring = False,
        stack_size: StackSize = 64,
    ) -> None:
        super().__init__(input_size, hidden_size, stack_size, function, leaf, inner_features, scoring)
        self.W = _linear(2 * hidden_size, hidden_size)

    def product(self, pair: Tensor) -> Tensor:
        """Return W [c1; c2] + b: (M, 2 H) -> (M, H)."""
        product: Tensor = self.W(pair)
        return product


def _linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
