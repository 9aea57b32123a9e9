"""Spikes whose intervals are to be measured, and spikes that are to be generated on time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, InvalidOption, Task
from recurra_timing.stream import NONE, Count, Output, TimedStream, Tolerance

SUITE_INTERVALS = (100, 1000)
"""How many intervals a stream had in the paper's training, and in its test."""

Least = Annotated[int, Field(ge=2, description="F, length of the shortest interval in steps")]
Extra = Annotated[int, Field(gt=0, le=10, description="i, maximum number of extra steps")]
Extras = Annotated[
    Literal["two", "all"], Field(description="extra steps are 0 or i (two), or any from 0 to i (all)")
]
Intervals = Annotated[Count, Field(description="intervals per training stream")]


class Spikes(NamedTuple):
    """When spikes come: extra steps I (B, N), times T (B, N), and the steps of each stream (B,)."""

    extra: Tensor
    times: Tensor
    lengths: Tensor


class SpikeTask(TimedStream):
    """Streams of spikes at T(n) = T(n − 1) + F + I(n), T(0) = 0, with I(n) uniform among what is allowed."""

    goal = Goal("failed_share", below=NONE)

    def __init__(
        self,
        least: int,
        largest_extra: int,
        extras: Literal["two", "all"],
        intervals: int,
        output: Output,
        tolerance: float,
    ) -> None:
        super().__init__(output, tolerance)
        self.least, self.intervals = least, intervals
        self.extra = torch.tensor([0, largest_extra]) if extras == "two" else torch.arange(largest_extra + 1)

    def spikes(self, batch_size: int, rng: torch.Generator) -> Spikes:
        """Draw the intervals of each stream."""
        pick = torch.randint(len(self.extra), (batch_size, self.intervals), generator=rng)
        extra = self.extra[pick]
        times = (extra + self.least).cumsum(1)
        return Spikes(extra, times, times[:, -1] + 1)

    def suite(self) -> Mapping[str, Task]:
        """Return streams of 100 intervals, as the paper trains, and of 1,000, as it tests."""
        return {f"intervals-{n}": type(self)(**{**self.options, "intervals": n}) for n in SUITE_INTERVALS}


def _at(places: Tensor, values: Tensor, steps: int) -> Tensor:
    """Return streams (B, T) that are zero but for values at places, both (B, N)."""
    return torch.zeros(len(places), steps).scatter(1, places, values.float())


class Measuring(SpikeTask):
    """The spikes are seen, and at each but the first its delay I(n) is due."""

    def check_reach(self) -> None:
        """Refuse delays that the output cannot say.

        Raises:
            InvalidOption: The output is a sigmoid, and a delay above 1 may be due.
        """
        largest = int(self.extra.max())
        if self.output == "sigmoid" and largest > 1:
            message = f"output = sigmoid stays below 1 and cannot represent the delay {largest}"
            raise InvalidOption(f"{type(self).__name__}: {message}; choose output = identity")

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw intervals; the stream starts with a spike."""
        extra, times, lengths = self.spikes(batch_size, rng)
        steps = int(lengths.max()) if batch_size else 1
        x = _at(times, torch.ones_like(times), steps)
        mask = x > 0
        x[:, 0] = 1
        return Batch(x[..., None], _at(times, extra, steps)[..., None], mask, lengths)

    def passed(self, batch: Batch) -> Tensor:
        """Return 1 at every spike that ends an interval."""
        return batch.mask.double()

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the best that one number for all spikes reaches, score by score, and the right answer."""
        p, n = 1 / len(self.extra), self.intervals
        variance = float(self.extra.double().var(correction=0))
        before = sum(p**k for k in range(1, n + 1))
        best = {"failed_share": 1 - p**n, "intervals_before_error": before, "squared_error": variance}
        right = {"failed_share": 0.0, "intervals_before_error": float(n), "squared_error": 0.0}
        return {"constant": best, "optimal": right}


class MSD(Measuring):
    """Measure spike delays: output at every spike by how much the last interval exceeded F, without resets.

        spikes at T(n) = T(n − 1) + F + I(n);   at step T(n) the target is I(n)

    The stream begins with a spike at step 0. Nothing is asked for between spikes.

    Shapes: x (B, T, 1), 1 at a spike and 0 elsewhere; y (B, T, 1).
    Scores: failed_share, the share of streams with an error that is not below `tolerance`;
    intervals_before_error, the intervals before the first of them, the paper's measure, with up to 1,000
    intervals in a test stream; squared_error per spike.
    Differs from the paper: there a training stream ends with the first error or after 100 intervals, here
    after `intervals`; I(n) is uniform; that the stream begins with a spike is our reading.
    Source: Gers, Schraudolph and Schmidhuber 2002: F = 10 to 50 with I in {0, 1}; F = 10 with wider ones.
    """

    stream = "MSD"

    def __init__(
        self,
        *,
        least: Least = 10,
        largest_extra: Extra = 1,
        extras: Extras = "two",
        intervals: Intervals = 10,
        output: Output = "sigmoid",
        tolerance: Tolerance = 0.49,
    ) -> None:
        super().__init__(least, largest_extra, extras, intervals, output, tolerance)
        self.check_reach()


