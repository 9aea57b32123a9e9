"""Random cells beside the loop, and their generator; `benchmarks/fuzz.py` tries as many as time allows."""

import pytest
import torch

from fuzzing import calls
from fuzzing.cells import built, draft, source
from fuzzing.minimise import minimised
from fuzzing.rounding import spread
from fuzzing.trials import tried
from recurra_engine.passes import vjp

FAST, SLOW = range(30), range(30, 400)


def differences(numbers, levels):
    """Return what differs, by the number of the cell."""
    found = {}
    for number in numbers:
        drawn = draft(0, number)
        try:
            outcome = tried(drawn, levels)
        except Exception:
            continue
        if outcome.differences:
            found[number] = (outcome.differences, source(drawn))
    return found


def test_random_cells():
    assert not differences(FAST, ("scan",))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_more_random_cells():
    assert not differences(SLOW, ("scan",))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_random_cells_in_c():
    assert not differences(SLOW[::20], ("native",))


def test_a_cell_is_always_the_same():
    first = draft(3, 41)
    draft(3, 40)
    again = draft(3, 41)
    assert source(first) == source(again)
    assert source(first) != source(draft(4, 41))
    assert calls.call(first) == calls.call(again)
    pairs = zip(built(first).parameters(), built(again).parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def with_gradient(construct):
    """Return a cell in which a construct matters."""
    drawn = (draft(0, number) for number in range(1000))
    wanted = (d for d in drawn if construct in d.constructs and not d.wild and calls.call(d).gradients)
    return next(d for d in wanted if tried(d, ("scan",)).differences)


@pytest.mark.slow
def test_a_wrong_slope_is_found_and_the_cell_minimised(monkeypatch):
    right = vjp.SLOPES["sin"]
    monkeypatch.setitem(
        vjp.SLOPES, "sin", lambda n, g: [vjp.pointwise("mul", vjp.const(1.001), right(n, g)[0])]
    )
    wrong = with_gradient("sin")
    call = calls.call(wrong)
    small = minimised(wrong, lambda d: bool(tried(d, ("scan",), call).differences))
    assert "torch.sin" in source(small)
    assert len(small.statements) < len(wrong.statements)
    monkeypatch.undo()
    assert not tried(small, ("scan",), call).differences


def test_rounding_explains_what_makes_much_of_the_last_bit():
    a = torch.tensor([0.1, 0.7], dtype=torch.float64)

    def run(scale):
        return {"y": (a * 3 - 0.3) * scale}

    assert 0 < float(spread(lambda: run(1.0), run(1.0), 4)["y"].max()) < 1e-14
    assert float(spread(lambda: run(1e14), run(1e14), 4)["y"].max()) > 1e-3
