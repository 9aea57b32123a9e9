"""The Lightning module of back-propagation through time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from recurra import Batch, Network, Task, detach
from recurra_bptt.averaging import AveragingChoice
from recurra_bptt.noise import WeightNoise, disturb_gradients
from recurra_bptt.windows import Truncation, windows
from recurra_lab import GradientRule, Model, OptimizationOptions


class BPTTModule(GradientRule):
    """Computes the gradient of each batch's loss, clips it and takes one optimizer step.

    When truncated it does so after every window, whose gradient ends where the window begins.

    The number of updates is a buffer, saved with the weights: it says how large the noise on a gradient is.

    Args:
        model: The model to train.
        task: The task to learn.
        seed: The run's seed.
        optimization: Optimizer, schedule and clipping.
        truncation: k1 and k2; None for whole sequences.
        averaging: Average of the weights that is evaluated.
        readout_lr_scale: Factor of the readout's learning rate relative to the rest.
        weight_noise: Standard deviation of the noise on the weights.
        gradient_noise: Variance of the noise on the first gradient.
    """

    update_counters = ("updates",)
    updates: Tensor

    def __init__(
        self,
        model: Network,
        task: Task,
        seed: int,
        optimization: OptimizationOptions,
        *,
        truncation: Truncation | None,
        averaging: AveragingChoice,
        readout_lr_scale: float,
        weight_noise: float,
        gradient_noise: float,
    ) -> None:
        super().__init__(model, task, seed, optimization)
        self.truncation, self.automatic_optimization = truncation, truncation is None
        self.average, self.average_start = averaging.build(model), averaging.start
        self.readout_lr_scale, self.gradient_noise = readout_lr_scale, gradient_noise
        self.noise = WeightNoise(list(model.parameters()), weight_noise)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def obstacle_to_ensembles(self) -> str | None:
        """Return why runs over several seeds cannot be trained as one program, or None."""
        found = {
            "trainer.k1": self.truncation,
            "trainer.averaging": self.average,
            "trainer.weight_noise": self.noise.deviation or None,
            "trainer.gradient_noise": self.gradient_noise or None,
        }
        return next((f"{option} is set" for option, value in found.items() if value is not None), None)

    @property
    def evaluated_model(self) -> Network:
        """The network with the average of its weights, once there is one."""
        if self.average is None or not int(self.average.n_averaged):
            return self.model
        return cast(Model, self.average.module)

    def parameter_groups(self) -> Iterable[Any]:
        """Return the body and the readout, each with its learning rate."""
        body = [p for name, p in self.model.named_parameters() if not name.startswith("readout.")]
        rate = self.optimization.optimizer.lr
        groups = [
            {"params": body, "lr": rate},
            {"params": list(self.model.readout.parameters()), "lr": rate * self.readout_lr_scale},
        ]
        return [group for group in groups if group["params"]]

    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch; with windows the weights have moved by then."""
        if self.truncation is None:
            self.noise.add(self.seed, int(self.batches_seen))
            return super().training_loss(batch)
        loss = self._learn_in_windows(batch, self.truncation)
        schedule: Any = self.lr_schedulers()
        schedule.step()
        return loss

    def _learn_in_windows(self, batch: Batch, truncation: Truncation) -> Tensor:
        states: dict[int, Any] = {0: self.initial_state_for(batch)}
        # One piece of memory for all outputs: many small ones that stay would tear holes into the heap.
        outputs = batch.x.new_empty(*batch.mask.shape, self.task.output_size, dtype=torch.get_default_dtype())
        total = outputs.new_zeros(())
        for window in windows(batch.x.shape[1], truncation):
            self.noise.add(self.seed, int(self.batches_seen), window.first)
            run, scored = batch.steps(window.begin, window.end), batch.steps(window.first, window.end)
            y, state = self.model(run.x, states[window.begin], lengths=run.lengths)
            y = y[:, window.first - window.begin :]
            total += self._update(self.loss_of(y, state, scored)) * self.share_of(scored, batch)
            outputs[:, window.first : window.end] = y.detach()
            states = {t: known for t, known in states.items() if t >= window.next_begin}
            states[window.end] = detach(state)
        self.carry_over(states[batch.x.shape[1]], batch)
        self.record(outputs, batch)
        return total

    def _update(self, loss: Tensor) -> Tensor:
        """Make one step on the gradient of a window, unless nothing in it is scored."""
        if loss.requires_grad:
            optimizer: Any = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(loss)
            self.configure_gradient_clipping(optimizer)
            optimizer.step()
            self._follow()
        self.noise.remove()
        return loss.detach()

    def on_after_backward(self) -> None:
        """Take the noise off the weights again, before they are updated."""
        self.noise.remove()

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Make a step, which the average follows."""
        super().optimizer_step(*args, **kwargs)
        self._follow()

    def _follow(self) -> None:
        self.updates += 1
        if self.average is not None and int(self.batches_seen) > self.average_start:
            self.average.update_parameters(self.model)

    def configure_gradient_clipping(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
        """Clip each component first, then the norm of the whole; then comes the noise."""
        super().configure_gradient_clipping(optimizer)
        if self.gradient_noise:
            parameters = list(self.model.parameters())
            disturb_gradients(parameters, self.gradient_noise, self.seed, int(self.updates))
