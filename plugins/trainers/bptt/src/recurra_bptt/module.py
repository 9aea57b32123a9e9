"""The Lightning module of back-propagation through time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from recurra import Batch, Network, Task, detach
from recurra_bptt.noise import WeightNoise, disturb_gradients
from recurra_bptt.windows import windows
from recurra_lab import LearningModule, Model, clip

if TYPE_CHECKING:
    from recurra_bptt.trainer import BPTT


class BPTTModule(LearningModule):
    """Takes the gradient of each batch's loss, clips it and makes one step of the optimiser.

    With windows it does so after every window, whose gradient ends where the window begins.
    """

    def __init__(self, model: Network, task: Task, seed: int, rule: BPTT) -> None:
        super().__init__(model, task, seed)
        self.rule, self.automatic_optimization = rule, rule.window is None
        self.average = rule.averaging.build(model)
        self.noise = WeightNoise(list(model.parameters()), rule.weight_noise)

    @property
    def judged(self) -> Network:
        """The network with the average of its weights, once there is one."""
        if self.average is None or not int(self.average.n_averaged):
            return self.model
        return cast(Model, self.average.module)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule, which moves on with every update, or batch of windows."""
        scale = self.rule.readout_lr_scale
        body = [p for name, p in self.model.named_parameters() if not name.startswith("readout.")]
        rate = self.rule.optimizer.lr
        groups = [
            {"params": body, "lr": rate},
            {"params": list(self.model.readout.parameters()), "lr": rate * scale},
        ]
        optimizer = self.rule.optimizer.build([group for group in groups if group["params"]])
        schedule = {"scheduler": self.rule.schedule.build(optimizer, self.updates), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def learn(self, batch: Batch) -> Tensor:
        """Return the loss of a batch; with windows the weights have moved by then."""
        self.noise.add(self.seed, int(self.batches_seen))
        if self.rule.window is None:
            return super().learn(batch)
        loss = self._learn_in_windows(batch, self.rule.window, self.rule.reach or self.rule.window)
        schedule: Any = self.lr_schedulers()
        schedule.step()
        return loss

    def _learn_in_windows(self, batch: Batch, new: int, reach: int) -> Tensor:
        states: dict[int, Any] = {0: self.start(batch)}
        # One piece of memory for all outputs: many small ones that stay would tear holes into the heap.
        outputs = batch.x.new_empty(*batch.mask.shape, self.task.output_size, dtype=torch.get_default_dtype())
        total = outputs.new_zeros(())
        for window in windows(batch.x.shape[1], new, reach):
            run, scored = batch.steps(window.begin, window.end), batch.steps(window.first, window.end)
            y, state = self.model(run.x, states[window.begin], lengths=run.lengths)
            y = y[:, window.first - window.begin :]
            total += self._update(self.loss_of(y, state, scored)) * self.share_of(scored, batch)
            outputs[:, window.first : window.end] = y.detach()
            states = {t: known for t, known in states.items() if t >= window.next_begin}
            states[window.end] = detach(state)
        self.keep(states[batch.x.shape[1]], batch)
        self.record(outputs, batch)
        return total

    def _update(self, loss: Tensor) -> Tensor:
        """Make one step on the gradient of a window."""
        if loss.requires_grad:
            optimizer: Any = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(loss)
            self.configure_gradient_clipping(optimizer)
            optimizer.step()
            self._follow()
        return loss.detach()

    def on_after_backward(self) -> None:
        """Take the noise off the weights again, before they are updated."""
        self.noise.remove()

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Make a step, which the average follows."""
        super().optimizer_step(*args, **kwargs)
        self._follow()

    def _follow(self) -> None:
        if self.average is not None and int(self.batches_seen) > self.rule.averaging.start:
            self.average.update_parameters(self.model)

    def configure_gradient_clipping(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
        """Clip each component first, then the norm of the whole; then comes the noise."""
        parameters = list(self.model.parameters())
        norm = clip(parameters, self.rule.clip_value, self.rule.clip_norm)
        if norm is not None:
            self.log("train/gradient_norm", norm)
        if self.rule.gradient_noise:
            disturb_gradients(parameters, self.rule.gradient_noise, self.seed, int(self.batches_seen))
