"""Classifiers of segments that see their neighbours without merging any: what a tree has to beat."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

COUPLING = 2.0
ROUNDS = 10
RIDGE = 1e-6


def with_neighbours(features: Tensor, neighbours: Tensor) -> Tensor:
    """Return features and the mean of the neighbours' features: (B, n, F) and (B, n, n) -> (B, n, 2 F)."""
    near = neighbours.to(features.dtype)
    return torch.cat([features, near @ features / near.sum(2, keepdim=True).clamp(min=1)], 2)


def linear_discriminant(features: Tensor, classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Fit Fisher's linear discriminant to features (N, F) and classes (N,).

    Returns:
        Weights (F, count) and biases (count,); a class without an example is never chosen.
    """
    member = one_hot(classes, count).to(features.dtype)
    number = member.sum(0)
    means = member.T @ features / number.clamp(min=1)[:, None]
    apart = features - means[classes]
    within = apart.T @ apart / len(features)
    floor = RIDGE * within.diagonal().mean().clamp(min=RIDGE)
    weights = torch.linalg.solve(within + floor * torch.eye(len(within)).to(within), means.T)
    return weights, torch.where(number > 0, -(means.T * weights).sum(0) / 2, -torch.inf)


def mean_field(evidence: Tensor, neighbours: Tensor) -> Tensor:
    """Return the beliefs (B, n, K) of a Potts model, where neighbours tend to be of one class.

        q = softmax(log-likelihood + J · sum of the neighbours' q),  J = 2, ten times

    Args:
        evidence: Log-likelihoods of the classes, (B, n, K).
        neighbours: Which segments are neighbours, (B, n, n).
    """
    near, beliefs = neighbours.to(evidence.dtype), evidence.softmax(2)
    for _ in range(ROUNDS):
        beliefs = (evidence + COUPLING * near @ beliefs).softmax(2)
    return beliefs
