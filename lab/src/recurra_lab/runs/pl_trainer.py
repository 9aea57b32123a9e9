"""The Lightning trainer of a run."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import ProgressBar

from recurra.errors import InvalidOption
from recurra_lab.experiments.run_options import RunOptions


def lightning(options: RunOptions, folder: Path, rule: dict[str, Any], **parts: Any) -> pl.Trainer:
    """Return the Lightning trainer of a run; the options of the user override those of the learning rule.

    Raises:
        InvalidOption: Lightning rejects a device, strategy or precision.
    """
    ours: dict[str, Any] = {
        "accelerator": options.accelerator,
        "devices": options.devices,
        "num_nodes": options.nodes,
        "strategy": options.strategy,
        "precision": options.precision,
        "accumulate_grad_batches": options.accumulate,
        "limit_train_batches": options.max_steps * options.accumulate,
        "max_epochs": 1,
        "limit_val_batches": 0,
        "log_every_n_steps": 1,
        "use_distributed_sampler": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": any(isinstance(c, ProgressBar) for c in parts["callbacks"]),
        "default_root_dir": str(folder),
    }
    try:
        return pl.Trainer(**{**rule, **ours}, **parts)
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise InvalidOption(f"run: {str(error).splitlines()[0]}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning's tips, and warnings about intended behaviour."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in EXPECTED:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


EXPECTED = (
    r".*isinstance\(treespec, LeafSpec\).*",
    r".*does not have many workers.*",  # drawing a batch is faster than training on it
    r".*resuming from a checkpoint that ended before the epoch ended.*",  # the weights hold the position
    r".*this fit will run with no optimizer.*",  # some rules have none
    r".*GPU available but not used.*",  # the device was chosen
)
