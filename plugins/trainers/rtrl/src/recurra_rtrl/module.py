"""The Lightning module of real-time recurrent learning."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from recurra import Batch, IncompatibleParts, Network, Task, detach, generator_of, placement
from recurra_lab import ForwardRule, GradientRule, OptimizationOptions
from recurra_rtrl.derived import Derived, is_derived
from recurra_rtrl.influence import Exact, Influence, RankOne, Rows, Signs
from recurra_rtrl.one_step import Forced, OneStep, replaced, standing_still

BY_TORCH: dict[str, type[Influence]] = {"exact": Exact, "uoro": RankOne}
"""What torch's transforms of functions can follow where the engine cannot."""


class Now(NamedTuple):
    """Where a batch stands: the state (B, ...), without a graph, and how weights have acted on it."""

    state: Any
    rows: Rows


class RTRLModule(GradientRule):
    """Processes a batch forward, with the gradient available at each step, and stores no past.

    The engine derives and compiles the recurrence where it can; else torch's transforms of functions follow
    each step.

    Args:
        model: The model to train.
        task: The task to learn.
        seed: The run's seed.
        optimization: Optimizer, schedule and clipping; the schedule advances once per batch.
        gradient: What is kept of the influence, see `RTRL`.
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
        gradient: ForwardRule,
        update: Literal["step", "batch"],
        teacher_forcing: bool,
    ) -> None:
        super().__init__(model, task, seed, optimization)
        self.update, self.teacher_forcing, self.automatic_optimization = update, teacher_forcing, False
        step = OneStep(model)
        # In tuples, since modules that were known by two names would be saved twice.
        self._step, self._derived = (step,), (Derived(step, gradient, forced=teacher_forcing),)
        self.rule, self.compiled = gradient, False
        by_torch = BY_TORCH.get(gradient)
        self.influence: Influence | None = None if by_torch is None else by_torch(step)
        self.handed_on: Rows | None = None
        self.gradient: list[Tensor] = []

    @property
    def learning(self) -> list[nn.Parameter]:
        """The weights that learn: those of a step, then those of the readout."""
        return [*self._step[0].weights.values(), *self._of_readout]

    @property
    def _of_readout(self) -> list[nn.Parameter]:
        return [p for p in self.model.readout.parameters() if p.requires_grad]

    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch; the weights have moved by then.

        Raises:
            IncompatibleParts: The influence is too large, or of a kind that only the engine can follow, and
                it cannot derive it; or it goes on from a batch that was followed in another way.
        """
        signs = self._signs(generator_of("rtrl", self.seed, int(self.batches_seen)))
        outputs = torch.zeros(*batch.mask.shape, self.task.output_size, **placement(self.model))
        now, total, steps = self._begin(batch, signs), outputs.new_zeros(()), batch.x.shape[1]
        width = max(1, steps) if self.compiled and self.update == "batch" else 1
        learn = self._by_engine if self.compiled else self._by_torch
        for t in range(0, steps, width):
            part = batch.steps(t, t + width)
            share = self.share_of(part, batch)
            outputs[:, t : t + width], loss, now = learn(part, batch.lengths - t, share, now, signs)
            total += loss
            if self.update == "step":
                self._update()
        total += self._own_loss(now, len(batch.x))
        self._update()
        cast(Any, self.lr_schedulers()).step()
        self.carry_over(now.state, batch)
        self.handed_on = None if self.carried is None else self._in_order(now.rows)
        self.record(outputs, batch)
        return total

    def _begin(self, batch: Batch, signs: Signs) -> Now:
        known, rows = self.initial_state_for(batch), len(batch.x)
        state = detach(self.model.sequencer.initial_state(rows)) if known is None else known
        obstacle = self._derived[0].obstacle(batch, state)
        self.compiled = obstacle is None
        if self.influence is None:
            self._refuse(obstacle)
        if known is None:
            start = self._derived[0].start if self.compiled else cast(Influence, self.influence).start
            return Now(state, start(rows, signs))
        acted = tuple(part.to(batch.x.device) for part in cast(Rows, self.handed_on))
        if self.compiled != is_derived(acted):
            other = "torch" if self.compiled else f"the engine, which cannot go on here: {obstacle}"
            raise IncompatibleParts(f"trainer 'rtrl': the influence of the last batch was carried by {other}")
        return Now(known, self._derived[0].taken_up(acted) if self.compiled else acted)

    def _refuse(self, obstacle: str | None) -> None:
        if obstacle:
            message = f"gradient = {self.rule} works only where the engine derives it, and here it cannot"
            raise IncompatibleParts(f"trainer 'rtrl': {message}: {obstacle}; choose gradient=exact or uoro")

    def _in_order(self, rows: Rows) -> Rows:
        return self._derived[0].in_order(rows) if self.compiled else rows

    def _by_engine(
        self, part: Batch, lengths: Tensor, share: float, now: Now, signs: Signs
    ) -> tuple[Tensor, Tensor, Now]:
        """Return y (B, T, O) and the loss of some steps, and where the batch stands after them; learn."""
        derived = self._derived[0]
        ran = derived.run(part, now.state, lengths)
        h, readout = ran.y.requires_grad_(), self._of_readout
        y = self.model.readout(h)
        loss = self.task_loss(y, part) * share
        if loss.requires_grad:
            *direct, g = torch.autograd.grad(loss, [*readout, h], allow_unused=True, materialize_grads=True)
        else:
            direct, g = [torch.zeros_like(p) for p in readout], torch.zeros_like(h)
        self._add([*derived.learned(ran, g, now.rows, signs), *direct])
        return y.detach(), loss.detach(), Now(ran.state, now.rows)

    def _by_torch(
        self, part: Batch, lengths: Tensor, share: float, now: Now, signs: Signs
    ) -> tuple[Tensor, Tensor, Now]:
        """Return y (B, 1, O) and the loss of one step, and where the batch stands after it; learn from it."""
        live, influence = lengths > 0, cast(Influence, self.influence)
        forced = Forced(part.target[:, 0], part.mask[:, 0]) if self.teacher_forcing else None
        s = self._step[0].vector_of(now.state, len(live)).requires_grad_()
        h, after = self._step[0](part.x[:, 0], replaced(now.state, s), forced)
        y = self.model.readout(torch.where(live[:, None], h, 0))[:, None]
        loss = self.task_loss(y, part) * share
        self._add_of(loss, s, now.rows)
        rows = influence.advance(now.rows, part.x[:, 0], now.state, forced, signs)
        state = standing_still(live, detach(after), now.state)
        rows = tuple(standing_still(live, new, old) for new, old in zip(rows, now.rows, strict=True))
        return y.detach(), loss.detach(), Now(state, rows)

    def _own_loss(self, now: Now, rows: int) -> Tensor:
        """Return the cells' auxiliary loss of the final state, whose gradient is added."""
        s = self._step[0].vector_of(now.state, rows).requires_grad_()
        own = self.model.sequencer.auxiliary_loss(replaced(now.state, s))
        if own is None:
            return s.new_zeros(())
        self._add_of(own.mean(), s, now.rows)
        return own.mean().detach()

    # --- gradients ------------------------------------------------------------------------------------------

    def _add_of(self, loss: Tensor, s: Tensor, rows: Rows) -> None:
        """Add ∂ loss / ∂ w: directly, and through the state s, on which weights have acted."""
        if not loss.requires_grad:
            return
        *direct, g = torch.autograd.grad(loss, [*self.learning, s], allow_unused=True, materialize_grads=True)
        for here, past in zip(direct, self._pulled(rows, g), strict=False):
            here += past
        self._add(direct)

    def _pulled(self, rows: Rows, g: Tensor) -> list[Tensor]:
        """Return Σ gᵀ ∂ s / ∂ w for the weights of a step."""
        if self.compiled:
            return self._derived[0].pulled(rows, g)
        return self._step[0].parts(cast(Influence, self.influence).pulled(rows, g))

    def _add(self, gradient: list[Tensor]) -> None:
        """Add to the gradient of `learning` that the next update follows."""
        known = self.gradient or [torch.zeros_like(weight) for weight in self.learning]
        self.gradient = [old + new for old, new in zip(known, gradient, strict=True)]

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
