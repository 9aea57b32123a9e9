"""Selective copying and induction heads, solved by plain Python."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import InvalidOption
from recurra_recall.induction_heads_task import InductionHeads
from recurra_recall.selective_copy_task import SelectiveCopy


def sample(task, batch_size=50, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


def test_a_selective_copy_by_hand(monkeypatch):
    monkeypatch.setattr("recurra_recall.selective_copy_task.distinct", lambda *_: torch.tensor([[4, 1]]))
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor([[3, 2]]))
    batch = SelectiveCopy(length=6, copied=2, vocabulary=6).sample(1, torch.Generator())
    assert batch.x.tolist() == [[0, 3, 0, 0, 2, 0, 5, 5]]
    assert batch.target.tolist() == [[0, 0, 0, 0, 0, 0, 3, 2]]
    assert batch.mask.tolist() == [[False] * 6 + [True] * 2]
    assert batch.lengths.tolist() == [8]


@settings(max_examples=30)
@given(
    copied=st.integers(1, 6), noise=st.integers(0, 9), vocabulary=st.integers(4, 9), seed=st.integers(0, 99)
)
def test_what_is_left_without_noise_is_the_target(copied, noise, vocabulary, seed):
    batch = sample(SelectiveCopy(length=copied + noise, copied=copied, vocabulary=vocabulary), 8, seed)
    for x, target, mask in zip(*(part.tolist() for part in batch[:3]), strict=True):
        symbols = [token for token in x if 0 < token < vocabulary - 1]
        assert x[-copied:] == [vocabulary - 1] * copied
        assert target == [0] * (len(x) - copied) + symbols
        assert mask == [False] * (len(x) - copied) + [True] * copied


def test_every_place_and_symbol_of_a_selective_copy_is_drawn():
    x = sample(SelectiveCopy(length=5, copied=2, vocabulary=5), 5000).x[:, :5]
    assert (x > 0).double().mean(0).tolist() == pytest.approx([2 / 5] * 5, abs=0.035)
    assert set(x.flatten().tolist()) == {0, 1, 2, 3}


@settings(max_examples=30)
@given(length=st.integers(3, 30), vocabulary=st.integers(3, 9), seed=st.integers(0, 99))
def test_the_answer_of_an_induction_head_is_in_the_sequence(length, vocabulary, seed):
    batch = sample(InductionHeads(length=length, vocabulary=vocabulary), 8, seed)
    special = vocabulary - 1
    for x, target, mask in zip(*(part.tolist() for part in batch[:3]), strict=True):
        assert x.count(special) == 2
        assert x[-1] == special
        assert target == [0] * (length - 1) + [x[x.index(special) + 1]]
        assert mask == [False] * (length - 1) + [True]


def test_an_induction_head_by_hand(monkeypatch):
    drawn = iter(([[0, 1, 2, 1, 0, 2]], [[2]]))
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor(next(drawn)))
    batch = InductionHeads(length=6, vocabulary=4).sample(1, torch.Generator())
    assert batch.x.tolist() == [[0, 1, 3, 1, 0, 3]]
    assert batch.target.tolist() == [[0, 0, 0, 0, 0, 1]]


def test_every_place_of_the_special_symbol_is_drawn():
    x = sample(InductionHeads(length=6, vocabulary=4), 4000).x[:, :-1]
    assert (x == 3).double().mean(0).tolist() == pytest.approx([1 / 4] * 4 + [0], abs=0.035)


@pytest.mark.parametrize(
    ("task", "symbols"), [(SelectiveCopy(length=20), 14), (InductionHeads(length=20), 15)]
)
def test_a_blind_guess_scores_the_baseline(task, symbols):
    batch, known = sample(task, 2000), task.baselines()
    answers = batch.target[batch.mask].unique().tolist()
    assert len(answers) == symbols
    y = torch.zeros(*batch.x.shape, 16)
    y[..., answers] = 100
    scores = task.scores(y, batch)
    assert scores["nats_per_answer"].value == pytest.approx(math.log(symbols))
    assert known["constant"] == {"accuracy_percent": 100 / symbols, "nats_per_answer": math.log(symbols)}
    y[..., answers[-1]] = 101
    assert task.scores(y, batch)["accuracy_percent"].value == pytest.approx(100 / symbols, abs=3)


def test_the_suites():
    assert list(SelectiveCopy().suite()) == ["length-256", "length-512", "length-1024"]
    assert list(InductionHeads(longest=600, length=100).suite()) == [
        f"length-{n}" for n in (64, 100, 128, 256, 512)
    ]
    assert list(InductionHeads(longest=2**20).suite())[-1] == "length-1048576"
    assert list(InductionHeads(longest=3, length=9).suite()) == ["length-9"]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: SelectiveCopy(length=3, copied=4), "copied = 4 must not exceed length = 3"),
        (lambda: SelectiveCopy(vocabulary=3), "vocabulary"),
        (lambda: InductionHeads(length=2), "length"),
    ],
)
def test_impossible_options_are_refused(make, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        make()
