"""The Lightning module of structured max-margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, GraphTask, Task, Tree
from recurra_lab import (
    FindsTrees,
    Forest,
    GradientRule,
    GraphModel,
    OptimizationOptions,
    forest,
    most_certain,
    parsed,
)

ONLY_RIGHT = -1e6
"""Added to the score of a wrong node to search only for correct trees."""


class MaxMarginModule(GradientRule):
    """Increases the score of the best correct tree relative to the tree that violates the margin most.

    Args:
        model: A model whose cell finds trees.
        task: The task that provides graphs and defines which trees are correct.
        seed: The run's seed.
        optimization: Optimizer, schedule and clipping.
        kappa: κ, the margin for each wrong node.
        violation: `whole` compares whole trees, `largest` compares them after the merge at which they differ
            most.
        labels: ν, the weight of the loss of the nodes' labels.
        weight_penalty: λ, penalty on squared weights.
    """

    model: GraphModel

    def __init__(
        self,
        model: GraphModel,
        task: Task,
        seed: int,
        optimization: OptimizationOptions,
        *,
        kappa: float,
        violation: Literal["whole", "largest"],
        labels: float,
        weight_penalty: float,
    ) -> None:
        super().__init__(model, task, seed, optimization)
        self.kappa, self.violation = kappa, violation
        self.labels, self.weight_penalty = labels, weight_penalty

    def training_loss(self, batch: Batch) -> Tensor:
        """Return the objective J, for autograd."""
        task, rows = cast(GraphTask, self.task), len(batch.lengths)
        regions = task.region_of(batch)
        violating, right = (self._trees(batch, regions, kappa) for kappa in (self.kappa, ONLY_RIGHT))
        found = self._forest(batch, [*violating, *right])
        y, _ = self.model.sequencer(found.x, lengths=found.lengths)
        logits, wrong = self.model.readout(y), wrong_nodes(found, regions.repeat(2, 1))
        margin = self._margin(self._scores(y, found) + self.kappa * in_merge_order(wrong, found), rows)
        labels = self._label_loss(logits[rows:], found.below[rows:], task.classes(batch))
        self.log("train/margin", margin.detach(), sync_dist=True)
        self.log("train/label_nats", labels.detach(), sync_dist=True)
        self.log("train/wrong_nodes", wrong[:rows].sum(1).mean(), sync_dist=True)
        self.record(most_certain(logits[:rows], found.below[:rows]), batch)
        squares = torch.stack([weight.square().sum() for weight in self.model.parameters()]).sum()
        return margin + self.labels * labels + self.weight_penalty / 2 * squares

    def _trees(self, batch: Batch, regions: Tensor, kappa: float) -> Sequence[Tree]:
        cell, features = cast(FindsTrees, self.model.sequencer), self.model.features
        return parsed(cell, batch.x, batch.lengths, features, regions, kappa)

    def _forest(self, batch: Batch, trees: Sequence[Tree]) -> Forest:
        twice = batch.x.repeat(2, 1, 1), batch.lengths.repeat(2)
        return forest(trees, *twice, self.model.features)

    def _scores(self, y: Tensor, found: Forest) -> Tensor:
        """Return the scores of each tree's merges, in their order: (B, merges)."""
        return in_merge_order(cast(FindsTrees, self.model.sequencer).score(y), found)

    def _margin(self, scores: Tensor, rows: int) -> Tensor:
        """Return the mean hinge loss (); scores (2 B, merges) are of violating, then of correct trees."""
        ahead = (scores[:rows] - scores[rows:]).cumsum(1)
        largest = self.violation == "largest"
        return (ahead.amax(1) if largest else ahead[:, -1]).clamp(min=0).mean()

    def _label_loss(self, logits: Tensor, below: Tensor, classes: Tensor) -> Tensor:
        """Return the mean cross-entropy of the class proportions below each node, in nats.

        The mean over ranks equals the mean over all nodes, although ranks have different numbers of nodes.
        """
        shares = below.to(logits.dtype) @ one_hot(classes, logits.shape[-1]).to(logits.dtype)
        there = below.any(2)
        shares = shares[there] / shares[there].sum(1, keepdim=True)
        nodes = self.mean_over_ranks(there.sum().to(logits.dtype))
        return cross_entropy(logits[there], shares, reduction="sum") / nodes


def in_merge_order(values: Tensor, found: Forest) -> Tensor:
    """Select the values of merges from those of all nodes (B, T'), in the order of merging: (B, merges)."""
    inner = found.merge >= 0
    merges = int(found.merge.max()) + 1
    order = torch.where(inner, found.merge, merges)  # leaves and padding go to a column that is removed
    sorted_ = values.new_zeros(len(values), merges + 1).scatter(1, order, values)
    return sorted_[:, :-1]


def wrong_nodes(found: Forest, regions: Tensor) -> Tensor:
    """Return 1 for each node that mixes regions before each of them is complete, else 0: (B, T')."""
    inside = one_hot(regions).double() * found.below.any(1)[..., None]  # (B, T, R)
    count = found.below.double() @ inside  # (B, T', R)
    partial = ((count > 0) & (count < inside.sum(1, keepdim=True))).any(2)
    return (partial & ((count > 0).sum(2) > 1)).to(found.x.dtype)
