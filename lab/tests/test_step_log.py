"""What a learning rule logs reaches the loggers once per update, whoever made the trainer."""

from __future__ import annotations

from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from recurra import Ref
from recurra.plugins.registry import load
from recurra_lab import LearningModule, make_model
from recurra_lab.training.batches import Batches, training_loader
from recurra_lab.training.module import all_finite


class Rows(Logger):
    """A logger that keeps rows in memory, and counts how often it is asked to save."""

    name, version = "rows", "0"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int | None, dict[str, float]]] = []
        self.saves = 0

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        pass

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append((step, dict(metrics)))

    def save(self) -> None:
        self.saves += 1


class Rule(LearningModule):
    """Gradient descent that logs a value of its own, and one that Lightning averages."""

    def training_loss(self, batch: Any) -> torch.Tensor:
        loss = super().training_loss(batch)
        self.log("train/own", self.batches_seen * 10)
        self.log("train/averaged", float(self.batches_seen), on_step=False, on_epoch=True)
        self.log("train/shown", float(self.batches_seen), prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fitted(batches: int, every: int = 1, **options: Any) -> tuple[pl.Trainer, Rows]:
    task = load("task", "copy")()
    data = Batches(task, 2, 0, "train", 0, 1)
    rows = Rows()
    trainer = pl.Trainer(
        logger=rows,
        max_epochs=1,
        limit_train_batches=batches,
        log_every_n_steps=every,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    module = Rule(make_model(task, Ref("cell", "elman")), task, 0)
    trainer.fit(module, training_loader(data, module.batches_seen, 0))
    return trainer, rows


def test_each_update_gives_a_row_with_the_number_of_its_batch():
    trainer, logger = fitted(3)
    of_updates = [(step, row) for step, row in logger.rows if "train/loss" in row]
    assert [step for step, _ in of_updates] == [1, 2, 3]
    assert [row["train/own"] for _, row in of_updates] == [10, 20, 30]
    assert all("train/bits_per_sequence" in row for _, row in of_updates)
    assert trainer.callback_metrics["train/own"] == 30


def test_lightning_logs_what_uses_its_options():
    trainer, _ = fitted(3)
    assert float(trainer.callback_metrics["train/averaged"]) == pytest.approx(2)


def test_rows_of_lightning_have_the_number_of_their_batch_too():
    _, logger = fitted(3)
    assert [(step, row["train/shown"]) for step, row in logger.rows if "train/shown" in row] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]


def test_rows_are_as_far_apart_as_the_trainer_asks():
    trainer, logger = fitted(5, every=2)
    assert [step for step, row in logger.rows if "train/own" in row] == [2, 4]
    assert trainer.callback_metrics["train/own"] == 50


def test_accumulated_batches_give_one_row_per_update():
    _, logger = fitted(4, accumulate_grad_batches=2)
    assert [step for step, row in logger.rows if "train/own" in row] == [2, 4]


def test_values_logged_without_a_trainer_are_dropped():
    task = load("task", "copy")()
    module = Rule(make_model(task, Ref("cell", "elman")), task, 0)
    with pytest.warns(UserWarning, match="trainer"):
        module.log("train/own", 1.0)
    assert not module.step_log.values


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_all_finite(bad):
    fine = [torch.full((3,), 3e38), torch.zeros(0), torch.ones((), dtype=torch.float64)]
    assert all_finite(fine)
    assert all_finite([])
    assert not all_finite([*fine, torch.tensor([1.0, bad])])
