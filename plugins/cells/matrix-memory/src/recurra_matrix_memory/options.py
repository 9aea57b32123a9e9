"""The options that several members share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Count = Annotated[int, Field(gt=0)]
HiddenSize = Annotated[Count, Field(description="H, width of the output")]
Heads = Annotated[Count, Field(description="h, number of heads, each with a matrix of its own")]
KeySize = Annotated[Count, Field(description="K, width of a key and of a query, per head")]
ValueSize = Annotated[Count, Field(description="V, width of a value, per head")]
NormKind = Literal["none", "rms", "layer"]
Norm = Annotated[NormKind, Field(description="normalisation of what a head reads, in the cell")]
Gate = Annotated[bool, Field(description="multiply what was read by swish(W_g x)")]
Bias = Annotated[bool, Field(description="give W and W_g biases; without them, x = 0 gives y = 0")]
NegativeEigenvalues = Annotated[
    bool, Field(description="β in (0, 2) rather than (0, 1): a step may reflect S along k")
]
