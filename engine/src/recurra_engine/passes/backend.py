"""The interface of a level: how it runs a loop, and how it computes outer products summed over all steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass
class LoopResult:
    """The results of a loop.

    Shapes: out (T, B, ...), after (B, ...), sums as declared by the loop's nodes, kept (T + 1, B, ...) by the
    index of the carried value.
    """

    out: list[Tensor]
    after: list[Tensor]
    sums: list[Tensor]
    kept: dict[int, Tensor]


@dataclass(frozen=True)
class Backend:
    """The implementation of a level.

    Args:
        run: Runs a loop: (loop, streams (T, B, ...), carried (B, ...), shared, (T, B), lengths (B,) or None).
            After the end of a row, its carried values do not change and zeros are stored. Rows are sorted by
            decreasing length. A tape, if given, may keep what calls of torch leave for the backward pass.
        outer: Sums a^T g over rows: (R, K), (R, J) -> (K, J). With an index of rows, only over these rows.
        moves_products: Whether large products are faster outside the loop, for all steps at once.
        lacks: Kinds of nodes that its loops cannot contain.
    """

    run: Callable[..., LoopResult]
    outer: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    moves_products: bool
    lacks: frozenset[str] = frozenset()
