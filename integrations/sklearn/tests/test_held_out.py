"""Sequences are held out in proportion to their labels, and no label leaves training."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra_sklearn.held_out import divided

SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_are_held_out_in_proportion(seed):
    labels = [["rare"]] * 10 + [["common"]] * 30
    training, held = divided(labels, 0.2, seed)
    # A fifth of 40 is 8, and a fifth of each label is 2 and 6.
    assert len(held) == 8
    assert 1 <= sum(number < 10 for number in held) <= 3
    assert sorted(training + held) == list(range(40))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_only_sequence_with_a_label_is_trained_on(seed):
    training, held = divided([["a"], ["b"], ["a"], ["a", "c"]], 0.5, seed)
    assert {1, 3} <= set(training)
    assert 1 <= len(held) <= 2
    assert divided([["a"], ["b"], ["a"], ["a", "c"]], 0.5, seed) == (training, held)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1), min_size=5, max_size=30), st.integers(0, 9))
def test_every_label_stays_in_training(labels, seed):
    training, held = divided(labels, 0.3, seed)
    assert {label for number in training for label in labels[number]} == set().union(*labels)
    assert sorted(training + held) == list(range(len(labels)))
    assert 1 <= len(held) <= round(0.3 * len(labels))
