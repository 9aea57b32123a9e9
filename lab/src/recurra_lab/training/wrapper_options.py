"""Options of the wrappers that a model puts around the cell of every layer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recurra.config.options import Options
from recurra_lab.training.optim.choice import Choice
from recurra_wrappers.base import Only
from recurra_wrappers.block import (
    Convolution,
    Expansion,
    FeedForwardKind,
    Gated,
    NormOption,
    Residual,
    Width,
)
from recurra_wrappers.dropout import DroppedInputs, DroppedNames, DroppedOutputs, DroppedStates
from recurra_wrappers.zoneout import Kept


class DropoutOptions(Options):
    """Options of `recurra_wrappers.RecurrentDropout`."""

    inputs: DroppedInputs = 0.0
    outputs: DroppedOutputs = 0.0
    states: DroppedStates = 0.0
    only: DroppedNames = ()


class ZoneoutOptions(Options):
    """Options of `recurra_wrappers.Zoneout`."""

    p: Kept = 0.0
    only: Only = ()


class NoBlock(Choice):
    """A layer is its cell alone."""

    name: Literal["none"] = "none"


class ResidualBlock(Choice):
    """Options of `recurra_wrappers.Block`."""

    name: Literal["residual"] = "residual"
    width: Width = None
    expand: Annotated[
        float, Field(gt=0, description="D / d, features that the cell reads per feature of the stream")
    ] = 1.0
    norm: NormOption = "layer"
    convolution: Convolution = 0
    gate: Gated = False
    feed_forward: FeedForwardKind = "none"
    expansion: Expansion = 2.0
    residual: Residual = True


BlockChoice = Annotated[NoBlock | ResidualBlock, Field(discriminator="name")]
NO_DROPOUT, NO_ZONEOUT, NO_BLOCK = DropoutOptions(), ZoneoutOptions(), NoBlock()
