"""A cell with `from_torch` and `to_torch` beside torch's own module: equal outputs, states and gradients.

For tests of cells whose weights `torch_weights` reads; all but `there_and_back` are in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recurra.cell import Cell
from recurra.state import leaves, map_state

BATCH, STEPS = 2, 6
COUNTERPARTS = {
    "from_x.weight": "weight_ih_l0",
    "from_h.weight": "weight_hh_l0",
    "from_x.bias": "bias_ih_l0",
}


def equals_torch(cell: Cell[Any], module: nn.RNNBase, others: Mapping[str, str] | None = None) -> None:
    """Assert that a cell and a module of one layer agree: outputs, final state, and the gradients of both.

    Args:
        cell: In float64, as `module`.
        module: Batch-first or not, with biases or without.
        others: Parameter of the cell -> that of the module of which it is the end, beside `COUNTERPARTS`.
    """
    x = torch.randn(BATCH, STEPS, cell.input_size, dtype=torch.float64, requires_grad=True)
    start = map_state(lambda leaf: torch.randn_like(leaf).requires_grad_(), cell.initial_state(BATCH))
    y, last = cell(x, start)
    theirs, ours = _run(module, x, _tensors(start)), [y, *_tensors(last)]
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    pairs = {**COUNTERPARTS, **(others or {})}
    pairs = {one: other for one, other in pairs.items() if module.bias or "bias" not in other}
    shared = [x, *_tensors(start)]
    found = _gradients(ours, [*shared, *map(cell.get_parameter, pairs)])
    expected = _gradients(theirs, [*shared, *map(module.get_parameter, pairs.values())])
    for a, b in zip(found, expected, strict=True):
        assert b.abs().max() > 0
        torch.testing.assert_close(a, b[len(b) - len(a) :], rtol=1e-10, atol=1e-12)


def _tensors(state: Any) -> list[Tensor]:
    return [leaf for _, leaf in leaves(state)]


def _run(module: nn.RNNBase, x: Tensor, start: Sequence[Tensor]) -> list[Tensor]:
    first = [leaf[None] for leaf in start]
    y, last = module(x if module.batch_first else x.transpose(0, 1), first[0] if len(first) == 1 else first)
    last = [last] if isinstance(last, Tensor) else last
    return [y if module.batch_first else y.transpose(0, 1), *(leaf[0] for leaf in last)]


def _gradients(results: Sequence[Tensor], sources: Sequence[Tensor]) -> tuple[Tensor, ...]:
    rng = torch.Generator().manual_seed(0)
    mixture = [torch.randn(t.shape, generator=rng, dtype=t.dtype) for t in results]
    return torch.autograd.grad(results, sources, mixture)


def layers_equal_torch(kind: type[Any], module: nn.RNNBase) -> None:
    """Assert that cells made of each layer and direction, put together, do what a whole module does.

    Args:
        kind: The class with `from_torch`.
        module: Batch-first, bidirectional and in float64, of any number of layers.
    """
    below = torch.randn(BATCH, STEPS, module.input_size, dtype=torch.float64)
    y, last = module(below)
    finals = [last] if isinstance(last, Tensor) else last
    for layer in range(module.num_layers):
        outputs = []
        for reverse in (False, True):
            cell = kind.from_torch(module, layer, reverse)
            assert (cell.input_size, cell.output_size) == (below.shape[-1], module.hidden_size)
            out, state = cell(below.flip(1) if reverse else below)
            outputs.append(out.flip(1) if reverse else out)
            for leaf, final in zip(_tensors(state), finals, strict=True):
                torch.testing.assert_close(leaf, final[2 * layer + reverse], rtol=1e-12, atol=1e-12)
        below = torch.cat(outputs, -1)
    torch.testing.assert_close(below, y, rtol=1e-12, atol=1e-12)


def there_and_back(cell: Any) -> None:
    """Assert that the weights of a cell survive `to_torch` and `from_torch`, with their dtype, as copies.

    Args:
        cell: Of any dtype; no parameter is all zeros.
    """
    module = cell.to_torch()
    assert module.batch_first
    again = type(cell).from_torch(module)
    assert again.options == cell.options
    for (name, a), b in zip(cell.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b), name
        assert a.dtype == b.dtype, name
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert all(parameter.any() for kept in (cell, again) for parameter in kept.parameters())
