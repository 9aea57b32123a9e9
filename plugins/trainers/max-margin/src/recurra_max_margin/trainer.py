"""Structured max-margin with subgradients, for networks that find trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from recurra import GraphTask, IncompatibleParts, Network, Task, Trainer
from recurra_lab import (
    AdaGrad,
    ClipNorm,
    ClipValue,
    Constant,
    GraphModel,
    OptimizationOptions,
    OptimizerOption,
    ScheduleOption,
)

if TYPE_CHECKING:
    from recurra_max_margin.module import MaxMarginModule

Weight = Annotated[float, Field(ge=0)]
ADAGRAD, CONSTANT = AdaGrad(lr=0.05), Constant()


class MaxMargin(Trainer):
    """Make correct trees score higher than all others, by a margin that grows with the number of errors.

        J = mean_i [ max_y (s(y) + Δ_i(y)) − max_{y correct} s(y) ] + ν L + λ/2 |θ|²
        s(y) = sum of the scores of the merges of a tree y;  Δ_i(y) = κ times its wrong nodes

    A node is wrong if it mixes regions before each of them is complete; a correct tree has no wrong nodes.
    Both maxima are approximated by greedy search, merge by merge, so the difference may be negative; it is
    then set to zero. The gradient at the selected trees is a subgradient of J. L is the mean cross-entropy of
    the labels over the nodes of the correct trees; the label of a node is the proportion of each class among
    the leaves below it.

    A greedy search may make an early error although its whole tree scores lower than a correct one; J does
    not detect this. With `violation` = largest, both trees are compared after 1, 2, ... merges, and the
    largest difference replaces that of the whole trees.

    Works with models whose cell finds trees (`recurra_lab.FindsTrees`) and has `scoring`, on tasks that
    provide graphs.
    Differs from the paper: labels are learned together with the structure, and nodes that mix classes learn
    the class proportions.
    Source: Socher, Lin, Ng and Manning 2011, sections 3.2 to 3.4; for `violation` Huang, Fayong and Guo 2012.
    """

    contract_examples = "recurra_max_margin.contract:examples"

    def __init__(
        self,
        *,
        optimizer: Annotated[OptimizerOption, Field(description="optimizer; lbfgs in the paper")] = ADAGRAD,
        schedule: ScheduleOption = CONSTANT,
        kappa: Annotated[Weight, Field(description="κ, the margin for each wrong node")] = 0.05,
        violation: Annotated[
            Literal["whole", "largest"],
            Field(description="compare whole trees, or the merges so far where the difference is largest"),
        ] = "whole",
        labels: Annotated[Weight, Field(description="ν, weight of the loss of the nodes' labels")] = 1.0,
        weight_penalty: Annotated[Weight, Field(description="λ, penalty on squared weights")] = 1e-4,
        clip_norm: ClipNorm = None,
        clip_value: ClipValue = None,
    ) -> None:
        self.optimization = OptimizationOptions(
            optimizer=optimizer, schedule=schedule, clip_norm=clip_norm, clip_value=clip_value
        )
        self.kappa, self.violation = kappa, violation
        self.labels, self.weight_penalty = labels, weight_penalty

    def lightning_module(self, model: Network, task: Task, seed: int) -> MaxMarginModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The task does not provide graphs.
        """
        from recurra_max_margin.module import MaxMarginModule

        if not isinstance(task, GraphTask) or not isinstance(model, GraphModel):
            message = f"but '{type(task).__name__}' provides {task.input_kind}; try scenes task.form=graph"
            raise IncompatibleParts(f"trainer 'max-margin' needs a task that provides graphs, {message}")
        return MaxMarginModule(
            model,
            task,
            seed,
            self.optimization,
            kappa=self.kappa,
            violation=self.violation,
            labels=self.labels,
            weight_penalty=self.weight_penalty,
        )
