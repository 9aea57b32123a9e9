"""The recursive neural tensor network, whose merges include a quadratic form of the two nodes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recurra_recursive.recursive import BinaryCell, Function, Inner, Leaf
from recurra_recursive.trees import Scoring, Size, StackSize


class RNTN(BinaryCell):
    """Recursive neural tensor network: each element of a parent is also a quadratic form of its children.

        a = f(W_sem F + b_sem)            a leaf with features F; F itself if leaves are `copied`
        p = f([c1; c2]^T V [c1; c2] + W [c1; c2])

    The k-th element of the first term is [c1; c2]^T V_k [c1; c2]. The option `function` selects f,
    tanh or logistic. With `inner_features`, W_inner x is added inside f, where x are the features of the
    inner node. With `scoring`, `score` returns s = W_score p.

    Shapes: x (B, I) whose last channel is the arity, 0 or 2; p and y (B, H); V (H, 2 H, 2 H).
    Parameters: H (I + 4 H² + 2 H); H (I - 1) more with `inner_features`, H more with `scoring`, H I fewer
    with copied leaves.
    Initialization: V uniform within 1 / 4 H; W, W_sem and W_inner Glorot-uniform; b_sem zero; W_score normal
    with variance 1 / H.
    Differs from the paper: leaves are mapped by default; with `copied` they are word vectors of size H, as
    in the paper. `inner_features` and `scoring` are additions.
    Source: Socher et al. 2013, EMNLP.
    """

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 30,
        function: Function = "tanh",
        leaf: Leaf = "mapped",
        inner_features: Inner = False,
        scoring: Scoring = False,
        stack_size: StackSize = 64,
    ) -> None:
        super().__init__(input_size, hidden_size, stack_size, function, leaf, inner_features, scoring)
        pair, bound = 2 * hidden_size, 1 / (4 * hidden_size)
        self.V = nn.Parameter(torch.empty(hidden_size, pair, pair).uniform_(-bound, bound))
        self.W = nn.Linear(pair, hidden_size, bias=False)
        nn.init.xavier_uniform_(self.W.weight)

    def product(self, pair: Tensor) -> Tensor:
        """Return [c1; c2]^T V [c1; c2] + W [c1; c2]: (M, 2 H) -> (M, H)."""
        size = pair.shape[1]
        halves = (pair @ self.V.flatten(0, 1).T).view(-1, self.output_size, size)  # V_k [c1; c2], (M, H, 2 H)
        product: Tensor = (halves @ pair[:, :, None]).squeeze(-1) + self.W(pair)
        return product
