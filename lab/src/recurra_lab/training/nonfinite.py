"""Finds the first non-finite tensor of a training step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from recurra.cell import Network
from recurra.state import leaves
from recurra.task import Batch, Task


def first_non_finite(model: Network, task: Task, batch: Batch) -> str:
    """Return the name of the first tensor with NaN or infinity, in the order of a training step.

    The order is input, parameters, outputs and states of the submodules, loss, gradients.
    """
    for where, tensor in (("the input x", batch.x), ("the target", batch.target)):
        if _bad(tensor):
            return where
    for name, parameter in model.named_parameters():
        if _bad(parameter):
            return f"the parameter {name}"
    return _in_forward(model, task, batch)


def _bad(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())


class _Found(Exception):
    pass


def _in_forward(model: Network, task: Task, batch: Batch) -> str:
    parts = model.named_modules()
    hooks = [part.register_forward_hook(_watch(name or "the model")) for name, part in parts]
    try:
        loss = task.evaluate(model, batch).loss
    except _Found as found:
        return str(found)
    finally:
        for hook in hooks:
            hook.remove()
    return _in_backward(model, loss)


def _watch(name: str) -> Any:
    def look(module: nn.Module, arguments: Any, result: Any) -> None:
        y, state = result if isinstance(result, tuple) else (result, ())
        for label, tensor in (("output", y), *leaves(state)):
            if isinstance(tensor, Tensor) and _bad(tensor):
                raise _Found(f"the {label} of {name}")

    return look


def _in_backward(model: Network, loss: Tensor) -> str:
    if _bad(loss):
        return "the loss"
    model.zero_grad()
    if loss.requires_grad:
        torch.autograd.backward(loss)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and _bad(parameter.grad):
            return f"the gradient of {name}"
    return "not found when the step was repeated"
