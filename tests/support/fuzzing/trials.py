"""One cell at every level: what differs from the loop by more than rounding explains."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from fuzzing import calls
from fuzzing.calls import Call
from fuzzing.cells import Draft, built, draft
from fuzzing.rounding import spread
from recurra import Cell, sequence
from recurra_engine import dispatch

BOUNDS = {"float64": 1e-12, "float32": 1e-5, "autocast": 3e-2}
"""A difference below this part of the largest element is not looked at further."""
SAMPLES, MORE_SAMPLES = 6, 40
SLACK = 50.0
"""Rounding explains a difference so many times as large as what it makes of the loop."""
HALF = 2.0**-8
Results = dict[str, Tensor | None]


@dataclass
class Outcome:
    """What a cell's trial has found.

    Attributes:
        levels: For each level that was asked for, the one that ran, or why it did not.
        differences: For each level, what differs.
        explained: How many results were apart by what rounding explains.
        left_out: How many gradients were NaN in the loop alone, where autograd multiplies zeros by infinite
            slopes: zeros that it fills in or, in second derivatives, a slope that is set to zero.
        left_over: How many gradients were NaN at the level alone, where it multiplies NaN by the zeros that
            are the gradient of a state that the next step does not read.
    """

    levels: dict[str, str] = field(default_factory=dict)
    differences: dict[str, str] = field(default_factory=dict)
    explained: int = 0
    left_out: int = 0
    left_over: int = 0


def tried(d: Draft, levels: tuple[str, ...], c: Call | None = None) -> Outcome:
    """Run a cell at levels and in the loop, and compare."""
    c, outcome = c or calls.call(d), Outcome()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = _results(d, c, "loop")
        for level in levels:
            _tried_at(d, c, level, want, outcome)
    return outcome


def warm_up() -> None:
    """Import what torch imports when it is used, for processes that are forked from this one."""
    import torch._decomp
    import torch._dynamo  # noqa: F401

    tried(draft(0, 0), ("scan",))


def _results(d: Draft, c: Call, level: str) -> Results:
    return calls.results(built(d).to(c.dtype), c, level)


def _tried_at(d: Draft, c: Call, level: str, want: Results, outcome: Outcome) -> None:
    cell = built(d).to(c.dtype)
    try:
        got = calls.results(cell, c, level)
    except Exception as error:  # whatever a level raises where the loop does not is a difference
        outcome.differences[level] = f"raises {type(error).__name__}: {str(error).splitlines()[:1]}"
        return
    outcome.levels[level] = ran = reached(cell, c, level)
    found = differences(d, c, got, want, outcome)
    if found or _is_refused(ran):
        outcome.differences[level] = found or f"refused: {ran}"


def _is_refused(ran: str) -> bool:
    """Say whether a level was refused because of what it computes, so that the loop ran without need."""
    return "differs from the loop's" in ran or "verification failed" in ran


def reached(cell: Cell[Any], c: Call, level: str) -> str:
    """Return the level that runs when this one is asked for, or why it does not."""
    x, state, _ = calls.numbers(cell, c)
    state = cell.initial_state(c.batch) if state is None else state
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=c.numbers == "autocast")
    with sequence.using(level), torch.set_grad_enabled(c.gradients), autocast:
        choice = dispatch.choose(cell, x, state)
    return level if choice.level == level else choice.why_not.get(level, "loop")


def differences(d: Draft, c: Call, got: Results, want: Results, outcome: Outcome) -> str | None:
    """Return what differs by more than rounding, and count what it explains."""
    apart = _apart(d, c, got, want, outcome, BOUNDS[c.numbers])
    if not apart:
        return None
    for samples in (SAMPLES, MORE_SAMPLES):
        limits = _limits(d, c, want, samples)
        apart = {
            name: text for name, text in apart.items() if not _within(got[name], want[name], limits[name])
        }
        if not apart:
            outcome.explained += 1
            return None
    return "; ".join(apart.values())


def _apart(d: Draft, c: Call, got: Results, want: Results, outcome: Outcome, bound: float) -> dict[str, str]:
    if got.keys() != want.keys():
        return {"": f"results {sorted(got)} for {sorted(want)}"}
    found = {}
    for name, expected in want.items():
        a, b = _pair(got[name], expected)
        if a is None:
            continue
        text = _difference(a, b, bound)
        zeros_count = (c.wild and (d.takes_parts or c.lengths is not None)) or name.startswith("second")
        if text and zeros_count and _only_left_out(a, b):
            outcome.left_out += 1
        elif text and c.wild and d.forgets and name.startswith("gradient") and _only_left_out(b, a):
            outcome.left_over += 1
        elif text:
            found[name] = f"{name} {text}"
    return found


def _pair(got: Tensor | None, want: Tensor | None) -> tuple[Any, Any]:
    """Return both; a gradient that is absent counts as zero."""
    if got is None and want is None:
        return None, None
    a = torch.zeros_like(want) if got is None else got
    return a, torch.zeros_like(a) if want is None else want


def _difference(a: Tensor, b: Tensor, bound: float) -> str | None:
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return f"is {a.dtype} {tuple(a.shape)} for {b.dtype} {tuple(b.shape)}"
    if not a.numel() or torch.equal(a, b):
        return None
    finite = a.isfinite() & b.isfinite()
    unlike = ~finite & ~((a == b) | (a.isnan() & b.isnan()))
    if bool(unlike.any()):
        return f"has {a[unlike][0].item()} for {b[unlike][0].item()} ({int(unlike.sum())} of {a.numel()})"
    size = (a - b)[finite].abs()
    scale = max(1.0, float(b[finite].abs().max())) if bool(finite.any()) else 1.0
    worst = float(size.max()) if size.numel() else 0.0
    return f"is off by {worst:.2g} of {scale:.2g}" if worst > bound * scale else None


def _only_left_out(a: Tensor, b: Tensor) -> bool:
    """Say whether all that is unlike is NaN in the second."""
    same = (a == b) | (a.isnan() & b.isnan()) | ((a - b).abs() <= BOUNDS["float64"] * b.abs().clamp(min=1))
    return bool((same | b.isnan()).all())


def _limits(d: Draft, c: Call, want: Results, samples: int) -> dict[str, Tensor]:
    """Return for each result how far rounding may take it."""
    run: Callable[[], Results] = partial(_results, d, c, "loop")
    limits = {name: SLACK * far for name, far in spread(run, want, samples).items()}
    if c.numbers == "float64":
        return limits
    double = _results(d, calls.in_double(c), "loop")
    unit = HALF if c.numbers == "autocast" else torch.finfo(torch.float32).eps
    for name, value in want.items():
        if value is not None and double.get(name) is not None:
            off = (value.double() - double[name]).abs()
            scale = max(1.0, float(double[name].abs().max())) if value.numel() else 1.0
            limits[name] = limits.get(name, 0) + 8 * off.max() + 16 * unit * scale if off.numel() else off
    return limits


def _within(got: Tensor | None, want: Tensor | None, limit: Tensor | None) -> bool:
    a, b = _pair(got, want)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    unlike = ~((a == b) | (a.isnan() & b.isnan()))
    far = (a.double() - b.double()).abs().nan_to_num(torch.inf, torch.inf, torch.inf)
    floor = 4 * BOUNDS["float64"] * max(1.0, float(b.double().nan_to_num(0, 0, 0).abs().max()))
    return bool((far <= (limit if limit is not None else 0) + floor)[unlike].all())
