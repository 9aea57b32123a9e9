"""Real-time recurrent learning: the gradient goes forward with the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from torch import nn

from recurra import Cell, IncompatibleParts, InvalidOption, Network, Task, Trainer
from recurra_lab import (
    LBFGS,
    Adam,
    ClipNorm,
    ClipValue,
    Constant,
    OptimizationOptions,
    OptimizerOption,
    ScheduleOption,
    TakesTargets,
)

if TYPE_CHECKING:
    from recurra_rtrl.module import RTRLModule

ADAM, CONSTANT = Adam(), Constant()


class RTRL(Trainer):
    """Learn at every step, from a gradient that is carried forward with the state; no past is stored.

        J(t) = D(t) J(t − 1) + I(t);  D = ∂ s(t) / ∂ s(t − 1), I = ∂ s(t) / ∂ w of the step alone, J(0) = 0
        ∂ loss(t) / ∂ w = ∂ loss(t) / ∂ w of the step alone + ∂ loss(t) / ∂ s(t − 1) J(t − 1)

    `exact` keeps J, up to S numbers of state by n weights for every row: over a sequence its gradient is that
    of back-propagation through time. On a cell that truncates its gradient it is the truncated rule of that
    cell's paper, that of the LSTM of 1997 among them. The others keep less:

        snap-1      the states on which a weight acts within one step (SnAp-1)
        diagonal    the same, and of D the diagonal alone
        e-prop      of D what does not pass through a product with weights: each unit's own memory
        uoro        an estimate of rank one, right in the mean: S + n numbers, and noise

    Where y is not itself a part of the state after the step, the step of the loss is exact for all of them.
    With `update` = step the weights change at every step that is scored, although J still belongs to the
    earlier weights; with `batch` once after each batch.

    Where the batches of a task continue one another, J goes on with the state. With `teacher_forcing` targets
    take the place of outputs in what the network sees of itself, and J is zero there.

    Works with cells that are differentiable, draw no random numbers and read vectors or tokens in order;
    teacher forcing with those that offer `recurra_lab.TakesTargets`, without a readout. The engine derives
    the recurrence from the step and compiles it. Where it cannot, `exact` and `uoro` run step by step in
    torch, and the others are refused at the first batch.
    Cost per step and row: for each weight the numbers of D other than zero among the states that it reaches,
    S² n multiplications if all units feel each other, of the order of n if none does.
    Source: Williams and Zipser 1989; Tallec and Ollivier 2017, "Unbiased online recurrent optimization";
    Menick et al. 2021, "Practical real time recurrent learning with a sparse approximation" (SnAp); Bellec
    et al. 2020, "A solution to the learning dilemma for recurrent networks of spiking neurons" (e-prop), here
    with the derivative of the loss itself as the learning signal.

    Raises:
        InvalidOption: The optimizer is L-BFGS, which evaluates the loss of one batch repeatedly.
    """

    def __init__(
        self,
        *,
        gradient: Annotated[
            Literal["exact", "snap-1", "diagonal", "e-prop", "uoro"],
            Field(description="which part of J is kept; uoro: an estimate of rank one"),
        ] = "exact",
        update: Annotated[
            Literal["step", "batch"],
            Field(description="update the weights at every step, or once per batch"),
        ] = "step",
        teacher_forcing: Annotated[
            bool, Field(description="replace fed-back outputs by the targets (teacher forcing)")
        ] = False,
        optimizer: OptimizerOption = ADAM,
        schedule: ScheduleOption = CONSTANT,
        clip_norm: ClipNorm = None,
        clip_value: ClipValue = None,
    ) -> None:
        self.gradient, self.update, self.teacher_forcing = gradient, update, teacher_forcing
        self.optimization = OptimizationOptions(
            optimizer=optimizer, schedule=schedule, clip_norm=clip_norm, clip_value=clip_value
        )
        if isinstance(optimizer, LBFGS):
            message = "trainer.optimizer = lbfgs evaluates the loss of a whole batch repeatedly"
            raise InvalidOption(f"{message}, but rtrl computes it once; choose adam, or trainer=bptt")

    def lightning_module(self, model: Network, task: Task, seed: int) -> RTRLModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The rule cannot teach this model, or has no outputs to force.
        """
        from recurra_rtrl.module import RTRLModule

        obstacle = _obstacle(model) or (_obstacle_to_forcing(model, task) if self.teacher_forcing else None)
        if obstacle:
            raise IncompatibleParts(f"trainer 'rtrl' {obstacle}")
        return RTRLModule(
            model,
            task,
            seed,
            self.optimization,
            gradient=self.gradient,
            update=self.update,
            teacher_forcing=self.teacher_forcing,
        )


def _obstacle(model: Network) -> str | None:
    cell = type(model.sequencer).__name__
    if not isinstance(model.sequencer, Cell):
        return f"goes forward step by step, and {cell} does not; choose model.bidirectional=false"
    if not model.tags.differentiable:
        return f"needs a differentiable cell, and {cell} is not; try trainer=guessing"
    if model.tags.stochastic:
        return f"needs a step that draws no random numbers, and {cell} does; switch dropout and zoneout off"
    if model.tags.input_kind != "vectors":
        kind = model.tags.input_kind
        return f"needs a cell that reads step by step, and {cell} reads {kind}; try trainer=bptt"
    return None


def _obstacle_to_forcing(model: Network, task: Task) -> str | None:
    if isinstance(model.sequencer, TakesTargets) and isinstance(model.readout, nn.Identity):
        return None
    what = "that sees its own outputs, such as fully-recurrent, and model.readout=none"
    return f"can force only the outputs of a cell {what}; switch trainer.teacher_forcing off"
