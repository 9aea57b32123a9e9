"""What an agent can know of the goals, and whether it acts on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]


class Knowledge:
    """What n agents know: `known` (n,), the goal with the high reward, or −1; `tried` (n, goals)."""

    def __init__(self, n: int, goals: int) -> None:
        self.known = np.full(n, -1)
        self.tried = np.zeros((n, goals), bool)

    def forget(self, rows: Flags) -> None:
        """Begin anew where rows (n,) says so."""
        self.known[rows] = -1
        self.tried[rows] = False

    def judge(self, rows: Flags, goal: Whole, high: Flags) -> Flags:
        """Say where it was sound to go to a goal, and learn what was found there.

        It is sound to go where the high reward is known to be, even though it has moved away; where it is
        not known, to go to a goal that was not tried since. When all have been tried, all may be tried again.

        Args:
            rows: (n,), who reached a goal; of the others nothing is said and learned.
            goal: (n,), which one.
            high: (n,), whether it had the high reward.
        """
        self.tried[self.tried.all(1)] = False
        at, known = np.arange(len(goal)), self.known.copy()
        sound: Flags = np.where(known >= 0, goal == known, ~self.tried[at, goal])
        self._learn(rows & high, goal)
        missed = rows & ~high & ((known < 0) | (goal == known))
        self.known[missed] = -1
        self.tried[missed, goal[missed]] = True
        return rows & sound

    def _learn(self, found: Flags, goal: Whole) -> None:
        self.known[found] = goal[found]
        self.tried[found] = False
