"""Seeds made of words are fixed for ever: all data and all runs depend on them."""

import torch

from recurra.rng import generator_of, seed_of


def test_a_seed_never_changes():
    assert seed_of("Copy", 1, 0, "train", 3) == 7229299278171542779


def test_every_word_and_their_order_matter():
    assert len({seed_of(*words) for words in [(1, 2), (2, 1), (1, 2, 0), ("x", 1, 2), (12,)]}) == 5


def test_words_are_joined_unambiguously():
    joined = [("a:b", "c"), ("a", "b:c"), ("a", "b", "c"), ("a\\", "b:c"), ("a\\:b", "c"), ("a\\", ":b", "c")]
    assert len({seed_of(*words) for words in joined}) == len(joined)


def test_a_generator_starts_from_the_seed():
    wanted = torch.Generator().manual_seed(seed_of("a", 1))
    assert torch.equal(torch.rand(3, generator=generator_of("a", 1)), torch.rand(3, generator=wanted))
