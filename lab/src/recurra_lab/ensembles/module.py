"""The Lightning module of an ensemble: one step of training for all its members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.optim import Optimizer

from recurra.state import detach, map_state
from recurra.task import Batch, Task
from recurra_lab.ensembles.member import Member
from recurra_lab.ensembles.stack import Stack
from recurra_lab.errors import RunFailed
from recurra_lab.training.optim.clipping import clip_each
from recurra_lab.training.population import initial_states, run_ensemble

Rows = list[dict[str, float]]
"""What each member logs of a batch."""


class EnsembleModule(pl.LightningModule):
    """Trains the members of an ensemble: each with its own batch, loss, gradient and clipping.

    Losses and scores are computed on the sequences as they were drawn, one member after another; the networks
    run as one program, for which shorter batches are padded.

    Args:
        members: The members that are trained, which may become fewer.
        stack: Their tensors.
    """

    def __init__(self, members: list[Member], stack: Stack) -> None:
        super().__init__()
        self.members, self.stack = members, stack
        self.rows: Rows = []

    @property
    def task(self) -> Task:
        """The task of all members."""
        return self.stack.rule.task

    @property
    def step(self) -> int:
        """The number of batches seen."""
        return int(self.stack.tensors["batches_seen"][0])

    @property
    def batches_seen(self) -> int:
        """The number of batches seen, under the name that a learning rule gives it."""
        return self.step

    def configure_optimizers(self) -> Any:
        """Return the optimizer of the stacked weights and its schedule."""
        rule = self.stack.rule
        return rule.optimization.build(self.stack.parameter_groups(), rule.max_updates)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Return the batches as they are: ensembles are trained on the CPU."""
        return batch

    def training_step(self, drawn: dict[int, Batch], batch_idx: int) -> Tensor:
        """Return the sum of the members' losses, each of its own batch."""
        batches = [drawn[member.seed] for member in self.members]
        k = self.step
        self._count("batches_seen")
        y, state = self._outputs(k, batches)
        self._carry_over(k + 1, batches, state)
        own = [y[i, :, : batch.mask.shape[1]] for i, batch in enumerate(batches)]
        pairs = list(zip(own, batches, strict=True))
        losses = torch.stack([self.stack.rule.task_loss(*pair) for pair in pairs])
        self.rows = [self._scores(*pair) for pair in pairs]
        self._check(losses.detach(), batches)
        return losses.sum()

    def _count(self, name: str) -> None:
        self.stack.tensors[name] += 1

    def _outputs(self, k: int, batches: Sequence[Batch]) -> tuple[Tensor, Any]:
        model, weights, batch = self.stack.rule.model, self.stack.weights, joined(batches)
        state = initial_states(model, weights, batch.x.shape[1])
        if any(member.carried is not None for member in self.members):
            state = self._continued(k, batches, state)
        ran = run_ensemble(model, weights, batch.x, state, batch.lengths)
        if ran is None:
            raise RunFailed("the networks cannot be run as one program any more; resume the runs one by one")
        return ran

    def _continued(self, k: int, batches: Sequence[Batch], fresh: Any) -> Any:
        each = []
        for i, (member, batch) in enumerate(zip(self.members, batches, strict=True)):
            goes_on = member.carried is not None and member.continues_previous(k, batch)
            each.append(member.carried if goes_on else map_state(lambda leaf, i=i: leaf[i], fresh))
        return map_state(lambda *leaves: torch.stack(leaves), *each)

    def _carry_over(self, k: int, batches: Sequence[Batch], state: Any) -> None:
        for i, (member, batch) in enumerate(zip(self.members, batches, strict=True)):
            goes_on = member.continues_previous(k, batch)
            member.carried = map_state(lambda leaf, i=i: leaf[i], detach(state)) if goes_on else None

    def _scores(self, y: Tensor, batch: Batch) -> dict[str, float]:
        scores = self.task.supervised().scores(y.detach(), batch)
        # In float32, as Lightning logs numbers.
        return {f"train/{name}": float(np.float32(score.value)) for name, score in scores.items()}

    def _check(self, losses: Tensor, batches: Sequence[Batch]) -> None:
        """Log the losses; a member whose loss is not finite has failed."""
        for row, loss in zip(self.rows, losses.tolist(), strict=True):
            row["train/loss"] = loss
        for i in (~torch.isfinite(losses)).nonzero().flatten().tolist():
            rule = self.stack.turn(i)
            self.members[i].failure = rule.complaint("the loss", f"{losses[i].item()}", batches[i])

    def configure_gradient_clipping(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
        """Clip the gradient of each member, whose norm is logged."""
        options = self.stack.rule.optimization
        norms = clip_each(self.stack.parameters, options.clip_value, options.clip_norm)
        if norms is not None:
            for row, norm in zip(self.rows, norms.tolist(), strict=True):
                row["train/gradient_norm"] = norm

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update the weights and count the update."""
        super().optimizer_step(*args, **kwargs)
        for name in self.stack.rule.update_counters:
            self._count(name)

    def check_weights(self, drawn: dict[int, Batch]) -> None:
        """Find the members whose weights are not finite any more, which have failed."""
        if torch.stack([weight.detach().sum() * 0 for weight in self.stack.parameters]).eq(0).all():
            return
        for i, member in enumerate(self.members):
            whole = all(bool(weight[i].isfinite().all()) for weight in self.stack.parameters)
            if not whole and member.failure is None:
                rule = self.stack.turn(i)
                member.failure = rule.complaint("a parameter", "non-finite", drawn[member.seed])

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the members."""
        optimizers = self.optimizers()
        several = optimizers if isinstance(optimizers, list) else [optimizers]
        self.stack.keep(rows, [one.optimizer for one in several])
        self.members[:] = [self.members[i] for i in rows]
        self.rows = []


def joined(batches: Sequence[Batch]) -> Batch:
    """Return batches as one, padded to the longest: (P, B, T, ...)."""
    steps = max(batch.mask.shape[1] for batch in batches)
    x, target, mask = (torch.stack([_padded(batch[part], steps) for batch in batches]) for part in range(3))
    return Batch(x, target, mask, torch.stack([batch.lengths for batch in batches]))


def _padded(part: Tensor, steps: int) -> Tensor:
    missing = steps - part.shape[1]
    return pad(part, [0, 0] * (part.dim() - 2) + [0, missing]) if missing else part
