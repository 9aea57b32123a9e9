"""Real-time recurrent learning: what a step costs, and how far the approximations are from the gradient.

    python benchmarks/rtrl.py [--rounds 9]

Writes `benchmarks/results/rtrl.json` and `rtrl.md`. Every way finds the gradient of a batch of 8 sequences of
20 steps, of 8 inputs and 8 outputs, with one thread; they take turns in one process, and the ratio of each
turn counts. Times are those of the thread's processor, which other programs do not prolong. `ABOUT` says what
is compared.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from recurra import Ref, sequence
from recurra.plugins.registry import load
from recurra_contract import ToyTask
from recurra_lab import Model

RESULTS = Path(__file__).parent / "results"
CELLS = {
    "elman": [{"hidden_size": 8}, {"hidden_size": 32}],
    "gru": [{"hidden_size": 8}, {"hidden_size": 32}],
    "lstm": [{"hidden_size": 8}, {"hidden_size": 32}],
    "lstm-1997": [{"blocks": 4, "block_size": 2}, {"blocks": 16, "block_size": 2}],
    "min-gru": [{"hidden_size": 8}, {"hidden_size": 32}],
}
STEPS, ROWS, WIDTH, SIDE = 20, 8, 8, 256
EVERY_TURN = 20
"""Runs of what is too short to be measured alone."""
RULES = ("exact", "snap-1", "diagonal", "e-prop", "uoro")
SEEDS = 10
COSTS = (
    *("cell", "weights", "ms per step, `exact`", "by torch × `exact`", "`exact` × back-propagation"),
    *("recurrence × bound", "multiplications"),
)
ABOUT = f"""\
Each way finds the gradient of a batch of {ROWS} sequences of {STEPS} steps, with readout and loss.

- `by torch`: the same gradient by `torch.func`, step by step, as for cells that the engine cannot derive.
- `recurrence`: the compiled call alone that advances the influence J and the gradient over all steps.
- `bound`: the time in which torch does as many multiplications in products of {SIDE} by {SIDE} matrices.
- `multiplications`, for a step of the batch: for every weight that acts on m states, one for each number of
  D (m by m) that is not zero by structure, one for each state on which the weight acts at once, and one for
  each of the m states whose gradient is asked for.

In `lstm-1997` and `min-gru` units do not feel each other. J is then about as large as the weights, and there
is so little to multiply that reading and writing it takes most of the time.
"""
ABOUT_ANGLES = f"""\
Degrees between each rule's gradient of the cell's weights and back-propagation's, before any learning: median
(min to max) of {SEEDS} seeds of weights and data. At 90 degrees a step does not lower the loss.
"""
Run = Callable[[], Any]


class Schedule:
    """Stands where Lightning's schedule would be."""

    def step(self) -> None:
        """Do nothing."""


class Setting:
    """A task of sequences of full length, one batch of it, and a model.

    Args:
        cell: The cell's name.
        options: Its options.
        seed: Of weights and data.
    """

    def __init__(self, cell: str, options: dict[str, int], seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.task = ToyTask(size=WIDTH, length=STEPS)
        drawn = self.task.batch(0, batch_size=ROWS, seed=seed, split="train")
        x = torch.randn(drawn.x.shape)
        mask, lengths = torch.ones_like(drawn.mask), torch.full_like(drawn.lengths, STEPS)
        self.batch = drawn._replace(x=x, target=x + 1, mask=mask, lengths=lengths)
        self.model = Model(self.task, Ref("cell", cell, **options))

    def module(self, rule: str, **options: Any) -> Any:
        """Return a module that finds the gradient of a batch, and makes no update of it."""
        module = load("trainer", rule)(**options).lightning_module(self.model, self.task, 0)
        module.log = lambda *args, **kwargs: None
        module.lr_schedulers = Schedule
        return module

    def by_rtrl(self, rule: str) -> tuple[Any, Run]:
        """Return a module, and what finds the gradient going forward."""
        module = self.module("rtrl", gradient=rule, update="batch")
        module._update = lambda: None

        def once() -> None:
            module.gradient = []
            module.training_loss(self.batch)

        return module, once

    def by_bptt(self) -> Run:
        """Return what finds the gradient going back."""
        module = self.module("bptt")
        return lambda: module.training_loss(self.batch).backward()

    def recurrence(self, module: Any) -> tuple[Run, int]:
        """Return the call that advances the influence over all steps, and its multiplications."""
        derived, state = module._derived[0], self.model.sequencer.initial_state(ROWS)
        ran = derived.run(self.batch, state, self.batch.lengths)
        (J,) = derived.start(ROWS, lambda s: s)
        g = torch.randn(ran.y.transpose(0, 1).shape)
        before, after = derived.mode.of_states(ran, g)
        asked = [part.flatten(0, 1).any(0) for part in (before, after) if part is not None]
        count = sum(
            group.multiplications + group.columns * sum(int(of[group.rows].sum()) for of in asked)
            for group in derived.mode.groups
        )
        run = derived.mode.kernel.run
        return lambda: run(ran.factors, before, after, J, None), ROWS * STEPS * count


def repeated(run: Run) -> Run:
    """Return what runs several times, long enough to be measured."""

    def every_turn() -> None:
        for _ in range(EVERY_TURN):
            run()

    return every_turn


def costs(cell: str, options: dict[str, int], rounds: int) -> dict[str, Any]:
    """Return the milliseconds of each way, turn by turn, after two turns that warm up."""
    setting, side = Setting(cell, options), torch.randn(SIDE, SIDE)
    module, exact = setting.by_rtrl("exact")
    by_torch = setting.by_rtrl("exact")[1]

    def at_torchs_level() -> None:
        with sequence.using("loop"):
            by_torch()

    exact()
    alone, multiplications = setting.recurrence(module)
    ways: dict[str, Run] = {
        "exact": exact,
        "torch": at_torchs_level,
        "bptt": setting.by_bptt(),
        "recurrence": repeated(alone),
        "product": repeated(lambda: torch.mm(side, side)),
    }
    turns: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 2):
        for way, run in ways.items():
            start = time.thread_time()
            run()
            turns[way].append(1000 * (time.thread_time() - start))
    found = {way: spent[2:] for way, spent in turns.items()}
    weights = sum(weight.numel() for weight in setting.model.sequencer.parameters())
    return {"weights": weights, "multiplications": multiplications, "milliseconds": found}


