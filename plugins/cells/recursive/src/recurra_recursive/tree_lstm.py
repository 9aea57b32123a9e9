"""The Tree-LSTM, whose nodes read the states of several children."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad

from recurra_recursive.reading import Limits
from recurra_recursive.trees import Scoring, Size, StackSize, TreeCell

Variant = Annotated[
    Literal["child-sum", "n-ary"],
    Field(description="sum the states of children, or use separate weights for each position"),
]
Children = Annotated[
    Annotated[int, Field(gt=0)] | None,
    Field(description="maximum number of children of a node; none: 2 if n-ary, else stack_size"),
]


class TreeLSTM(TreeCell):
    """Tree-LSTM: a memory cell at every node of a tree, with a forget gate for each child.

        h~ = sum_k h_k                                                    child-sum
        i = σ(W_i x + U_i h~ + b_i);   o = σ(W_o x + U_o h~ + b_o);   u = tanh(W_u x + U_u h~ + b_u)
        f_k = σ(W_f x + U_f h_k + b_f)

        i = σ(W_i x + sum_l U_i,l h_l + b_i), and so o and u              n-ary
        f_k = σ(W_f x + sum_l U_f,k,l h_l + b_f)

        c = i ∘ u + sum_k f_k ∘ c_k;   y = h = o ∘ tanh(c)                both

    Every node reads its own features x, as in dependency trees. If only leaves have words, as in constituency
    trees, the features of inner nodes are zeros. If an n-ary node has fewer than N children, they take the
    first positions, and h and c of the missing ones are zeros. On a chain, both variants equal the LSTM
    without peepholes.

    Shapes: x (B, I) whose last channel is the arity; h, c and y (B, H); state.nodes (B, P, 2 H), [h, c].
    Parameters: 4 H (I + H) child-sum, 4 H I + N (N + 3) H² n-ary; H more with `scoring`.
    Initialization: W and U Glorot-uniform, gate by gate; biases zero; W_score normal with variance 1 / H.
    Differs from the paper: `scoring`, s = W_score h as in `RecursiveNetwork`, is an addition.
    Source: Tai, Socher and Manning 2015, arXiv 1503.00075.
    """

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 150,
        variant: Variant = "child-sum",
        children: Children = None,
        scoring: Scoring = False,
        stack_size: StackSize = 64,
    ) -> None:
        self.summed = variant == "child-sum"
        most = children or (stack_size if variant == "child-sum" else 2)
        super().__init__(input_size, hidden_size, 2 * hidden_size, Limits(1, most, stack_size), scoring)
        read = hidden_size if self.summed else most * hidden_size
        self.from_x = nn.Linear(input_size - 1, 4 * hidden_size)  # rows: i, o, u, f
        self.from_h = nn.Linear(read, 3 * hidden_size, bias=False)  # rows: i, o, u
        self.forget = nn.Linear(read, read, bias=False)
        weights = [(self.from_x, 4), (self.from_h, 3), (self.forget, 1 if self.summed else most)]
        for layer, gates in weights:
            for W in layer.weight.chunk(gates):
                nn.init.xavier_uniform_(W)
        nn.init.zeros_(self.from_x.bias)

    def leaf(self, x: Tensor) -> Tensor:
        """Return leaves (M, 2 H) with features x (M, I - 1): nodes that have no children."""
        return self.inner(x, x.new_zeros(x.shape[0], 1, self.node_size))

    def inner(self, x: Tensor, children: Tensor) -> Tensor:
        """Return nodes (M, 2 H) with features x (M, I - 1) and children (M, K, 2 H), zeros if missing."""
        if not self.summed:
            children = pad(children, (0, 0, 0, self.limits.most - children.shape[1]))
        h, c = children.chunk(2, -1)  # (M, K, H) each
        x_iou, x_f = torch.split(self.from_x(x), [3 * self.output_size, self.output_size], -1)
        i, o, u = (x_iou + self.from_h(h.sum(1) if self.summed else h.flatten(1))).chunk(3, -1)
        h_f = self.forget(h) if self.summed else self.forget(h.flatten(1)).view_as(h)
        f = torch.sigmoid(x_f[:, None] + h_f)  # (M, K, H)
        c = torch.sigmoid(i) * torch.tanh(u) + (f * c).sum(1)
        return torch.cat([torch.sigmoid(o) * torch.tanh(c), c], -1)
