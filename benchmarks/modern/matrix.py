"""Matrix memories against the forms in plain torch of flash-linear-attention, step by step and by chunks.

A peer has the projections, the norm and the output layer of our cell, around the function of fla. The chunks
of fla are as long as it sets them by default; its functions by chunks need whole chunks, so a sequence is
padded to them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, logsigmoid, normalize, pad, rms_norm, silu

from recurra.plugins.registry import load

Run = Callable[[Tensor], Tensor]
Gates = tuple[Tensor, ...]
HEADS = 4


def ours(name: str, **options: Any) -> Callable[[int], nn.Module]:
    """Return what builds one of our cells, with heads that share its width."""
    return lambda width: load("cell", name)(
        width,
        hidden_size=width,
        heads=HEADS,
        key_size=width // HEADS,
        value_size=width // HEADS,
        **options,
    )


class Layer(nn.Module):
    """Projections to q, k, v and gates, a function of them all, the norm of each head, and the output."""

    def __init__(self, width: int, gates: int, function: Callable[..., Tensor], chunk: int) -> None:
        super().__init__()
        self.into, self.gates = nn.Linear(width, 3 * width), nn.Linear(width, gates * HEADS)
        self.out = nn.Linear(width, width, bias=False)
        self.function, self.chunk = function, chunk

    def forward(self, x: Tensor) -> Tensor:
        """Return y (B, T, H) of x (B, T, I)."""
        steps = x.shape[1]
        x = pad(x, (0, 0, 0, -steps % self.chunk))
        q, k, v = (part.unflatten(-1, (HEADS, -1)) for part in self.into(x).chunk(3, -1))
        gates = self.gates(x).chunk(self.gates.out_features // HEADS, -1) if self.gates.out_features else ()
        r = self.function(q, k, v, *gates)[:, :steps]
        y: Tensor = self.out(rms_norm(r, r.shape[-1:]).flatten(2))
        return y


def fla(module: str, name: str, arrange: Callable[..., Tensor], gates: int = 0, chunk: int = 1) -> Any:
    """Return what builds a layer around a function of fla: `arrange(function, q, k, v, *gates)`."""

    def build(width: int) -> Run:
        function = getattr(importlib.import_module(f"fla.ops.{module}.naive"), name)
        return Layer(width, gates, lambda *parts: arrange(function, *parts), chunk)

    return build


def by_head(*parts: Tensor) -> tuple[Tensor, ...]:
    """Exchange the axes of steps and heads."""
    return tuple(part.transpose(1, 2) for part in parts)


def delta(function: Any, q: Tensor, k: Tensor, v: Tensor, b: Tensor) -> Tensor:
    """Apply a function of the delta rule, which has heads before steps."""
    q, k = (normalize(silu(part), dim=-1) for part in (q, k))
    r: Tensor = function(*by_head(q, k, silu(v), torch.sigmoid(b)))[0]
    return r.transpose(1, 2)


def gated_delta(function: Any, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> Tensor:
    """Apply a function of the gated delta rule, whose decays are logarithms."""
    b, a = gates
    q, k = (normalize(silu(part), dim=-1) for part in (q, k))
    r: Tensor = function(q, k, silu(v), beta=torch.sigmoid(b), g=logsigmoid(a))[0]
    return r


def linear_attention(function: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Apply a function of linear attention with its divisor."""
    found = function(elu(q) + 1, elu(k) + 1, v, normalize=True)
    r: Tensor = found[0] if isinstance(found, tuple) else found
    return r


def retention(function: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Apply retention as attention over all steps at once."""
    r: Tensor = function(*by_head(q, k, v))
    return r.transpose(1, 2)


DELTA, GATED, LINEAR = "delta_rule", "gated_delta_rule", "linear_attn"
ROWS = [
    ("`delta`, fla by steps", ours("delta"), fla(DELTA, "delta_rule_recurrence", delta, 1)),
    ("`delta`, fla by chunks", ours("delta"), fla(DELTA, "delta_rule_chunkwise", delta, 1, 32)),
    (
        "`gated-delta`, fla by steps",
        ours("gated-delta", gate=False),
        fla(GATED, "naive_recurrent_gated_delta_rule", gated_delta, 2),
    ),
    (
        "`gated-delta`, fla by chunks",
        ours("gated-delta", gate=False),
        fla(GATED, "naive_chunk_gated_delta_rule", gated_delta, 2),
    ),
    (
        "`linear-attention`, fla by steps",
        ours("linear-attention", norm="rms"),
        fla(LINEAR, "naive_recurrent_linear_attn", linear_attention),
    ),
    (
        "`linear-attention`, fla by chunks",
        ours("linear-attention", norm="rms"),
        fla(LINEAR, "naive_chunk_linear_attn", linear_attention, chunk=64),
    ),
]
NOTES = (
    "Below 3 are `delta` against chunks in a training step at 100 steps, and `linear-attention` against"
    " chunks; our `linear-attention` is slower than this peer in a training step at 100 steps. A chunk"
    " computes all its steps at once by matrix products, while our cell takes one step after another;"
    " that this is the cause was not profiled."
)
"""Where rows are below 3."""
