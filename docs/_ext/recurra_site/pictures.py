"""Pictures of the gallery: samples of tasks, and what passes through a cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from recurra import Cell, RecurraError, Ref
from recurra.plugins import registry
from recurra.plugins.hooks import Kind
from recurra_lab.reports.figures import FONT_SIZE, INK, WIDTH
from recurra_lab.reports.samples import Sample, picture, samples

INPUTS, STEPS, ROWS = 8, 60, 64
CAPTIONS: Mapping[Kind, str] = {
    "task": "Two test sequences: what a network reads, and the target; time runs from left to right",
    "cell": "One sequence passes through the untrained cell: input, output and state, from left to right",
    "memory": "One sequence passes through an untrained cell with this memory, from left to right",
}
HOST = "ntm"
"""The cell in which a memory is shown."""


def write_all(folder: Path) -> None:
    """Write the pictures that are missing; remove the folder to draw all again."""
    folder.mkdir(parents=True, exist_ok=True)
    rcParams["svg.hashsalt"] = "recurra"
    for kind in CAPTIONS:
        for offer in registry.components(kind):
            name = offer.component.name
            file = folder / f"{kind}-{name}.svg"
            if wanted(kind, name) and not file.is_file():
                drawn(kind, name).savefig(file, format="svg", metadata={"Date": None})


def wanted(kind: Kind, name: str) -> bool:
    """Return whether a component has a picture: environments give no targets, trees are no sequences."""
    if kind == "task":
        return bool(_samples(name))
    if kind == "cell":
        return made_cell(name).tags.input_kind == "vectors"
    return kind == "memory"


def drawn(kind: Kind, name: str) -> Figure:
    """Return the picture of a component."""
    if kind == "task":
        return picture(list(_samples(name)))
    cell = made_cell(name) if kind == "cell" else Ref("cell", HOST, memory=name).build(INPUTS)
    return _passing(cell)


@cache
def _samples(name: str) -> tuple[Sample, ...]:
    try:
        return tuple(samples(registry.load("task", name)().supervised(), 2, 0, "test"))
    except (RecurraError, AttributeError, TypeError, IndexError):
        return ()


@cache
def made_cell(name: str) -> Cell[Any]:
    """Return a cell with default options."""
    torch.manual_seed(0)
    cell: Cell[Any] = Ref("cell", name).build(INPUTS)
    return cell.eval()


def _passing(cell: Cell[Any]) -> Figure:
    x = _signal()
    with torch.no_grad():
        y, states = cell(x, states=True)
    panels = {"input": x[0], "output": y[0], **dict(_tensors("state", states))}
    shown = dict(list(panels.items())[:7])
    figure = Figure(figsize=(WIDTH, 0.95 * len(shown) + 0.3), layout="constrained")
    for axes, (name, values) in zip(
        figure.subplots(len(shown), 1, squeeze=False)[:, 0], shown.items(), strict=True
    ):
        _draw(axes, _rows(values))
        axes.set_ylabel(name, color=INK, fontsize=FONT_SIZE - 2, rotation=0, ha="right", va="center")
        axes.set_yticks([])
        axes.tick_params(
            colors=INK, labelsize=FONT_SIZE - 2, labelbottom=axes.get_subplotspec().is_last_row()
        )
    return figure


def _draw(axes: Axes, values: Tensor) -> None:
    """Draw (T, rows); the extreme fiftieth of the values saturates, so that outliers hide nothing."""
    low, high = values.flatten().quantile(torch.tensor([0.02, 0.98])).tolist()
    scale = {"vmin": low, "vmax": high} if low < high else {}
    axes.imshow(values.T.numpy(), cmap="viridis", aspect="auto", interpolation="nearest", **scale)


def _signal() -> Tensor:
    """Return (1, T, I): waves of several periods, and pulses."""
    time = torch.arange(STEPS)[:, None]
    waves = torch.sin(time * 2 * torch.pi / torch.linspace(5, 40, INPUTS))
    pulses = (time % torch.arange(7, 7 + INPUTS) == 0).float()
    return torch.where(torch.arange(INPUTS) % 2 == 0, waves, pulses)[None]


def _tensors(name: str, state: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a state over time, named by their fields."""
    if isinstance(state, Tensor):
        if state.dim() > 2 and state.shape[1] == STEPS:
            yield name, state[0].float()
        elif state.dim() == 2 and state.shape[1] == STEPS:
            yield name, state[0][:, None].float()
    elif hasattr(state, "_asdict"):
        for field, value in state._asdict().items():
            yield from _tensors(field, value)
    elif isinstance(state, tuple):
        for number, value in enumerate(state):
            yield from _tensors(f"{name} {number}", value)


def _rows(values: Tensor) -> Tensor:
    """Return (T, rows) with at most `ROWS` rows, so that a large matrix stays visible."""
    flat = values.flatten(1).real if values.is_complex() else values.flatten(1)
    return flat[:, :: max(1, -(-flat.shape[1] // ROWS))]
