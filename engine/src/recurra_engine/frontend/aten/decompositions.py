"""Operators written in terms of others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from recurra_engine.frontend.aten.rules import Untranslated

Way = Callable[..., Any]
W = TypeVar("W", bound=Way)
WAYS: dict[str, Way] = {}
OTHER_SLOPES = {"xlogy"}
"""Operators that torch says in terms of others whose gradients differ where these are not finite."""


def decomposition(func: Any, name: str) -> Way | None:
    """Return the function that does in other operators what this one does, or None.

    Of torch's own, which take seconds to import, those of elementwise operators are asked.
    """
    found: Way | None = WAYS.get(name)
    if found is None and torch.Tag.pointwise in func.tags and name not in OTHER_SLOPES:
        found = torch._decomp.decomposition_table.get(func)
    return found


def _way(name: str) -> Callable[[W], W]:
    def register(function: W) -> W:
        WAYS[name] = function
        return function

    return register


@_way("convolution")
def _convolution(
    a: Tensor,
    w: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """Multiply the matrix by what lies under every place of the kernel."""
    if transposed or a.shape[0] != 1:
        raise Untranslated("the step uses a transposed convolution")
    sizes = w.shape[2:]
    a = functional.pad(a, [n for n in reversed(padding) for _ in range(2)])
    shape = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(a.shape[2:], sizes, stride, dilation, strict=True)
    ]
    under = [
        _strided(a, [o * d for o, d in zip(offsets, dilation, strict=True)], shape, stride)
        for offsets in itertools.product(*map(range, sizes))
    ]
    columns = torch.stack(under, 2).reshape(groups, a.shape[1] // groups * len(under), -1)
    made = (w.reshape(groups, w.shape[0] // groups, -1) @ columns).reshape(1, w.shape[0], *shape)
    return made if bias is None else made + bias.view(-1, *[1] * len(sizes))


def _strided(a: Tensor, starts: Sequence[int], shape: Sequence[int], stride: Sequence[int]) -> Tensor:
    for d, (start, n, step) in enumerate(zip(starts, shape, stride, strict=True), 2):
        index = [slice(None)] * d + [slice(start, start + (n - 1) * step + 1, step)]
        a = a[tuple(index)]
    return a


@_way("_trilinear")
def _trilinear(
    a: Tensor,
    w: Tensor,
    b: Tensor,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    summed: Sequence[int],
    unroll_dim: int = 1,
) -> Tensor:
    if (*expand1, *expand2, *expand3, *summed) != (1, 3, 0, 1, 2, 2, 3):
        raise Untranslated("the step uses aten::_trilinear")
    of_a = (a @ w.permute(1, 0, 2).flatten(1)).view(-1, w.shape[0], w.shape[2])
    return (of_a @ b.unsqueeze(-1)).squeeze(-1)


@_way("_scaled_dot_product_flash_attention_for_cpu")
def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    dropout_p: float = 0,
    is_causal: bool = False,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> list[Tensor]:
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
        scores = scores.masked_fill(~allowed, float("-inf"))
    if attn_mask is not None:
        scores = scores + attn_mask
    return [scores.softmax(-1) @ v]


@_way("tril")
def _tril(a: Tensor, diagonal: int = 0) -> Tensor:
    inside = torch.ones(a.shape[-2:], dtype=torch.bool, device=a.device).tril(diagonal)
    return torch.where(inside, a, 0.0)


@_way("triu")
def _triu(a: Tensor, diagonal: int = 0) -> Tensor:
    inside = torch.ones(a.shape[-2:], dtype=torch.bool, device=a.device).triu(diagonal)
    return torch.where(inside, a, 0.0)


@_way("diag_embed")
def _diag_embed(a: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    if (offset, dim1, dim2) != (0, -2, -1):
        raise Untranslated("the step puts a diagonal elsewhere than in the middle of the last dimensions")
    return torch.where(torch.eye(a.shape[-1], dtype=torch.bool, device=a.device), a.unsqueeze(-1), 0.0)


@_way("nan_to_num")
def _nan_to_num(
    a: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    largest = torch.finfo(a.dtype).max
    above = torch.where(a == torch.inf, largest if posinf is None else posinf, a)
    below = torch.where(above == -torch.inf, -largest if neginf is None else neginf, above)
    value = torch.where(below.isnan(), nan or 0.0, below)
    # Torch multiplies the gradient by zero where a is not finite, and it may be infinite.
    made = a * (a.abs() < torch.inf).to(a.dtype)
    with torch.no_grad():
        made.copy_(value)
    return made
