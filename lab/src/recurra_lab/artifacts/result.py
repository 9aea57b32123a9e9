"""What a run comes to: its outcome and its scores, as `outcome.json` and `scores.json` hold them."""

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
        train_seconds: Wall time of training since the run was started or resumed.
    """

    status: str
    steps: int
    sequences: int
    train_seconds: float


@dataclass(frozen=True)
class RunResult:
    """What is left to report when a run has ended."""

    outcome: Outcome
    scores: Scores
