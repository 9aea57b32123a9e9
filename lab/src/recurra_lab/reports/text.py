"""How a report puts numbers and outcomes into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recurra.task import Goal
from recurra_lab.formatting import duration

ENDINGS = {
    "solved": "Solved",
    "no improvement": "Stopped, since nothing improved any more,",
    "budget used": "Not solved when the budget was used up,",
}


def spoken(name: str) -> str:
    """Return the name of a score or option as words: `bits_per_sequence` -> `bits per sequence`."""
    return name.replace("_", " ")


def goal_in_words(goal: Goal) -> str:
    """Return what solves the task: `bits per sequence below 0.1`."""
    bounds = [("below", goal.below), ("above", goal.above)]
    message = " or ".join(f"{side} {value:g}" for side, value in bounds if value is not None)
    return f"{spoken(goal.score)} {message}".rstrip()


def outcome_in_words(outcome: Mapping[str, Any], goal: Goal) -> str:
    """Say in one sentence how a run ended, what it cost and what its goal was.

    Args:
        outcome: `status`, `steps`, `sequences` and `train_seconds`, any of which may be missing.
        goal: What solves the task.
    """
    status, steps, sequences = (outcome.get(name) for name in ("status", "steps", "sequences"))
    if not status:
        return "This run has no outcome yet: it is still going on, or it was interrupted."
    costs = [] if sequences is None else [f"{sequences:,} sequences"]
    if outcome.get("train_seconds") is not None:
        costs.append(f"{duration(outcome['train_seconds'])} of training")
    after = "" if steps is None else f" after {steps:,} update{'' if steps == 1 else 's'}"
    cost = f" ({', '.join(costs)})" if costs else ""
    message = ENDINGS.get(status, f"Ended ({status})")
    return f"{message}{after}{cost}; the goal is {goal_in_words(goal)}."
