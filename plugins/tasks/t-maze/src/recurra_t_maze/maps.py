"""The maps of the mazes: `#` a wall, `S` the start, `G` a goal, `.` a way; the first row is the north."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SINGLE = """
#####
G...G
##.##
##S##
#####
"""
DOUBLE = """
#########
#G#####G#
#.#####.#
#.......#
#.##.##.#
#G##S##G#
#########
"""


@dataclass(frozen=True)
class Map:
    """A maze of tiles; tile (r, c) covers x from c to c + 1 and y from r to r + 1, y pointing south.

    Args:
        walls: (H, W), where one cannot go; all that lies outside is wall too.
        goals: (H, W), the number of the goal on a tile, in reading order, and −1 elsewhere.
        turns: (H, W), tiles with three ways or more.
        start: (x, y), the middle of the start.
    """

    walls: NDArray[np.bool_]
    goals: NDArray[np.int64]
    turns: NDArray[np.bool_]
    start: tuple[float, float]

    @property
    def ends(self) -> int:
        """How many goals there are."""
        return int(self.goals.max()) + 1

    @classmethod
    def drawn(cls, picture: str) -> Map:
        """Read a map from its picture; a border of walls is put around it."""
        tiles = np.pad(np.array([list(row) for row in picture.split()]), 1, constant_values="#")
        walls = tiles == "#"
        goals = np.where(tiles == "G", np.cumsum(tiles == "G").reshape(tiles.shape) - 1, -1)
        row, column = np.argwhere(tiles == "S")[0]
        return cls(walls, goals, _turns(walls), (column + 0.5, row + 0.5))


def _turns(walls: NDArray[np.bool_]) -> NDArray[np.bool_]:
    ways = np.pad(~walls, 1).astype(int)
    around = ways[:-2, 1:-1] + ways[2:, 1:-1] + ways[1:-1, :-2] + ways[1:-1, 2:]
    turns: NDArray[np.bool_] = ~walls & (around >= 3)
    return turns
