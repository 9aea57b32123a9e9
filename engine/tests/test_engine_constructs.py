"""What people write in a step runs at the native level, and gives what the loop gives."""

from functools import cache

import pytest
import torch
from engine_compare import FAST, assert_alike, assert_runs, drawn, results, weighed
from engine_constructs import GROUPS, Constructs
from engine_operators import KINKS, OPERATORS, WIDTH, Everything

from recurra import sequence
from recurra_engine.compiled import traced
from recurra_engine.frontend import aten
from recurra_engine.frontend.aten.rules import RULES

NEVER_RECORDED = {
    *("_conj", "_reshape_alias", "alias", "contiguous", "lift_fresh_copy", "log_sigmoid"),
    *("narrow", "square", "unsafe_split_with_sizes"),
}
"""Operators that this version of torch says in terms of others."""
LENGTHS = torch.tensor([4, 0, 2, 4, 1])


LONG_TO_COMPILE = ("products", "modules")


def trial(group, level):
    slow = level == "native" and group in LONG_TO_COMPILE
    return pytest.param(group, level, marks=[pytest.mark.slow] if slow else [])


@cache
def cell_of(group):
    torch.manual_seed(0)
    return Constructs(*GROUPS[group]).double().eval()


def slopes(cell, x, state, lengths, level, name):
    """Return the gradients of one construct's results."""
    with sequence.using(level):
        y, _ = cell(x, state, lengths=lengths)
    wanted = {"x": x, "state": state, **dict(cell.named_parameters())}
    found = torch.autograd.grad(weighed(y[..., cell.spans[name]]), list(wanted.values()), allow_unused=True)
    return dict(zip(wanted, found, strict=True))


def assert_constructs_alike(cell, x, state, lengths, level):
    """Compare all constructs at once, and one by one where they differ."""
    got, want = (results(cell, x, state, lengths, which) for which in (level, "loop"))
    for name, span in cell.spans.items():
        torch.testing.assert_close(
            got["y"][..., span], want["y"][..., span], msg=lambda m, n=name: f"{n}: {m}"
        )
    try:
        assert_alike(got, want, 1e-11)
    except AssertionError as error:
        names = [name for name in cell.spans if _differs(cell, x, state, lengths, level, name)]
        raise AssertionError(f"{names}: {error}") from error


def _differs(cell, x, state, lengths, level, name):
    try:
        assert_alike(*(slopes(cell, x, state, lengths, which, name) for which in (level, "loop")), 1e-11)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize(
    ("group", "level"), [trial(g, level) for g in GROUPS if g != "data" for level in FAST]
)
def test_constructs_and_their_gradients(group, level):
    cell = cell_of(group)
    x, state = drawn(cell, len(LENGTHS), 4)
    assert_runs(cell, x, state, level)
    for lengths in (None, LENGTHS):
        assert_constructs_alike(cell, x, state, lengths, level)


def test_every_rule_is_in_use(monkeypatch):
    seen = set()
    monkeypatch.setattr(
        "recurra_engine.frontend.watched.translate",
        lambda name, *rest: seen.add(name) or aten.translate(name, *rest),
    )
    cells = [cell_of(group) for group in GROUPS if group != "data"]
    cells += [Everything(OPERATORS, True).double(), Everything(KINKS, False).double()]
    for cell in cells:
        traced(cell, torch.zeros(1, 1, WIDTH).double(), cell.initial_state(1))
    assert RULES.keys() - seen == NEVER_RECORDED
