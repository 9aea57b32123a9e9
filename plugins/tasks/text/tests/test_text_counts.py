"""Predictors that count, against loops over the symbols."""

import math
from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra_text.counts import bigram_nats, entropy, most_frequent, unigram, unigram_nats

texts = st.lists(st.integers(0, 4), min_size=2, max_size=30)


def pairs(text):
    return torch.tensor([text[:-1], text[1:]])


def test_by_hand():
    symbols = torch.tensor([0, 0, 1, 2])
    assert entropy(symbols) == pytest.approx(1.5 * math.log(2))
    assert most_frequent(symbols) == 50
    assert unigram(symbols, 4).tolist() == pytest.approx([3 / 8, 2 / 8, 2 / 8, 1 / 8])
    assert unigram_nats(symbols, torch.tensor([0, 3]), 4) == pytest.approx(
        math.log(8 / 3) / 2 + math.log(8) / 2
    )


@given(texts, texts)
@settings(max_examples=60, deadline=None)
def test_bigrams_against_a_loop(known, due):
    seen, before = Counter(pairwise(known)), Counter(known[:-1])
    singles = Counter(known[1:])
    nats = 0.0
    for first, second in pairwise(due):
        guess = (singles[second] + 1) / (len(known) - 1 + 5)
        kinds = len({pair for pair in seen if pair[0] == first})
        p = (seen[first, second] + kinds * guess) / (before[first] + kinds) if before[first] else guess
        nats -= math.log(p)
    assert bigram_nats(pairs(known), pairs(due), 5) == pytest.approx(nats / (len(due) - 1))


@given(texts)
@settings(max_examples=30, deadline=None)
def test_probabilities_of_bigrams_add_up_to_one(known):
    for before in range(5):
        nats = [bigram_nats(pairs(known), torch.tensor([[before], [after]]), 5) for after in range(5)]
        assert sum(math.exp(-each) for each in nats) == pytest.approx(1)
