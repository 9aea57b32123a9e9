"""What every trainer must do. `make()` makes one; it trains tiny models by Lightning, in a few seconds."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytorch_lightning as pl
import torch

from recurra.capabilities.graphs import GraphTask
from recurra.cell import Cell, Tags
from recurra.config.ref import plain
from recurra.errors import IncompatibleParts
from recurra_contract.altered_tasks import Stream, spoiled
from recurra_contract.harness import (
    SEED,
    Disturb,
    InexactCell,
    NoisyCell,
    OpaqueCell,
    PlainCell,
    SaveAt,
    changed,
    evaluation_loss,
    fit,
    model_of,
    module_of,
    task_of,
    teachable,
    weights,
)
from recurra_contract.kit import CheckFailed, Make
from recurra_contract.task_probes import expect
from recurra_contract.trainer_examples import examples_of
from recurra_lab.errors import NonFinite
from recurra_lab.training.module import LearningModule

BATCHES, LONG = 5, 80


def check_options_round_trip(make: Make) -> None:
    """Options written to JSON and read back create a trainer with the same options."""
    trainer = make()
    try:
        again = type(trainer)(**json.loads(json.dumps(plain(trainer.options))))
    except Exception as error:
        raise CheckFailed(f"options written as JSON are rejected when read back: {error}") from error
    expect(again.options == trainer.options, f"{trainer.options} were read back as {again.options}")


def check_module_teaches_the_model(make: Make) -> None:
    """The module is a `LearningModule` of the given model, task and seed, at batch 0."""
    task = task_of(make)
    model = model_of(task, teachable(make))
    module = make().lightning_module(model, task, SEED)
    got = type(module).__name__
    expect(isinstance(module, LearningModule), f"lightning_module must return a LearningModule, got {got}")
    promised, kept = make().supports_environments, module.supports_environments
    expect(promised == kept, f"supports_environments is {promised} in the trainer, but {kept} in its module")
    expect(module.model is model, "the module has a different model than the given one")
    expect(module.task is task, "the module has a different task than the given one")
    expect(module.seed == SEED, f"the module has seed {module.seed}, but {SEED} was given")
    expect(int(module.batches_seen) == 0, f"a new module has seen {int(module.batches_seen)} batches")


def check_start_is_repeatable(make: Make) -> None:
    """Two modules of the same model start with the same weights."""
    different = changed(weights(module_of(make)), weights(module_of(make)))
    expect(not different, f"a second module starts with different values of {', '.join(different)}")


def check_module_needs_no_accelerator(make: Make) -> None:
    """Every parameter and buffer of the module stays on the CPU until Lightning moves it."""
    module = module_of(make)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        expect(
            tensor.device.type == "cpu", f"{name} was moved to {tensor.device}; Lightning chooses the device"
        )


def check_lightning_options_exist(make: Make) -> None:
    """`lightning_options` returns a dictionary of existing arguments of `pl.Trainer`."""
    options = make().lightning_options()
    expect(isinstance(options, dict), f"lightning_options must be a dict, got {type(options).__name__}")
    known = inspect.signature(pl.Trainer.__init__).parameters
    for name in options:
        expect(name in known, f"lightning_options names '{name}', which is not an argument of pl.Trainer")


def check_learning_changes_weights(make: Make) -> None:
    """A few batches change the model's weights and leave all of them finite."""
    module = module_of(make)
    before = weights(module)
    fit(make, module, BATCHES)
    after = weights(module)
    expect(bool(changed(before, after)), f"{BATCHES} batches do not change any weight")
    for name, weight in after.items():
        expect(bool(torch.isfinite(weight).all()), f"{name} is not finite after {BATCHES} batches")


def check_position_counts_batches(make: Make) -> None:
    """`batches_seen` counts the training batches and is saved with the weights."""
    module = module_of(make)
    fit(make, module, BATCHES)
    expect(
        int(module.batches_seen) == BATCHES, f"{BATCHES} batches were counted as {int(module.batches_seen)}"
    )
    expect("batches_seen" in module.state_dict(), "batches_seen is not saved with the weights")


def check_progress_is_recorded(make: Make) -> None:
    """The loss and the score of the goal are logged for the learning curve."""
    module = module_of(make)
    logged = fit(make, module, BATCHES).callback_metrics
    for name in ("train/loss", f"train/{module.task.goal.score}"):
        expect(name in logged, f"'{name}' is not logged; logged are {', '.join(logged) or 'none'}")


