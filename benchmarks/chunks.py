"""Which public packages compute the same from a sequence in pieces as from the whole sequence.

    python benchmarks/chunks.py

Feeds a sequence of 12 steps to each layer, once as a whole and once in pieces of 5, 1 and 6 steps with its
state handed over. Writes the largest difference of the outputs, relative to the largest output, to
`benchmarks/results/chunks.md`. Numbers have 64 bits where the layer accepts them. A package that is not
installed is skipped, and says so.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import platform
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recurra import using
from recurra.plugins.registry import components, load

RESULT = Path(__file__).parent / "results" / "chunks.md"
WIDTH, BATCH, PIECES = 8, 2, (5, 1, 6)
TOLERANCE = 1e-5
Fed = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""x (B, T, I) and a state, or None at the start -> y (B, T, O) and a state."""


def torchrecurrent() -> Iterator[tuple[str, Fed]]:
    """Yield all layers of torchrecurrent."""
    module = importlib.import_module("torchrecurrent")
    for name, kind in inspect.getmembers(module, inspect.isclass):
        if not name.endswith("Cell"):
            layer = kind(WIDTH, WIDTH, batch_first=True).double()
            yield name, lambda x, state, layer=layer: layer(x, state)


def ncps() -> Iterator[tuple[str, Fed]]:
    """Yield the two layers of ncps."""
    module = importlib.import_module("ncps.torch")
    for name in ("CfC", "LTC"):
        layer = getattr(module, name)(WIDTH, WIDTH).double()
        yield name, lambda x, state, layer=layer: layer(x, state)


def mingru() -> Iterator[tuple[str, Fed]]:
    """Yield the two layers of minGRU-pytorch, which compute in logarithms."""
    for name in ("minGRU", "minLSTM"):
        layer = getattr(importlib.import_module(f"minGRU_pytorch.{name}"), name)(WIDTH).double()
        yield name, lambda x, state, layer=layer: layer(x, state, return_next_prev_hidden=True)


def sru() -> Iterator[tuple[str, Fed]]:
    """Yield the cell of sru, which has the time on axis 0."""
    layer = importlib.import_module("sru").SRUCell(WIDTH, WIDTH)

    def fed(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = layer(x.float().transpose(0, 1), state)
        return y.transpose(0, 1), state

    yield "SRUCell", fed


def xlstm() -> Iterator[tuple[str, Fed]]:
    """Yield the sLSTM of xlstm in plain torch."""
    module = importlib.import_module("xlstm.blocks.slstm.cell")
    config = module.sLSTMCellConfig(hidden_size=WIDTH, num_heads=2, backend="vanilla", dtype="float32")
    cell, gates = module.sLSTMCell(config), nn.Linear(WIDTH, 4 * WIDTH)

    def fed(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = cell(gates(x.float()), state)
        return y.transpose(1, 2).flatten(2), state

    yield "sLSTMCell", fed


def fla() -> Iterator[tuple[str, Fed]]:
    """Yield the functions of flash-linear-attention in plain torch that take a state."""
    for module, name, gates in (
        ("delta_rule", "delta_rule_recurrence", 0),
        ("gated_delta_rule", "naive_recurrent_gated_delta_rule", 1),
        ("gated_delta_rule", "naive_chunk_gated_delta_rule", 1),
        ("gla", "naive_recurrent_gla", 1),
    ):
        function = getattr(importlib.import_module(f"fla.ops.{module}.naive"), name)
        yield name, _attention(function, name, gated=bool(gates))


def _attention(function: Any, name: str, *, gated: bool) -> Fed:
    into = nn.Linear(WIDTH, 5 * WIDTH)
    heads_first = name == "delta_rule_recurrence"

    def fed(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        q, k, v, b, g = into(x.float()).unflatten(-1, (5, 1, WIDTH)).unbind(2)  # (B, T, 1, K)
        k = nn.functional.normalize(k, dim=-1)
        given = {"initial_state": state, "output_final_state": True}
        if name == "naive_recurrent_gla":
            return _flat(function(q, k, v, nn.functional.logsigmoid(g), **given))
        beta, decay = torch.sigmoid(b[..., 0]), nn.functional.logsigmoid(g[..., 0])
        parts = [part.transpose(1, 2) if heads_first else part for part in (q, k, v)]
        if gated:
            return _flat(function(*parts, beta=beta, g=decay, **given))
        y, state = function(*parts, beta.transpose(1, 2), **given)
        return y.transpose(1, 2).flatten(2), state

    return fed


def _flat(found: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
    return found[0].flatten(2), found[1]


def recurra() -> Iterator[tuple[str, Fed]]:
    """Yield the cells of the recent plugins, for comparison."""
    recent = {"ssm", "gated-linear", "matrix-memory", "xlstm", "light-gates", "continuous", "reservoir"}
    for offer in components("cell"):
        if offer.dist.removeprefix("recurra-") in recent:
            cell = load("cell", offer.qualified)(WIDTH).double().eval()
            yield offer.component.name, lambda x, state, cell=cell: cell(x, state)


PACKAGES = {
    "minGRU-pytorch": mingru,
    "torchrecurrent": torchrecurrent,
    "ncps": ncps,
    "sru": sru,
    "xlstm": xlstm,
    "flash-linear-attention": fla,
    "recurra": recurra,
}


def difference(fed: Fed) -> float:
    """Return the largest difference between the sequence in pieces and as a whole, relative to its size."""
    x = torch.randn(BATCH, sum(PIECES), WIDTH, dtype=torch.float64)
    whole, state, parts = fed(x, None)[0], None, []
    for piece in x.split(PIECES, 1):
        y, state = fed(piece, state)
        parts.append(y)
    return ((torch.cat(parts, 1) - whole).abs().max() / whole.abs().max()).item()


def row(package: str) -> str:
    """Return the row of one package."""
    try:
        found = {name: difference(fed) for name, fed in PACKAGES[package]()}
    except ImportError as error:
        return f"| {package} | skipped: {error} | | |"
    kept = sum(value <= TOLERANCE for value in found.values())
    broken = ", ".join(f"`{name}` {value:.2g}" for name, value in found.items() if value > TOLERANCE)
    version = importlib.metadata.version("recurra-core" if package == "recurra" else package)
    largest = max(value for value in found.values() if value <= TOLERANCE) if kept else float("nan")
    return f"| {package} {version} | {kept} of {len(found)} | {largest:.1g} | {broken or 'none'} |"


def main() -> None:
    """Measure all packages, and write the table."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    with torch.no_grad(), using("loop"):  # the contract compares the other levels of the engine with it
        rows = [row(package) for package in PACKAGES]
    machine = f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    pieces = ", ".join(map(str, PIECES))
    lines = [
        "# Sequences in pieces",
        "",
        f"Layers that give the same outputs for a sequence of {sum(PIECES)} steps as a whole and in pieces"
        f" of {pieces} steps with their state handed over. A difference is the largest one of all outputs,"
        f" relative to the largest output; it counts above {TOLERANCE:g}. {machine}. Written by"
        " `python benchmarks/chunks.py`.",
        "",
        "| package | layers that keep it | largest difference of those | layers that do not: difference |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
    ]
    RESULT.write_text("\n".join(lines), "utf-8")
    print(RESULT.read_text("utf-8"))


if __name__ == "__main__":
    main()
