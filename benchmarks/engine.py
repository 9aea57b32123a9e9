"""What a step written by a user costs, against torch's own recurrent networks and against the loop.

    python benchmarks/engine.py [--rounds 11] [--threads 1 2]

Writes `benchmarks/results/engine.md`. Everything is a ratio: the peer and the cell take turns in one
process, and the median of their ratios, turn by turn, is reported with the lower and upper quartile. Where
`torchrecurrent` (PyPI) is installed its cells are in the table too. A training step is forward and
backward, the loss being the sum of all outputs; inference is forward without gradients. The clock is the
process's own CPU time with one thread, which other programs hardly disturb, and time on the wall with more.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from engine_cells import NormalisedLSTM
from torch import Tensor, nn

from recurra import sequence
from recurra.plugins.registry import load

SIZES = ((100, 32, 128, 128), (784, 32, 100, 1), (100, 64, 256, 256), (1000, 16, 128, 2))
"""T, B, H, I."""
RESULT = Path(__file__).parent / "results" / "engine.md"
FIRST_CALL = """
import time, torch
from recurra.plugins.registry import load
from recurra_engine import dispatch
torch.set_num_threads(1)
cell = load("cell", "{name}")(10)
x = torch.randn(4, 10, 10)
start = time.perf_counter()
cell(x)[0].sum().backward()
print(time.perf_counter() - start)
"""

MEMORY = """
import re, torch
from pathlib import Path
from torch import nn
from recurra import checkpointing
from recurra.plugins.registry import load
torch.set_num_threads(1)
T, B, H, I = {size}
module = {module}
def train(steps):
    with checkpointing({every!r}):
        module(torch.randn(B, steps, I))[0].sum().backward()
