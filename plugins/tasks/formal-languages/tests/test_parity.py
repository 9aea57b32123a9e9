"""The parity of long sequences, counted in plain Python."""

import pytest
import torch

from recurra import InvalidOption
from recurra_formal_languages.parity import Parity


def test_the_target_is_whether_the_ones_are_odd():
    batch = Parity(min_length=3, max_length=40).sample(200, torch.Generator())
    for x, target, mask, length in zip(*batch, strict=True):
        signs = x[:length, 0].tolist()
        assert set(signs) <= {1.0, -1.0}
        assert not x[length:].any()
        assert mask.nonzero()[:, 0].tolist() == [int(length) - 1]
        assert target[length - 1, 0] == signs.count(1.0) % 2
    assert set(batch.lengths.tolist()) == set(range(3, 41))


def test_sequences_are_as_long_as_in_the_paper():
    lengths = Parity().sample(3000, torch.Generator()).lengths
    assert (int(lengths.min()), int(lengths.max())) == (500, 600)


def test_a_blind_guess_is_wrong_half_of_the_time():
    task = Parity(min_length=1, max_length=20)
    batch = task.sample(20_000, torch.Generator())
    known = task.baselines()["constant"]
    scores = task.scores(torch.full_like(batch.target, 1.0), batch)
    assert scores["wrong_share"].value == pytest.approx(known["wrong_share"], abs=0.02)
    blind = task.scores(torch.zeros_like(batch.target), batch)
    assert blind["bits_per_verdict"].value == pytest.approx(known["bits_per_verdict"])


def test_one_wrong_verdict_is_counted():
    task = Parity(min_length=5, max_length=9)
    batch = task.sample(8, torch.Generator())
    y = task.oracle(batch)
    y[2] *= -1
    assert task.scores(y, batch)["wrong_share"].value == 1 / 8


def test_the_suite():
    assert list(Parity().suite()) == [f"length-{n}" for n in (10, 50, 100, 500, 1000)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"min_length": 601}, "min_length = 601 must not exceed max_length = 600"),
        ({"min_length": 0}, "min_length"),
    ],
)
def test_impossible_lengths_are_refused(options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        Parity(**options)
