"""The kinds of input: which cells read each, and what embeds its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from recurra import InputKind


class TreeEmbedding(nn.Embedding):
    """Trees of tokens (B, T, 2) -> vectors with the arity of each node after them, (B, T, E + 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Embed the tokens, channel 0 of x, and keep the arities, channel 1."""
        return torch.cat([super().forward(x[..., 0]), x[..., 1:].to(self.weight.dtype)], -1)


class InputFormat(NamedTuple):
    """What follows from the input kind of a task.

    Args:
        read_by: The `Tags.input_kind` of the cells that can read it.
        embedding: Creates the embedding of its tokens; None if x consists of vectors.
        token_shape: The shape of x after (B, T) if x consists of tokens; None for (I,).
    """

    read_by: InputKind
    embedding: type[nn.Embedding] | None = None
    token_shape: tuple[int, ...] | None = None


INPUT_FORMATS: Mapping[InputKind, InputFormat] = {
    "vectors": InputFormat("vectors"),
    "trees": InputFormat("trees"),
    "tokens": InputFormat("vectors", nn.Embedding, ()),
    "token-trees": InputFormat("trees", TreeEmbedding, (2,)),
    "graphs": InputFormat("trees"),
}
"""Input kind of a task -> what follows from it."""
