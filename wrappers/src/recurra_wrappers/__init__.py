"""Wrappers: layers, directions, and wrappers of a single cell.

Every wrapper takes constructed cells. Wrappers of a single cell accept any nested state, and a wrapped cell
is a cell again, so wrappers can be nested.
"""

from recurra_wrappers.base import CellWrapper as CellWrapper
from recurra_wrappers.bidirectional import Bidirectional as Bidirectional
from recurra_wrappers.bidirectional import reverse as reverse
from recurra_wrappers.block import Block as Block
from recurra_wrappers.block import BlockState as BlockState
from recurra_wrappers.constrained import ConstrainedWeights as ConstrainedWeights
from recurra_wrappers.constrained import DaleWeights as DaleWeights
from recurra_wrappers.constrained import LowRankWeights as LowRankWeights
from recurra_wrappers.constrained import OrthogonalWeights as OrthogonalWeights
from recurra_wrappers.constrained import SparseWeights as SparseWeights
from recurra_wrappers.constrained import SpectralWeights as SpectralWeights
from recurra_wrappers.constrained import WeightNormalised as WeightNormalised
from recurra_wrappers.dropout import DroppedState as DroppedState
from recurra_wrappers.dropout import RecurrentDropout as RecurrentDropout
from recurra_wrappers.initial_state import LearnedInitialState as LearnedInitialState
from recurra_wrappers.normalisation import LayerNormalised as LayerNormalised
from recurra_wrappers.normalisation import NormalisedLinears as NormalisedLinears
from recurra_wrappers.recurrent_matrices import recurrent_matrices as recurrent_matrices
from recurra_wrappers.stacked import Layers as Layers
from recurra_wrappers.stacked import Stacked as Stacked
from recurra_wrappers.zoneout import Zoneout as Zoneout
