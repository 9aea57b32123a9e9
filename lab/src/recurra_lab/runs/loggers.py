"""Loggers of a run: `metrics.csv`, TensorBoard, Weights & Biases, MLflow, and those of plugins.

Each function returns a Lightning logger and has the signature of the targets of `recurra_loggers`.
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
    """Return the loggers with these names, and always that of `metrics.csv`.

    Args:
        wanted: One name, or several.
        folder: The run folder.
        experiment: The resolved experiment, as dictionaries, lists and scalars.
        step: Step of the checkpoint that the run resumes from, or 0.

    Raises:
        InvalidOption: There is no such logger, or a required package is not installed.
        AmbiguousComponent: Several plugins provide it.
        BrokenComponent: A plugin's logger cannot be created.
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
        raise BrokenComponent(f"{named(offer)} cannot be created: {short_message(error)}") from error
    if not isinstance(made, Logger):
        message = f"it is {with_article(type(made).__name__)}, not a Lightning logger"
        raise BrokenComponent(f"{named(offer)} cannot be created: {message}")
    return made


def csv(folder: Path, experiment: Mapping[str, Any], step: int) -> Logger:
    """Return the logger of `metrics.csv`, which discards rows after a step."""
    made = MetricsFile(RunFolder(folder).metrics)
    made.rewind(step)
    return made


def tensorboard(folder: Path, experiment: Mapping[str, Any], step: int) -> Logger:
    """Return a TensorBoard logger that discards events after a step."""
    _need("tensorboard")
    from pytorch_lightning.loggers import TensorBoardLogger

    # TensorBoard also purges events at `purge_step` itself.
    return TensorBoardLogger(folder, name="", version="tensorboard", purge_step=step + 1)


def wandb(folder: Path, experiment: Mapping[str, Any], step: int) -> Logger:
    """Return a Weights & Biases logger; a resumed run continues the same W&B run."""
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
    """Return an MLflow logger, for `MLFLOW_TRACKING_URI` or else a database in the run folder.

    A resumed run is a new MLflow run of the same name, which starts after the checkpoint.
    """
    _need("mlflow")
    from pytorch_lightning.loggers import MLFlowLogger

    tags = {"recurra.run": str(folder), "recurra.title": _title(experiment)}
    server = os.environ.get("MLFLOW_TRACKING_URI")
    place = folder.resolve()
    return MLFlowLogger(
        PROJECT,
        run_name=folder.name,
        tags=tags,
        # Not a folder of files, which MLflow 3 refuses to write.
        tracking_uri=server or f"sqlite:///{place / 'mlflow.db'}",
        artifact_location=None if server else (place / "mlartifacts").as_uri(),
    )


def _title(experiment: Mapping[str, Any]) -> str:
    return " ".join(experiment[part]["name"] for part in ("task", "cell", "trainer"))


def _need(package: str) -> None:
    if find_spec(package) is None:
        message = f"the logger '{package}' requires a package that is not installed"
        raise InvalidOption(f"run.logger: {message}; install it with: pip install 'recurra-lab[{package}]'")
