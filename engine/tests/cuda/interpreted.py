"""Runs generated kernels in Triton's interpreter beside the level `scan`; prints what it finds as JSON.

A program of its own, to be run with TRITON_INTERPRET=1: Triton decides what it is once, when it is imported.
Its argument chooses between a few runs, in which each kind of run occurs, and the rest.
"""

import importlib.util
import json
import sys
from pathlib import Path

import torch

from recurra import leaves, map_state
from recurra_engine import cuda, eager
from recurra_engine.compiled import Compiled, traced
from recurra_engine.cuda import layout
from recurra_engine.cuda.buffers import Inputs
from recurra_engine.cuda.codegen import HEAD
from recurra_engine.cuda.cuda_graphs import Graphs
from recurra_engine.cuda.jit import built
from recurra_engine.cuda.program import program
from recurra_engine.passes.backend import Backend

spec = importlib.util.spec_from_file_location("toys", Path(__file__).with_name("toys.py"))
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)

ROWS, STEPS, WIDTH, UNITS = 3, 3, 3, 7
LENGTHS = torch.tensor([2, 3, 0])
MODES = {
    "few": [("float64", True, 0), ("float32", False, 10**9)],
    "rest": [("float64", False, 0), ("float64", True, 10**9)],
}
HALVES = {"few": ("LSTM", "GRU"), "rest": ("NTM",)}


def results(made, backend, cell, x, state, lengths):
    """Run and differentiate; everything by name, as float64."""
    x = x.clone().requires_grad_()
    state = map_state(lambda part: part.detach().clone().requires_grad_(), state)
    y, after = Compiled(made, backend).run(cell, x, state, lengths)
    found = {"y": y, **{f"final {name}": part for name, part in leaves(after)}}
    total = sum(
        (v * torch.linspace(-1, 1, v.numel(), dtype=v.dtype).view_as(v)).sum() for v in found.values()
    )
    wanted = {"x": x, **dict(leaves(state)), **dict(cell.named_parameters())}
    grads = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
    found |= {f"d {name}": grad for name, grad in zip(wanted, grads, strict=True) if grad is not None}
    return {name: value.detach().double() for name, value in found.items()}


def apart(want, got):
    assert want.keys() == got.keys()
    return max(float((want[name] - got[name]).abs().nan_to_num(1e9).max()) for name in want)


def drawn(name, dtype=torch.float64):
    """Return a cell, an input and a state; whatever the dtype, of numbers that bfloat16 can hold."""
    torch.manual_seed(0)
    cell = toys.CELLS[name](WIDTH, UNITS).bfloat16()
    x = torch.randn(ROWS, STEPS, WIDTH).bfloat16()
    state = map_state(lambda part: part + torch.rand_like(part) / 9, cell.initial_state(ROWS))
    return cell.to(dtype), x.to(dtype), map_state(lambda part: part.detach().to(dtype), state)


def with_products(most):
    """Choose whether products with shared weights are left to torch (0), or done inside kernels."""
    layout.SMALL_PRODUCT = most
    program.cache_clear()


def difference(name, dtype, ragged, most):
    with_products(most)
    cell, x, state = drawn(name, getattr(torch, dtype))
    made, lengths = traced(cell, x, state), LENGTHS if ragged else None
    want, got = (results(made, level.BACKEND, cell, x, state, lengths) for level in (eager, cuda))
    return apart(want, got)


def halves(name):
    """Return how far `device` and `scan` are in bfloat16 from what float64 gives."""
    with_products(0)
    exact = drawn(name)
    want = results(traced(*exact), eager.BACKEND, *exact, LENGTHS)
    half = drawn(name, torch.bfloat16)
    made = traced(*half)
    return [apart(want, results(made, level.BACKEND, *half, LENGTHS)) for level in (cuda, eager)]


def large():
    """Return differences where a row is more than one block, in elements and in what is summed."""
    with_products(4096)
    found = {}
    for cell in (toys.NormedLSTM(WIDTH, 300), toys.LSTM(WIDTH, 1100), toys.NTM(WIDTH, UNITS, 1100, 3)):
        cell = cell.double()
        given = (cell, torch.randn(2, 2, WIDTH, dtype=torch.float64), cell.initial_state(2))
        made = traced(*given)
        want, got = (results(made, level.BACKEND, *given, None) for level in (eager, cuda))
        found[type(cell).__name__] = apart(want, got)
    return found


