"""Validation of arities, and the error messages for those that do not form trees."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from recurra import InvalidInput


class Limits(NamedTuple):
    """Limits of a cell: inner nodes have `least` to `most` children; the stack has `places` positions."""

    least: int
    most: int
    places: int

    def allow(self, arity: Tensor, waiting: Tensor) -> Tensor:
        """Return which nodes are valid if `waiting` nodes are on the stack; NaN is not an arity."""
        return self.take(arity) & (arity <= waiting) & (waiting - arity < self.places)

    def take(self, arity: Tensor) -> Tensor:
        """Return which arities are integers that the cell accepts."""
        inner = (arity == arity.round()) & (arity >= self.least) & (arity <= self.most)
        return inner | (arity == 0)


def checked(
    who: str, limits: Limits, arity: Tensor, waiting: Tensor, lengths: Tensor | None, resets: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return arities (B, T) as integers, 0 after the end of a row, and a mask of the steps before it.

    Raises:
        InvalidInput: The arities do not form trees in post-order, or the cell cannot read these trees.
    """
    steps = torch.arange(arity.shape[1], device=arity.device)
    live = torch.ones_like(arity, dtype=torch.bool) if lengths is None else steps < lengths[:, None]
    given = torch.where(live, arity.detach().double(), 0.0)
    grows = torch.where(live, 1 - given, 0.0)
    before = waiting[:, None] + pad(grows, (1, 0)).cumsum(1)[:, :-1]  # correct up to the first error in a row
    if resets is not None:
        before = before - _at_latest(resets, before)
    wrong = (~limits.allow(given, before) & live).nonzero()
    if len(wrong):
        row, step = wrong[0].tolist()
        message = _sentence(limits, float(given[row, step]), int(before[row, step]))
        raise InvalidInput(f"{who}: at x[{row}, {step}] {message}")
    return given.long(), live


def _at_latest(resets: Tensor, numbers: Tensor) -> Tensor:
    """Return the values of `numbers` (B, T) at the latest reset up to each step; 0 before the first."""
    steps = torch.arange(resets.shape[1], device=resets.device).expand_as(resets)
    latest = torch.where(resets, steps, -1).cummax(1).values
    return torch.where(latest < 0, 0.0, numbers.gather(1, latest.clamp(min=0)))


def _sentence(limits: Limits, arity: float, waiting: int) -> str:
    taken = "2" if limits.least == limits.most == 2 else f"{limits.least} to {limits.most}"
    if not arity.is_integer() or arity < 0:
        return f"the last channel, the number of children, is {arity:g}; it must be 0 for a leaf, or {taken}"
    if not limits.least <= arity <= limits.most and arity:
        return f"a node has {arity:g} children; it can have {taken}, or none as a leaf"
    if arity > waiting:
        return f"a node has {arity:g} children, but {waiting} of those before it wait for a parent"
    return (
        f"{waiting + 1} nodes wait for a parent, more than stack_size = {limits.places}; choose a larger one"
    )
