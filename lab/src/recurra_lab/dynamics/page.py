"""The page of an analysis, and its lines in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recurra_lab.artifacts.atomic_files import durable
from recurra_lab.dynamics.analysis import Analysis
from recurra_lab.dynamics.fixed_points import FixedPoint
from recurra_lab.formatting import number
from recurra_lab.reports.figures import (
    BLUE,
    FAINT,
    FONT_SIZE,
    INK,
    ORANGE,
    Picture,
    as_svg,
    blank,
    legend,
    logarithmic,
)
from recurra_lab.reports.templates import template

COLUMNS = ("point", "kind", "starts", "speed", "eigenvalue", "unstable", "output")
MOST_OUTPUTS, MOST_POINTS = 6, 20
KIND_COLOURS = {"stable": BLUE, "saddle": ORANGE, "unstable": ORANGE, "slow": INK}


def write_page(found: Analysis, title: str, path: Path) -> None:
    """Write an analysis to a file as one self-contained page."""
    page = template("analysis.html.j2").render(
        title=title,
        summary=summary(found),
        columns=COLUMNS,
        rows=rows(found.points),
        hidden=max(0, len(found.points) - MOST_POINTS),
        exponents=[number(value) for value in found.exponents],
        pictures=[picture for picture in _pictures(found) if picture is not None],
    )
    with durable(path) as file:
        file.write(page.encode())


def summary(found: Analysis) -> list[str]:
    """Return what was found, in sentences."""
    counts = {kind: sum(p.kind == kind for p in found.points) for kind in KIND_COLOURS}
    listed = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "none"
    lines = [
        f"The state has {found.size:,} numbers.",
        f"Fixed and slow points at {found.input} input, from {found.starts} visited states: {listed}.",
    ]
    if found.exponents:
        largest = found.exponents[0]
        meaning = "nearby states separate" if largest > 0 else "nearby states come together"
        lines.append(f"Largest Lyapunov exponent: {number(largest)} nats per step ({meaning}).")
    if len(found.gradients) > 1 and found.gradients[0] > 0:
        ratio = number(found.gradients[-1] / found.gradients[0])
        lines.append(f"Gradient norm at lag {len(found.gradients)}: {ratio} times that at lag 1.")
    return lines


def rows(points: Sequence[FixedPoint]) -> list[list[str]]:
    """Return the rows of the table of points, as `COLUMNS` names them."""
    return [_row(place, point) for place, point in enumerate(points[:MOST_POINTS], 1)]


def _row(place: int, point: FixedPoint) -> list[str]:
    magnitudes = point.eigenvalues.abs()
    shown = [number(float(value)) for value in point.output[:MOST_OUTPUTS]]
    more = ", …" if len(point.output) > MOST_OUTPUTS else ""
    unstable = f"{int((magnitudes > 1).sum()):,} of {len(magnitudes):,}"
    speed, largest = number(point.speed), number(float(magnitudes[0]))
    return [str(place), point.kind, str(point.found_from), speed, largest, unstable, ", ".join(shown) + more]


def _pictures(found: Analysis) -> list[Picture | None]:
    return [_plane(found), _spectra(found.points), _over_lag(found.gradients)]


def _plane(found: Analysis) -> Picture | None:
    """Draw states and points in the plane of the two largest principal components of the states."""
    if found.size < 2 or len(found.visited) < 3:
        return None
    mean = found.visited.mean(0)
    _, _, axes_of = torch.linalg.svd(found.visited - mean, full_matrices=False)
    figure, axes = blank(height=3.0)
    axes.plot(*((found.visited - mean) @ axes_of[:2].T).T.numpy(), ".", color=FAINT, label="visited")
    for kind, colour in KIND_COLOURS.items():
        chosen = [(point.state - mean) @ axes_of[:2].T for point in found.points if point.kind == kind]
        if chosen:
            marker = "o" if kind == "stable" else "x"
            axes.plot(*torch.stack(chosen).T.numpy(), marker, color=colour, label=kind, markersize=7)
    axes.set_xlabel("first principal component", color=INK, fontsize=FONT_SIZE)
    axes.set_ylabel("second", color=INK, fontsize=FONT_SIZE)
    legend(axes)
    caption = "Visited states and the points found, in the plane in which the states vary most."
    return Picture("States", caption, f"{caption} {len(found.points)} points.", as_svg(figure))


def _spectra(points: Sequence[FixedPoint]) -> Picture | None:
    if not points:
        return None
    figure, axes = blank(height=4.2)
    angle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(angle), np.sin(angle), color=INK, linewidth=1)
    for point in points[:MOST_POINTS]:
        values = point.eigenvalues.numpy()
        axes.plot(values.real, values.imag, ".", color=KIND_COLOURS[point.kind], alpha=0.7)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("real part", color=INK, fontsize=FONT_SIZE)
    axes.set_ylabel("imaginary part", color=INK, fontsize=FONT_SIZE)
    caption = "Eigenvalues of the Jacobian at each point, and the unit circle; outside it deviations grow."
    alt = f"{caption} The largest magnitude is {number(max(float(p.eigenvalues.abs()[0]) for p in points))}."
    return Picture("Jacobian spectra", caption, alt, as_svg(figure))


def _over_lag(norms: Sequence[float]) -> Picture | None:
    if len(norms) < 2:
        return None
    figure, axes = blank(height=2.6)
    axes.plot(range(1, len(norms) + 1), norms, color=BLUE, linewidth=1.6)
    if all(norm > 0 for norm in norms):
        logarithmic(axes)
    axes.set_xlabel("lag in steps", color=INK, fontsize=FONT_SIZE)
    axes.set_ylabel("gradient norm", color=INK, fontsize=FONT_SIZE)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    caption = "Norm of the gradient of the loss at the last scored step with respect to earlier states."
    alt = f"{caption} From {number(norms[0])} at lag 1 to {number(norms[-1])} at lag {len(norms)}."
    return Picture("Gradient over lag", caption, alt, as_svg(figure))


def as_lines(found: Analysis, table: Any) -> str:
    """Return an analysis for the terminal; `table` aligns rows."""
    lines = summary(found)
    if found.points:
        lines.append(table([[name.upper() for name in COLUMNS], *rows(found.points)]))
    if found.exponents:
        lines.append(f"Lyapunov exponents: {', '.join(number(value) for value in found.exponents)}")
    return "\n".join(lines)
