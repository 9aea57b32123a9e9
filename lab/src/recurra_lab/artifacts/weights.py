"""The weights of the trained model of a run as safetensors, written atomically, with a checksum inside."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_model, save
from torch import Tensor, nn, uint8

from recurra.errors import DamagedFile
from recurra_lab.artifacts.atomic_files import durable

CHECKSUM = "sha256"
"""Entry of the metadata with the checksum of all tensors."""


def save_weights(model: nn.Module, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write the parameters and buffers of a model; a tensor with several names is written once.

    Args:
        model: The model.
        path: The file.
        metadata: Name -> text, stored beside the checksum.
    """
    once = {_place(tensor): (name, tensor) for name, tensor in reversed(model.state_dict().items())}
    tensors = {name: tensor.contiguous() for name, tensor in once.values()}
    content = save(tensors, {**(metadata or {}), CHECKSUM: _checksum(tensors)})
    with durable(path) as file:
        file.write(content)


def load_weights(model: nn.Module, path: Path, remedy: str | None = None) -> None:
    """Set the parameters and buffers of a model from a file of `save_weights`.

    Args:
        model: The model.
        path: The file.
        remedy: What a user can do if the file is damaged; by default, resume the run that it is in.

    Raises:
        DamagedFile: The file cannot be read, has another checksum than it states, or is of another model.
    """
    try:
        with safe_open(path, "pt") as file:
            stated = (file.metadata() or {}).get(CHECKSUM)
        if stated != _checksum(load(path.read_bytes())):
            raise DamagedFile(_damaged(path, "its checksum does not match its tensors", remedy))
        load_model(model, str(path))
    except (SafetensorError, RuntimeError) as error:
        why = str(error).removeprefix(f"Error(s) in loading state_dict for {type(model).__name__}:").strip()
        raise DamagedFile(_damaged(path, why.splitlines()[0], remedy)) from None


def parameters_in(path: Path) -> int:
    """Return how many numbers a file of `save_weights` holds, without reading them.

    Raises:
        DamagedFile: The file cannot be read.
    """
    try:
        with safe_open(path, "pt") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DamagedFile(_damaged(path, str(error).splitlines()[0])) from None


def _damaged(path: Path, why: str, remedy: str | None = None) -> str:
    known = remedy or f"write it again with: recurra resume {path.parent}"
    return f"{path} cannot be loaded: {why.removesuffix('.')}; {known}"


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values, independent of the order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().reshape(-1).view(uint8).numpy().data)
    return digest.hexdigest()


def _place(tensor: Tensor) -> tuple[object, ...]:
    """Return the memory location of a tensor, which identifies a shared tensor."""
    if not tensor.numel():
        return (id(tensor),)
    return tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride()
