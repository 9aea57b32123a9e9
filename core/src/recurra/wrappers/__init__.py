"""Wrappers: layers, directions, and wrappers of a single cell.

Every wrapper takes constructed cells. Wrappers of a single cell accept any nested state, and a wrapped cell
is a cell again, so wrappers can be nested.
"""

from recurra.wrappers.base import CellWrapper as CellWrapper
from recurra.wrappers.bidirectional import Bidirectional as Bidirectional
from recurra.wrappers.bidirectional import reverse as reverse
from recurra.wrappers.dropout import DroppedState as DroppedState
from recurra.wrappers.dropout import RecurrentDropout as RecurrentDropout
from recurra.wrappers.initial_state import LearnedInitialState as LearnedInitialState
from recurra.wrappers.normalisation import LayerNormalised as LayerNormalised
from recurra.wrappers.normalisation import NormalisedLinears as NormalisedLinears
from recurra.wrappers.stacked import Layers as Layers
from recurra.wrappers.stacked import Stacked as Stacked
from recurra.wrappers.zoneout import Zoneout as Zoneout
