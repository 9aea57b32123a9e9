"""The Lightning module of real-time recurrent learning."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from recurra import Batch, Network, Task, detach, generator_of, placement
from recurra_lab import GradientRule, OptimizationOptions
from recurra_rtrl.influence import Exact, RankOne, Rows, Signs
from recurra_rtrl.one_step import Forced, OneStep, replaced, standing_still


class Now(NamedTuple):
    """Where a batch stands: the state (B, ...), without a graph, and how weights have acted on it."""

    state: Any
    rows: Rows


class RTRLModule(GradientRule):
    """Processes a batch step by step with the gradient available at each step, and stores no past.

    Args:
        model: The model to train.
        task: The task to learn.
        seed: The run's seed.
        optimization: Optimizer, schedule and clipping; the schedule advances once per batch.
        gradient: `exact`, or `uoro` for an estimate of rank one.
        update: When the weights are updated: at every `step`, or once a `batch`.
        teacher_forcing: Whether targets take the place of outputs in what the network sees of itself.
    """

    def __init__(
        self,
        model: Network,
        task: Task,
        seed: int,
        optimization: OptimizationOptions,
        *,
        gradient: Literal["exact", "uoro"],
        update: Literal["step", "batch"],
        teacher_forcing: bool,
    ) -> None:
        super().__init__(model, task, seed, optimization)
        self.update, self.teacher_forcing, self.automatic_optimization = update, teacher_forcing, False
        step = OneStep(model)
        # In a tuple, since modules that were known by two names would be saved twice.
        self._step, self.influence = (step,), (Exact if gradient == "exact" else RankOne)(step)
        self.handed_on: Rows | None = None
        self.gradient: list[Tensor] = []

    @property
    def learning(self) -> list[nn.Parameter]:
        """The weights that learn: those of a step, then those of the readout."""
        readout = [p for p in self.model.readout.parameters() if p.requires_grad]
        return [*self._step[0].weights.values(), *readout]

    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch; the weights have moved by then."""
        signs = self._signs(generator_of("rtrl", self.seed, int(self.batches_seen)))
        outputs = torch.zeros(*batch.mask.shape, self.task.output_size, **placement(self.model))
        now, total = self._begin(batch, signs), outputs.new_zeros(())
        for t in range(batch.x.shape[1]):
            outputs[:, t], loss, now = self._step_on(batch, t, now, signs)
            total += loss
        total += self._own_loss(now, len(batch.x))
        self._update()
        cast(Any, self.lr_schedulers()).step()
        self.carry_over(now.state, batch)
        self.handed_on = None if self.carried is None else now.rows
        self.record(outputs, batch)
        return total

    def _begin(self, batch: Batch, signs: Signs) -> Now:
        known, rows = self.initial_state_for(batch), len(batch.x)
        if known is None:
            state = detach(self.model.sequencer.initial_state(rows))
            return Now(state, self.influence.start(rows, signs))
        acted = cast(Rows, self.handed_on)
        return Now(known, tuple(part.to(batch.x.device) for part in acted))

    def _step_on(self, batch: Batch, t: int, now: Now, signs: Signs) -> tuple[Tensor, Tensor, Now]:
        """Return y (B, O) and the loss of step t, and where the batch stands after it; learn from it."""
        part, live = batch.steps(t, t + 1), batch.lengths > t
        forced = Forced(part.target[:, 0], part.mask[:, 0]) if self.teacher_forcing else None
        s = self._step[0].vector_of(now.state, len(live)).requires_grad_()
        h, after = self._step[0](part.x[:, 0], replaced(now.state, s), forced)
        y = self.model.readout(torch.where(live[:, None], h, 0))
        loss = self.task_loss(y[:, None], part) * self.share_of(part, batch)
        self._add(loss, s, now.rows)
        rows = self.influence.advance(now.rows, part.x[:, 0], now.state, forced, signs)
        state = standing_still(live, detach(after), now.state)
        rows = tuple(standing_still(live, new, old) for new, old in zip(rows, now.rows, strict=True))
        if self.update == "step":
            self._update()
        return y.detach(), loss.detach(), Now(state, rows)

    def _own_loss(self, now: Now, rows: int) -> Tensor:
        """Return the cells' auxiliary loss of the final state, whose gradient is added."""
        s = self._step[0].vector_of(now.state, rows).requires_grad_()
        own = self.model.sequencer.auxiliary_loss(replaced(now.state, s))
        if own is None:
            return s.new_zeros(())
        self._add(own.mean(), s, now.rows)
        return own.mean().detach()

    # --- gradients ------------------------------------------------------------------------------------------

    def _add(self, loss: Tensor, s: Tensor, rows: Rows) -> None:
        """Add ∂ loss / ∂ w: through this step, and through the state s before it."""
        if not loss.requires_grad:
            return
        weights = self.learning
        *direct, g = torch.autograd.grad(loss, [*weights, s], allow_unused=True, materialize_grads=True)
        through = self._step[0].parts(self.influence.pulled(rows, g))
        for here, past in zip(direct, through, strict=False):
            here += past
        known = self.gradient or [torch.zeros_like(weight) for weight in weights]
        self.gradient = [old + new for old, new in zip(known, direct, strict=True)]

    def _update(self) -> None:
        """Make one step on what was added since the last."""
        if not self.gradient:
            return
        optimizer = cast(Any, self.optimizers())
        for weight, gradient in zip(self.learning, self.gradient, strict=True):
            weight.grad = self.mean_over_ranks(gradient)
        self.configure_gradient_clipping(optimizer)
        optimizer.step()
        self.gradient = []

    def _signs(self, draw: torch.Generator) -> Signs:
        """Return what draws the signs of this process's rows, among those of all."""
        world, rank = self.world_size, self.rank

        def signs(s: Tensor) -> Tensor:
            drawn = torch.randint(2, (world, *s.shape), generator=draw)[rank]
            return 2 * drawn.to(s) - 1

        return signs

    # --- checkpoints ----------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save with the state that is handed on how weights have acted on it."""
        super().on_save_checkpoint(checkpoint)
        if self.carried is not None:
            checkpoint["influence"] = [self._of_all_ranks(part) for part in self.handed_on or ()]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up both."""
        super().on_load_checkpoint(checkpoint)
        if "influence" in checkpoint:
            self.handed_on = tuple(self._of_this_rank(part) for part in checkpoint["influence"])
