"""How the checks of trainers train: tiny models by the real Lightning trainer, on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn

from recurra.cell import Cell, Network, Tags
from recurra.errors import IncompatibleParts
from recurra.task import Task
from recurra_contract.examples.tasks import ToyTask
from recurra_contract.kit import Make
from recurra_contract.trainer_examples import examples_of
from recurra_lab.artifacts.checkpoint import DurableCheckpoints
from recurra_lab.experiments.run_options import RunOptions
from recurra_lab.runs.pl_trainer import lightning, quiet
from recurra_lab.training.batches import Batches, training_loader
from recurra_lab.training.capabilities import Evolvable
from recurra_lab.training.evaluate import evaluate
from recurra_lab.training.graph_model import make_model
from recurra_lab.training.module import LearningModule

BATCH_SIZE, SEED = 8, 3


class PlainCell(Cell[Tensor]):
    """A simple recurrent network: h' = tanh(W x + U h), y = h'."""

    tags = Tags()

    def __init__(self, input_size: int) -> None:
        super().__init__(input_size, 4)
        self.W, self.U = nn.Linear(input_size, 4), nn.Linear(4, 4, bias=False)

    def initial_state(self, batch_size: int) -> Tensor:
        """Return zeros."""
        return self.zeros(batch_size, 4)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Advance by one step."""
        h = torch.tanh(self.W(x) + self.U(state))
        return h, h


class NoisyCell(PlainCell):
    """Draws random numbers in training, so that the state of the generators matters."""

    tags = Tags(stochastic=True)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Advance by one step and add noise."""
        y, state = super().step(x, state)
        return (y + 0.1 * torch.randn_like(y) if self.training else y), state


class InexactCell(PlainCell):
    """Passes no gradient through time."""

    tags = Tags(exact_gradient=False)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Advance by one step."""
        return super().step(x, state.detach())


class OpaqueCell(PlainCell):
    """Passes no gradient at all."""

    tags = Tags(differentiable=False, exact_gradient=False)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Advance by one step."""
        y, state = super().step(x, state)
        return y.detach(), state.detach()


class CellOf:
    """A class of cells where a model wants a reference."""

    def __init__(self, component: type[Cell[Any]]) -> None:
        self.component, self.name = component, component.__name__

    def build(self, *wiring: Any) -> Cell[Any]:
        """Construct the cell."""
        return self.component(*wiring)


@contextmanager
def seeded() -> Iterator[None]:
    """Start torch's generator from a fixed seed, and put it back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        yield


def teachable(make: Make) -> type[Cell[Any]]:
    """Return a deterministic cell that the rule can teach: its own example, else a plain one."""
    return examples_of(make()).cell or PlainCell


def task_of(make: Make) -> Task:
    """Return a task that the rule can learn: its own example, else a plain one."""
    return examples_of(make()).task or ToyTask()


def module_of(
    make: Make, cell: type[Cell[Any]] | None = None, *, seed: int = SEED, task: Task | None = None
) -> LearningModule:
    """Return the module of a fresh trainer and model; of a noisy cell when the rule takes it."""
    try:
        return _module(make, cell or NoisyCell, seed, task or task_of(make))
    except IncompatibleParts:
        if cell is not None:
            raise
        return _module(make, teachable(make), seed, task or task_of(make))


def _module(make: Make, cell: type[Cell[Any]], seed: int, task: Task) -> LearningModule:
    module: LearningModule = make().lightning_module(model_of(task, cell), task, seed)
    return module


def model_of(task: Task, cell: type[Cell[Any]]) -> Network:
    """Return a model with the same weights every time; a network that can grow is all there is to it."""
    with seeded():
        readout = "none" if issubclass(cell, Evolvable) else "linear"
        return make_model(task, CellOf(cell), readout=readout)  # type: ignore[arg-type]


def fit(
    make: Make,
    module: LearningModule,
    batches: int,
    *callbacks: Callback,
    checkpoint: Path | None = None,
) -> pl.Trainer:
    """Train up to batch number `batches`, from the start or a checkpoint."""
    module.max_updates = batches
    options = RunOptions(max_steps=batches, accelerator="cpu", progress=False)
    data = Batches(module.task, BATCH_SIZE, module.seed, "train", rank=0, ranks=1)
    with quiet(), seeded(), TemporaryDirectory() as folder:
        trainer = lightning(
            options,
            Path(folder),
            make().lightning_options(),
            logger=False,
            callbacks=list(callbacks),
            plugins=[DurableCheckpoints({})],
        )
        loader = training_loader(data, module.batches_seen, 0)
        trainer.fit(module, loader, ckpt_path=checkpoint, weights_only=True)
    return trainer


def weights(module: LearningModule) -> dict[str, Tensor]:
    """Return a copy of the model's parameters by name."""
    return {name: p.detach().clone() for name, p in module.model.named_parameters()}


def changed(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """Return the names of the parameters that differ in any bit."""
    return [name for name in one if not torch.equal(one[name], other[name])]


def evaluation_loss(module: LearningModule) -> float:
    """Return the loss on a batch that training does not see."""
    batch = module.task.batch(0, batch_size=64, seed=SEED, split="validation")
    with torch.no_grad():
        loss = float(module.task.evaluate(module.model.eval(), batch).loss)
    module.model.train()
    return loss


class SaveAt(Callback):
    """Saves a checkpoint before a batch, as a run does."""

    def __init__(self, batches: int, path: Path) -> None:
        self.batches, self.path = batches, path

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Save when it is time."""
        if batch_idx == self.batches:
            trainer.save_checkpoint(self.path)


class Disturb(Callback):
    """Validates, saves and draws random numbers between batches, which must not matter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Do all that a run may do between two batches."""
        torch.rand(7)
        evaluate(pl_module.model, Batches(pl_module.task, 4, SEED, "validation", 0, 1), 1)
        trainer.save_checkpoint(self.folder / f"{batch_idx}.ckpt")
