"""A cell at one level beside the same cell in the loop: outputs, final state and every gradient."""

import torch
from engine_cells import tensors_of

from recurra import leaves, map_state, sequence
from recurra_engine import dispatch

FAST = ("scan", "native")
"""The levels of a CPU that are not the definition."""


def drawn(cell, batch=4, steps=6, seed=0, dtype=None):
    """Return x and a state to start from, away from the initial one; both want gradients."""
    dtype = dtype or next(cell.parameters()).dtype
    x = tensors_of(dtype, batch, steps, cell.input_size, seed=seed)
    noisy = lambda part: part + 0.3 * tensors_of(part.dtype, *part.shape, seed=seed + 1)  # noqa: E731
    state = map_state(lambda part: noisy(part).detach().requires_grad_(), cell.initial_state(batch))
    return x.requires_grad_(), state


def level_of(cell, x, state, level):
    """Return which level runs when this one is asked for."""
    with sequence.using(level):
        return dispatch.choose(cell, x, state)


def assert_runs(cell, x, state, level):
    """Fail unless the level that is asked for is the one that runs."""
    choice = level_of(cell, x, state, level)
    assert choice.level == level, choice.why_not


def weighed(value):
    """Return a sum in which no two elements count alike."""
    return (value * torch.linspace(-1, 1, value.numel(), dtype=value.dtype).view_as(value)).sum()


def results(cell, x, state, lengths=None, level="loop", **how):
    """Return y, the final state, and the gradients of x, the first state and every parameter."""
    with sequence.using(level):
        y, after = cell(x, state, lengths=lengths, **how)
    return with_gradients(cell, x, state, y, after)


def with_gradients(cell, x, state, y, after):
    """Return results by name, beside the gradients of a sum of them."""
    found = {"y": y, **dict(leaves(after, "final"))}
    wanted = {"x": x, **dict(leaves(state)), **dict(cell.named_parameters())}
    wanted = {name: tensor for name, tensor in wanted.items() if tensor.requires_grad}
    total = sum(weighed(value) for value in found.values())
    if total.requires_grad:
        gradients = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
        found |= {f"gradient of {name}": g for name, g in zip(wanted, gradients, strict=True)}
    return found


def assert_alike(got, want, tolerance=1e-12):
    """Compare by name, relative to the largest element; a gradient that is absent counts as zero."""
    assert got.keys() == want.keys()
    for name, expected in want.items():
        given = got[name]
        if given is None and expected is None:
            continue
        a = torch.zeros_like(expected) if given is None else given
        b = torch.zeros_like(given) if expected is None else expected
        assert (a.shape, a.dtype) == (b.shape, b.dtype), name
        scale = max(1.0, float(b.detach().abs().max())) if b.numel() else 1.0
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance * scale, msg=lambda m, n=name: f"{n}: {m}")


def assert_level_is_loop(cell, x, state, lengths=None, level="native", tolerance=1e-12):
    """Fail where a level differs from the loop in anything."""
    assert_alike(results(cell, x, state, lengths, level), results(cell, x, state, lengths), tolerance)


def assert_follows(cell, change, reason=None, *, differs=True):
    """Fail unless a call after a change does what the loop does: compiled, or with a reason for the loop."""
    x, state = drawn(cell, 2, 4)
    before = outputs(cell, x, state, "native")
    torch.testing.assert_close(before, outputs(cell, x, state, "loop"), rtol=0, atol=1e-12)
    change(cell)
    got, want = (outputs(cell, x, state, level) for level in ("native", "loop"))
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    assert not differs or not torch.allclose(want, before), "the change has no effect"
    with torch.no_grad():
        choice = level_of(cell, x, state, "native")
    assert choice.level == ("loop" if reason else "native"), choice.why_not
    assert reason is None or reason in choice.why_not["native"]


@torch.no_grad()
def outputs(cell, x, state, level):
    """Return y at a level, without gradients."""
    with sequence.using(level):
        return cell(x, state)[0]
