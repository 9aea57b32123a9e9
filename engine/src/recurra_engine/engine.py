"""The object behind the entry point: what the core asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from recurra_engine.levels import LEVELS


class CompilingEngine:
    """An engine that compiles a cell's step; see `recurra.sequence.Engine`.

    Its modules are imported when a cell runs, since most commands run none.
    """

    levels: tuple[str, ...] = LEVELS

    def run(self, cell: Any, x: Tensor, state: Any, lengths: Tensor | None) -> Any:
        """Run a cell over x (B, T, I) at the best level, or return NotImplemented where only the loop can."""
        if torch.compiler.is_exporting():
            from recurra_engine import export

            return export.run(cell, x, state, lengths)
        from recurra_engine import dispatch
        from recurra_engine.stand_in import original

        compiled = dispatch.choose(original(cell), x, state).compiled
        return NotImplemented if compiled is None else compiled.run(cell, x, state, lengths)

    def capture(
        self,
        cell: Any,
        x: Tensor,
        state: Any,
        lengths: Tensor | None,
        resets: Tensor | None,
        states: bool,
    ) -> Any:
        """Run a cell as one operator of a traced graph, or return NotImplemented; see `operator`."""
        from recurra_engine.operator.capture import capture

        result = capture(cell, x, state, lengths, resets, states)
        return NotImplemented if result is None else result

    def run_many(
        self, cell: Any, weights: Mapping[str, Tensor], x: Tensor, state: Any, lengths: Tensor | None
    ) -> Any:
        """Run P cells of one architecture, x (P, B, T, I), or return NotImplemented; see `ensemble.run`."""
        from recurra_engine import ensemble

        result = ensemble.run(cell, weights, x, state, lengths)
        return NotImplemented if result is None else result

    def explain(self, cell: Any) -> Mapping[str, Any] | None:
        """Return the level of a cell, the reasons against faster ones, and its operations in training."""
        from recurra_engine import explain

        return explain.explained(cell)


ENGINE = CompilingEngine()
