"""What both cells share: exponential gates that a running maximum keeps in range, and the norm of heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import layer_norm, logsigmoid

NORM_EPSILON = 1e-5
Heads = Annotated[int, Field(gt=0, description="h, number of heads")]
ForgetGate = Annotated[Literal["sigmoid", "exponential"], Field(description="the forget gate: σ(f̃), or e^f̃")]
Norm = Annotated[bool, Field(description="normalise the output of each head")]


def _identity(raw: Tensor) -> Tensor:
    return raw


LOGARITHMS: Mapping[str, Callable[[Tensor], Tensor]] = {"sigmoid": logsigmoid, "exponential": _identity}
"""Name of a forget gate -> its logarithm as a function of f̃."""


class Gates(NamedTuple):
    """The input and the forget gate, both divided by e^m, and the new m."""

    i: Tensor
    f: Tensor
    m: Tensor


def stabilised(raw_i: Tensor, log_f: Tensor, m: Tensor) -> Gates:
    """Return e^ĩ and f, scaled by a running maximum so that neither exceeds one: all of one shape.

    m' = max(log f + m, ĩ);  i = e^(ĩ − m');  f = e^(log f + m − m')
    """
    largest = torch.maximum(log_f + m, raw_i)
    return Gates(torch.exp(raw_i - largest), torch.exp(log_f + m - largest), largest)


class HeadNorm(nn.Module):
    """Layer normalisation of each head, with a gain for every channel: (B, h, d) -> (B, h d).

    Parameters: h d.  Initialization: one.
    """

    def __init__(self, heads: int, size: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(heads * size))

    def forward(self, h: Tensor) -> Tensor:
        """Normalise h (B, h, d)."""
        return self.gain * layer_norm(h, h.shape[-1:], eps=NORM_EPSILON).flatten(1)


def head_norm(heads: int, size: int, wanted: bool) -> nn.Module:
    """Return the norm, or a layer that joins the heads, (B, h, d) -> (B, h d)."""
    return HeadNorm(heads, size) if wanted else nn.Flatten()
