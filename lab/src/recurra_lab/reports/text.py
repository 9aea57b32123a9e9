"""Goals and outcomes as text for reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recurra.task import Goal
from recurra_lab.formatting import duration

ENDINGS = {
    "solved": "Solved",
    "no improvement": "Stopped early (no improvement)",
    "budget used": "Not solved, step budget exhausted",
}


def spoken(name: str) -> str:
    """Return the name of a score as words: `bits_per_sequence` -> `bits per sequence`."""
    return name.replace("_", " ")


def goal_in_words(goal: Goal) -> str:
    """Return the goal as words: `bits per sequence below 0.1`."""
    bounds = [("below", goal.below), ("above", goal.above)]
    message = " or ".join(f"{side} {value:g}" for side, value in bounds if value is not None)
    return f"{spoken(goal.score)} {message}".rstrip()


def outcome_in_words(outcome: Mapping[str, Any], goal: Goal) -> str:
    """Return one sentence with the outcome, the cost and the goal of a run.

    Args:
        outcome: The entries of `Outcome`, any of which may be missing.
        goal: The goal of the run.
    """
    status, steps, sequences = (outcome.get(name) for name in ("status", "steps", "sequences"))
    if not status:
        return "This run has no outcome yet: it is still running, or it was interrupted."
    costs = [] if sequences is None else [f"{sequences:,} sequences"]
    if outcome.get("train_seconds") is not None:
        costs.append(f"{duration(outcome['train_seconds'])} of training")
    after = "" if steps is None else f" after {steps:,} update{'' if steps == 1 else 's'}"
    cost = f" ({', '.join(costs)})" if costs else ""
    message = ENDINGS.get(status, f"Ended ({status})")
    kept = outcome.get("model_step")
    model = "" if kept in (None, steps) else f"; the model is that of update {kept:,}, the best validated"
    return f"{message}{after}{cost}{model}; the goal is {goal_in_words(goal)}."
