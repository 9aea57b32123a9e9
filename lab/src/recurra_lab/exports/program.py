"""Export of trained networks with `torch.export`, with dynamic batch size and length."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from recurra.cell import Cell, Network, SequenceLayer
from recurra.errors import IncompatibleParts
from recurra.state import leaves, map_state, placement
from recurra_lab.training.input_formats import TreeEmbedding

EXAMPLE = (3, 5)
"""Sequences and steps of the traced batch: sizes unlikely to occur elsewhere in a network."""

ANY = Dim.DYNAMIC
X_SIZES = {0: ANY, 1: ANY}
Named = dict[str, Tensor]


class _Whole(nn.Module):
    """x -> y and the final state by name."""

    def __init__(self, module: Network | SequenceLayer) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> tuple[Tensor, Named]:
        y, state = self.module(x)
        return y, dict(leaves(state))


class _Streaming(nn.Module):
    """x and a state by name -> y and the state after it by name."""

    def __init__(self, module: Network | SequenceLayer) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, state: Named) -> tuple[Tensor, Named]:
        parts = iter(state.values())
        before = map_state(lambda _: next(parts), sequencer(self.module).initial_state(x.shape[0]))
        y, after = self.module(x, before)
        return y, dict(leaves(after))


def export(module: Network | SequenceLayer, *, streaming: bool = False) -> ExportedProgram:
    """Return a network as a program that needs only PyTorch, with dynamic batch size and length.

    The program computes the outputs of the module in evaluation mode, with its current weights and without
    gradients. It takes x (B, T, I), tokens (B, T) or trees of tokens (B, T, 2), with B and T at least 1, and
    returns y (B, T, O) and the final state, name -> tensor. A streaming program also takes the state, as
    returned by `named_start` or a previous call.

    Raises:
        IncompatibleParts: The step of a cell cannot be traced, for example because of data-dependent control
            flow; or a bidirectional network is exported for streaming.
    """
    # A copy, because the weights must not require gradients: scan cannot differentiate all cells.
    with refused(module, "it cannot be copied"):
        module = copy.deepcopy(module).eval().requires_grad_(False)
    x = example(module)
    if not streaming:
        return traced(_Whole(module), module, (x,), (X_SIZES,))
    check_streams(module)
    state = named_start(module, x.shape[0])
    return traced(_Streaming(module), module, (x, state), (X_SIZES, {name: {0: ANY} for name in state}))


def save_program(module: Network | SequenceLayer, file: IO[bytes], *, streaming: bool = False) -> None:
    """Write a network to a file for `torch.export.load`; see `export`.

    Raises:
        IncompatibleParts: The network cannot be exported, or torch cannot serialise the program; nothing is
            written.
    """
    program, whole = export(module, streaming=streaming), io.BytesIO()
    with refused(module, "its program cannot be serialised"):
        torch.export.save(program, whole)
    file.write(whole.getbuffer())


def named_start(module: Network | SequenceLayer, batch_size: int) -> Named:
    """Return the state before the first step, name -> tensor, as a streaming program takes it."""
    start = leaves(sequencer(module).initial_state(batch_size))
    return {name: tensor.detach().clone() for name, tensor in start}


def check_streams(module: Network | SequenceLayer) -> None:
    """Check that a network can read a sequence in parts.

    Raises:
        IncompatibleParts: It cannot.
    """
    layer = sequencer(module)
    if not isinstance(layer, Cell):
        message = "cannot stream, because it needs the whole sequence to start"
        raise IncompatibleParts(f"{type(layer).__name__} {message}")


def traced(
    program: nn.Module, module: Network | SequenceLayer, inputs: tuple[Any, ...], sizes: tuple[Any, ...]
) -> ExportedProgram:
    """Trace a program of a network with example inputs and the dimensions that may have any size."""
    with refused(module, "its step cannot be traced"):
        return torch.export.export(program, inputs, dynamic_shapes=sizes)


@contextmanager
def refused(module: Network | SequenceLayer, what: str) -> Iterator[None]:
    """Convert any error of torch into one sentence."""
    try:
        yield
    except Exception as error:
        # Torch caches what it learned while tracing: a step that accepts only one batch size would make it
        # reject every network after this one.
        torch.compiler.reset()
        message = f"{type(sequencer(module)).__name__} cannot be exported: {what}: {_reason(error)}"
        raise IncompatibleParts(message) from error


def _reason(error: BaseException) -> str:
    """Return the first line of the root cause of an error; the outer errors of torch give no reason."""
    before = error.__cause__ or error.__context__  # torch suppresses the context, which often has the reason
    if before is not None:
        return _reason(before)
    line = next(iter(str(error).splitlines()), "")
    return repr(error) if isinstance(error, KeyError) or not line else line


def sequencer(module: Network | SequenceLayer) -> SequenceLayer:
    """Return the layers of a network, or the layer itself."""
    return module.sequencer if isinstance(module, Network) else module


def example(module: Network | SequenceLayer) -> Tensor:
    """Return an input to trace a network with."""
    if isinstance(module, Network) and module.embedding is not None:
        sizes = (*EXAMPLE, 2) if isinstance(module.embedding, TreeEmbedding) else EXAMPLE
        like = next(module.embedding.parameters())
        return torch.zeros(sizes, dtype=torch.int64, device=like.device)
    return torch.zeros(*EXAMPLE, sequencer(module).input_size, **placement(module))
