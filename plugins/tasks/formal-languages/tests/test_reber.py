"""The continual embedded Reber grammar against a parser in plain Python."""

import pytest
import torch

from recurra import InvalidOption
from recurra_formal_languages.automata import REBER
from recurra_formal_languages.reber import SYMBOLS, ContinualReber


def legal_after_each(text):
    """What may come next after each symbol of a stream, by walking the grammar by hand."""
    sets, place, outer = [], "begin", ""
    for symbol in text:
        if place == "begin":
            assert symbol == "B"
            place, legal = "choice", "TP"
        elif place == "choice":
            assert symbol in "TP"
            outer, place, legal = symbol, "inner begin", "B"
        elif place == "inner begin":
            assert symbol == "B"
            place, legal = 0, "TP"
        elif place in REBER:
            place = REBER[place][symbol]
            legal = "".join(REBER[place]) if place in REBER else "E"
        elif place == 5:
            assert symbol == "E"
            place, legal = "return", outer
        elif place == "return":
            assert symbol == outer
            place, legal = "last", "E"
        else:
            assert symbol == "E"
            place, legal = "begin", "B"
        sets.append(set(legal))
    return sets


def test_a_stream_and_its_legal_sets_follow_the_grammar_without_a_gap():
    batch = ContinualReber(length=500).sample(20, torch.Generator().manual_seed(0))
    assert batch.mask.all()
    assert batch.lengths.tolist() == [500] * 20
    assert (batch.x.sum(-1) == 1).all()
    for x, target in zip(batch.x, batch.target, strict=True):
        text = "".join(SYMBOLS[s] for s in x.argmax(-1).tolist())
        sets = [{SYMBOLS[k] for k in row.nonzero()[:, 0].tolist()} for row in target]
        assert sets == legal_after_each(text)


def test_streams_differ_from_each_other():
    batch = ContinualReber().sample(50, torch.Generator().manual_seed(0))
    assert len({tuple(row.argmax(-1).tolist()) for row in batch.x}) == 50


def answer_with_one_mistake(task, batch, step):
    y = task.oracle(batch)
    y[0, step, 3] *= -1
    return y


def test_the_score_counts_symbols_before_the_first_mistake():
    task = ContinualReber(length=100)
    batch = task.sample(2, torch.Generator())
    scores = task.scores(answer_with_one_mistake(task, batch, 30), batch)
    assert scores["steps_before_error"].value == (30 + 100) / 2
    assert scores["rejected_share"].value == 0.5
    assert scores["bit_errors"].value == 0.5


def test_forgetting_the_outer_symbol_costs_outer_errors_alone():
    task = ContinualReber(length=300)
    batch = task.sample(30, torch.Generator().manual_seed(2))
    y = task.oracle(batch)
    seen = batch.x.argmax(-1)
    outer = torch.zeros_like(batch.mask)
    for row, text in enumerate("".join(SYMBOLS[s] for s in line) for line in seen.tolist()):
        places = [t for t, legal in enumerate(legal_after_each(text)) if legal in ({"T"}, {"P"})]
        # Only after the inner E is one of T and P alone legal; anywhere else both are, or T with another.
        outer[row, [t for t in places if text[t] == "E"]] = True
    always_t = torch.full((7,), -100.0)
    always_t[SYMBOLS.index("T")] = 100.0
    scores = task.scores(torch.where(outer[..., None], always_t, y), batch)
    assert scores["outer_errors"].weight == int(outer.sum())
    assert 0.4 < scores["outer_errors"].value < 0.6
    wrong_p = int((batch.target[outer][:, SYMBOLS.index("P")] == 1).sum())
    assert scores["bit_errors"].total == 2 * wrong_p == 2 * scores["outer_errors"].total


@pytest.mark.parametrize(("tolerance", "wrong"), [(0.49, 1), (0.7, 0)])
def test_the_tolerance_is_on_the_absolute_error(tolerance, wrong):
    task = ContinualReber(length=20, tolerance=tolerance)
    batch = task.sample(1, torch.Generator())
    y = task.oracle(batch)
    y[0, 5, 0] = torch.logit(torch.tensor(0.6 if batch.target[0, 5, 0] == 0 else 0.4))
    assert task.scores(y, batch)["bit_errors"].value == wrong


def test_the_references_are_those_of_a_second_simulation():
    task = ContinualReber(length=100)
    constant, optimal = (task.baselines()[name] for name in ("constant", "optimal"))
    assert optimal == {"rejected_share": 0, "steps_before_error": 100, "bit_errors": 0, "outer_errors": 0}
    batch = task.sample(2000, torch.Generator().manual_seed(9))
    # No symbol is legal at more than half of the steps, so the best constant says that none is.
    assert (batch.target.mean((0, 1)) < 0.5).all()
    assert constant["bit_errors"] == pytest.approx(float(batch.target.sum((1, 2)).mean()), rel=0.01)
    assert constant["rejected_share"] == 1
    assert constant["steps_before_error"] == 0
    assert constant["outer_errors"] == 1


def test_the_suite_goes_up_to_the_test_length():
    assert list(ContinualReber(test_length=5000).suite()) == ["stream-1000", "stream-5000"]
    suite = ContinualReber(tolerance=0.3).suite()
    assert [task.length for task in suite.values()] == [1000, 10_000]
    assert {task.tolerance for task in suite.values()} == {0.3}


def test_a_million_symbols_can_be_drawn():
    batch = ContinualReber(length=10**6).sample(1, torch.Generator())
    assert batch.x.shape == (1, 10**6, 7)
    assert batch.target.sum(-1).mean() == pytest.approx(1.5, abs=0.2)


@pytest.mark.parametrize("options", [{"length": 19}, {"test_length": 0}, {"tolerance": 1.0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InvalidOption, match=next(iter(options))):
        ContinualReber(**options)
