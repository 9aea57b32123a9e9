"""How long a command still takes, from what it has done."""

from __future__ import annotations

import time
from collections.abc import Callable

from recurra_lab.formatting import duration

AT_ONCE_S = 1.0
"""What is reported sooner than this was not done now, but is reused."""


def left_of(seconds: float, done: int, rest: int) -> float:
    """Return the seconds that `rest` units take if `done` units took this long."""
    return seconds / max(done, 1) * rest


class Countdown:
    """Passes on lines, one per finished unit of work, with how many remain and how long they take.

    Args:
        tell: Receives the lines.
        total: The number of units.
        clock: Returns seconds.
    """

    def __init__(
        self, tell: Callable[[str], None], total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.tell, self.total, self.clock = tell, total, clock
        self.began = clock()
        self.done = self.reused = 0

    def __call__(self, line: str) -> None:
        """Pass on the line of one more finished unit."""
        seconds = self.clock() - self.began
        self.done += 1
        self.reused += seconds < AT_ONCE_S
        rest, worked = self.total - self.done, self.done - self.reused
        told = f", about {duration(left_of(seconds, worked, rest))} left" if rest and worked else ""
        self.tell(f"{line} ({self.done} of {self.total}{told})")
