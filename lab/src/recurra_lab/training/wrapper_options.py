"""Options of the wrappers that a model puts around the cell of every layer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from recurra.cell import Cell
from recurra.config.options import Options
from recurra_lab.training.optim.choice import Choice
from recurra_wrappers import (
    DaleWeights,
    LowRankWeights,
    OrthogonalWeights,
    SparseWeights,
    SpectralWeights,
    WeightNormalised,
)
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
from recurra_wrappers.constrained import Bound, Density, Excitatory, Rank
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


class Unconstrained(Choice):
    """The cell's own weights."""

    name: Literal["none"] = "none"

    def applied(self, cell: Cell[Any]) -> Cell[Any]:
        """Return the cell."""
        return cell


class Orthogonal(Choice):
    """Options of `recurra_wrappers.OrthogonalWeights`."""

    name: Literal["orthogonal"] = "orthogonal"

    def applied(self, cell: Cell[Any]) -> Cell[Any]:
        """Return the cell with orthogonal recurrent matrices."""
        return OrthogonalWeights(cell)


class Spectral(Choice):
    """Options of `recurra_wrappers.SpectralWeights`."""

    name: Literal["spectral"] = "spectral"
    bound: Bound = 1.0

    def applied(self, cell: Cell[Any]) -> Cell[Any]:
        """Return the cell with recurrent matrices of a bounded norm."""
        return SpectralWeights(cell, bound=self.bound)


class WeightNorm(Choice):
    """Options of `recurra_wrappers.WeightNormalised`."""

    name: Literal["weight-norm"] = "weight-norm"

    def applied(self, cell: Cell[Any]) -> Cell[Any]:
        """Return the cell with normalised rows of its recurrent matrices."""
        return WeightNormalised(cell)


class Dale(Choice):
    """Options of `recurra_wrappers.DaleWeights`."""

    name: Literal["dale"] = "dale"
    excitatory: Excitatory = 0.8

    def applied(self, cell: Cell[Any]) -> Cell[Any]:
        """Return the cell with units that excite or inhibit."""
        return DaleWeights(cell, excitatory=self.excitatory)


class Sparse(Choice):
    """Options of `recurra_wrappers.SparseWeights`."""

    name: Literal["sparse"] = "sparse"
    density: Density = 0.2

    def applied(self, cell: Cell[Any]) -> Cell[Any]:
        """Return the cell with few recurrent connections."""
        return SparseWeights(cell, density=self.density)


class LowRank(Choice):
    """Options of `recurra_wrappers.LowRankWeights`."""

    name: Literal["low-rank"] = "low-rank"
    rank: Rank = 8

    def applied(self, cell: Cell[Any]) -> Cell[Any]:
        """Return the cell with recurrent matrices of a low rank."""
        return LowRankWeights(cell, rank=self.rank)


BlockChoice = Annotated[NoBlock | ResidualBlock, Field(discriminator="name")]
WeightsChoice = Annotated[
    Unconstrained | Orthogonal | Spectral | WeightNorm | Dale | Sparse | LowRank, Field(discriminator="name")
]
NO_DROPOUT, NO_ZONEOUT = DropoutOptions(), ZoneoutOptions()
NO_BLOCK, UNCONSTRAINED = NoBlock(), Unconstrained()
