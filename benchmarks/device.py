"""What a step written by a user costs on a GPU, against cuDNN's LSTM and against the loop.

    python benchmarks/device.py [--rounds 11]

Writes `benchmarks/results/device.md`; without a CUDA device it says so and writes nothing. Everything is a
ratio: the peer and the cell take turns, and the median of their ratios, turn by turn, is reported with the
lower and upper quartile. A training step is forward and backward, the loss being the sum of all outputs.
The clock is CUDA's events, after three turns in which kernels are compiled and graphs captured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recurra import sequence
from recurra.plugins.registry import load
from recurra_engine import dispatch

SIZES = ((256, 64, 256), (1024, 64, 512), (512, 256, 1024))
"""T, B, H; the input is as wide as the state."""
NTM_SIZES = ((50, 16), (100, 64))
"""T, B, for a memory of 128 slots of 20 numbers."""
RESULT = Path(__file__).parent / "results" / "device.md"
WARM_UP = 3
Run = Callable[[Tensor], Tensor]


def cells(units: int) -> Iterator[tuple[str, nn.Module]]:
    """Yield the cells that are compared with cuDNN's LSTM."""
    yield "`lstm`", load("cell", "lstm")(units, hidden_size=units)
    yield "`lstm`, peepholes", load("cell", "lstm")(units, hidden_size=units, peepholes=True)
    for name in ("gru1", "gru2", "gru3"):
        yield f"`{name}`", load("cell", name)(units, hidden_size=units)


def milliseconds(run: Run, x: Tensor) -> float:
    """Time one training step."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    run(x).sum().backward()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


def at_level(cell: nn.Module, level: str | None) -> Run:
    """Return a call of a cell at a level; None is the best one."""

    def run(x: Tensor) -> Tensor:
        with sequence.using(level):
            y: Tensor = cell(x)[0]
        return y

    return run


def turns(runs: list[Run], x: Tensor, rounds: int) -> list[list[float]]:
    """Return for every run its milliseconds, turn by turn."""
    timed = [[milliseconds(run, x) for run in runs] for _ in range(rounds + WARM_UP)]
    return [list(column) for column in zip(*timed[WARM_UP:], strict=True)]


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Return median and quartiles of one over the other."""
    low, middle, high = statistics.quantiles([a / b for a, b in zip(ours, theirs, strict=True)], n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def row(what: str, cell: Any, peer: Run | None, x: Tensor, rounds: int) -> str:
    """Return a row: the cell's level and time, and its ratios to cuDNN and to the loop."""
    runs = [at_level(cell, None), *([peer] if peer else [])]
    ours, *theirs = turns(runs, x, rounds)
    # The loop is slow and steady: three turns tell enough.
    mine, loop = turns([at_level(cell, None), at_level(cell, "loop")], x, 3)
    level = dispatch.choose(cell, x, cell.initial_state(x.shape[0])).level
    against = ratio(ours, theirs[0]) if theirs else "-"
    return f"| {what} | {level} | {statistics.median(ours):.2f} | {against} | {ratio(mine, loop)} |"


def tables(rounds: int) -> list[str]:
    """Return the report's tables."""
    head = ["| cell | level | ms | ratio to `nn.LSTM` | ratio to the loop |", "|---|---|---|---|---|"]
    lines = []
    for dtype in (torch.float32, torch.bfloat16):
        for steps, batch, units in SIZES:
            lines += ["", f"## T {steps}, B {batch}, H {units}, {str(dtype)[6:]}", "", *head]
            torch.manual_seed(0)
            x = torch.randn(batch, steps, units, device="cuda", dtype=dtype)
            peer = nn.LSTM(units, units, batch_first=True).to(x)
            for what, cell in cells(units):
                lines.append(row(what, cell.to(x), lambda x, peer=peer: peer(x)[0], x, rounds))
    for steps, batch in NTM_SIZES:
        lines += ["", f"## NTM, T {steps}, B {batch}, float32", "", *head]
        x = torch.randn(batch, steps, 10, device="cuda")
        lines.append(row("`ntm`", load("cell", "ntm")(10).cuda(), None, x, rounds))
    return lines


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11, help="turns that count")
    rounds = parser.parse_args().rounds
    if not torch.cuda.is_available():
        sys.exit("There is no CUDA device here, so there is nothing to measure.")
    device = torch.cuda.get_device_name()
    title = [
        "# The device level",
        "",
        f"{device}, torch {torch.__version__}. Training steps, ratios of times.",
    ]
    RESULT.write_text("\n".join([*title, *tables(rounds), ""]))
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
