"""Trajectories of systems of three equations, with the same bits on every machine."""

from __future__ import annotations

from collections.abc import Callable

Point = tuple[float, float, float]
Flow = Callable[[float, float, float], Point]


def runge_kutta(flow: Flow, point: Point, h: float) -> Point:
    """Return the point a time h later, by the Runge-Kutta method of fourth order.

    Plain arithmetic in a fixed order gives the same bits on every machine, which matters: in a chaotic system
    the last digit soon makes another trajectory.
    """
    x, y, z = point
    a, b, c = flow(x, y, z)
    d, e, f = flow(x + h / 2 * a, y + h / 2 * b, z + h / 2 * c)
    k, m, n = flow(x + h / 2 * d, y + h / 2 * e, z + h / 2 * f)
    p, q, r = flow(x + h * k, y + h * m, z + h * n)
    return (
        x + h / 6 * (a + 2 * d + 2 * k + p),
        y + h / 6 * (b + 2 * e + 2 * m + q),
        z + h / 6 * (c + 2 * f + 2 * n + r),
    )


def trajectory(
    flow: Flow, point: Point, *, interval: float, substeps: int, settle: int, samples: int
) -> list[Point]:
    """Return points at equal intervals, the first of them after `settle` intervals that are left out."""
    found = []
    for n in range(settle + samples):
        for _ in range(substeps):
            point = runge_kutta(flow, point, interval / substeps)
        if n >= settle:
            found.append(point)
    return found
