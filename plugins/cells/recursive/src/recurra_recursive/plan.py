"""The order in which the nodes of a batch of trees are computed, and the positions of their children."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

NOBODY = -1


class Plan(NamedTuple):
    """A schedule that computes all nodes of a batch of trees level by level.

    Level 0 contains the nodes on the stacks at the start, level 1 the leaves. An inner node is one level
    above its highest child, and at least on level 2. The concatenation of all levels is the *node list*;
    within a level, nodes are grouped by the level of their parents.

    Args:
        first: (F,), the positions of the nodes of level 0 in the flattened stacks (B P).
        steps: (S,), the positions of the nodes of all other levels in the flattened steps (B T).
        sizes: Number of nodes on each level.
        users: For each level, (level of the parents, number of nodes), in the order of its nodes.
        children: (J, K), for each inner node in the node list, the positions of its children among all nodes
            that its level uses, in the order of the list; the number of these nodes for a missing child.
        made: (B, T), the position of each step's node in the node list; its length after the end of a row.
        stack: (B, P), the same for the nodes on the stacks at the end.
        waiting: (B,), the number of nodes on each stack at the end.
    """

    first: Tensor
    steps: Tensor
    sizes: list[int]
    users: list[list[tuple[int, int]]]
    children: Tensor
    made: Tensor
    stack: Tensor
    waiting: Tensor

    def to(self, device: torch.device) -> Plan:
        """Return the plan with all its tensors on a device."""
        named = self._asdict().items()
        moved: dict[str, Any] = {name: part.to(device) for name, part in named if isinstance(part, Tensor)}
        return self._replace(**moved)


class _Finder:
    """Finds the node at a given position of a stack at a given time.

    Nodes are numbered as *items*: first the stack positions at the start (B P), then the steps (B T). A
    position holds the item that was put there last. With items sorted by row, position and time, this is the
    last one before the requested time.
    """

    def __init__(self, arity: Tensor, live: Tensor, waiting: Tensor, places: int) -> None:
        (batch, steps), self.places = arity.shape, places
        self.moments = steps + 2
        grows = torch.where(live, 1 - arity, 0)
        self.place = waiting[:, None] + grows.cumsum(1) - 1  # (B, T), the position of each step's node
        self.waiting = waiting + grows.sum(1)
        lying = (torch.arange(places) < waiting[:, None]).flatten().nonzero()[:, 0]
        lives = live.flatten().nonzero()[:, 0]
        self.items = torch.cat([lying, batch * places + lives])
        put = self._key(lives // steps, self.place.flatten()[lives], lives % steps + 1)
        self.keys, order = torch.cat([lying * self.moments, put]).sort()
        self.sorted = self.items[order]

    def _key(self, row: Tensor, place: Tensor, moment: Tensor) -> Tensor:
        return (row * self.places + place) * self.moments + moment

    def find(self, row: Tensor, place: Tensor, step: Tensor) -> Tensor:
        """Return the items at these positions before a step; an arbitrary item if the position is empty."""
        found = torch.searchsorted(self.keys, self._key(row, place, step + 1)) - 1
        return self.sorted[found.clamp(min=0)]


def plan(arity: Tensor, live: Tensor, waiting: Tensor, places: int) -> Plan:
    """Plan trees with arities (B, T) at the `live` steps, on stacks with `waiting` (B,) nodes."""
    (batch, steps), finder = arity.shape, _Finder(arity, live, waiting, places)
    stacks = batch * places
    inner, children = _families(arity, live, finder)
    level, user = _levels(finder.items, stacks, inner + stacks, children, batch * (places + steps))
    order = finder.items[torch.argsort(level[finder.items] * len(level) + user[finder.items], stable=True)]
    at = torch.full((len(level),), len(order))
    at[order] = torch.arange(len(order))

    rows, slots = torch.arange(batch)[:, None], torch.arange(places)
    last = finder.find(rows, slots, torch.tensor(steps))
    sequence = at[inner + stacks].argsort()
    return Plan(
        first=order[order < stacks],
        steps=order[order >= stacks] - stacks,
        sizes=torch.bincount(level[order], minlength=2).tolist(),
        users=_users(level[order], user[order]),
        children=_among_used(order, user, level[inner + stacks], children)[sequence],
        made=at[stacks:].view(batch, steps),
        stack=torch.where(slots < finder.waiting[:, None], at[last], len(order)),
        waiting=finder.waiting,
    )


def _families(arity: Tensor, live: Tensor, finder: _Finder) -> tuple[Tensor, Tensor]:
    """Return the flattened steps (J,) of inner nodes, and the items (J, K) of their children."""
    inner = (live & (arity > 0)).flatten().nonzero()[:, 0]
    number, steps = torch.arange(int(arity.max())), arity.shape[1]
    place = finder.place.flatten()[inner, None] + number
    found = finder.find((inner // steps)[:, None], place, (inner % steps)[:, None])
    return inner, torch.where(number < arity.flatten()[inner, None], found, NOBODY)


def _levels(
    items: Tensor, stacks: int, parents: Tensor, children: Tensor, total: int
) -> tuple[Tensor, Tensor]:
    """Return the level of each item and of its parent; without a parent, one above the highest level."""
    level, missing = torch.ones(total, dtype=torch.int64), torch.zeros(total, dtype=torch.int64)
    level[:stacks] = 0
    has, parent = children != NOBODY, torch.full((total,), NOBODY)
    parent[children[has]] = parents[:, None].expand_as(children)[has]
    missing[parents] = has.sum(1)
    done, height = items[missing[items] == 0], 1
    while len(done):
        height += 1
        above = parent[done]
        above = above[above != NOBODY]
        missing.scatter_add_(0, above, torch.full_like(above, -1))
        done = torch.unique(above[missing[above] == 0])
        level[done] = height
    return level, torch.where(parent == NOBODY, height, level[parent])


def _users(level: Tensor, user: Tensor) -> list[list[tuple[int, int]]]:
    """Return (level of the parents, count) for each group of nodes on each level."""
    runs, counts = torch.unique_consecutive(torch.stack([level, user], 1), dim=0, return_counts=True)
    found: list[list[tuple[int, int]]] = [[] for _ in range(max(2, int(level.max()) + 1))]
    for (on, by), count in zip(runs.tolist(), counts.tolist(), strict=True):
        found[on].append((by, count))
    return found


def _among_used(order: Tensor, user: Tensor, levels: Tensor, children: Tensor) -> Tensor:
    """Return the positions of children (J, K) of nodes on `levels` (J,) among the items each level uses."""
    users, places = user[order].sort(stable=True)
    counts = torch.bincount(users, minlength=int(user.max()) + 1)
    rank = torch.zeros_like(user)
    rank[order[places]] = torch.arange(len(order)) - (counts.cumsum(0) - counts)[users]
    return torch.where(children == NOBODY, counts[levels][:, None], rank[children])
