"""ListOps: the value of nested lists of operations on digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field

from recurra import Batch, Goal, InvalidOption, Task
from recurra_trees.arrange import Evaluation, Form, arranged
from recurra_trees.classes import Count
from recurra_trees.lists import DIGITS, END, FEWEST, Rules, symbols_of, written

REFERENCE_ROWS = 4000
SHORTEST = FEWEST + 2


class ListOps(Evaluation):
    """Evaluate nested lists such as [MAX 2 9 [MIN 4 7] 0], whose value is 9.

    MIN, MAX, MED and SUM_MOD (the sum modulo 10) take 2 to 5 arguments. Each argument is a list with
    probability 0.25, otherwise a digit. The median of an even number of arguments is rounded down. The number
    of arguments, the operators and the digits are uniform. A list that would make a row longer than
    `max_length` or deeper than `max_depth` is not opened, or has fewer arguments.

    Forms: `binary`, a left-branching tree in which an operator takes one argument after another,
    ((((MAX 2) 9) (((MIN 4) 7) ])) 0) ]), and all tokens are leaves; `labelled`, in which operators are inner
    nodes with up to `max_arguments` children, for `tree-lstm`; `sequence`, the tokens as written, with an end
    token for every list. The same seed gives the same lists in every form.

    Shapes: x (B, T, 2), [token, arity], or (B, T) for `sequence`, where T <= `max_length`; a tree of L tokens
    has 2 L − 1 nodes; y (B, T, 10), logits, scored at the last step of each row.
    Tokens: 0 an inner node, 1 to 10 the digits, 11 to 14 the operators, 15 the end of a list.
    Scores: accuracy_percent. Baselines: constant, the most frequent value, estimated by a seeded simulation.
    Solved above 95, a bound of our own.
    Differs from the paper: new lists are drawn for every batch and may repeat; the outermost token is always
    an operator; lengths are bounded while a list is written, not by rejecting long lists; while a row is
    shorter than `min_length`, arguments are lists with probability at least 0.5, and the last one always is.
    Source: Nangia and Bowman 2018.
    """

    stream = "ListOps"
    goal = Goal("accuracy_percent", above=95)
    contract_options = {"max_length": 12, "max_depth": 3}

    def __init__(
        self,
        *,
        form: Form = "binary",
        nesting: Annotated[
            float, Field(ge=0, le=1, description="probability that an argument is a list")
        ] = 0.25,
        max_arguments: Annotated[
            int, Field(ge=FEWEST, description="maximum number of arguments of a list")
        ] = 5,
        max_depth: Annotated[int, Field(ge=0, description="maximum nesting depth of a list")] = 10,
        min_length: Annotated[
            Count, Field(description="minimum number of tokens per row, as far as max_depth allows")
        ] = SHORTEST,
        max_length: Annotated[int, Field(ge=SHORTEST, description="maximum number of tokens per row")] = 50,
    ) -> None:
        super().__init__(END + 1, DIGITS)
        if min_length > max_length - FEWEST and min_length > SHORTEST:
            message = (
                f"min_length = {min_length} must be at least {FEWEST} less than max_length = {max_length}"
            )
            raise InvalidOption(f"ListOps: {message}, so that the last list has room")
        self.rules = Rules(nesting, max_arguments, max_depth, min_length, max_length)
        self.show_as(form)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw nested lists."""
        lists = written(batch_size, self.rules, rng)
        return self.asked(*arranged(symbols_of(lists, self.options["form"])), lists.value)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the score of the most frequent value in 4,000 rows (`constant`) and of the correct value."""
        lists = written(REFERENCE_ROWS, self.rules, torch.Generator().manual_seed(0))
        share = float(torch.bincount(lists.value).max()) / REFERENCE_ROWS
        return {"constant": {"accuracy_percent": 100 * share}, "optimal": {"accuracy_percent": 100.0}}

    def suite(self) -> Mapping[str, Task]:
        """Return rows as in training, and rows two and four times as long with the same maximum depth."""
        rules = self.rules
        longer = {}
        for factor in (2, 4):
            low, high = rules.max_length * factor // 2 + 1, rules.max_length * factor
            options = {**self.options, "min_length": low, "max_length": high}
            longer[f"length-{low}-to-{high}"] = ListOps(**options)
        return {f"length-{rules.min_length}-to-{rules.max_length}": self, **longer}
