"""Evaluation of formulas over two or five values, also larger and deeper ones than in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, InvalidOption, Task
from recurra_trees.arrange import Evaluation, Form, arranged
from recurra_trees.classes import Count
from recurra_trees.formulas import Shape, drawn, evaluated, symbols_of, value_shares

Fewest = Annotated[Count, Field(description="minimum number of leaves")]
Most = Annotated[Annotated[int, Field(gt=1)], Field(description="maximum number of leaves")]


class Formula(Evaluation):
    """Evaluate a formula of binary operators whose number of leaves is uniform.

    Forms: `binary`, a tree whose leaves are values and operators, ((left operator) right), and whose inner
    nodes all have the same token, for cells whose inner nodes have no features; `labelled`, a tree whose
    inner nodes are the operators; `sequence`, tokens with brackets, (left operator right), for cells that
    read sequences. The same seed gives the same formulas in every form.

    Args:
        table: (operators, left values, right values), the results of the operators.
    """

    goal = Goal("accuracy_percent", above=99)

    def __init__(self, table: Tensor, form: str, shape: str, min_leaves: int, max_leaves: int) -> None:
        self.operators, self.values = table.shape[:2]
        super().__init__(self.values + self.operators + 3, self.values)
        if min_leaves > max_leaves:
            message = f"min_leaves = {min_leaves} must not exceed max_leaves = {max_leaves}"
            raise InvalidOption(f"{type(self).__name__}: {message}")
        self.table, self.shape = table, shape
        self.min_leaves, self.max_leaves = min_leaves, max_leaves
        self.show_as(form)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw the numbers of leaves, then the formulas."""
        sizes = torch.randint(self.min_leaves, self.max_leaves + 1, (batch_size,), generator=rng)
        formulas = drawn(sizes, self.shape, self.values, self.operators, rng)
        shown = arranged(symbols_of(formulas, self.options["form"], self.values, self.operators))
        return self.asked(*shown, evaluated(formulas, self.table))

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the exact score of the most frequent value (`constant`) and that of the correct value."""
        shares = value_shares(self.shape, self.max_leaves, self.table)[self.min_leaves :].mean(0)
        return {
            "constant": {"accuracy_percent": 100 * float(shares.max())},
            "optimal": {"accuracy_percent": 100.0},
        }

    def suite(self) -> Mapping[str, Task]:
        """Return the largest formulas of training, twice and four times as large ones, and chains.

        A chain of n leaves branches to one side alone and is n - 1 deep.
        """
        most = self.max_leaves
        sizes = {f"leaves-{n}": (n, self.shape) for n in (most, 2 * most, 4 * most)}
        chains = {f"{s}-depth-{2 * most - 1}": (2 * most, s) for s in ("left", "right") if s != self.shape}
        kind, form = type(self), self.options["form"]
        return {
            name: kind(form=form, shape=shape, min_leaves=n, max_leaves=n)  # type: ignore[call-arg]
            for name, (n, shape) in (sizes | chains).items()
        }


class BooleanTrees(Formula):
    """Evaluate a formula of and, or, xor over true and false.

    The number of leaves is uniform from 2 to 8; leaves and operators are uniform. In a random tree,
    the size of the left side is uniform; `shape` also selects balanced trees, and chains that branch to one
    side only.
    Both values are equally likely at any size, so a constant answer is correct in half of all cases.

    Forms: `binary`, ((left operator) right), in which all symbols are leaves; `labelled`, in which operators
    are inner nodes (`recursive` and `rntn` need `inner_features` for it); `sequence`, tokens with brackets.

    Shapes: x (B, T, 2), [token, arity], or (B, T) for `sequence`; n leaves make 4 n − 3 steps (2 n − 1 if
    `labelled`); y (B, T, 2), logits, scored at the last step of each row, the root.
    Scores: accuracy_percent, 50 for any constant answer. Solved above 99, a bound of our own.
    No paper defines exactly this task.
    """

    stream = "BooleanTrees"
    contract_options = {"max_leaves": 5}

    def __init__(
        self, *, form: Form = "binary", shape: Shape = "random", min_leaves: Fewest = 2, max_leaves: Most = 8
    ) -> None:
        left, right = torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")
        table = torch.stack([left & right, left | right, left ^ right])
        super().__init__(table, form, shape, min_leaves, max_leaves)


class ArithmeticTrees(Formula):
    """Evaluate a formula of + − * over the numbers 0 to 4, modulo 5.

    The number of leaves is uniform from 2 to 8; leaves and operators are uniform. In a random tree,
    the size of the left side is uniform; `shape` also selects balanced trees, and chains that branch to one
    side only.

    Forms: `binary`, ((left operator) right), in which all symbols are leaves; `labelled`, in which operators
    are inner nodes (`recursive` and `rntn` need `inner_features` for it); `sequence`, tokens with brackets.

    Shapes: x (B, T, 2), [token, arity], or (B, T) for `sequence`; n leaves make 4 n − 3 steps (2 n − 1 if
    `labelled`); y (B, T, 5), logits, scored at the last step of each row, the root.
    Scores: accuracy_percent; the constant answer 0 is correct in slightly more than one of five cases,
    because products with 0 are 0. Solved above 99, a bound of our own.
    No paper defines exactly this task; that of Deletang et al. 2023 has signs and no trees.
    """

    stream = "ArithmeticTrees"
    contract_options = {"max_leaves": 5}

    def __init__(
        self, *, form: Form = "binary", shape: Shape = "random", min_leaves: Fewest = 2, max_leaves: Most = 8
    ) -> None:
        left, right = torch.meshgrid(torch.arange(5), torch.arange(5), indexing="ij")
        table = torch.stack([left + right, left - right, left * right]) % 5
        super().__init__(table, form, shape, min_leaves, max_leaves)
