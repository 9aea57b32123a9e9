"""Choices without replacement, compared with exact probabilities and with plain Python."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra_recall.draws import distinct, others


def test_draws_follow_the_weights_one_after_the_other():
    weights, rows = torch.tensor([1.0, 2.0, 5.0]), 40_000
    drawn = distinct(rows, 2, weights, torch.Generator().manual_seed(0))
    # First i with p = w_i / 8, then j with p = w_j / (8 - w_i).
    for i, j, expected in ((0, 1, 1 / 8 * 2 / 7), (1, 2, 2 / 8 * 5 / 6), (2, 0, 5 / 8 * 1 / 3)):
        share = (drawn == torch.tensor([i, j])).all(1).double().mean().item()
        assert share == pytest.approx(expected, abs=5 * (expected * (1 - expected) / rows) ** 0.5)


@given(data=st.data(), choices=st.integers(2, 12), seed=st.integers(0, 999))
def test_others_are_exactly_the_unused(data, choices, seed):
    used = data.draw(st.lists(st.integers(0, choices - 1), max_size=choices - 1, unique=True))
    rng = torch.Generator().manual_seed(seed)
    drawn = others(torch.tensor([used], dtype=torch.int64), choices, 300, rng)
    free = set(range(choices)) - set(used)
    assert set(drawn.flatten().tolist()) == free
