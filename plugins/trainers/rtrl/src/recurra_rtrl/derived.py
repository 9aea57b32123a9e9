"""The influence that the engine derives from the step and runs as compiled code, several steps at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra import Batch
from recurra_lab import ForwardMode, ForwardRule, ForwardRun, forward_mode
from recurra_rtrl.influence import Rows, Signs, check_size
from recurra_rtrl.one_step import OneStep


class Derived:
    """Runs a model's steps together with what a rule keeps of ∂ s / ∂ w, for each row of a batch.

    Args:
        step: The step.
        rule: What is kept.
        forced: Whether targets replace outputs.
    """

    mode: ForwardMode

    def __init__(self, step: OneStep, rule: ForwardRule, *, forced: bool) -> None:
        self.step, self.rule = step, rule
        self.cell = step.as_cell(forced=forced)

    def __getstate__(self) -> dict[str, Any]:
        # What is compiled belongs to this process; a copy asks for it at its next batch.
        return {name: value for name, value in vars(self).items() if name != "mode"}

    def obstacle(self, batch: Batch, state: Any) -> str | None:
        """Prepare for batches like this one, or return why the engine cannot."""
        if not batch.x.shape[1]:
            return "there are no steps"
        found = forward_mode(self.cell, self.cell.given(batch), state, self.rule)
        if isinstance(found, str):
            return found
        self.mode = found
        return None

    def start(self, rows: int, signs: Signs) -> Rows:
        """Return the influence on the initial state.

        Raises:
            IncompatibleParts: It would take more than 2 GiB.
        """
        size = rows * self.mode.kernel.J_row * self.step.cell.zeros(0).element_size()
        check_size(size, rows, (self.mode.states, sum(weight.numel() for weight in self.weights)))
        return (self.mode.start(rows, signs),)

    @property
    def weights(self) -> list[Tensor]:
        """The weights that learn."""
        return list(self.step.weights.values())

    def taken_up(self, rows: Rows) -> Rows:
        """Return the influence that `in_order` has put in order."""
        return (self.mode.kernel.laid_out(rows[0]),)

    def in_order(self, rows: Rows) -> Rows:
        """Return the influence in an order that is the same on every machine."""
        return (self.mode.kernel.in_order(rows[0]),)

    def run(self, part: Batch, state: Any, lengths: Tensor) -> ForwardRun:
        """Run over some steps, of which rows have `lengths` left, without a graph."""
        steps = part.x.shape[1]
        ends = None if bool((lengths >= steps).all()) else lengths.clamp(0, steps)
        return self.mode.run(self.cell.given(part), state, ends)

    def learned(self, ran: ForwardRun, g: Tensor, rows: Rows, signs: Signs) -> list[Tensor]:
        """Advance the influence in place over what has run; return the gradients for ∂ loss / ∂ y."""
        (J,) = rows
        found = self.mode.learn(ran, g, J, self._drawn(ran, signs) if self.rule == "uoro" else None)
        return self.mode.of_parameters(found, self.weights, ran.shared)

    def _drawn(self, ran: ForwardRun, signs: Signs) -> Tensor:
        """Return signs for each step, (B, T, S)."""
        rows, steps, _ = ran.x.shape
        return torch.stack([signs(ran.y.new_zeros(rows, self.mode.states)) for _ in range(steps)], 1)

    def pulled(self, rows: Rows, g: Tensor) -> list[Tensor]:
        """Return the gradients for ∂ loss / ∂ s after all steps, (B, S)."""
        return self.mode.of_parameters(self.mode.pulled(rows[0], g), self.weights)


def is_derived(rows: Rows) -> bool:
    """Say whether an influence is one that `Derived.in_order` has put in order."""
    return len(rows) == 1 and rows[0].dim() == 2
