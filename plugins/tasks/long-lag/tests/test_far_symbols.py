"""Temporal order and delayed XOR against their text, read symbol by symbol."""

import itertools

import pytest
import torch

from recurra import InvalidOption
from recurra_long_lag.delayed_xor_task import DelayedXor
from recurra_long_lag.far_symbols import SYMBOLS
from recurra_long_lag.temporal_order_task import TemporalOrder

CLASSES = {n: ["".join(letters) for letters in itertools.product("XY", repeat=n)] for n in (2, 3)}


def draw(task, batch_size=600, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


def read(task):
    """Every row as text, with what is due at its end; checks the frame on the way."""
    for x, target, mask, steps in zip(*draw(task), strict=True):
        text = "".join(SYMBOLS[s] for s in x[:steps].argmax(-1).tolist())
        assert (x[:steps].sum(-1) == 1).all()
        assert not x[steps:].any()
        assert not target[~mask].any()
        assert mask.nonzero()[:, 0].tolist() == [steps - 1]
        assert text[0] == "E"
        assert text[-1] == "B"
        assert not set(text[1:-1]) & {"E", "B"}
        yield text, target[steps - 1].tolist()


@pytest.mark.parametrize(
    ("experiment", "windows"),
    [("6a", [(10, 20), (50, 60)]), ("6b", [(10, 20), (33, 43), (66, 76)])],
)
def test_the_class_is_the_order_of_the_far_symbols(experiment, windows):
    seen = [set() for _ in windows]
    lengths, classes = set(), set()
    for text, due in read(TemporalOrder(experiment=experiment)):
        places = [t for t, symbol in enumerate(text) if symbol in "XY"]
        assert len(places) == len(windows)
        for found, place in zip(seen, places, strict=True):
            found.add(place)
        order = "".join(text[t] for t in places)
        assert due == [float(order == name) for name in CLASSES[len(windows)]]
        lengths.add(len(text))
        classes.add(order)
    assert [(min(found), max(found), len(found)) for found in seen] == [(a, b, 11) for a, b in windows]
    assert lengths == set(range(100, 111))
    assert classes == set(CLASSES[len(windows)])


def test_classes_and_distractors_are_even():
    batch = draw(TemporalOrder(), 4000)
    assert (batch.target.sum((0, 1)) / 4000).tolist() == pytest.approx([0.25] * 4, abs=5 * 0.0069)
    shares = batch.x[:, 1:10].mean((0, 1))[:4]
    assert shares.tolist() == pytest.approx([0.25] * 4, abs=5 * 0.0023)


def test_a_shorter_sequence_moves_the_places_in_proportion():
    for text, _ in read(TemporalOrder(length=40)):
        first, second = (t for t, symbol in enumerate(text) if symbol in "XY")
        assert 4 <= first <= 8
        assert 20 <= second <= 24
        assert 40 <= len(text) <= 44


def test_delayed_xor_asks_whether_two_differ():
    found = [(text.count("X") == 1, due) for text, due in read(DelayedXor())]
    assert all(due == [float(differ)] for differ, due in found)
    assert sum(differ for differ, _ in found) == pytest.approx(300, abs=5 * 12.3)


@pytest.mark.parametrize("task", [TemporalOrder(experiment="6b"), DelayedXor()])
def test_an_error_of_3_tenths_is_wrong(task):
    batch = draw(task, 4)
    for error, wrong in ((0.299, 0.0), (0.301, 0.25)):
        y = task.oracle(batch)
        last = int(batch.lengths[2]) - 1
        y[2, last, 0] = torch.logit((batch.target[2, last, 0] - error).abs())
        assert task.scores(y, batch)["wrong_share"].value == wrong
        assert task.goal.met(task.scores(y, batch)["wrong_share"].value) == (wrong == 0)


def test_the_sizes_are_those_of_the_published_networks():
    sizes = [TemporalOrder(experiment=e) for e in ("6a", "6b")]
    assert [(task.input_size, task.output_size) for task in sizes] == [(8, 4), (8, 8)]


def test_the_suites_are_the_published_lengths():
    suite = TemporalOrder(experiment="6b", length=30, loss="cross-entropy").suite()
    assert [task.options for task in suite.values()] == [
        {"experiment": "6b", "length": 100, "loss": "cross-entropy"}
    ]
    assert {name: task.options["length"] for name, task in DelayedXor(length=30).suite().items()} == {
        "length-100": 100
    }


@pytest.mark.parametrize(
    ("task", "options"),
    [(TemporalOrder, {"experiment": "6c"}), (TemporalOrder, {"length": 19}), (DelayedXor, {"length": 5})],
)
def test_wrong_options_are_refused(task, options):
    with pytest.raises(InvalidOption, match=next(iter(options))):
        task(**options)
