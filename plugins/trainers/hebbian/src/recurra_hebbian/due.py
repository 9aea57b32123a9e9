"""The targets of a linear readout, for which the squared error is meaningful."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from recurra import Batch, IncompatibleParts, Task


def due(task: Task, batch: Batch) -> Tensor:
    """Return the targets (B, T, O): targets as they are, and −1 and 1 for what is decided by its sign.

    Raises:
        IncompatibleParts: The target is neither classes nor as wide as the outputs.
    """
    target, wide = batch.target, (*batch.mask.shape, task.output_size)
    if target.shape == batch.mask.shape and not target.is_floating_point():
        target = one_hot(target.clamp(0, task.output_size - 1), task.output_size)
    if target.shape != wide:
        message = f"task '{type(task).__name__}' has targets {tuple(target.shape)} for outputs {wide}"
        raise IncompatibleParts(f"trainer 'hebbian' needs targets as wide as outputs, but {message}")
    target = target.to(torch.float64)
    scored = target[batch.mask]
    return 2 * target - 1 if bool(((scored == 0) | (scored == 1)).all()) else target
