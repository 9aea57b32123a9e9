"""The result of a run: the outcome and the scores, as stored in `outcome.json` and `scores.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Scores = Mapping[str, Mapping[str, float]]
"""Suite variant -> score -> value."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        status: `solved`, `no improvement` or `budget used`.
        steps: Training batches seen.
        sequences: Training sequences seen.
        train_seconds: Wall time of training since the run was started or resumed, in seconds.
        cpu_seconds: CPU time of this process in the same part of the run, in seconds. Runs that are trained
            as one program have equal shares of both times.
        model_step: Training batches that the kept model has seen: all, or those until the best validation.
    """

    status: str
    steps: int
    sequences: int
    train_seconds: float
    cpu_seconds: float
    model_step: int


@dataclass(frozen=True)
class RunResult:
    """The result of a finished run."""

    outcome: Outcome
    scores: Scores
