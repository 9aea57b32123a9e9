"""The rollout of a model on one sequence: inputs, outputs and diagnostics of the state at each step."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor

from recurra.cell import Cell, Network
from recurra.task import Batch, SupervisedTask, Task
from recurra_lab.training.evaluate import as_input, evaluation_mode
from recurra_lab.training.graph_model import GraphModel

CANDIDATES = 8
LONGEST_SHOWN = 200


@dataclass(frozen=True)
class Trace:
    """The rollout of a model on one sequence; time is axis 0 of every tensor.

    Args:
        inputs: (T, I); tokens are one-hot.
        target: (T, O); classes are one-hot. Valid on scored steps only.
        outputs: (T, O), predictions of the target, as by `SupervisedTask.predict`.
        mask: (T,), true on scored steps.
        views: Name -> (T, n), diagnostics of the state after each step; empty if the model cannot be stepped.
    """

    inputs: Tensor
    target: Tensor
    outputs: Tensor
    mask: Tensor
    views: dict[str, Tensor]


def trace(model: Network, task: SupervisedTask, batch: Batch) -> Trace:
    """Run a model over the first sequence of a batch, in evaluation mode and without gradients."""
    length = int(batch.lengths[0])
    x = as_input(batch.x[:1, :length], next(model.parameters()))
    with evaluation_mode(model), torch.no_grad():
        y, views = _outputs_and_views(model, x)
        outputs = task.predict(y)
    kinds = task.input_size if task.input_kind == "tokens" else 0
    return Trace(
        inputs=_columns(x[0].cpu(), kinds),
        target=_columns(batch.target[0, :length].cpu(), task.output_size),
        outputs=_columns(outputs[0].cpu(), task.output_size),
        mask=batch.mask[0, :length].cpu(),
        views={name: view.float().cpu() for name, view in views.items()},
    )


def example(task: Task, seed: int) -> Batch:
    """Return an example: the longest of the first few test sequences that is not too long to show."""
    drawn = [task.batch(k, batch_size=1, seed=seed, split="test") for k in range(CANDIDATES)]
    lengths = [int(batch.lengths[0]) for batch in drawn]
    shown = [n for n in lengths if n <= LONGEST_SHOWN]
    return drawn[lengths.index(max(shown) if shown else min(lengths))]


def _outputs_and_views(model: Network, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    cell = model.sequencer
    if not isinstance(cell, Cell) or x.shape[1] == 0 or isinstance(model, GraphModel):
        return model(x)[0], {}
    vectors = x if model.embedding is None else model.embedding(x)
    state, outputs = cell.initial_state(1), []
    views: defaultdict[str, list[Tensor]] = defaultdict(list)
    for x_t in vectors.unbind(1):
        y, state = cell.step(x_t, state)
        outputs.append(model.readout(y))
        for name, view in cell.diagnostics(state).items():
            views[name].append(view[0])
    return torch.stack(outputs, 1), {name: torch.stack(steps) for name, steps in views.items()}


def _columns(values: Tensor, kinds: int) -> Tensor:
    """Reshape values (T, ...) to (T, n); integers (T,) are one-hot encoded if there are several `kinds`."""
    if values.dim() == 1 and kinds > 1 and not values.is_floating_point():
        return (values[:, None] == torch.arange(kinds)).float()
    return values.float().flatten(1) if values.dim() > 1 else values.float()[:, None]