class Again:
    """What a CUDA graph does, slowly: the same launches once more, on the same buffers."""

    made = 0

    def __init__(self, launches):
        Again.made += 1
        self.replay = launches
        with torch.no_grad():
            launches()


def graph_reuse():
    """Return the largest difference over three runs by graphs, and how many graphs these took."""
    with_products(0)
    kept = Graphs(Again, lambda _: 10**9)

    def run(loop, streams, carried, shared, size, lengths=None, tape=None):
        made = program(loop, carried[0].dtype, ragged=lengths is not None)
        with torch.no_grad():
            return kept.run(made, Inputs(streams, carried, shared, lengths), size, carried[0].device)

    cell, x, state = drawn("GRU")
    made, backend = traced(cell, x, state), Backend(run, eager.outer, moves_products=True)
    found, earlier = [], []
    for i in range(4):
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.mul_(0.9)
        given = (cell, x * (i + 1), map_state(lambda part, i=i: part - i, state))
        lengths = LENGTHS.roll(i)
        got = results(made, backend, *given, lengths)
        found.append(apart(results(made, eager.BACKEND, *given, lengths), got))
        earlier.append((got, {name: value.clone() for name, value in got.items()}))
    found += [apart(copy, got) for got, copy in earlier]  # no run has changed what another has returned
    return [max(found), Again.made]


KERNEL = """
@triton.jit
def kernel(a, b, out, n):
    i = tl.arange(0, 64)
    x = tl.load(a + i, mask=i < n, other=0.0)
    y = tl.load(b + i, mask=i < n, other=0.0)
    tl.store(out + i, {call}, mask=i < n)
"""
LINE = [0.0, 1e-3, 0.1, 0.19, 0.21, 0.5, 1.0, 2.0, 3.0, 9.0, 19.9, 20.1, 50.0, 300.0, torch.inf]
FUNCTIONS = {
    "sign(x)": lambda x, y: x.sign(),
    "sigmoid(x)": lambda x, y: x.sigmoid(),
    "tanh(x)": lambda x, y: x.tanh(),
    "expm1(-tl.abs(x))": lambda x, y: torch.expm1(-x.abs()),
    "expm1(tl.where(x > 2, 2.0, x))": lambda x, y: torch.expm1(x.clamp(max=2)),
    "log1p(tl.abs(x))": lambda x, y: torch.log1p(x.abs()),
    "softplus(x)": lambda x, y: torch.nn.functional.softplus(x),
    "larger(x, y)": torch.maximum,
    "smaller(x, y)": torch.minimum,
    "tanh(power(tl.abs(x), y))": lambda x, y: torch.tanh(x.abs() ** y),
    "tanh(power(x, y))": lambda x, y: torch.tanh(x**y),
}


def functions(dtype):
    """Return for every function of the prelude its largest error, relative above 1."""
    a = torch.tensor([*LINE, *(-n for n in LINE), torch.nan, 1.0, -2.0, 2.0], dtype=dtype)
    b = torch.tensor([0.0, 2.0, -1.5, 3.0, -2.0], dtype=dtype).repeat(7)[: len(a)]
    b[-2] = torch.nan
    found = {}
    for call, wanted in FUNCTIONS.items():
        out, want = torch.empty_like(a), wanted(a, b)
        built(HEAD + KERNEL.format(call=call))[(1,)](a, b, out, len(a))
        assert torch.equal(out.isnan(), want.isnan()), (call, a[out.isnan() != want.isnan()])
        error = torch.where(out == want, 0, (out - want) / want.abs().clamp(min=1))
        found[call] = float(error.nan_to_num(0).abs().max())
    return found


def cells(modes):
    """Return the difference of every cell in these modes."""
    found = {}
    for name in toys.CELLS:
        for dtype, ragged, most in modes:
            rows, products = "ragged" if ragged else "whole", "inside" if most else "outside"
            found[f"{name} {dtype} {rows} {products}"] = difference(name, dtype, ragged, most)
    return found


def main(which):
    found = {"cells": cells(MODES[which]), "halves": {name: halves(name) for name in HALVES[which]}}
    if which == "few":
        found["large"], found["graphs"] = large(), graph_reuse()
        found["functions"] = {str(dtype)[6:]: functions(dtype) for dtype in (torch.float32, torch.float64)}
    json.dump(found, sys.stdout)


main(sys.argv[1])
