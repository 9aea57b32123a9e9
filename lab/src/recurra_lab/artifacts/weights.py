"""The trained model of a run: its weights as safetensors, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors.torch import save_model
from torch import nn

from recurra_lab.artifacts.atomic_files import durable


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the weights durably, with the permissions that the run's other files have."""
    # safetensors writes to a path alone, and gives the file permissions of its own.
    with TemporaryDirectory() as folder:
        written = Path(folder) / path.name
        save_model(model, str(written))
        data = written.read_bytes()
    with durable(path) as file:
        file.write(data)
