"""Heatmaps of one sequence, as in the NTM paper: time runs to the right, and each channel is a row."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from recurra_lab.reports.figures import FONT_SIZE, INK, ORANGE, Picture, as_png, blank
from recurra_lab.reports.rollout import Trace

MOST_CHARACTERS = 1_200_000
MOST_ROWS, MOST_COLUMNS = 256, 600
ROW_HEIGHT, LOWEST, HIGHEST = 0.11, 0.3, 2.6
LABEL = 0.18
"""Inches that a label of the vertical axis needs."""
UNKNOWN = "#e9dcc9"


def pictures(trace: Trace) -> list[Picture]:
    """Draw the inputs, target, outputs and diagnostics of a trace, aligned in time.

    Diagnostics are drawn in order until the page would become too large; the rest is left out.
    """
    due = torch.where(trace.mask[:, None], trace.target, torch.nan)
    drawn = [
        _picture("Inputs", trace.inputs, trace.mask, "Inputs of the model, one row per feature."),
        _picture("Target", due, trace.mask, "Target outputs; beige steps are not scored."),
        _picture("Outputs", trace.outputs, trace.mask, "Outputs of the model."),
    ]
    for name, view in trace.views.items():
        if sum(len(picture.uri) for picture in drawn) > MOST_CHARACTERS:
            break
        drawn.append(_picture(_heading(name), view, trace.mask, _meaning(view)))
    return drawn


def _heading(name: str) -> str:
    return name[:1].upper() + name[1:]


def _meaning(view: Tensor) -> str:
    weighs = bool((view >= 0).all()) and torch.allclose(view.sum(1), torch.ones(len(view)), atol=1e-3)
    if weighs and view.shape[1] > 1:
        return "Weighting after each step, one row per location; each column sums to one."
    return "State after each step, one row per component."


def _picture(title: str, values: Tensor, mask: Tensor, meaning: str) -> Picture:
    low, high = _span(values)
    steps, rows = values.shape
    height = min(max(ROW_HEIGHT * rows, LOWEST), HIGHEST)
    figure, axes = blank(height=height, top=0.16)
    axes.set_facecolor(UNKNOWN)
    edges = (-0.5, max(steps, 1) - 0.5, rows - 0.5, -0.5)
    image = _shrunk(values.T, MOST_ROWS, MOST_COLUMNS)
    axes.imshow(
        image.numpy(), cmap="gray", vmin=low, vmax=high, aspect="auto", interpolation="nearest", extent=edges
    )
    _mark(axes, mask)
    axes.set_xlabel("step", color=INK, fontsize=FONT_SIZE, labelpad=1)
    axes.spines[:].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(
        MaxNLocator(min(5, max(1, int(height / LABEL))), integer=True, min_n_ticks=1)
    )
    shades = f"Black is {low:.3g}, white is {high:.3g}."
    size = f"{steps} steps from left to right, {rows} row{'' if rows == 1 else 's'}"
    return Picture(
        title, f"{meaning} {shades}", f"{title}: a grayscale heatmap of {size}. {shades}", as_png(figure)
    )


def _span(values: Tensor) -> tuple[float, float]:
    """Return the values drawn black and white: 0 and 1 for probabilities; symmetric about zero if signed."""
    finite = values[torch.isfinite(values)]
    most = float(finite.abs().max()) if finite.numel() else 1.0
    if finite.numel() and float(finite.min()) < 0:
        return -most, most
    return 0.0, most if most > 1 else 1.0


def _shrunk(image: Tensor, rows: int, columns: int) -> Tensor:
    """Downsample an image (n, T) to a drawable size by the largest magnitude, so that no spike is lost."""
    size = (min(rows, image.shape[0]), min(columns, image.shape[1]))
    if size == tuple(image.shape) or not image.numel():
        return image
    _, largest = adaptive_max_pool2d(image.abs()[None], size, return_indices=True)
    return image.flatten()[largest[0]]


def _mark(axes: Axes, mask: Tensor) -> None:
    """Draw a bar above the scored steps."""
    changes = np.flatnonzero(np.diff(mask.numpy().astype(int), prepend=0, append=0))
    spans = [(start - 0.5, end - start) for start, end in zip(changes[::2], changes[1::2], strict=True)]
    height = 0.06 / axes.get_position().height / axes.get_figure(root=True).get_figheight()  # type: ignore[union-attr]
    axes.broken_barh(
        spans, (1 + height / 2, height), color=ORANGE, transform=axes.get_xaxis_transform(), clip_on=False
    )