def kilobytes(what):
    return int(re.search(what + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
train(10)
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew: importing torch has one of its own
before = kilobytes("VmRSS")
train(T)
print(kilobytes("VmHWM") - before)
"""

Run = Callable[[Tensor], Tensor]


def peers(inputs: int, units: int) -> Iterator[tuple[str, Run]]:
    """Yield torch's networks and, if installed, those of torchrecurrent."""
    for kind in (nn.GRU, nn.RNN):
        yield f"`nn.{kind.__name__}`", _first(kind(inputs, units, batch_first=True))
    if importlib.util.find_spec("torchrecurrent"):
        import torchrecurrent

        for name in ("PeepholeLSTM", "OriginalLSTM", "MGU", "MultiplicativeLSTM"):
            if hasattr(torchrecurrent, name):
                module = getattr(torchrecurrent, name)(inputs, units, batch_first=True)
                yield f"torchrecurrent `{name}`", _first(module)


def cells(inputs: int, units: int) -> Iterator[tuple[str, nn.Module]]:
    """Yield the cells that the table is about."""
    for name in ("lstm", "gru", "elman", "gru1", "gru2", "gru3"):
        yield f"`{name}`", load("cell", name)(inputs, hidden_size=units)
    yield "`lstm`, peepholes", load("cell", "lstm")(inputs, hidden_size=units, peepholes=True)
    yield "`gru`, reset before", load("cell", "gru")(inputs, hidden_size=units, reset="before")
    original = load("cell", "lstm-1997")
    yield "`lstm-1997`", original(inputs, blocks=units, block_size=1, gates_feed_back=False)
    yield "`lstm-1997`, gates as sources", original(inputs, blocks=units, block_size=1)
    yield "minimal gated unit", load("cell", "mgu")(inputs, hidden_size=units)
    yield "LSTM, layer-normalised", NormalisedLSTM(inputs, hidden_size=units)
    yield "LSTM, multiplicative", load("cell", "multiplicative-lstm")(inputs, hidden_size=units)


def _first(module: nn.Module, level: str | None = None, **options: Any) -> Run:
    def run(x: Tensor) -> Tensor:
        with sequence.using(level):
            y: Tensor = module(x, **options)[0]
        return y

    return run


def clock() -> float:
    """Return the time that counts."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def seconds(run: Run, x: Tensor, train: bool) -> float:
    """Time one call."""
    start = clock()
    with torch.set_grad_enabled(train):
        y = run(x)
        if train:
            y.sum().backward()
    return clock() - start


def ratios(run: Run, peer: Run, x: Tensor, train: bool, rounds: int) -> list[float]:
    """Return the time of one over that of the other, turn by turn, after two turns that warm up."""
    turns = [(seconds(peer, x, train), seconds(run, x, train)) for _ in range(rounds + 2)]
    return [ours / theirs for theirs, ours in turns[2:]]


def shown(measured: list[float]) -> str:
    """Return median and quartiles."""
    low, middle, high = statistics.quantiles(measured, n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def against_lstm(rounds: int) -> list[str]:
    """Return the rows of the table of ratios to nn.LSTM."""
    columns: dict[str, list[str]] = {}
    for steps, batch, units, inputs in SIZES:
        torch.manual_seed(0)
        x, peer = torch.randn(batch, steps, inputs), _first(nn.LSTM(inputs, units, batch_first=True))
        runs = [*peers(inputs, units), *((name, _first(cell)) for name, cell in cells(inputs, units))]
        loops = [("`lstm`, in the loop", _first(load("cell", "lstm")(inputs, hidden_size=units), "loop"))]
        loops.append(
            ("`lstm`, at the level scan", _first(load("cell", "lstm")(inputs, hidden_size=units), "scan"))
        )
        for name, run in [*runs, *loops]:
            found = [shown(ratios(run, peer, x, train, rounds)) for train in (True, False)]
            columns.setdefault(name, []).append(" / ".join(found))
            print((steps, batch, units, inputs), name, *found, flush=True)
    head = " | ".join(str(size) for size in SIZES)
    return [
        f"| | {head} |",
        "|" + " --- |" * (len(SIZES) + 1),
        *(f"| {n} | {' | '.join(c)} |" for n, c in columns.items()),
    ]


def memory_cell(rounds: int) -> str:
    """Return how much faster than the loop a Neural Turing Machine runs."""
    cell, x = load("cell", "ntm")(10), torch.randn(16, 42, 10)
    found = [
        shown([1 / r for r in ratios(_first(cell), _first(cell, "loop"), x, t, rounds)])
        for t in (True, False)
    ]
    return f"{found[0]} times faster in training, {found[1]} in inference"


def ragged(rounds: int) -> str:
    """Return the cost of rows of 25 to 100 steps over that of rows of 100."""
    cell, x = load("cell", "lstm")(128, hidden_size=128), torch.randn(32, 100, 128)
    lengths = torch.linspace(25, 100, 32).long()[torch.randperm(32)]
    found = [shown(ratios(_first(cell, lengths=lengths), _first(cell), x, t, rounds)) for t in (True, False)]
    return f"{found[0]} of the padded run in training, {found[1]} in inference"


def printed(program: str, **environment: str) -> float:
    """Run a program in a process of its own and return the number it prints."""
    command, variables = [sys.executable, "-c", program], os.environ | environment
    return float(subprocess.run(command, env=variables, capture_output=True, check=True).stdout)


def first_call(name: str) -> str:
    """Return the seconds of a first training step, without and with what an earlier process compiled."""
    with tempfile.TemporaryDirectory() as folder:
        took = [printed(FIRST_CALL.format(name=name), RECURRA_CACHE=folder) for _ in range(2)]
    return f"{took[0]:.2f} s, then {took[1]:.2f} s"


OURS, THEIRS = "load('cell', 'lstm')(I, hidden_size=H)", "nn.LSTM(I, H, batch_first=True)"


def memory(size: tuple[int, int, int, int]) -> str:
    """Return the peak memory of a training step of the cell `lstm` over that of nn.LSTM."""
    ours, theirs = (printed(MEMORY.format(size=size, module=module, every=None)) for module in (OURS, THEIRS))
    return f"{ours / theirs:.2f} at {size}"


def long_memory(every: str | None) -> str:
    """Return the MB that a training step takes over sequences of which each is four times as long."""
    sizes = [(steps, 4, 64, 2) for steps in (6_250, 25_000, 100_000)]
    found = [printed(MEMORY.format(size=size, module=OURS, every=every)) / 1024 for size in sizes]
    return ", ".join(f"{megabytes:.0f}" for megabytes in found)


def measure(rounds: int, threads: list[int]) -> None:
    """Measure, and write the page after each part."""
    machine = f"{_processor()}, Python {platform.python_version()}, torch {torch.__version__}"
    lines = [
        "# The engine against torch",
        "",
        "Time relative to `nn.LSTM` of the same size, training step / inference: median (quartiles) of"
        f" {rounds} alternating rounds. Columns: (T, B, H, I). {machine}. Written by `benchmarks/engine.py`.",
    ]
    for count in threads:
        torch.set_num_threads(count)
        lines += ["", f"## {count} thread{'s' if count > 1 else ''}", "", *against_lstm(rounds)]
        save(lines)
    save([*lines, *elsewhere(rounds)])


def save(lines: list[str]) -> None:
    """Write the page as far as it is."""
    RESULT.write_text("\n".join([*lines, ""]))


def elsewhere(rounds: int) -> list[str]:
    """Measure what the table of sizes does not show."""
    torch.set_num_threads(1)
    lines = ["", "## Elsewhere, 1 thread", ""]
    lines.append(f"- NTM (128 slots of 20, batch 16, 42 steps) against the loop: {memory_cell(rounds)}.")
    lines.append(f"- LSTM over rows of 25 to 100 steps: {ragged(rounds)}.")
    lines += [
        f"- First training step of `{n}`, then with a warm cache on disk: {first_call(n)}."
        for n in ("lstm", "ntm")
    ]
    sizes = ((1000, 16, 128, 2), (784, 32, 100, 1), (400, 64, 256, 256))
    lines.append(f"- Peak memory of a training step, `lstm` over `nn.LSTM`: {', '.join(map(memory, sizes))}.")
    lines.append(
        f"- 200 updates of the main job, with their validations: {main_job()} times faster than in the loop."
    )
    lines.append(
        f"- MB of a training step of `lstm` (B, H, I = 4, 64, 2) over 6,250, 25,000 and 100,000 steps,"
        f" of which the outputs take 6, 24 and 98: {long_memory(None)}; with `checkpointing('sqrt')`"
        f" {long_memory('sqrt')}."
    )
    return lines


def main_job(turns: int = 3) -> str:
    """Return how much faster 200 updates of `recurra train copy ntm` are than in the loop."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = [
            [trained(f"{folder}/{turn}-{level}", level) for level in ("loop", "")] for turn in range(turns)
        ]
    return shown([loop / best for loop, best in seconds])


def trained(folder: str, level: str) -> float:
    """Return the seconds of training, validations included, of a short run of the main job."""
    words = ["train", "copy", "ntm", "run.max_steps=200", "run.progress=false", "--out", folder]
    environment = {name: value for name, value in os.environ.items() if name != "RECURRA_ENGINE"}
    environment |= {"RECURRA_ENGINE": level} if level else {}
    subprocess.run(
        [sys.executable, "-m", "recurra", *words], env=environment, capture_output=True, check=True
    )
    (outcome,) = Path(folder).glob("copy/*/*/outcome.json")
    return float(json.loads(outcome.read_text())["train_seconds"])


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    measure(options.rounds, options.threads)
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
