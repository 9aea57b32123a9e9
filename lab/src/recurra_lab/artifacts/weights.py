"""The trained model of a run: its weights as safetensors, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save
from torch import Tensor, nn

from recurra_lab.artifacts.atomic_files import durable


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the parameters and buffers of a model durably; one that has several names is written once."""
    once = {_place(tensor): (name, tensor) for name, tensor in reversed(model.state_dict().items())}
    content = save({name: tensor.contiguous() for name, tensor in once.values()})
    with durable(path) as file:
        file.write(content)


def _place(tensor: Tensor) -> tuple[object, ...]:
    """Return where in memory a tensor is, which two names of one tensor have in common."""
    if not tensor.numel():
        return (id(tensor),)
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride()
