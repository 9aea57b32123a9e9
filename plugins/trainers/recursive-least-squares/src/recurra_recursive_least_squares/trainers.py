"""Recursive least squares of a readout, and FORCE learning: the same while the readout is fed back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from recurra import Network, Task, Trainer

if TYPE_CHECKING:
    from recurra_recursive_least_squares.modules import FORCEModule, RLSModule

Penalty = Annotated[float, Field(gt=0, description="α, penalty on squared changes of the initial readout")]
Forgetting = Annotated[float, Field(gt=0, le=1, description="λ, weight of the past after each step")]
Washout = Annotated[int, Field(ge=0, description="initial steps of each sequence that are not used")]


class RLS(Trainer):
    """Update the readout at every step so that it is the best for all steps so far; nothing else changes.

        h = [h_1, ..., h_H, 1], the features of a step;   d the target;   P(0) = I / α
        P ← (P − P h (λ + hᵀ P h)⁻¹ hᵀ P) / λ
        W ← W − (W h − d) hᵀ P

    After K steps, W minimises Σ_k λ^(K−k) |W h(k) − d(k)|² + λ^K α |W − W(0)|², bias included: with λ = 1 and
    W(0) = 0 this is ridge regression. The rows of a batch that are scored at the same time are one update, h
    and d being matrices. W and P are kept in float64; they are saved, and continue with the next batch.

    d is the target if that is floating-point numbers, one-hot if it is classes; zeros and ones become
    −1 and 1, the signs of a logit. The outputs that are logged are those before the update of their step.

    Works with every cell. With several processes, each computes the whole batch.
    Cost per step: O((H + 1)² B) multiplications and (H + 1)² numbers for P.
    Source: Plackett 1950; for echo state networks: Jaeger 2003, "Adaptive nonlinear system identification
    with echo state networks".
    """

    def __init__(self, *, penalty: Penalty = 1.0, forgetting: Forgetting = 1.0, washout: Washout = 0) -> None:
        self.penalty, self.forgetting, self.washout = penalty, forgetting, washout

    def lightning_module(self, model: Network, task: Task, seed: int) -> RLSModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The model has no linear readout.
        """
        from recurra_recursive_least_squares.modules import RLSModule

        return RLSModule(
            model, task, seed, penalty=self.penalty, forgetting=self.forgetting, washout=self.washout
        )


class FORCE(Trainer):
    """Recursive least squares while the readout is fed back, so that errors stay small from the start.

        h = [h_1, ..., h_H, 1], the features of a step;   d the target;   P(0) = I / α
        P ← (P − P h (λ + hᵀ P h)⁻¹ hᵀ P) / λ
        W ← W − (W h − d) hᵀ P;   the cell's copy of the readout ← W

    The network runs on its own outputs from the first step on, one step after the other, with the readout as
    it is: fast updates keep the outputs near the targets, and the network sees its own errors and learns to
    correct them. All that `rls` says of W, P and d holds here too; the rows of a batch learn one readout.

    Works with cells that offer `recurra_lab.FeedsBack`, with as many outputs as the task has.
    Differs from the paper: every step is an update, with a bias, and the next step reads the output of the
    readout after the update; forgetting, batches and washout are additions.
    Source: Sussillo and Abbott 2009, "Generating coherent patterns of activity from chaotic neural networks",
    network A.
    """

    contract_examples = "recurra_recursive_least_squares.contract:examples"

    def __init__(self, *, penalty: Penalty = 1.0, forgetting: Forgetting = 1.0, washout: Washout = 0) -> None:
        self.penalty, self.forgetting, self.washout = penalty, forgetting, washout

    def lightning_module(self, model: Network, task: Task, seed: int) -> FORCEModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The model has no linear readout, or no cell of it feeds that back.
        """
        from recurra_recursive_least_squares.modules import FORCEModule

        return FORCEModule(
            model, task, seed, penalty=self.penalty, forgetting=self.forgetting, washout=self.washout
        )
