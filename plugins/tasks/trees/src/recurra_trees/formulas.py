"""Formulas of binary operators: drawing, encoding and evaluating them, vectorised over rows.

A formula of n leaves is a row of leaves with n - 1 operators between them. An operator that is
evaluated later has a higher rank, so an operator extends, on both sides, up to the next one of higher rank.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from recurra_trees.arrange import NODE, Symbols

Shape = Annotated[
    Literal["random", "balanced", "left", "right"],
    Field(description="shape of the trees; random: the left side's size is uniform"),
]


class Formulas(NamedTuple):
    """Formulas of up to n leaves.

    Shapes: sizes (B,), the number of leaves of each row; leaves (B, n), values; operators (B, n - 1), their
    indices; ranks (B, n - 1); first and last (B, n - 1), the first and last leaf below each operator.
    """

    sizes: Tensor
    leaves: Tensor
    operators: Tensor
    ranks: Tensor
    first: Tensor
    last: Tensor

    @property
    def used(self) -> Tensor:
        """The operators that exist in each row, (B, n - 1) booleans."""
        return torch.arange(self.operators.shape[1]) < self.sizes[:, None] - 1


def drawn(sizes: Tensor, shape: str, values: int, operators: int, rng: torch.Generator) -> Formulas:
    """Draw formulas of the given sizes (B,): leaves, operators and, for random shapes, ranks."""
    batch_size, most = len(sizes), int(sizes.max()) if len(sizes) else 1
    leaves = torch.randint(values, (batch_size, most), generator=rng)
    chosen = torch.randint(operators, (batch_size, most - 1), generator=rng)
    if shape == "random":
        # All orders of evaluation are equally likely, which makes the sizes of left sides uniform.
        ranks = torch.rand(batch_size, most - 1, generator=rng).argsort(1).argsort(1)
    else:
        ranks = ranks_of(shape, most)[sizes]
    ranks = torch.where(torch.arange(most - 1) < sizes[:, None] - 1, ranks, most)  # a wall after the end
    return Formulas(sizes, leaves, chosen, ranks, *reach(ranks))


def reach(ranks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and the last leaf below each operator: (B, n - 1) each."""
    place = torch.arange(ranks.shape[1])
    walls = torch.nn.functional.pad(ranks, (1, 1), value=2 * ranks.shape[1] + 2)  # at -1 and n - 1
    at = torch.arange(-1, ranks.shape[1] + 1)
    higher = walls[:, None, :] > ranks[:, :, None]  # (B, this operator, that one or a wall)
    before, after = at < place[:, None], at > place[:, None]
    first = torch.where(higher & before, at + 1, 0).amax(2)
    return first, torch.where(higher & after, at, ranks.shape[1]).amin(2)


def left_sizes(shape: str, leaves: int) -> range:
    """Return the possible numbers of leaves of the left side, which are equally likely."""
    if shape == "random":
        return range(1, leaves)
    size = {"balanced": leaves // 2, "left": leaves - 1, "right": 1}[shape]
    return range(size, size + 1)


@cache
def ranks_of(shape: str, most: int) -> Tensor:
    """Return the ranks of a deterministic shape for every number of leaves: (most + 1, most - 1)."""
    table = torch.zeros(most + 1, most - 1, dtype=torch.int64)
    for leaves in range(2, most + 1):
        waiting = [(0, leaves, most)]
        while waiting:
            start, size, rank = waiting.pop()
            if size == 1:
                continue
            left = left_sizes(shape, size)[0]
            table[leaves, start + left - 1] = rank - 1
            waiting += [(start, left, rank - 1), (start + left, size - left, rank - 1)]
    return table


def evaluated(formulas: Formulas, table: Tensor) -> Tensor:
    """Return the values (B,) of formulas, given a table (operators, left values, right values)."""
    rows, values = torch.arange(len(formulas.sizes)), formulas.leaves
    for place in formulas.ranks.argsort(dim=1, stable=True).unbind(1):  # in the order of evaluation
        start = formulas.first[rows, place]  # the value of a part replaces that of its first leaf
        result = table[formulas.operators[rows, place], values[rows, start], values[rows, place + 1]]
        result = torch.where(formulas.used[rows, place], result, values[rows, start])
        values = values.scatter(1, start[:, None], result[:, None])
    return values[:, 0]


def symbols_of(formulas: Formulas, form: str, values: int, operators: int) -> list[Symbols]:
    """Return the symbols of formulas in the given form, for `arranged`.

    Tokens: 0, an inner node without an operator; then the values, the operators and both brackets.
    """
    most = formulas.leaves.shape[1]
    # Keys around leaf i: opening brackets, outer ones first; the leaf; closing brackets, inner ones first;
    # the operator after it; the node that joins this operator to its left side.
    step, place = 3 * most + 3, torch.arange(most)
    leaf = Symbols(place < formulas.sizes[:, None], (place * step + most)[None], formulas.leaves + 1)
    used, named = formulas.used, formulas.operators + 1 + values
    closes = formulas.last * step + 2 * most - formulas.first
    between = (place[:-1] * step + 2 * most + 1)[None]
    if form == "labelled":
        return [leaf, Symbols(used, closes, named, 2)]
    operator = Symbols(used, between, named)
    if form == "binary":
        joins = Symbols(used, between + 1, torch.tensor(NODE), 2)
        return [leaf, operator, joins, Symbols(used, closes, torch.tensor(NODE), 2)]
    opens, bracket = formulas.first * step + most - 1 - formulas.last, torch.tensor(1 + values + operators)
    return [leaf, operator, Symbols(used, opens, bracket), Symbols(used, closes, bracket + 1)]


def value_shares(shape: str, most: int, table: Tensor) -> Tensor:
    """Return the distribution of values for each number of uniform leaves, (most + 1, values)."""
    values = table.shape[1]
    shares = torch.full((most + 1, values), 1 / values, dtype=torch.float64)
    becomes = torch.nn.functional.one_hot(table, values).double().mean(0)  # (left, right, value)
    for leaves in range(2, most + 1):
        sides = [shares[left][:, None] * shares[leaves - left] for left in left_sizes(shape, leaves)]
        shares[leaves] = torch.einsum("lr,lrv->v", torch.stack(sides).mean(0), becomes)
    return shares