def check_same_seed_same_weights(make: Make) -> None:
    """Two training runs with the same seed give bit-identical weights."""
    one, two = _trained(make), _trained(make)
    different = changed(one, two)
    expect(
        not different,
        f"a second training run with the same seed gives different values of {', '.join(different)}",
    )


def check_other_seed_other_weights(make: Make) -> None:
    """Two training runs of the same model with different seeds give different weights."""
    expect(bool(changed(_trained(make), _trained(make, seed=SEED + 1))), "the seed has no effect")


def check_resume_equals_uninterrupted(make: Make) -> None:
    """Training in two halves, with a checkpoint and a new module, equals training at once, bit for bit."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "half.ckpt"
        whole, rest = module_of(make), module_of(make)
        fit(make, whole, 2 * BATCHES, SaveAt(BATCHES, path))
        fit(make, rest, 2 * BATCHES, checkpoint=path)
    seen = int(rest.batches_seen)
    expect(seen == 2 * BATCHES, f"a resumed training run ends after batch {seen} instead of {2 * BATCHES}")
    different = changed(weights(whole), weights(rest))
    expect(not different, f"a resumed training run gives different values of {', '.join(different)}")


def check_streams_are_continued(make: Make) -> None:
    """If a task's batches continue one another, the state is carried over, also after resuming.

    A rule that cannot carry it over rejects such a task with `IncompatibleParts`. Graphs have no
    order in time.
    """
    if isinstance(task_of(make), GraphTask):
        return
    streams = (Stream(task_of(make), period) for period in (4, 4, 1))
    try:
        whole, rest, other = (module_of(make, teachable(make), task=stream) for stream in streams)
    except IncompatibleParts:
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "half.ckpt"
        fit(make, whole, 2 * BATCHES, SaveAt(BATCHES, path))
        fit(make, rest, 2 * BATCHES, checkpoint=path)
    different = changed(weights(whole), weights(rest))
    expect(
        not different, f"in a stream, a resumed training run gives different values of {', '.join(different)}"
    )
    fit(make, other, 2 * BATCHES)
    matters = bool(changed(weights(whole), weights(other)))
    expect(matters, "in a stream, every batch starts from the initial state")


def check_looking_changes_nothing(make: Make) -> None:
    """Validation, checkpoints and random numbers drawn between batches change no bit of the weights."""
    module = module_of(make)
    with TemporaryDirectory() as folder:
        fit(make, module, BATCHES, Disturb(Path(folder)))
    different = changed(weights(module), _trained(make))
    expect(not different, f"validating and saving between batches change {', '.join(different)}")


def check_non_finite_loss_stops(make: Make) -> None:
    """A NaN loss stops training at that batch with `NonFinite`."""
    module = module_of(make, task=spoiled(task_of(make)))
    try:
        fit(make, module, BATCHES)
    except NonFinite:
        seen = int(module.batches_seen)
        expect(seen == 1, f"the first loss is NaN, but the training stops at batch {seen}")
    else:
        raise CheckFailed("training continues although the loss is NaN")


def check_loss_falls(make: Make) -> None:
    """Eighty batches of a very simple task reduce the loss on unseen data."""
    module = module_of(make, teachable(make))
    before = evaluation_loss(module)
    fit(make, module, LONG)
    after = evaluation_loss(module)
    expect(after < before, f"after {LONG} batches the loss is {after:.4g}, and it was {before:.4g} before")


def check_every_cell_is_taught_or_refused(make: Make) -> None:
    """A cell that the rule cannot train raises `IncompatibleParts`; all others are trained.

    A rule whose examples declare what it requires of a cell may reject a cell without restrictions.
    """
    own = examples_of(make()).cell
    cells: list[type[Cell[Any]]] = [PlainCell, NoisyCell, InexactCell, OpaqueCell]
    for cell in [*cells, *([own] if own else [])]:
        try:
            fit(make, module_of(make, cell), 2)
        except IncompatibleParts:
            allowed = cell.tags != Tags() or (own is not None and cell is not own)
            expect(allowed, "a cell without any restriction is rejected")
        except Exception as error:
            message = (
                f"{type(error).__name__} instead of IncompatibleParts for a cell with {cell.tags}: {error}"
            )
            raise CheckFailed(message) from error


def _trained(make: Make, seed: int = SEED) -> dict[str, torch.Tensor]:
    module = module_of(make, seed=seed)
    fit(make, module, BATCHES)
    return weights(module)
