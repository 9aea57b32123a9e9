"""What each operator that torch records means in the engine's graph.

`translate` turns one recorded call into nodes. An operator without a rule is written in terms of others where
that is possible (`decomposition`), and else becomes a node that calls torch (`opaque`).
"""

from recurra_engine.frontend.aten import (
    activations,
    elementwise,
    functions,
    indices,
    movement,
    products,
    reductions,
    running,
)
from recurra_engine.frontend.aten.decompositions import decomposition
from recurra_engine.frontend.aten.rules import Untranslated, translate

__all__ = [
    "Untranslated",
    "activations",
    "decomposition",
    "elementwise",
    "functions",
    "indices",
    "movement",
    "products",
    "reductions",
    "running",
    "translate",
]
