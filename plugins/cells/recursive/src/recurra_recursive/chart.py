"""Chart parsing (CKY): the best tree over a sequence, computed from short spans to long ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from recurra import InvalidOption
from recurra_recursive.found import Found, Penalty, check_leaves, grown
from recurra_recursive.trees import TreeCell

Pair = tuple[int, int]


def chart(
    cell: TreeCell,
    leaves: Tensor,
    penalty: Penalty | None = None,
    beam: int = 1,
) -> Found:
    """Return the best-scoring binary tree over a sequence of leaves (n, N) that a beam search finds.

    For each span, from short to long, the `beam` trees with the largest sum of merge scores are kept. The
    result is therefore optimal if the score of a merge depends only on its span, or if no span has more than
    `beam` trees: up to three leaves with `beam` = 1, four with 2, five with 5. Otherwise it is an
    approximation, because a tree with a lower score may have a vector that scores higher in later merges. The
    search records no gradient; the selected tree is recomputed with gradients.

    Args:
        cell: A cell with `scoring`; s = `cell.score(cell.merge(left, right))`.
        leaves: (n, N), as returned by `cell.leaf`.
        penalty: Loss Δ of each node, which is added to the scores, for max-margin learning.
        beam: Number of trees kept for each span; (n³ / 6) beam² merges are scored.

    Raises:
        InvalidInput: `leaves` have the wrong shape.
        InvalidOption: The cell has no `scoring`, or `beam` is less than 1.
    """
    check_leaves(cell, leaves)
    if beam < 1:
        raise InvalidOption(f"chart: beam = {beam}: at least one tree of each span must be kept")
    with torch.no_grad():
        pairs = _search(cell, leaves, penalty, beam)
    return grown(cell, leaves, _tree(pairs, len(leaves)), penalty)


class _Chart(NamedTuple):
    """All trees kept so far, indexed by number, leaves first."""

    nodes: list[Tensor]
    totals: list[float]
    pairs: list[Pair]


def _search(cell: TreeCell, leaves: Tensor, penalty: Penalty | None, beam: int) -> list[Pair]:
    """Return the two parts of each tree in the chart; the last tree is the best one of the whole sequence."""
    n = len(leaves)
    kept = _Chart(list(leaves.unbind()), [0.0] * n, [])
    spans = {(i, i + 1): [i] for i in range(n)}
    for length in range(2, n + 1):
        starts = range(n - length + 1)
        tried = [_parts(spans, i, i + length) for i in starts]
        sizes = [len(parts) for parts in tried]
        nodes, totals = _scored(cell, kept, [pair for parts in tried for pair in parts])
        if penalty is not None:
            below = torch.tensor([[i <= leaf < i + length for leaf in range(n)] for i in starts])
            totals = totals + penalty(below).to(totals).repeat_interleave(
                torch.tensor(sizes).to(totals.device)
            )
        found = zip(starts, tried, torch.split(nodes, sizes), torch.split(totals, sizes), strict=True)
        for i, parts, made, scores in found:
            spans[i, i + length] = _keep(kept, parts, made, scores, beam)
    return kept.pairs


def _keep(kept: _Chart, parts: list[Pair], nodes: Tensor, totals: Tensor, beam: int) -> list[int]:
    """Add the best trees of a span to the chart, in ascending order of score, and return their numbers."""
    values, first = totals.tolist(), len(kept.nodes)
    best = sorted(range(len(parts)), key=values.__getitem__)[-beam:]
    kept.nodes.extend(nodes[k] for k in best)
    kept.totals.extend(values[k] for k in best)
    kept.pairs.extend(parts[k] for k in best)
    return list(range(first, len(kept.nodes)))


def _parts(spans: dict[Pair, list[int]], start: int, stop: int) -> list[Pair]:
    middles = range(start + 1, stop)
    return [(i, j) for m in middles for i in spans[start, m] for j in spans[m, stop]]


def _scored(cell: TreeCell, kept: _Chart, pairs: list[Pair]) -> tuple[Tensor, Tensor]:
    left, right = (torch.stack([kept.nodes[pair[side]] for pair in pairs]) for side in (0, 1))
    nodes = cell.merge(left, right)
    before = [kept.totals[i] + kept.totals[j] for i, j in pairs]
    return nodes, cell.score(nodes) + nodes.new_tensor(before)


def _tree(pairs: list[Pair], n: int) -> list[Pair]:
    """Return the merges of only the last tree in the chart, renumbered."""
    inner, waiting = list[int](), [n + len(pairs) - 1]
    while waiting:
        node = waiting.pop()
        if node >= n:
            inner.append(node)
            waiting += pairs[node - n]
    number = {node: n + made for made, node in enumerate(sorted(inner))} | {leaf: leaf for leaf in range(n)}
    return [(number[pairs[node - n][0]], number[pairs[node - n][1]]) for node in sorted(inner)]
