"""Numbers: the same bits under other circumstances, and no NaN where weights and inputs are extreme."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from bits import bits, differing
from kinds import KINDS, Kind
from processes import Fresh, Group, finish, warm

import recurra
from recurra import Cell
from recurra.plugins.registry import components, load
from recurra_contract.harness import tensors
from recurra_contract.kit import maker

ROWS, STEPS = 10_000, 3
EXTREMES = (0.0, 1e-38, 1e-4, 0.5, 1.0, 30.0, 1e4, 1e10, 1e20)
WEIGHTS = (0.0, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""What the weights that a cell draws for itself are multiplied by."""
ELSEWHERE = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "1234", "COLUMNS": "40"}
SAME = ("bptt, generated sequences", "truncated bptt, stream of text", "bptt, corpus")


def measured(tries: int, seed: int) -> list[dict[str, Any]]:
    """Return one row per circumstance and one per cell and memory: tried, lost."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        warm(KINDS[SAME[0]].command(root / "warm"), root / "warm.txt")
        rows = list(_same_bits(root))
    with recurra.using("loop"), torch.no_grad():
        rows += [_row(name, cell, tries, seed) for name, cell in cells()]
    return rows


def _same_bits(root: Path) -> Iterator[dict[str, Any]]:
    """Yield, for each circumstance, how many runs differ from the first."""
    whole = {}
    for place, name in enumerate(SAME):
        finish(KINDS[name].command(root / f"{place}"), root / "said.txt")
        whole[name] = bits(root / f"{place}")
    for about, (group, words, options) in _circumstances(root).items():
        lost = 0
        for place, name in enumerate(SAME):
            folder = root / about / str(place)
            kind = Kind((*KINDS[name].words, *words), group=group)
            code = finish(kind.command(folder), root / "said.txt", group, **options)
            found = {} if code else differing(bits(folder), whole[name])
            # The report shows the options, of which the number of workers is one.
            lost += bool(code) or any(not (words and part.startswith("report")) for part in found)
        yield {"what": f"same bits: {about}", "tried": len(SAME), "lost": lost}


def _circumstances(root: Path) -> dict[str, tuple[type[Group], tuple[str, ...], dict[str, Any]]]:
    (other := root / "elsewhere").mkdir()
    return {
        "once more": (Group, (), {}),
        "1 loader process": (Group, ("run.workers=1",), {}),
        "2 loader processes": (Group, ("run.workers=2",), {}),
        "another folder": (Group, (), {"prepare": lambda: os.chdir(other)}),
        "other locale, time zone and hash seed": (Fresh, (), {"environment": ELSEWHERE}),
    }


def cells() -> Iterator[tuple[str, Callable[[], Cell[Any]]]]:
    """Yield every cell that reads vectors, and every memory in a cell, by name."""
    for offer in components("cell"):
        kind = load("cell", name := offer.component.name)
        if getattr(kind.tags, "input_kind", "vectors") == "vectors":
            yield name, maker("cell", kind)
    for offer in components("memory"):
        controlled = load("cell", "ntm")
        yield f"memory {offer.component.name}", maker("cell", controlled, {"memory": offer.component.name})


def _row(name: str, make: Callable[[], Cell[Any]], draws: int, seed: int) -> dict[str, Any]:
    lost, tried = 0, 0
    rng = torch.Generator().manual_seed(seed)
    try:
        while tried < draws:
            lost += _lost(make(), rng)
            tried += ROWS
    except recurra.RecurraError as refused:
        return {"what": f"no NaN: {name}", "tried": tried, "lost": lost, "refused": str(refused)}
    return {"what": f"no NaN: {name}", "tried": tried, "lost": lost}


def _lost(cell: Cell[Any], rng: torch.Generator) -> int:
    """Return how many of `ROWS` sequences of extreme inputs give a NaN in the output or in the state."""
    scale = WEIGHTS[int(torch.randint(len(WEIGHTS), (), generator=rng))]
    for weight in cell.parameters():
        weight.copy_(scale * torch.randn(weight.shape, generator=rng) / max(1, weight.shape[-1]) ** 0.5)
    sizes = torch.tensor(EXTREMES)[
        torch.randint(len(EXTREMES), (ROWS, STEPS, cell.input_size), generator=rng)
    ]
    x = sizes * torch.randn(sizes.shape, generator=rng).sign()
    wrong = torch.zeros(ROWS, dtype=torch.bool)
    for _, tensor in tensors(*cell(x)):
        if tensor.dim() and len(tensor) == ROWS and tensor.is_floating_point():
            wrong |= tensor.isnan().flatten(1).any(1) if tensor.dim() > 1 else tensor.isnan()
    return int(wrong.sum())
