"""How far it is to the next wall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def distances(walls: NDArray[np.bool_], x: Numbers, y: Numbers, angle: Numbers, reach: int) -> Numbers:
    """Return how far a ray goes before it meets a wall, and `reach` if that is further.

    A ray can enter a wall only where it crosses a line of the grid, so the crossings are looked at, and
    nothing between them.

    Args:
        walls: (H, W).
        x: Where rays start; y and angle have the same shape, or one that goes with it.
        y: As x, pointing south.
        angle: In degrees, 0 north, 90 east.
        reach: In tiles, the furthest that is seen.
    """
    radians = np.deg2rad(angle)
    east, north = np.sin(radians), np.cos(radians)
    x, y, east, north = np.broadcast_arrays(x, y, east, north)
    columns = _first(walls, x, y, east, -north, reach)
    rows = _first(walls.T, y, x, -north, east, reach)
    return np.minimum(np.minimum(columns, rows), reach)


def _first(walls: NDArray[np.bool_], x: Numbers, y: Numbers, dx: Numbers, dy: Numbers, reach: int) -> Numbers:
    """Return the distance of the first wall that is entered across a line of constant x, or infinity."""
    x, y, dx, dy = x[..., None], y[..., None], dx[..., None], dy[..., None]
    ahead = np.where(dx > 0, 1, -1)
    column = np.floor(x).astype(int) + ahead * np.arange(1, reach + 2)
    line = np.where(dx > 0, column, column + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(np.abs(dx) > 1e-12, (line - x) / dx, np.inf)
        row = np.floor(np.where(np.isfinite(t), y + t * dy, 0)).astype(int)
    height, width = walls.shape
    hit = walls[row.clip(0, height - 1), column.clip(0, width - 1)]
    first: Numbers = np.where(hit, t, np.inf).min(-1)
    return first