class NMSD(Measuring):
    """Measure one spike delay: MSD with a reset after each interval, so that a sequence holds two spikes.

        spikes at 0 and F + I;   at the second the target is I

    Shapes: x (B, T, 1), 1 at a spike and 0 elsewhere; y (B, T, 1).
    Scores: failed_share, the share of intervals with an error that is not below `tolerance`;
    intervals_before_error, the right intervals per sequence, of one; squared_error per interval.
    Differs from the paper: I is uniform; that NMSD is MSD cut into single intervals is our reading.
    Source: Gers, Schraudolph and Schmidhuber 2002.
    """

    # Two rows of {0, 1} are too often the same by chance.
    stream = "NMSD"
    contract_options = {
        "largest_extra": 10,
        "extras": "all",
        "output": "identity",
        "least": 7,
    }

    def __init__(
        self,
        *,
        least: Least = 10,
        largest_extra: Extra = 1,
        extras: Extras = "two",
        output: Output = "sigmoid",
        tolerance: Tolerance = 0.49,
    ) -> None:
        super().__init__(least, largest_extra, extras, 1, output, tolerance)
        self.check_reach()

    def suite(self) -> Mapping[str, Task]:
        """Return the task itself: there is no longer sequence."""
        return {"test": self}


class GTS(SpikeTask):
    """Generate timed spikes: the inverse of MSD, with delays as input and spikes as target.

        the target is 1 at T(n) = T(n − 1) + F + I(n), 0 elsewhere;   I(n) is seen at T(n − 1), or until T(n)

    The clock starts at step 0, at which nothing is scored. The network does not see the target
    spikes.

    Shapes: x (B, T, 1), I(n) at the start of an interval (`shown=start`), or at all its steps but the last
    (`shown=throughout`); y (B, T, 1).
    Scores: failed_share, the share of streams with an error that is not below `tolerance`, at any step;
    intervals_before_error, the intervals before the first of them, the paper's measure, with up to 1,000
    intervals in a test stream; squared_error per step.
    Differs from the paper: there a training stream ends with the first error or after 100 intervals, here
    after `intervals`; at which steps the delay is seen is our reading, so both are offered.
    Source: Gers, Schraudolph and Schmidhuber 2002.
    """

    stream = "GTS"

    def __init__(
        self,
        *,
        least: Least = 10,
        largest_extra: Extra = 1,
        extras: Extras = "two",
        intervals: Intervals = 10,
        shown: Annotated[
            Literal["start", "throughout"], Field(description="when in an interval its delay is input")
        ] = "start",
        output: Output = "sigmoid",
        tolerance: Tolerance = 0.49,
    ) -> None:
        super().__init__(least, largest_extra, extras, intervals, output, tolerance)
        self.shown = shown

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw intervals."""
        extra, times, lengths = self.spikes(batch_size, rng)
        steps = int(lengths.max()) if batch_size else 1
        t = torch.arange(steps)
        if self.shown == "start":
            x = _at(times - extra - self.least, extra, steps)
        else:
            # Which interval each step belongs to: as many as have ended by then.
            interval = torch.searchsorted(times, t.expand(batch_size, -1).contiguous(), right=True)
            message = extra.gather(1, interval.clamp(max=self.intervals - 1))
            x = (message * (interval < self.intervals)).float()
        target = _at(times, torch.ones_like(times), steps)
        mask = (t > 0) & (t < lengths[:, None])
        return Batch(x[..., None], target[..., None], mask, lengths)

    def passed(self, batch: Batch) -> Tensor:
        """Return 1 at every step at which a spike is due."""
        return batch.target[..., 0].double()

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the best of constant outputs, which never reaches a spike, and the right answer.

        The squared error is that of the constant p, the share of steps at which a spike is due.
        """
        p = 1 / (self.least + float(self.extra.double().mean()))
        best = {"failed_share": 1.0, "intervals_before_error": 0.0, "squared_error": p * (1 - p)}
        right = {"failed_share": 0.0, "intervals_before_error": float(self.intervals), "squared_error": 0.0}
        return {"constant": best, "optimal": right}
