"""Choose which values the forward pass saves for the backward pass, and which are cheaper to recompute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recurra_engine.ir.graph import EXPENSIVE, OF_TORCH, SHARED, Node, leaf, sorted_by_use
from recurra_engine.passes.partition import VIEWS

DEAR = EXPENSIVE | OF_TORCH | {"dot", "sum", "amax", "softmax"}


def to_save(
    states: Sequence[Node], forward: Iterable[Node], backward: Iterable[Node]
) -> tuple[list[Node], list[int], dict[Node, Node]]:
    """Choose the values to save.

    Args:
        states: The leaves of the state.
        forward: The results of the step.
        backward: The gradients, in terms of values of the step.

    Returns:
        The values to save; the indices of the states to keep as they were before each step; and a mapping
        from each of these to the leaf that represents it in the backward pass.
    """
    backward = list(backward)
    known = dict.fromkeys(sorted_by_use(forward))  # ordered, so that the same step always gives the same code
    needed = _needed(backward, known)
    saved = [node for node in needed if node.op in DEAR]
    saved += _beside([node for node in needed if node.args and node.op not in DEAR], saved)
    inner = {node: leaf("stream", ("saved", i), node.shape) for i, node in enumerate(saved)}
    read = _states_read(backward, set(saved))
    kept = [i for i, state in enumerate(states) if state in read]
    inner |= {states[i]: leaf("stream", ("before", i), states[i].shape) for i in kept}
    return saved, kept, inner


def _needed(backward: list[Node], known: dict[Node, None]) -> list[Node]:
    """Return the forward values that the gradient reads; a view counts as the value that it views."""
    order = sorted_by_use(backward)
    read = [arg for node in order if node not in known for arg in node.args if arg in known]
    read += [node for node in backward if node in known]
    found: dict[Node, None] = {}
    for node in read:
        while node.op in VIEWS:
            node = node.args[0]
        if node.level != SHARED:
            found[node] = None
    return [node for node in known if node in found]


def _beside(cheap: list[Node], saved: list[Node]) -> list[Node]:
    """Return the values to save for cheap ones: these, or their sources for recomputation if smaller."""
    missing = [node for node in cheap if not _dear_arguments(node).keys() <= set(saved)]
    sources = dict.fromkeys(arg for node in missing for arg in _dear_arguments(node) if arg not in saved)
    smaller = sum(node.size for node in sources) < sum(node.size for node in missing)
    return list(sources) if smaller else missing


def _dear_arguments(node: Node) -> dict[Node, None]:
    """Return the expensive values that recomputing a cheap node would read."""
    found: dict[Node, None] = {}
    pending = list(node.args)
    while pending:
        arg = pending.pop()
        if arg.op in DEAR and arg.level != SHARED:
            found[arg] = None
        else:
            pending += arg.args
    return found


def _states_read(backward: list[Node], saved: set[Node]) -> set[Node]:
    found, pending, seen = set(), list(backward), set()
    while pending:
        node = pending.pop()
        if node in seen or node in saved:
            continue
        seen.add(node)
        if node.op == "state":
            found.add(node)
        pending += node.args
    return found
