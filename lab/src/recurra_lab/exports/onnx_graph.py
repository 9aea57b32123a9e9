"""Export of trained networks to ONNX, for whole sequences or as a graph of one step."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from recurra.cell import Network, SequenceLayer
from recurra.errors import InvalidOption
from recurra.state import leaves, map_state
from recurra_lab.exports.onnx_check import check_graph
from recurra_lab.exports.onnx_defaults import set_defaults
from recurra_lab.exports.onnx_shifts import SHIFTS
from recurra_lab.exports.program import (
    ANY,
    EXAMPLE,
    Named,
    check_streams,
    example,
    named_start,
    refused,
    sequencer,
    traced,
)

AFTER = "next_"
"""Precedes the name of a state where it is an output."""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
HALF = (torch.float16, torch.bfloat16)


class _Sequence(nn.Module):
    """x (B, T, ...), lengths (B,) and a state by name -> y (B, T, O) and the state after it by name."""

    def __init__(self, module: Network | SequenceLayer) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, lengths: Tensor, state: Named) -> tuple[Tensor, Named]:
        lengths = lengths.clamp(0, x.shape[1])
        y, after = self.module(x, _as_state(state, self.module, x.shape[0]), lengths=lengths)
        return y, dict(leaves(after))


class _Step(nn.Module):
    """x (B, ...) and a state by name -> y (B, O) and the state after it by name."""

    def __init__(self, module: Network | SequenceLayer) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, state: Named) -> tuple[Tensor, Named]:
        y, after = self.module(x[:, None], _as_state(state, self.module, x.shape[0]))
        return y[:, 0], dict(leaves(after))


def _as_state(named: Named, module: Network | SequenceLayer, batch_size: int) -> Any:
    parts = iter(named.values())
    return map_state(lambda _: next(parts), sequencer(module).initial_state(batch_size))


def to_onnx(
    module: Network | SequenceLayer, *, streaming: bool = False, metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return a network as an ONNX file, after a comparison with its outputs in ONNX Runtime.

    The graph of whole sequences takes `x` (B, T, I), or tokens (B, T), with B and T of at least 1, `lengths`
    (B,) and the tensors of the state, such as `state.h`. It returns `y` (B, T, O) and the final state, such
    as `next_state.h`. Only `x` is required: lengths default to T, and the state to the initial state. With
    `streaming` the graph is a single step without a loop: `x` (B, I) -> `y` (B, O), and no lengths.

    Weights in half precision are exported in float32.

    Args:
        module: The network; it is exported in evaluation mode, with its current weights.
        streaming: Export one step instead of a sequence.
        metadata: Name -> text, stored in the file.

    Raises:
        InvalidOption: A package that the export needs is not installed.
        IncompatibleParts: A step cannot be traced, or ONNX has no operator for a part of it; a bidirectional
            network is exported for streaming; or ONNX Runtime computes other outputs than the network.
    """
    need_onnx()
    with refused(module, "it cannot be copied"):
        module = copy.deepcopy(module).cpu().eval().requires_grad_(False)
    module = module.float() if next(module.parameters(), torch.zeros(())).dtype in HALF else module
    with _quiet():
        content = _converted(module, streaming, dict(metadata or {}))
        check_graph(content, module, streaming)
    return content


def need_onnx() -> None:
    """Check that the packages are installed.

    Raises:
        InvalidOption: One is missing.
    """
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        message = f"the export to ONNX requires {missing[0]}, which is not installed"
        raise InvalidOption(f"{message}; install it with: pip install 'recurra-lab[onnx]'")


def _converted(module: Network | SequenceLayer, streaming: bool, metadata: dict[str, str]) -> bytes:
    state = named_start(module, EXAMPLE[0])
    program = _step(module, state) if streaming else _sequence(module, state)
    with refused(module, "ONNX cannot express its step"):
        made = torch.onnx.export(
            program,
            input_names=["x", *([] if streaming else ["lengths"]), *state],
            output_names=["y", *(AFTER + name for name in state)],
            custom_translation_table=SHIFTS,
            dynamo=True,
            verbose=False,
        )
        assert made is not None
        made.model.metadata_props.update(metadata)
        set_defaults(made.model.graph, _defaults(module, streaming))
        content: bytes = made.model_proto.SerializeToString()
    return content


def _sequence(module: Network | SequenceLayer, state: Named) -> ExportedProgram:
    x, rows = example(module), {name: {0: ANY} for name in state}
    lengths = torch.full(x.shape[:1], x.shape[1])
    return traced(_Sequence(module), module, (x, lengths, state), ({0: ANY, 1: ANY}, {0: ANY}, rows))


def _step(module: Network | SequenceLayer, state: Named) -> ExportedProgram:
    check_streams(module)
    rows = {name: {0: ANY} for name in state}
    return traced(_Step(module), module, (example(module)[:, 0], state), ({0: ANY}, rows))


def _defaults(module: Network | SequenceLayer, streaming: bool) -> Named:
    """Return the inputs that may be left out, with one row each; a drawn initial state is no default."""
    first, second = named_start(module, 2), named_start(module, 2)
    state = {name: value[:1] for name, value in first.items() if _is_fixed(value, second[name])}
    return state if streaming else {"lengths": torch.tensor([torch.iinfo(torch.int64).max]), **state}


def _is_fixed(value: Tensor, again: Tensor) -> bool:
    return torch.equal(value, again) and torch.equal(value[:1], value[1:])


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch and onnxscript report about packages and names that no network here needs."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
