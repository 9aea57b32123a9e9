"""Sorts symbols by their keys, which turns an expression into a tree or a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, GeneratedTask, InputKind
from recurra_trees.classes import Classes, last_step

NODE = 0
"""The token of an inner node that only joins its two children."""

Form = Annotated[
    Literal["binary", "labelled", "sequence"],
    Field(description="tree whose operators are leaves, tree whose operators are inner nodes, or brackets"),
]


class Symbols(NamedTuple):
    """Symbols of one kind: the key, token and arity of each, (B, n) or of a shape that expands to it.

    Symbols at which `there` is false are left out; the others are sorted by increasing key.
    """

    there: Tensor
    key: Tensor
    token: Tensor
    arity: Tensor | int = 0


def arranged(sorts: Sequence[Symbols]) -> tuple[Tensor, Tensor]:
    """Return [token, arity] of all symbols, (B, T, 2), in the order of their keys, and lengths (B,)."""
    there = torch.cat([sort.there for sort in sorts], 1)
    key = torch.cat([sort.key.expand_as(sort.there) for sort in sorts], 1)
    token = torch.cat([sort.token.expand_as(sort.there) for sort in sorts], 1)
    arity = torch.cat([torch.as_tensor(sort.arity).expand_as(sort.there) for sort in sorts], 1)
    last = torch.iinfo(key.dtype).max
    order = torch.where(there, key, last).argsort(dim=1, stable=True)
    lengths = there.sum(1)
    steps = int(lengths.max()) if len(lengths) else 1
    shown = torch.stack([torch.where(there, part, 0).gather(1, order) for part in (token, arity)], -1)
    return shown[:, :steps], lengths


class Evaluation(Classes, GeneratedTask):
    """A task whose answer is the value of an expression, at its root or after its last bracket.

    The constructor of a subclass calls `show_as` to select the form of the input.
    """

    input_kind: InputKind = "token-trees"

    def show_as(self, form: str) -> None:
        """Select trees of tokens, or tokens with brackets for the form `sequence`."""
        self.form = form
        self.input_kind = "tokens" if form == "sequence" else "token-trees"

    def asked(self, shown: Tensor, lengths: Tensor, value: Tensor) -> Batch:
        """Return the batch of expressions (B, T, 2) whose targets are their values (B,)."""
        mask = last_step(lengths, shown.shape[1])
        x = shown[..., 0] if self.input_kind == "tokens" else shown
        return Batch(x.contiguous(), torch.where(mask, value[:, None], 0), mask, lengths)
