"""Comparison of an ONNX file with the network that it was made from, in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from recurra.cell import Network, SequenceLayer
from recurra.errors import IncompatibleParts
from recurra.rng import preserve_rng_state
from recurra.state import leaves, map_state, placement
from recurra_lab.exports.program import Named, example, named_start, refused, sequencer
from recurra_lab.training.input_formats import TreeEmbedding

SIZES = ((1, 1), (2, 11))
"""Sequences and steps of the compared batches."""
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
"""Largest difference, relative to the size of the values: what rounding in another order may cause."""
ERRORS_ONLY = 3


def check_graph(content: bytes, module: Network | SequenceLayer, streaming: bool) -> None:
    """Compare a file with its network, over whole rows, padded rows, and rows that go on from a state.

    The first rows start from the state that the file has itself.

    Raises:
        IncompatibleParts: An output differs by more than rounding, or ONNX Runtime cannot run the file.
    """
    with refused(module, "ONNX Runtime cannot load its graph"):
        session = _session(content)
    with torch.no_grad(), preserve_rng_state():
        torch.manual_seed(0)
        for batch_size, steps in SIZES:
            x = random_input(module, batch_size, steps)
            batches = _steps(x) if streaming else _sequences(x)
            state = named_start(module, batch_size)
            left_out = {given.name for given in session.get_overridable_initializers()}
            for given in batches:
                state = _compared(session, module, given, state, left_out)
                left_out = set()


def _session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _sequences(x: Tensor) -> Iterator[Named]:
    """Yield whole rows, then rows of different lengths."""
    yield {"x": x}
    yield {"x": x, "lengths": torch.arange(x.shape[0]) * (x.shape[1] // 2) + 1}


def _steps(x: Tensor) -> Iterator[Named]:
    for x_t in x.unbind(1):
        yield {"x": x_t}


def _compared(
    session: Any, module: Network | SequenceLayer, given: Named, before: Named, left_out: set[str]
) -> Named:
    """Run both on the same inputs, in ONNX Runtime without some, and return the state after them."""
    expected = _expected(module, given, before)
    fed = {name: tensor for name, tensor in {**given, **before}.items() if name not in left_out}
    feeds = {name: tensor.numpy() for name, tensor in fed.items()}
    with refused(module, "ONNX Runtime cannot run its graph"):
        results = [torch.from_numpy(array) for array in session.run(None, feeds)]
    for (name, right), result in zip(expected.items(), results, strict=True):
        _check_close(module, name, result, right)
    return {name: expected[name] for name in before}


def _expected(module: Network | SequenceLayer, given: Named, before: Named) -> Named:
    x, parts = given["x"], iter(before.values())
    state = map_state(lambda _: next(parts), sequencer(module).initial_state(x.shape[0]))
    one_step = x.dim() < example(module).dim()
    y, after = module(x[:, None] if one_step else x, state, lengths=given.get("lengths"))
    return {"y": y[:, 0] if one_step else y, **dict(leaves(after))}


def _check_close(module: Network | SequenceLayer, name: str, result: Tensor, right: Tensor) -> None:
    tolerance = TOLERANCE.get(right.dtype, 0.0)
    same_shape = result.shape == right.shape
    if same_shape and torch.allclose(result, right, rtol=tolerance, atol=tolerance, equal_nan=True):
        return
    difference = f"{tuple(result.shape)} instead of {tuple(right.shape)}"
    if same_shape:
        difference = f"a difference of up to {float((result.double() - right.double()).abs().max()):.2g}"
    who = type(sequencer(module)).__name__
    raise IncompatibleParts(f"{who} cannot be exported: ONNX Runtime computes another {name}: {difference}")


def random_input(module: Network | SequenceLayer, batch_size: int, steps: int) -> Tensor:
    """Draw x of a network; trees branch to the left."""
    embedding = module.embedding if isinstance(module, Network) else None
    if not isinstance(embedding, nn.Embedding):
        x = torch.randn(batch_size, steps, sequencer(module).input_size, **placement(module))
        trees = sequencer(module).tags.input_kind == "trees"
        return torch.cat([x[..., :-1], _arities(x)[..., None].to(x)], -1) if trees else x
    tokens = torch.randint(embedding.num_embeddings, (batch_size, steps))
    return torch.stack([tokens, _arities(tokens)], -1) if isinstance(embedding, TreeEmbedding) else tokens


def _arities(x: Tensor) -> Tensor:
    """Return those of a binary tree in post-order, (B, T): a leaf, and a leaf and its parent in turn."""
    t = torch.arange(x.shape[1])
    return ((t > 0) & (t % 2 == 0)).long().mul(2).expand(x.shape[:2])
