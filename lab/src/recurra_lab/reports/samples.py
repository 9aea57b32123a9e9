"""Samples of a task for people: as text for a terminal, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from recurra.task import Batch, Task
from recurra_lab.reports.figures import FONT_SIZE, INK, WIDTH

SHADES = " ░▒▓█"
LABEL = 7
DOT, BLANK = "·", " "


class Sample(NamedTuple):
    """One sequence of a task; time is axis 0.

    Args:
        x: (T, ...), what a network reads.
        target: (T, ...), what is due; valid on scored steps only.
        mask: (T,), true on scored steps.
    """

    x: Tensor
    target: Tensor
    mask: Tensor


def samples(task: Task, count: int, seed: int, split: str) -> list[Sample]:
    """Return the first sequences of a split, without padding."""
    batch: Batch = task.batch(0, batch_size=count, seed=seed, split=split)  # type: ignore[arg-type]
    rows = zip(*batch, strict=True)
    return [Sample(*(part[: int(length)] for part in parts)) for *parts, length in rows]


def as_text(sample: Sample, width: int) -> str:
    """Return a sample as lines: a column per step, a row per channel; symbols are numbers.

    Vectors are shades from the smallest value to the largest; a dot is a step that is not scored.
    """
    shown = max(1, width - LABEL)
    wide = _width(sample.x, sample.target[sample.mask]) if _is_symbols(sample.x) else 0
    lines = [
        *_part("input", sample.x, None, shown, wide),
        *_part("target", sample.target, sample.mask, shown, wide),
    ]
    scored = "".join("^" if due else BLANK for due in sample.mask[:shown].tolist())
    if not _is_symbols(sample.x):
        lines.append(f"{'scored':{LABEL}}{scored}".rstrip())
    return "\n".join(lines)


def _width(*symbols: Tensor) -> int:
    """Return how many characters the longest number has, so that steps stand below each other."""
    values = [value for part in symbols if _is_symbols(part) for value in part.tolist()]
    return max((len(str(value)) for value in values), default=1)


def _part(name: str, values: Tensor, mask: Tensor | None, shown: int, wide: int) -> Iterator[str]:
    rows = _symbols(values, mask, shown, wide) if _is_symbols(values) else _shaded(values, mask, shown)
    for number, row in enumerate(rows):
        yield f"{name if number == 0 else '':{LABEL}}{row}".rstrip()


def _is_symbols(values: Tensor) -> bool:
    return not values.is_floating_point() and values.dtype != torch.bool and values.dim() == 1


def _symbols(values: Tensor, mask: Tensor | None, shown: int, wide: int) -> list[str]:
    due = [True] * len(values) if mask is None else mask.tolist()
    words = [str(value) if known else DOT for value, known in zip(values.tolist(), due, strict=True)]
    wide = max(wide, *map(len, words), 1)
    between = " " if wide > 1 else ""  # digits alone stand below the steps of vectors
    fitting = (shown - 1) // (wide + len(between)) or 1
    more = f" … {len(words) - fitting:,} more" if len(words) > fitting else ""
    return [between.join(word.rjust(wide) for word in words[:fitting]) + more]


def _shaded(values: Tensor, mask: Tensor | None, shown: int) -> list[str]:
    known = values.float().flatten(1) if values.dim() > 1 else values.float()[:, None]
    low, high = (float(known.min()), float(known.max())) if known.numel() else (0.0, 0.0)
    levels = ((known - low) / ((high - low) or 1) * (len(SHADES) - 1)).round().long()
    due = torch.ones(len(known), dtype=torch.bool) if mask is None else mask
    more = "…" if len(known) > shown else ""
    return [
        "".join(
            SHADES[level] if ok else DOT
            for level, ok in zip(channel[: shown - 1], due.tolist(), strict=False)
        )
        + more
        for channel in levels.T.tolist()
    ]


def picture(found: list[Sample]) -> Figure:
    """Return a figure with the input and the target of each sample, one below the other."""
    figure = Figure(figsize=(WIDTH, 1.5 * len(found) + 0.3), layout="constrained")
    axes = figure.subplots(2 * len(found), 1, squeeze=False)[:, 0]
    for row, sample in enumerate(found):
        due = torch.where(
            sample.mask.view(-1, *[1] * (sample.target.dim() - 1)), sample.target.float(), torch.nan
        )
        for place, (name, values) in enumerate((("input", sample.x.float()), ("target", due))):
            columns = values.flatten(1) if values.dim() > 1 else values[:, None]
            ax = axes[2 * row + place]
            ax.imshow(columns.T.numpy(), cmap="gray_r", aspect="auto", interpolation="nearest")
            ax.set_ylabel(name, color=INK, fontsize=FONT_SIZE)
            ax.set_yticks([])
            ax.tick_params(colors=INK, labelsize=FONT_SIZE - 2)
    return figure
