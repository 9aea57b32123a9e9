"""The weights of the trained model of a run as safetensors, written atomically."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save
from torch import Tensor, nn

from recurra_lab.artifacts.atomic_files import durable


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the parameters and buffers of a model; a tensor with several names is written once."""
    once = {_place(tensor): (name, tensor) for name, tensor in reversed(model.state_dict().items())}
    content = save({name: tensor.contiguous() for name, tensor in once.values()})
    with durable(path) as file:
        file.write(content)


def _place(tensor: Tensor) -> tuple[object, ...]:
    """Return the memory location of a tensor, which identifies a shared tensor."""
    if not tensor.numel():
        return (id(tensor),)
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride()
