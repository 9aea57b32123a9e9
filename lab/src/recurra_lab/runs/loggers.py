"""Where a run logs its numbers: `metrics.csv`, TensorBoard, Weights & Biases, MLflow, or a plugin's way.

Each function returns a logger of Lightning, and is called as the targets of `recurra_loggers` are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger

from recurra.errors import BrokenComponent, InvalidOption, UnknownComponent
from recurra.plugins.discovery import short_message
from recurra.plugins.registry import load_target, named, with_article
from recurra_lab.artifacts.metrics_csv import MetricsFile
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.extensions.offers import find

PROJECT = "recurra"


def make_loggers(
    wanted: str | Iterable[str], folder: Path, experiment: Mapping[str, Any], step: int
) -> list[Logger]:
    """Return the loggers of these names, and that of `metrics.csv` in any case.

    Args:
        wanted: One name, or several.
        folder: The run's.
        experiment: The resolved experiment, as dictionaries, lists and scalars.
        step: Of the checkpoint that the run goes on from, or 0.

    Raises:
        InvalidOption: There is no such logger, or the package that it needs is not installed.
        AmbiguousComponent: Two plugins offer it.
        BrokenComponent: A plugin's logger cannot be made.
    """
    names = [wanted] if isinstance(wanted, str) else wanted
    return [_made(name, folder, experiment, step) for name in dict.fromkeys(["csv", *names])]


def _made(name: str, folder: Path, experiment: Mapping[str, Any], step: int) -> Logger:
    try:
        offer = find("logger", name)
    except UnknownComponent as error:
        raise InvalidOption(f"run.logger: {error}") from None
    make = load_target(offer)
    try:
        made = make(folder=folder, experiment=experiment, step=step)
    except InvalidOption:
        raise
    except Exception as error:
        raise BrokenComponent(f"{named(offer)} cannot be made: {short_message(error)}") from error
    if not isinstance(made, Logger):
        message = f"it is {with_article(type(made).__name__)}, not a logger of Lightning"
        raise BrokenComponent(f"{named(offer)} cannot be made: {message}")
    return made


def csv(folder: Path, experiment: Mapping[str, Any], step: int) -> Logger:
    """Return the logger of `metrics.csv`, which forgets what came after a step."""
    made = MetricsFile(RunFolder(folder).metrics)
    made.rewind(step)
    return made


def tensorboard(folder: Path, experiment: Mapping[str, Any], step: int) -> Logger:
    """Return a logger of TensorBoard events that forgets what came after a step."""
    _need("tensorboard")
    from pytorch_lightning.loggers import TensorBoardLogger

    # What is at the step itself is purged, too.
    return TensorBoardLogger(folder, name="", version="tensorboard", purge_step=step + 1)


def wandb(folder: Path, experiment: Mapping[str, Any], step: int) -> Logger:
    """Return a logger of Weights & Biases; a run that is resumed here goes on there."""
    _need("wandb")
    from pytorch_lightning.loggers import WandbLogger

    return WandbLogger(
        name=_title(experiment),
        save_dir=folder,
        id=folder.name,
        project=os.environ.get("WANDB_PROJECT") or PROJECT,
        resume="allow",
        config=dict(experiment),
    )


def mlflow(folder: Path, experiment: Mapping[str, Any], step: int) -> Logger:
    """Return a logger of MLflow, by `MLFLOW_TRACKING_URI` or into the run's folder.

    A run that is resumed is another run of the same name there, which begins after the checkpoint.
    """
    _need("mlflow")
    from pytorch_lightning.loggers import MLFlowLogger

    tags = {"recurra.run": str(folder), "recurra.title": _title(experiment)}
    return MLFlowLogger(PROJECT, run_name=folder.name, tags=tags, save_dir=str(folder / "mlruns"))


def _title(experiment: Mapping[str, Any]) -> str:
    return " ".join(experiment[part]["name"] for part in ("task", "cell", "trainer"))


def _need(package: str) -> None:
    if find_spec(package) is None:
        message = f"the logger '{package}' needs a package that is not installed"
        raise InvalidOption(f"run.logger: {message}; to install it: pip install 'recurra-lab[{package}]'")
