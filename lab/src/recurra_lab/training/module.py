"""The base class of the Lightning modules of learning rules: exact resumption, reseeding, NaN checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from recurra.cell import Network
from recurra.state import detach, leaves, map_state
from recurra.task import Batch, Score, Task
from recurra_lab.errors import NonFinite
from recurra_lab.training.nonfinite import first_non_finite
from recurra_lab.training.seeding import reseed
from recurra_lab.training.step_log import StepLog


class LearningModule(pl.LightningModule):
    """Base class of the modules that trainers return; a subclass defines how to learn from one batch.

    The position in the stream of batches is a buffer, saved with the weights, so a resumed run continues
    with the next batch. All other randomness (dropout, sampling, noise) is reseeded at every batch from
    (seed, batch, rank): there is no generator state to save, and validation cannot affect training. If
    batches of a task continue one another, the state carried over is saved too.

    Args:
        model: The model to train.
        task: The task.
        seed: The seed of the run.

    Raises:
        IncompatibleParts: The task is an environment, and the rule does not support environments.
    """

    replicate_batches: ClassVar[bool] = False
    """Whether every process gets all rows of a batch, for rules that divide other work among processes."""
    supports_environments: ClassVar[bool] = False
    """Whether the rule supports an `Environment`, which provides rewards instead of targets."""
    batches_seen: Tensor

    def __init__(self, model: Network, task: Task, seed: int) -> None:
        super().__init__()
        if not self.supports_environments:
            task.supervised()
        self.model, self.task, self.seed = model, task, seed
        self.carried: Any = None  # the state after the last batch, where the next one continues it
        self.max_updates: int | None = None  # set by the run, for schedules that end with it
        self.step_log = StepLog()
        self.training_scores: dict[str, float] = {}  # of the last training batch
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))

    @property
    def world_size(self) -> int:
        """The number of processes that train together; 1 while no `pl.Trainer` is attached."""
        return 1 if self._trainer is None else self.trainer.world_size

    @property
    def rank(self) -> int:
        """The rank of this process, from 0; 0 while no `pl.Trainer` is attached."""
        return self.global_rank

    @property
    def evaluated_model(self) -> Network:
        """The model to validate, evaluate and save as the result: the trained model, unless overridden."""
        return self.model

    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch for autograd: by default the task's plus the cells' auxiliary loss.

        A rule that updates the weights itself sets `automatic_optimization = False`, does so here, and
        returns the loss for logging.
        """
        y, state = self.model(batch.x, self.initial_state_for(batch), lengths=batch.lengths)
        self.carry_over(state, batch)
        self.record(y, batch)
        return self.loss_of(y, state, batch)

    def loss_of(self, y: Tensor, state: Any, batch: Batch) -> Tensor:
        """Return the loss of y (B, T, O): the task's plus the cells' auxiliary loss of the final state.

        Its mean over ranks is the loss of the whole batch, even if the ranks have different numbers of
        scored steps. It has no gradient if no rank has scored steps and no cell has an auxiliary loss.
        """
        loss, own = self.task_loss(y, batch), self.model.sequencer.auxiliary_loss(state)
        return loss if own is None else loss + own.mean()

    def task_loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the task's part of `loss_of`."""
        here, everywhere = self._scored(batch)
        if everywhere and here:
            return self.task.supervised().loss(y, batch) * (here / everywhere)
        return (y * 0).sum() if everywhere else y.new_zeros(())

    def mean_over_ranks(self, value: Tensor) -> Tensor:
        """Return the mean over all ranks of a tensor without a graph, such as a gradient."""
        if self.world_size == 1:
            return value.detach()
        mean: Tensor = self.trainer.strategy.reduce(value.detach().clone(), reduce_op="mean")
        return mean

    def share_of(self, part: Batch, whole: Batch) -> float:
        """Return the fraction of the scored steps of a batch, over all ranks, that a part of it contains.

        It is 0 if no step of the batch is scored.
        """
        return self._scored(part)[1] / (self._scored(whole)[1] or 1)

    def initial_state_for(self, batch: Batch) -> Any:
        """Return the initial state of a batch: the state carried over if the batch continues it, or None."""
        if self.carried is None or not self._continues_previous(int(self.batches_seen) - 1, batch):
            return None
        return map_state(lambda part: part.to(batch.x.device), self.carried)

    def carry_over(self, state: Any, batch: Batch) -> None:
        """Keep the detached state after a batch if the next batch continues it."""
        self.carried = detach(state) if self._continues_previous(int(self.batches_seen), batch) else None

    def _continues_previous(self, k: int, batch: Batch) -> bool:
        """Return whether batch k continues the previous one; all batches have the size of this one."""
        rows = len(batch.x) * (1 if self.replicate_batches else self.world_size)
        return self.task.continues_previous(k, batch_size=rows, seed=self.seed, split="train")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the state carried over, for the rows of all ranks."""
        if self.carried is not None:
            checkpoint["carried"] = [self._of_all_ranks(part) for _, part in leaves(self.carried)]

    def _of_all_ranks(self, rows: Tensor) -> Tensor:
        gathered = self.all_gather(rows)
        assert isinstance(gathered, Tensor)
        return gathered if self.world_size == 1 else gathered.flatten(0, 1)

    def _of_this_rank(self, rows: Tensor) -> Tensor:
        share = rows.shape[0] // self.world_size
        return rows[share * self.rank :][:share]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the state carried over, for the rows of this rank."""
        if "carried" not in checkpoint:
            return
        parts = iter(self._of_this_rank(part) for part in checkpoint["carried"])
        self.carried = map_state(lambda _: next(parts), self.model.sequencer.initial_state(1))

    def _scored(self, batch: Batch) -> tuple[float, float]:
        """Return the number of scored steps on this rank, and its mean over ranks."""
        here = batch.mask.sum().to(torch.float32)
        if self.world_size == 1:
            return float(here), float(here)
        everywhere = self.trainer.strategy.reduce(here.clone(), reduce_op="mean")
        return float(here), float(everywhere)

    def configure_callbacks(self) -> list[pl.Callback]:
        """Return the callback that logs what `log` received."""
        return [self.step_log]

    def log(self, name: str, value: Any, *args: Any, **options: Any) -> None:
        """Log a value of this update; with options of Lightning other than `sync_dist`, Lightning logs it.

        Args:
            name: The name of the value.
            value: A number or a tensor with one.
            args: Further arguments of Lightning's `log`.
            options: `sync_dist=True` logs the mean over ranks; the others are those of Lightning's `log`.
        """
        if args or options.keys() - {"sync_dist"} or not (self._trainer and self.trainer.training):
            self._log_by_lightning(name, value, *args, **options)
            return
        known = value.detach() if isinstance(value, Tensor) else value
        mean = options.get("sync_dist", False) and self.world_size > 1
        self.step_log.values[name] = self.mean_over_ranks(torch.as_tensor(known)) if mean else known

    def _log_by_lightning(self, name: str, value: Any, *args: Any, **options: Any) -> None:
        super().log(name, value, *args, **options)
        if self._trainer and self.trainer.training:
            # Lightning takes a value of this name for the step; its own would count otherwise after a resume.
            super().log("step", float(self.batches_seen))

    def record(self, y: Tensor, batch: Batch) -> None:
        """Log the task's scores of the outputs y (B, T, O) on a training batch."""
        self.record_scores(self.task.supervised().scores(y.detach(), batch))

    def record_scores(self, scores: Mapping[str, Score]) -> None:
        """Log scores on a training batch."""
        for name, score in scores.items():
            self.training_scores[name] = self._over_ranks(score).value
            self.log(f"train/{name}", self.training_scores[name])

    def _over_ranks(self, score: Score) -> Score:
        # Sums and weights, not values: ranks have different numbers of scored steps.
        if self.world_size == 1:
            return score
        parts = torch.tensor(score, dtype=torch.float64, device=self.device)
        return type(score)(*self.mean_over_ranks(parts).tolist())

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Reseed for this batch and advance the position."""
        k = int(self.batches_seen)
        reseed(self.seed, k, self.rank)
        self.batches_seen += 1

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Train on one batch.

        Raises:
            NonFinite: The loss is NaN or infinite.
        """
        loss = self.training_loss(batch)
        if not torch.isfinite(loss):
            raise NonFinite(self.complaint("the loss", f"{loss.item()}", batch))
        self.log("train/loss", loss.detach(), sync_dist=True)
        return loss

    def check_weights(self, batch: Batch) -> None:
        """Check the weights after an update.

        Raises:
            NonFinite: A parameter is NaN or infinite.
        """
        if not all_finite(list(self.model.parameters())):
            raise NonFinite(self.complaint("a parameter", "non-finite", batch))

    def complaint(self, what: str, value: str, batch: Batch) -> str:
        """Return the message that something became non-finite on a batch, with the first such tensor."""
        step = int(self.batches_seen)
        found = first_non_finite(self.model, self.task, batch)
        return f"at step {step} {what} became {value}; the first non-finite tensor is {found}"


def all_finite(tensors: list[Tensor]) -> bool:
    """Return whether all tensors are finite, with one synchronisation for all of them."""
    filled = [tensor for tensor in tensors if tensor.numel()]
    return bool(torch.isfinite(get_total_norm(filled, norm_type=torch.inf)))
