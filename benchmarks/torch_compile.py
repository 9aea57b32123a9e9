"""What `torch.compile` costs a recurrent network, and what a call costs afterwards.

    python benchmarks/torch_compile.py [--rounds 5] [--compilations 3]

Writes `benchmarks/results/torch-compile.md`. A network of one recurrent layer and a readout is compiled by
Inductor, with the LSTM of recurra and with `nn.LSTM`, for sequences of several lengths. The first training
step (forward and backward) compiles; its seconds on the wall are given, the median of compilations that take
turns. A first compilation of something else, and of the cell's own C code, goes before. Later training
steps are given as ratios: both take turns in one process, and the median and quartiles of ratios are shown.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from recurra.plugins.registry import load

LENGTHS = (3, 30, 300)
BATCH, INPUTS, HIDDEN = 16, 32, 64
RESULT = Path(__file__).parent / "results" / "torch-compile.md"
os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # read when Inductor is imported, at its first use
Step = Callable[[Tensor], None]


class Network(nn.Module):
    """A recurrent layer and a readout."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.readout = layer, nn.Linear(HIDDEN, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, 4) of x (B, T, I)."""
        y: Tensor = self.readout(torch.relu(self.layer(x)[0]))
        return y


def networks() -> dict[str, nn.Module]:
    """Return the networks by name."""
    cell = load("cell", "lstm")(INPUTS, hidden_size=HIDDEN)
    return {"recurra": Network(cell), "nn.LSTM": Network(nn.LSTM(INPUTS, HIDDEN, batch_first=True))}


def training_step(run: Callable[[Tensor], Tensor], network: nn.Module) -> Step:
    """Return a function that runs forward and backward."""

    def step(x: Tensor) -> None:
        network.zero_grad()
        run(x).square().mean().backward()

    return step


def seconds(step: Step, x: Tensor, times: int = 1) -> float:
    """Return seconds on the wall for one of so many steps."""
    start = time.perf_counter()
    for _ in range(times):
        step(x)
    return (time.perf_counter() - start) / times


def compilations(steps: int, rounds: int) -> dict[str, float]:
    """Return the median seconds of the first training step of each network."""
    found: dict[str, list[float]] = {}
    x = torch.randn(BATCH, steps, INPUTS)
    for _ in range(rounds):
        for name, network in networks().items():
            torch.compiler.reset()
            training_step(network, network)(x)  # compiles the cell's own code, which is no part of this
            step = training_step(torch.compile(network), network)
            found.setdefault(name, []).append(seconds(step, x))
    return {name: statistics.median(each) for name, each in found.items()}


def calls(steps: int, rounds: int) -> dict[str, list[float]]:
    """Return the time of compiled steps relative to that of other networks, turn by turn."""
    torch.compiler.reset()
    x, times = torch.randn(BATCH, steps, INPUTS), max(3, 300 // steps)
    plain = networks()
    eager = {name: training_step(network, network) for name, network in plain.items()}
    compiled = {name: training_step(torch.compile(network), network) for name, network in plain.items()}
    each = [eager["recurra"], compiled["recurra"], compiled["nn.LSTM"]]
    for step in each:
        seconds(step, x, 2)
    turns = [[seconds(step, x, times) for step in each] for _ in range(rounds)]
    return {
        "compiled / not compiled": [turn[1] / turn[0] for turn in turns],
        "compiled / compiled nn.LSTM": [turn[1] / turn[2] for turn in turns],
    }


def shown(ratios: Sequence[float]) -> str:
    """Return the median and the quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compilations", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.compile(nn.Linear(2, 2))(torch.randn(2, 2)).sum().backward()  # starts the compiler
    rows = []
    for steps in LENGTHS:
        first, later = compilations(steps, asked.compilations), calls(steps, asked.rounds)
        ratios = " | ".join(shown(each) for each in later.values())
        rows.append(f"| {steps} | {first['recurra']:.1f} | {first['nn.LSTM']:.1f} | {ratios} |")
    RESULT.write_text("\n".join([*heading(asked.compilations, asked.rounds), *rows]) + "\n", encoding="utf-8")


def heading(compiled: int, rounds: int) -> list[str]:
    """Return what goes before the rows."""
    machine = f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    return [
        "# Inside torch.compile",
        "",
        f"An LSTM of {HIDDEN} units with a readout, batch {BATCH}, {INPUTS} inputs, one thread, compiled by "
        f"Inductor. Seconds of the first training step: median of {compiled}. Time of "
        f"later steps: ratios, median (quartiles) of {rounds} alternating rounds. {machine}. Written by "
        "`benchmarks/torch_compile.py`.",
        "",
        "Inductor's caches of graphs are off, but kernels that it has built before on this machine are used "
        "again. By default torch compiles nothing of a model with `nn.LSTM` "
        "(`torch._dynamo.config.allow_rnn`), so that column is what skipping it costs.",
        "",
        "| T | compiling recurra [s] | compiling `nn.LSTM` [s] | recurra, compiled / not "
        "| recurra / `nn.LSTM`, both compiled |",
        "| --- | --- | --- | --- | --- |",
    ]


if __name__ == "__main__":
    main()
