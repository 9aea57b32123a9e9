"""What a level has of its own: how it runs a loop, and how it multiplies what the loop leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass
class LoopResult:
    """What a loop leaves.

    Shapes: out (T, B, ...), after (B, ...), sums as the loop's nodes, kept (T + 1, B, ...) by index of
    carried.
    """

    out: list[Tensor]
    after: list[Tensor]
    sums: list[Tensor]
    kept: dict[int, Tensor]


@dataclass(frozen=True)
class Backend:
    """A level.

    Args:
        run: Runs a loop: (loop, streams (T, B, ...), carried (B, ...), shared, (T, B), lengths (B,) or None).
            Past its length a row leaves what is carried alone and stores zeros; lengths never grow from row
            to row. A tape, where one is given, may keep what calls of torch leave for the way back.
        outer: Sums a^T g over rows: (R, K), (R, J) -> (K, J); with an index of rows, over those alone.
        moves_products: Whether large products are better done outside the loop, for all steps at once.
        lacks: Kinds of nodes that its loops cannot have.
    """

    run: Callable[..., LoopResult]
    outer: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    moves_products: bool
    lacks: frozenset[str] = frozenset()
