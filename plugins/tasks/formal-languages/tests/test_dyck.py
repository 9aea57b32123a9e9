"""Balanced brackets against a stack in plain Python."""

from collections import Counter

import pytest
import torch

from recurra import InvalidOption
from recurra_formal_languages.dyck import Dyck

OPENING, CLOSING = "([{<", ")]}>"


def names(pairs):
    return OPENING[:pairs] + CLOSING[:pairs]


def words_of(batch, pairs):
    for x, length in zip(batch.x, batch.lengths.tolist(), strict=True):
        assert x[0, 0] == 1
        assert not x[length:].any()
        yield "".join(("S" + names(pairs))[s] for s in x[:length].argmax(-1).tolist())[1:]


def legal_after_each(word, pairs, depth):
    stack, sets = [], []
    for symbol in "S" + word:
        if symbol in OPENING:
            stack.append(symbol)
        elif symbol in CLOSING:
            assert stack.pop() == OPENING[CLOSING.index(symbol)]
        legal = set(OPENING[:pairs]) if len(stack) < depth else set()
        sets.append(legal | ({CLOSING[OPENING.index(stack[-1])]} if stack else {"end"}))
    assert not stack
    return sets


@pytest.mark.parametrize(("pairs", "depth"), [(1, 1), (2, 3), (4, 6), (3, 20)])
def test_strings_are_balanced_and_their_legal_sets_right(pairs, depth):
    batch = Dyck(pairs=pairs, max_depth=depth).sample(200, torch.Generator().manual_seed(0))
    outputs = [*names(pairs), "end"]
    for word, target in zip(words_of(batch, pairs), batch.target, strict=True):
        assert 2 <= len(word) <= 30
        sets = [{outputs[k] for k in row.nonzero()[:, 0].tolist()} for row in target[: len(word) + 1]]
        assert sets == legal_after_each(word, pairs, depth)


def test_all_strings_of_a_length_are_as_likely():
    # Of six brackets of one kind nested at most twice there are four strings; Catalan's five less ((())).
    batch = Dyck(pairs=1, max_depth=2, min_length=6, max_length=6).sample(8000, torch.Generator())
    counts = Counter(words_of(batch, 1))
    assert set(counts) == {"()()()", "(())()", "()(())", "(()())"}
    assert all(abs(count - 2000) < 5 * 38.8 for count in counts.values())


def test_lengths_and_kinds_are_uniform():
    batch = Dyck(pairs=2, max_length=8).sample(8000, torch.Generator())
    words = list(words_of(batch, 2))
    lengths = Counter(map(len, words))
    assert set(lengths) == {2, 4, 6, 8}
    assert all(abs(count - 2000) < 5 * 38.8 for count in lengths.values())
    opened = Counter("".join(words))
    assert opened["("] / (opened["("] + opened["["]) == pytest.approx(0.5, abs=0.02)


def test_the_references_are_those_of_a_second_simulation():
    task = Dyck()
    constant, optimal = task.baselines().values()
    assert optimal["rejected_share"] == optimal["bit_errors"] == 0
    batch = task.sample(3000, torch.Generator().manual_seed(4))
    usual = batch.target[batch.mask].mean(0) > 0.5
    wrong = (batch.target != usual.float()) & batch.mask[..., None]
    assert constant["bit_errors"] == pytest.approx(float(wrong.sum()) / 3000, rel=0.03)
    assert constant["rejected_share"] == 1
    assert optimal["steps_before_error"] == pytest.approx(float(batch.lengths.double().mean()), rel=0.03)


def test_the_suite_keeps_kinds_and_depth():
    suite = Dyck(pairs=3, max_depth=5).suite()
    assert list(suite) == [f"length-{n}" for n in (50, 100, 200, 500)]
    batch = suite["length-500"].sample(2, torch.Generator())
    assert batch.lengths.tolist() == [501, 501]
    assert {(task.pairs, task.max_depth) for task in suite.values()} == {(3, 5)}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"min_length": 7, "max_length": 7}, "min_length = 7 to max_length = 7 holds no even number"),
        ({"min_length": 40}, "min_length = 40 to max_length = 30 holds no even number"),
        ({"pairs": 0}, "pairs"),
        ({"max_depth": 0}, "max_depth"),
    ],
)
def test_impossible_options_are_refused(options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        Dyck(**options)
