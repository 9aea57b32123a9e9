"""What each operator that torch records means in the engine's graph.

`translate` turns one recorded call into nodes. An operator that is missing here is not an error: the cell
runs in the loop, and `recurra explain` names the operator.
"""

from recurra_engine.frontend.aten import elementwise, movement, products, reductions
from recurra_engine.frontend.aten.rules import Untranslated, translate

__all__ = ["Untranslated", "elementwise", "movement", "products", "reductions", "translate"]
