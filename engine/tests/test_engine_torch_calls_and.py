"""Calls of torch together with changes in place, batches of gradients, checkpoints and threads."""

import threading

import pytest
import torch
from engine_calling import CALLING, Sorting
from engine_cells import made
from engine_compare import FAST, assert_alike, assert_runs, drawn, weighed
from torch.autograd.functional import jacobian
from torch.utils.checkpoint import checkpoint

from recurra import sequence

LENGTHS = torch.tensor([0, 4, 1])


def run(kind, use, level, lengths=None):
    """Return what is made of a call, by name."""
    cell = made(kind)
    x, state = drawn(cell, 3, 4)
    assert level == "loop" or assert_runs(cell, x, state, level) is None
    with sequence.using(level):
        return use(cell, x, state, lengths)


def changed(cell, x, state, lengths):
    y, after = cell(x, state, lengths=lengths)
    total = weighed(y.mul_(2)) + weighed(after)
    wanted = {"x": x, "state": state, **dict(cell.named_parameters())}
    found = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
    return dict(zip(wanted, found, strict=True))


def batched(cell, x, state, lengths):
    y, _ = cell(x, state, lengths=lengths)
    each = torch.eye(y.numel(), dtype=y.dtype).view(-1, *y.shape)
    found = torch.autograd.grad(y, (x, state), each, is_grads_batched=True, allow_unused=True)
    return dict(zip(("x", "state"), found, strict=True))


def vectorized(cell, x, state, lengths):
    return {"x": jacobian(lambda x: cell(x, state, lengths=lengths)[0], x, vectorize=True)}


def twice(cell, x, state, lengths):
    y, after = cell(x, state, lengths=lengths)
    (first,) = torch.autograd.grad(weighed(y) + weighed(after), x, create_graph=True)
    found = torch.autograd.grad(first.square().sum(), (x, state), allow_unused=True)
    return dict(zip(("x", "state"), found, strict=True))


def checkpointed(cell, x, state, lengths):
    y, after = checkpoint(lambda *given: cell(*given, lengths=lengths), x, state, use_reentrant=False)
    return dict(
        zip(("x", "state"), torch.autograd.grad(weighed(y) + weighed(after), (x, state)), strict=True)
    )


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("use", [changed, batched, vectorized, twice, checkpointed], ids=lambda u: u.__name__)
@pytest.mark.parametrize("kind", CALLING)
def test_calls_and(kind, use, level):
    if (kind, use) == (Sorting, twice):
        pytest.skip("torch.cdist has no second derivative")
    for lengths in (None, LENGTHS):
        assert_alike(*(run(kind, use, name, lengths) for name in (level, "loop")), 1e-10)


@pytest.mark.parametrize("level", FAST)
def test_calls_in_several_threads(level):
    cell = made(Sorting)
    given = [drawn(cell, 3, 4, seed=i) for i in range(4)]
    found = [None] * 4

    def work(i):
        with sequence.using(level):
            for _ in range(5):
                y, _ = cell(*given[i])
                found[i] = torch.autograd.grad(weighed(y), given[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sequence.using("loop"):
        want = [torch.autograd.grad(weighed(cell(x, state)[0]), (x, state)) for x, state in given]
    torch.testing.assert_close(found, want, rtol=0, atol=1e-10)
