"""Multi-query associative recall, answered by a Python dictionary."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import InvalidOption
from recurra_recall.mqar_task import MQAR

KEYS, VALUES = range(1, 10), range(10, 20)  # of a vocabulary of 20


def drawn(batch_size=50, seed=0, **options):
    return MQAR(**options).sample(batch_size, torch.Generator().manual_seed(seed))


def test_one_sequence_by_hand(monkeypatch):
    choices = iter(([[3, 0]], [[4, 1]], [[1, 0]], [[0, 2]]))  # keys, values, order, places of queries
    monkeypatch.setattr("recurra_recall.mqar_task.distinct", lambda *_: torch.tensor(next(choices)))
    batch = MQAR(pairs=2, length=10, vocabulary=20, distractors=False).sample(1, torch.Generator())
    # Keys 4 and 1 have the values 14 and 11; the second pair is shown first; queries are at 4 and 8.
    assert batch.x.tolist() == [[1, 11, 4, 14, 4, 0, 0, 0, 1, 0]]
    assert batch.target.tolist() == [[0, 0, 0, 0, 14, 0, 0, 0, 11, 0]]
    assert batch.mask.nonzero()[:, 1].tolist() == [4, 8]
    assert batch.lengths.tolist() == [10]


@settings(max_examples=30)
@given(
    pairs=st.integers(1, 4),
    rebound=st.integers(0, 4),
    distractors=st.booleans(),
    power=st.floats(0.01, 1),
    seed=st.integers(0, 999),
)
def test_a_dictionary_answers_every_query(pairs, rebound, distractors, power, seed):
    rebound = min(rebound, pairs)
    context = 2 * (pairs + rebound)
    length = context + 2 * pairs + 3
    batch = drawn(
        8, seed, pairs=pairs, rebound=rebound, distractors=distractors, power=power, length=length,
        vocabulary=length + 1,
    )  # fmt: skip
    for x, target, mask in zip(*(part.tolist() for part in batch[:3]), strict=True):
        pair_list = list(zip(x[:context:2], x[1:context:2], strict=True))
        table = dict(pair_list)  # a later binding replaces an earlier one
        assert len(table) == pairs
        assert len({value for _, value in pair_list}) == pairs + rebound
        asked = [t for t, scored in enumerate(mask) if scored]
        assert sorted(x[t] for t in asked) == sorted(table)
        assert [target[t] for t in asked] == [table[x[t]] for t in asked]
        # What lies between the queries neither is a queried key nor a value, so nothing is bound anew.
        between = [x[t] for t in range(context, length) if t not in asked]
        highest_key = length // 2
        assert all((0 < token <= highest_key) if distractors else token == 0 for token in between)
        assert not set(between) & set(table)


def test_keys_and_values_have_their_own_tokens():
    batch = drawn(300, pairs=2, length=12, vocabulary=20)
    assert set(batch.x[:, :4:2].flatten().tolist()) == set(KEYS)
    assert set(batch.x[:, 1:4:2].flatten().tolist()) == set(VALUES)


def test_gaps_follow_the_power_law():
    rows = 20_000
    batch = drawn(rows, pairs=1, length=10, vocabulary=20, power=0.01)
    places = batch.mask.nonzero()[:, 1]
    weights = [n**-0.99 for n in (1, 2, 3, 4)]
    for place, weight in zip((2, 4, 6, 8), weights, strict=True):
        share, p = (places == place).double().mean().item(), weight / sum(weights)
        assert share == pytest.approx(p, abs=5 * (p * (1 - p) / rows) ** 0.5)


def test_a_rebound_key_is_as_often_shown_early_as_late():
    batch = drawn(4000, pairs=1, rebound=1, length=10, vocabulary=20)
    first, second = batch.x[:, 1], batch.x[:, 3]
    due = batch.target[batch.mask]
    assert torch.equal(due, second)
    assert (first < second).double().mean().item() == pytest.approx(0.5, abs=0.04)


def test_baselines_are_what_such_answers_score():
    task = MQAR(pairs=3, rebound=1, length=20, vocabulary=41)
    batch, known = task.sample(4000, torch.Generator()), task.baselines()
    values = torch.zeros(41).scatter_(0, torch.arange(21, 41), 100.0)
    blind = task.scores(values.expand(*batch.x.shape, 41), batch)
    assert blind["nats_per_answer"].value == pytest.approx(known["constant"]["nats_per_answer"])
    assert known["constant"] == {"accuracy_percent": 5.0, "nats_per_answer": math.log(20)}
    seen = torch.nn.functional.one_hot(batch.x[:, 1:8:2], 41).sum(1).double()[:, None].expand(-1, 20, -1)
    guessed = task.scores(100 * seen, batch)["nats_per_answer"].value
    assert guessed == pytest.approx(known["seen-values"]["nats_per_answer"])
    assert known["seen-values"]["accuracy_percent"] == 25
    # The last value that is shown always counts: it is one of three answers. The first one belongs to the key
    # that comes twice in two of four cases, and is then out of date.
    for step, percent in ((7, 100 / 3), (1, 100 / 3 / 2)):
        y = torch.nn.functional.one_hot(batch.x[:, step], 41)[:, None].expand(-1, 20, -1).double()
        assert task.scores(y, batch)["accuracy_percent"].value == pytest.approx(percent, abs=1.5)
    assert known["optimal"] == {"accuracy_percent": 100.0, "nats_per_answer": 0.0}
    assert task.scores(task.oracle(batch), batch)["accuracy_percent"].value == 100


def test_the_suite_stays_within_the_vocabulary():
    assert list(MQAR().suite()) == ["length-64", "length-128", "length-256", "pairs-16"]
    small = MQAR(vocabulary=130, pairs=20, length=90).suite()
    assert list(small) == ["length-90"]
    assert MQAR(pairs=16, rebound=2, length=68).suite()["pairs-32"].length == 4 * 32 + 2 * 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"vocabulary": 64}, r"MQAR: vocabulary = 64 must be larger than length = 64, .* at least 65$"),
        ({"pairs": 17}, r"MQAR: length = 64 must be at least 68, which pairs = 17 needs$"),
        ({"pairs": 16, "rebound": 1}, r"must be at least 66, which pairs = 16 and rebound = 1 needs$"),
        ({"pairs": 2, "rebound": 3}, r"MQAR: rebound = 3 must not exceed pairs = 2$"),
        ({"power": 0.0}, "power"),
    ],
)
def test_impossible_options_are_refused(options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        MQAR(**options)
