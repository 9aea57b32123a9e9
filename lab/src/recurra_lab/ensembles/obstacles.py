"""Why runs cannot be trained as one program, each reason as the part of a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recurra.cell import Cell
from recurra_lab.ensembles.module import joined
from recurra_lab.ensembles.stack import Stack
from recurra_lab.runs.run import Run
from recurra_lab.training.gradient_rule import GradientRule
from recurra_lab.training.population import initial_states, obstacle_to_ensembles, run_ensemble

ALONE = {
    "devices": 1,
    "nodes": 1,
    "accelerator": "cpu",
    "strategy": "auto",
    "precision": "32-true",
    "accumulate": 1,
    "stop_by": "validation",
    "abandon_validation": False,
    "callbacks": (),
}
"""The options of a run that an ensemble needs."""


def obstacle(runs: Sequence[Run]) -> str | None:
    """Return why runs that differ in their seed cannot be trained as one program, or None."""
    return next(_obstacles(runs), None)


def _obstacles(runs: Sequence[Run]) -> Iterator[str]:
    first = runs[0]
    for name, needed in ALONE.items():
        if (value := getattr(first.options, name)) != needed:
            yield f"run.{name} = {value}"
    rule = first.parts.module
    if not isinstance(rule, GradientRule):
        yield f"trainer '{first.experiment.trainer.name}' does not follow a gradient"
        return
    yield from _of_rule(rule)
    yield from _of_model(rule)
    if first.plugin_callbacks():
        yield "a plugin adds callbacks to each run"
    if any(_differ(rule, run.parts.module) for run in runs[1:]):
        yield "the networks differ in more than their parameters and buffers"


def _of_rule(rule: GradientRule) -> Iterator[str]:
    reason = rule.obstacle_to_ensembles()
    if reason:
        yield reason
    optimizer = rule.optimization.optimizer
    if not optimizer.elementwise:
        name = getattr(optimizer, "name", type(optimizer).__name__)
        yield f"the optimizer '{name}' does not update every weight by itself"


def _of_model(rule: GradientRule) -> Iterator[str]:
    model = rule.model
    reason = obstacle_to_ensembles(model)
    if reason:
        yield reason
    elif model.tags.stochastic:
        yield f"{type(model.sequencer).__name__} draws random numbers"
    elif type(model.sequencer).auxiliary_loss is not Cell.auxiliary_loss:
        yield f"{type(model.sequencer).__name__} has an auxiliary loss"


def _differ(a: nn.Module, b: nn.Module) -> bool:
    """Return whether two modules differ in anything but the values of parameters and buffers."""
    pairs = list(zip(a.modules(), b.modules(), strict=False))
    if len(pairs) != len(list(a.modules())) or len(pairs) != len(list(b.modules())):
        return True
    return any(type(x) is not type(y) or not _same(_held(x), _held(y)) for x, y in pairs)


def _held(module: nn.Module) -> dict[str, Any]:
    own = {name: value for name, value in vars(module).items() if not name.startswith("_") and name != "seed"}
    return own | {name: tuple(value.shape) for name, value in module.named_parameters(recurse=False)}


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    # Other objects are what the same options make.
    return bool(a == b) if isinstance(a, bool | int | float | str) else True


def obstacle_of_engine(runs: Sequence[Run], stack: Stack) -> str | None:
    """Return why no engine runs these networks as one program with a gradient, or None."""
    model = stack.rule.model
    task, size = runs[0].parts.task, runs[0].options.batch_size
    drawn = [task.batch(0, batch_size=size, seed=run.experiment.seed, split="train") for run in runs]
    batch = joined(drawn)
    start = initial_states(model, stack.weights, size)
    if run_ensemble(model, stack.weights, batch.x, start, batch.lengths) is not None:
        return None
    cell = runs[0].experiment.cell.name
    return f"no engine runs several '{cell}' as one program; see `recurra explain {cell}`"
