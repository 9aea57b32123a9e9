"""Which level runs, and when the loop has to; threads that share one cell."""

import copy
import threading
from functools import cache

import pytest
import torch
from engine_cells import Memory, made
from engine_compare import assert_alike, drawn, level_of, results
from engine_toys import Branching, Drawing, Joined, Mixing, StraightThrough

from recurra import InvalidOption, sequence

cell_of = cache(made)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (StraightThrough, "torch.autograd.Function"),
        (Mixing, "differs from the loop's"),
        (Branching, "the numbers of a tensor (__float__)"),
        (Drawing, "random numbers"),
    ],
)
def test_what_a_trace_does_not_show_runs_in_the_loop(kind, reason):
    cell = cell_of(kind)
    x, state = drawn(cell, 3, 5)
    choice = level_of(cell, x, state, "native")
    assert choice.level == "loop"
    assert reason in choice.why_not["native"]
    if kind is not Drawing:
        assert_alike(results(cell, x, state, level="native"), results(cell, x, state), 0)


def test_hooks_are_called_at_every_step():
    cell, calls = copy.deepcopy(cell_of(Joined)), []
    x, state = drawn(cell, 2, 4)
    cell.W.register_forward_hook(lambda *_: calls.append(1))
    with sequence.using("native"):
        cell(x, state)
    assert len(calls) == 4


def test_threads_may_share_a_cell():
    cell = cell_of(Memory)
    x, state = drawn(cell, 3, 9)
    want, wrong = results(cell, x, state), []

    def run():
        try:
            assert_alike(results(cell, x, state, level="native"), want)
        except AssertionError as error:
            wrong.append(error)

    workers = [threading.Thread(target=run) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_more_threads_give_the_same():
    cell = cell_of(Memory, 33)
    x, state = drawn(cell, 17, 40)
    want = results(cell, x, state, torch.arange(17) + 20)
    try:
        torch.set_num_threads(2)
        assert_alike(results(cell, x, state, torch.arange(17) + 20, "native"), want)
    finally:
        torch.set_num_threads(1)


def test_an_unknown_level_is_refused(monkeypatch):
    with pytest.raises(InvalidOption, match="no level 'fast'; expected one of loop"), sequence.using("fast"):
        pass
    monkeypatch.setenv("RECURRA_ENGINE", "fast")
    with pytest.raises(InvalidOption, match="RECURRA_ENGINE"):
        cell_of(Joined)(torch.zeros(1, 2, 3).double())
