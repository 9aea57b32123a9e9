"""Figures as data URIs, without global state: the same numbers give the same bytes."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

WIDTH = 6.6
LEFT, RIGHT = 0.8, 0.12
FONT_SIZE = 10
INK, FAINT, BLUE, ORANGE = "#333333", "#d5d9de", "#0072b2", "#d55e00"


@dataclass(frozen=True)
class Picture:
    """An image of the report.

    Args:
        title: Short heading.
        caption: One or two sentences.
        alt: Alternative text.
        uri: The image as a data URI.
    """

    title: str
    caption: str
    alt: str
    uri: str

    @property
    def content(self) -> bytes:
        """The bytes of the image file."""
        return base64.b64decode(self.uri.partition(",")[2])


def blank(height: float, top: float = 0.12, bottom: float = 0.5) -> tuple[Figure, Axes]:
    """Return a figure whose axes are `height` inches high; all figures share their left and right edges."""
    total = height + top + bottom
    figure = Figure(figsize=(WIDTH, total))
    box = (LEFT / WIDTH, bottom / total, (WIDTH - LEFT - RIGHT) / WIDTH, height / total)
    axes = figure.add_axes(box)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(which="both", colors=INK, labelsize=FONT_SIZE)
    return figure, axes


def legend(axes: Axes) -> None:
    """Draw the legend on white, so that no line strikes it through."""
    axes.legend(fontsize=FONT_SIZE, facecolor="white", edgecolor="none", framealpha=0.9, labelcolor=INK)


class ShortLabels(LogFormatter):
    """Labels such as 0.62 between powers of ten, where there are few of these."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the label of a value."""
        return f"{x:.3g}" if super().__call__(x, pos) else ""


def logarithmic(axes: Axes) -> None:
    """Make the vertical axis logarithmic; within one decade, its labels are short numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(ShortLabels())


def as_svg(figure: Figure) -> str:
    """Return a figure as an SVG data URI."""
    buffer = io.BytesIO()
    # Without this, ids and the date would differ between two drawings of the same numbers.
    with matplotlib.rc_context({"svg.hashsalt": "recurra"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _uri("svg+xml", buffer)


def as_png(figure: Figure) -> str:
    """Return a figure as a PNG data URI."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return _uri("png", buffer)


def _uri(kind: str, buffer: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
