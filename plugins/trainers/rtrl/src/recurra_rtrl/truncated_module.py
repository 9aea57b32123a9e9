"""The Lightning module of truncated real-time recurrent learning, and its compiled loop."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from recurra import Batch, IncompatibleParts, Network, Task
from recurra_lab import LearningModule, compiled_c
from recurra_rtrl.memory_blocks import DOUBLE, BlockNetwork, Weights

TEXT = Path(__file__).with_name("blocks.c")


class TruncatedRTRLModule(LearningModule):
    """Learns the sequences of a batch one after another.

    Args:
        model: The model to train.
        task: The task to learn.
        seed: The run's seed.
        lr: Learning rate, for the summed error.
        momentum: Fraction of the last change that is added to the next.
        every_step: Whether the weights change at every scored step; else once per sequence.

    Raises:
        IncompatibleParts: The rule cannot teach this model or this task.
    """

    replicate_batches: ClassVar[bool] = True
    moving_hidden: Tensor
    moving_readout: Tensor

    def __init__(
        self, model: Network, task: Task, seed: int, *, lr: float, momentum: float, every_step: bool
    ) -> None:
        super().__init__(model, task, seed)
        self.automatic_optimization = False
        self.lr, self.momentum, self.every_step = lr, momentum, every_step
        # In a tuple, since modules that were known by two names would be saved twice.
        self._network = (BlockNetwork(model),)
        self.logistic = _is_logistic(task)
        self._loop = _compiled(self._network[0], task, self.logistic)
        hidden, readout = self._network[0].packed()
        self.register_buffer("moving_hidden", torch.zeros_like(hidden))
        self.register_buffer("moving_readout", torch.zeros_like(readout))

    def configure_optimizers(self) -> Any:
        """Return nothing: the rule changes the weights itself."""
        return None

    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, with the outputs before each update; the weights have moved by then."""
        if self._continues_previous(int(self.batches_seen) - 1, batch):
            _refuse_stream(self.task)
        network = self._network[0]
        weights = network.packed()
        moving = Weights(*(part.to("cpu", DOUBLE) for part in (self.moving_hidden, self.moving_readout)))
        y = self._learn(batch, weights, moving)
        network.write(weights)
        self.moving_hidden.copy_(moving.hidden)
        self.moving_readout.copy_(moving.readout)
        y = y.to(batch.x.device)
        self.record(y, batch)
        return self.task_loss(y, batch)

    def _learn(self, batch: Batch, weights: Weights, moving: Weights) -> Tensor:
        """Change the weights and how they move, and return the outputs (B, T, O)."""
        x, target = (part.to("cpu", torch.float32).contiguous() for part in (batch.x, batch.target))
        scored = batch.mask.to("cpu", torch.uint8).contiguous()
        lengths = batch.lengths.to("cpu", torch.int64).contiguous()
        y = torch.zeros(*scored.shape, self.task.output_size, dtype=DOUBLE)
        given = [_address(part) for part in (x, target, scored, lengths)]
        kept = [_address(part) for part in (*weights, *moving, y)]
        rates = (ctypes.c_double(self.lr), ctypes.c_double(self.momentum), int(self.every_step))
        self._loop(*map(ctypes.c_long, scored.shape), *given, *rates, *kept)
        return y


def _address(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _compiled(network: BlockNetwork, task: Task, logistic: bool) -> Any:
    """Return the loop for a network and a task."""
    target = task.batch(0, batch_size=1, seed=0, split="train").target
    sizes = {**network.sizes, "A": target.shape[-1], "LOGISTIC": int(logistic)}
    defined = "".join(f"#define {name} {value}\n" for name, value in sizes.items())
    return compiled_c(defined + TEXT.read_text("utf-8"), name="truncated-rtrl").learn


def _is_logistic(task: Task) -> bool:
    """Return whether the task's loss is the squared error of logistic outputs, and not of linear ones.

    Raises:
        IncompatibleParts: It is neither, or batches of the task continue one another.
    """
    if task.continues_previous(1, batch_size=1, seed=0, split="train"):
        _refuse_stream(task)
    batch = task.batch(0, batch_size=2, seed=0, split="train")
    batch = batch._replace(target=torch.full_like(batch.target, 0.25))  # whatever the data are
    y = torch.linspace(-2, 2, batch.mask.numel() * task.output_size, dtype=DOUBLE)
    y = y.view(*batch.mask.shape, task.output_size).requires_grad_()
    target = batch.target[..., : task.output_size].to(DOUBLE)
    for logistic in (True, False):
        guess = torch.sigmoid(y) if logistic else y
        if target.shape == guess.shape and _same_direction(
            task.supervised().loss(y, batch), (guess - target)[batch.mask].square().sum(), y
        ):
            return logistic
    raise IncompatibleParts(
        f"trainer 'truncated-rtrl' reduces the squared error of logistic or linear outputs, and the loss of"
        f" {type(task).__name__} is another; choose task.loss=squared if the task has that, or trainer=rtrl"
    )


def _same_direction(one: Tensor, other: Tensor, y: Tensor) -> bool:
    first, second = (torch.autograd.grad(loss, y, retain_graph=True)[0].flatten() for loss in (one, other))
    return bool(torch.cosine_similarity(first, second, 0) > 1 - 1e-6)


def _refuse_stream(task: Task) -> None:
    message = f"task '{type(task).__name__}' continues the previous batch"
    raise IncompatibleParts(f"trainer 'truncated-rtrl' starts each sequence anew, but {message}")