def angles(cell: str, options: dict[str, int]) -> dict[str, list[float]]:
    """Return the angle in degrees between each rule's gradient and back-propagation's, by seed."""
    found: dict[str, list[float]] = {rule: [] for rule in RULES}
    for seed in range(SEEDS):
        setting = Setting(cell, options, seed)
        weights = [p for p in setting.model.sequencer.parameters() if p.requires_grad]
        setting.by_bptt()()
        wanted = torch.cat([p.new_zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in weights])
        for rule in RULES:
            module, once = setting.by_rtrl(rule)
            once()
            gradient = torch.cat([g.flatten() for g in module.gradient[: len(weights)]])
            found[rule].append(float(angle(gradient.double(), wanted.double())))
    return found


def angle(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the angle between two vectors in degrees, exactly for small ones, too."""
    a, b = a / a.norm(), b / b.norm()
    return torch.rad2deg(2 * torch.atan2((a - b).norm(), (a + b).norm()))


def named(run: dict[str, Any]) -> str:
    """Return the cell and its size."""
    units = run.get("hidden_size") or run["blocks"] * run["block_size"]
    return f"`{run['cell']}`, {units} units"


def spread(above: list[float], below: list[float], scale: float = 1) -> str:
    """Return the median, least and greatest ratio of the turns."""
    ratios = sorted(scale * a / b for a, b in zip(above, below, strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def of_costs(run: dict[str, Any]) -> str:
    """Return a line of the table of costs."""
    spent, count = run["milliseconds"], run["multiplications"]
    cells = [
        named(run),
        f"{run['weights']:,}",
        f"{statistics.median(spent['exact']) / STEPS:.3f}",
        spread(spent["torch"], spent["exact"]),
        spread(spent["exact"], spent["bptt"]),
        spread(spent["recurrence"], spent["product"], SIDE**3 / count),
        f"{count // STEPS:,}",
    ]
    return f"| {' | '.join(cells)} |"


def of_angles(run: dict[str, Any]) -> str:
    """Return a line of the table of angles."""
    told = [
        f"{statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})"
        for found in run["angles"].values()
    ]
    return f"| {named(run)} | {' | '.join(told)} |"


def tables(runs: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    machine = f"Python {platform.python_version()}, {platform.machine()}, torch {torch.__version__}"
    rounds = len(runs[0]["milliseconds"]["exact"])
    lines = [
        "# Real-time recurrent learning: costs and angles",
        "",
        f"Median (min to max) of the ratios of {rounds} rounds, one thread, time of the processor. {machine}."
        " Written by `benchmarks/rtrl.py`.",
        "",
        ABOUT,
        f"| {' | '.join(COSTS)} |",
        f"| {' | '.join('---' for _ in COSTS)} |",
        *map(of_costs, runs),
        "",
        "## Angles",
        "",
        ABOUT_ANGLES,
        f"| cell | {' | '.join(f'`{rule}`' for rule in RULES)} |",
        f"| --- | {' | '.join('---' for _ in RULES)} |",
        *map(of_angles, runs),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every cell and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    runs = [
        {"cell": cell, **options, **costs(cell, options, rounds), "angles": angles(cell, options)}
        for cell, sizes in CELLS.items()
        for options in sizes
    ]
    (RESULTS / "rtrl.json").write_text(json.dumps(runs, indent=1) + "\n")
    (RESULTS / "rtrl.md").write_text(tables(runs))
    print(tables(runs))


if __name__ == "__main__":
    main()
