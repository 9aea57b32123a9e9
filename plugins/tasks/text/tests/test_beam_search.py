"""Beam search finds what a search through everything finds; one beam is greedy."""

from itertools import product

import pytest
import torch

from recurra_text.beam_search import BeamSearch

END = 0
STEPS = torch.tensor(
    [[0.1, 0.5, 0.4, 0.0], [0.2, 0.3, 0.4, 0.1], [0.9, 0.05, 0.05, 0.0], [0.25, 0.25, 0.25, 0.25]]
)
"""The probability of the next token, by column, after the last one, by row."""


def chain(x, state, *, lengths):
    """A network whose next token depends on the last; its state counts the steps."""
    steps = torch.zeros(len(x), 1) if state is None else state
    return STEPS[x].log(), steps + x.shape[1]


def best(longest):
    """Return the continuation after token 1 with the highest log-probability per token, of all that end."""
    found = []
    for number in range(longest):
        for tokens in product((1, 2), repeat=number):
            pairs = zip((1, *tokens), (*tokens, END), strict=True)
            score = sum(float(STEPS[pair].log()) for pair in pairs)
            found.append((score / (number + 1), list(tokens), score))
    return max(found)


def test_many_beams_find_the_best_of_all():
    _, tokens, score = best(4)
    search = BeamSearch(200, 4, END, (), lambda tokens: tokens)
    found = search(chain, torch.tensor([[2, 1]]))
    assert found.tokens == tokens
    assert found.log_probability == pytest.approx(score, abs=1e-6)


def test_one_beam_is_greedy():
    found = BeamSearch(1, 9, END, (), lambda tokens: tokens)(chain, torch.tensor([[1]]))
    assert found.tokens == [2]  # the likeliest after 1 is 2, and after 2 the end
    assert found.log_probability == pytest.approx(float((STEPS[1, 2] * STEPS[2, 0]).log()), abs=1e-6)


def test_what_does_not_end_is_taken_as_it_is():
    found = BeamSearch(1, 3, END, (0,), lambda tokens: tokens)(chain, torch.tensor([[1]]))
    assert found.tokens == [2, 1, 2]


def test_the_state_follows_its_beam():
    """A network that repeats what it read first: only the state tells the beams apart."""

    def repeats(x, state, *, lengths):
        first = x[:, :1] if state is None else state
        logits = torch.full((*x.shape, 4), -5.0)
        logits[..., END] = 0.0
        logits.scatter_(-1, first[:, None].expand(-1, x.shape[1], 1), 2.0)
        return logits, first

    found = BeamSearch(3, 4, END, (), lambda tokens: tokens)(repeats, torch.tensor([[3]]))
    assert set(found.tokens) <= {3}
