"""The smallest task that gives graphs, and the smallest cell that finds trees in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recurra.capabilities.graphs import GraphTask
from recurra.cell import Cell, Tags
from recurra.task import Batch, GeneratedTask, Goal, Score

LEAVES, FEATURES = 4, 3


class ToyGraphTask(GraphTask, GeneratedTask):
    """Four leaves in a row, each the neighbour of the next: two of class 0, then two of class 1.

    Shapes: x (B, 4, 3 + 4), y (B, 4, 2). Scores: accuracy, per leaf.
    """

    stream = "ToyGraphTask"
    goal = Goal("accuracy", above=0.99)
    input_kind = "graphs"
    features = FEATURES

    def __init__(self) -> None:
        super().__init__(FEATURES + LEAVES, 2)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw features around 0 and 2."""
        places = torch.arange(LEAVES)
        kind = (places >= LEAVES // 2).long().expand(batch_size, -1)
        neighbours = ((places[:, None] - places).abs() == 1).float().expand(batch_size, -1, -1)
        look = torch.randn(batch_size, LEAVES, FEATURES, generator=rng) + 2 * kind[..., None]
        mask = torch.ones(batch_size, LEAVES, dtype=torch.bool)
        return Batch(torch.cat([look, neighbours], -1), kind, mask, mask.sum(1))

    def classes(self, batch: Batch) -> Tensor:
        """Return the classes; where a check spoiled them, 0."""
        return batch.target.nan_to_num().long()

    def region_of(self, batch: Batch) -> Tensor:
        """Return the regions: each class is one."""
        return self.classes(batch)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per leaf."""
        spoiled = batch.target.sum() * 0.0  # NaN where targets are, so that the loss is
        return cross_entropy(y.flatten(0, 1), self.classes(batch).flatten()) + spoiled

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return accuracy."""
        right = (y.argmax(-1) == batch.target).sum()
        return {"accuracy": Score(float(right), batch.target.numel())}


class MeanTree(NamedTuple):
    """A tree whose inner nodes have the mean features of the leaves below them; see `recurra.Tree`."""

    post_order: Sequence[int]
    members: Tensor

    def as_input(self, features: Tensor) -> Tensor:
        """Return features and arity (2 n − 1, F + 1) in post-order."""
        means = self.members.to(features) @ features / self.members.sum(1, keepdim=True)
        arity = torch.cat([features.new_zeros(len(features), 1), means.new_full((len(means), 1), 2)])
        return torch.cat([torch.cat([features, means]), arity], 1)[list(self.post_order)]


class Branch(NamedTuple):
    """A node with what is below it: its leaves, and all nodes in post-order."""

    leaves: list[int]
    nodes: list[int]


class MergingCell(Cell[Tensor]):
    """Merges neighbours whose mean features score highest: y = tanh(W x), s = w y; remembers nothing."""

    tags = Tags(input_kind="trees")

    def __init__(self, input_size: int) -> None:
        super().__init__(input_size, 4)
        self.W, self.w = nn.Linear(input_size, 4), nn.Linear(4, 1, bias=False)

    def initial_state(self, batch_size: int) -> Tensor:
        """Return one zero."""
        return self.zeros(batch_size, 1)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Answer for one node."""
        return torch.tanh(self.W(x)), state

    def score(self, nodes: Tensor) -> Tensor:
        """Return s (...) of nodes y (..., H)."""
        scores: Tensor = self.w(nodes)[..., 0]
        return scores

    def parse(
        self, features: Tensor, adjacency: Tensor, regions: Tensor | None = None, kappa: float = 0.0
    ) -> MeanTree:
        """Merge greedily; see `recurra_lab.FindsTrees`."""
        n, members = len(features), []
        branches = [Branch([leaf], [leaf]) for leaf in range(n)]

        def worth(pair: tuple[Branch, Branch]) -> float:
            leaves = pair[0].leaves + pair[1].leaves
            mean = torch.cat([features[leaves].mean(0), features.new_full((1,), 2)])
            wrong = regions is not None and _mixed(regions, leaves)
            return float(self.score(self.step(mean, mean)[0])) + kappa * wrong

        for node in range(n, 2 * n - 1):
            pairs = list(combinations(branches, 2))
            near = [pair for pair in pairs if adjacency[pair[0].leaves][:, pair[1].leaves].any()]
            one, other = max(near or pairs, key=worth)
            merged = Branch(one.leaves + other.leaves, [*one.nodes, *other.nodes, node])
            branches = [branch for branch in branches if branch not in (one, other)] + [merged]
            members.append([leaf in merged.leaves for leaf in range(n)])
        return MeanTree(branches[0].nodes, torch.tensor(members, dtype=torch.bool).reshape(n - 1, n))


def _mixed(regions: Tensor, leaves: Sequence[int]) -> bool:
    """Say whether leaves are of several regions, one of which is not complete."""
    inside, everywhere = Counter(regions[list(leaves)].tolist()), Counter(regions.tolist())
    return len(inside) > 1 and any(count < everywhere[region] for region, count in inside.items())
