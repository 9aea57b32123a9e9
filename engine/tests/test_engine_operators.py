"""Every operator that the engine knows, with its gradient, and every slope where there are two."""

from functools import cache

import pytest
import torch
from engine_compare import FAST, assert_runs
from engine_operators import KINKS, OPERATORS, WIDTH, Everything

from recurra import sequence

GRID = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0, 0.5], dtype=torch.float64)


@cache
def everything(kinks):
    torch.manual_seed(0)
    return Everything(KINKS if kinks else OPERATORS, not kinks).double()


@cache
def outputs(kinks, level, seed):
    """Run all functions at once; at kinks every pair of numbers of the grid meets."""
    cell = everything(kinks)
    generator = torch.Generator().manual_seed(seed)
    x, h = (torch.randn(7, WIDTH, generator=generator, dtype=torch.float64) for _ in range(2))
    if kinks:
        x, h = torch.stack([GRID.roll(i) for i in range(6)]), GRID.expand(6, WIDTH).contiguous()
    x, h = x[:, None].requires_grad_(), h.requires_grad_()
    assert_runs(cell, x, h, level)
    with sequence.using(level):
        y, _ = cell(x, h)
    return y, [x, h, cell.x.weight]


def compare(name, kinks, level, seed=0):
    span, found = everything(kinks).spans[name], {}
    for which in ("loop", level):
        y, inputs = outputs(kinks, which, seed)
        part = y[..., span]
        weights = torch.linspace(0.5, 2, part.numel(), dtype=y.dtype).view_as(part)
        slopes = torch.autograd.grad((part * weights).sum(), inputs, retain_graph=True, allow_unused=True)
        slopes = [torch.zeros_like(i) if s is None else s for i, s in zip(inputs, slopes, strict=True)]
        found[which] = [part, *slopes]
    for got, want, what in zip(found[level], found["loop"], ("y", "x", "h", "W"), strict=True):
        torch.testing.assert_close(
            got, want, rtol=1e-12, atol=1e-12, equal_nan=True, msg=lambda m, w=what: f"{w}: {m}"
        )


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_and_its_gradient(name, level):
    for seed in range(3):
        compare(name, False, level, seed)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("name", KINKS)
def test_a_slope_where_there_are_two_is_torchs(name, level):
    compare(name, True, level)
