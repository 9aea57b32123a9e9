"""The base class of rules that compute the linear readout of a model and leave all other weights fixed."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from recurra.cell import Network
from recurra.errors import IncompatibleParts
from recurra.task import Batch, Task
from recurra_lab.training.module import LearningModule


class ReadoutRule(LearningModule):
    """Base class of rules that set the readout by least squares or correlations, without a gradient.

    Args:
        model: Whose readout is set.
        task: The task whose targets are used.
        seed: The run's seed.
        rule: The name of the trainer, for messages.
        washout: Initial steps of each sequence that are not used.

    Raises:
        IncompatibleParts: The model has no linear readout.
    """

    def __init__(self, model: Network, task: Task, seed: int, *, rule: str, washout: int) -> None:
        super().__init__(model, task, seed)
        if not isinstance(model.readout, nn.Linear):
            raise IncompatibleParts(f"trainer '{rule}' sets the readout; choose model.readout=linear")
        self.rule, self.washout = rule, washout
        self.automatic_optimization = False

    @property
    def readout(self) -> nn.Linear:
        """The readout: features (B, T, H) -> y (B, T, O)."""
        return cast(nn.Linear, self.model.readout)

    def configure_optimizers(self) -> Any:
        """Return nothing: there is no gradient."""
        return None

    def features(self, x: Tensor, state: Any, lengths: Tensor) -> tuple[Tensor, Any]:
        """Return what the readout reads, (B, T, H), and the final state."""
        seen: list[Tensor] = []
        hook = self.readout.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            _, state = self.model(x, state, lengths=lengths)
        finally:
            hook.remove()
        return seen[0], state

    def used(self, batch: Batch) -> Tensor:
        """Return the steps (B, T) that count: scored, and after the washout."""
        return batch.mask & (torch.arange(batch.mask.shape[1], device=batch.mask.device) >= self.washout)

    def targets(self, batch: Batch) -> Tensor:
        """Return targets (B, T, O) in float64 for which the squared error of a readout is meaningful.

        Floating-point targets stay as they are, classes become one-hot, and zeros and ones become −1 and 1,
        the signs of a logit.

        Raises:
            IncompatibleParts: The target is neither classes nor as wide as the outputs.
        """
        target, wide = batch.target, (*batch.mask.shape, self.task.output_size)
        if target.shape == batch.mask.shape and not target.is_floating_point():
            target = one_hot(target.clamp(0, self.task.output_size - 1), self.task.output_size)
        if target.shape != wide:
            message = (
                f"task '{type(self.task).__name__}' has targets {tuple(target.shape)} for outputs {wide}"
            )
            raise IncompatibleParts(f"trainer '{self.rule}' needs targets as wide as outputs, but {message}")
        target = target.to(torch.float64)
        scored = target[batch.mask]
        return 2 * target - 1 if bool(((scored == 0) | (scored == 1)).all()) else target

    def with_ones(self, h: Tensor) -> Tensor:
        """Return features and a constant for the bias, in float64: h (..., H) -> [h 1] (..., H + 1)."""
        return torch.cat([h, torch.ones_like(h[..., :1])], -1).to(torch.float64)

    def set_readout(self, weights: Tensor) -> None:
        """Set the readout, in which a missing bias is left out: weights (H + 1, O), the bias last."""
        self.readout.weight.copy_(weights[:-1].T)
        if self.readout.bias is not None:
            self.readout.bias.copy_(weights[-1])
