"""Classifiers that see neighbours, by hand."""

import pytest
import torch

from recurra_trees.neighbour_classifiers import linear_discriminant, mean_field, with_neighbours


def test_a_segment_without_neighbours_has_zeros_for_their_mean():
    features = torch.tensor([[[2.0], [4.0], [8.0]]])
    neighbours = torch.tensor([[[0, 1, 0], [1, 0, 0], [0, 0, 0]]]).bool()
    assert with_neighbours(features, neighbours).tolist() == [[[2, 4], [4, 2], [8, 0]]]


def test_the_border_of_a_discriminant_lies_half_way_between_two_means():
    features = torch.tensor([[0.0], [2.0], [10.0], [12.0]], dtype=torch.float64)
    weights, bias = linear_discriminant(features, torch.tensor([0, 0, 2, 2]), 3)
    # The variance within classes is 1: weights are the means 1 and 11, biases minus half their squares.
    assert weights[0].tolist() == pytest.approx([1, 0, 11], abs=1e-4)
    assert bias.tolist() == pytest.approx([-0.5, -torch.inf, -60.5], abs=1e-3)
    scores = torch.tensor([[5.9], [6.1]], dtype=torch.float64) @ weights + bias
    assert scores.argmax(1).tolist() == [0, 2]


def test_features_without_any_spread_have_a_discriminant():
    weights, bias = linear_discriminant(torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1]), 2)
    assert torch.isfinite(weights).all()
    assert (torch.tensor([[0.1], [0.9]]) @ weights + bias).argmax(1).tolist() == [0, 1]


def test_two_sure_neighbours_outvote_a_segment_that_is_mistaken():
    evidence = torch.tensor([[[3.0, 0.0], [0.0, 1.0], [3.0, 0.0]]])
    line = torch.tensor([[[0, 1, 0], [1, 0, 1], [0, 1, 0]]]).bool()
    assert mean_field(evidence, line)[0].argmax(1).tolist() == [0, 0, 0]
    assert mean_field(evidence, torch.zeros_like(line))[0].argmax(1).tolist() == [0, 1, 0]
