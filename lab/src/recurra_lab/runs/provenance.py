"""What a result depends on beside its experiment: versions, threads, devices."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from recurra.config.ref import references
from recurra.plugins import registry
from recurra.task import Task
from recurra_lab.artifacts.atomic_files import read_json
from recurra_lab.artifacts.checkpoint import manifest_of
from recurra_lab.experiments import Experiment


def versions_of(experiment: Experiment) -> dict[str, Any]:
    """Return the versions of everything that an experiment uses."""
    offers = {registry.find(ref.kind, ref.name) for ref in references(vars(experiment))}
    task: type[Task] = registry.load("task", experiment.task.name)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pytorch-lightning": version("pytorch-lightning"),
        "recurra-core": version("recurra-core"),
        "plugins": dict(sorted((offer.dist, offer.version) for offer in offers)),
        "task": {experiment.task.name: task.version},
    }


def identity(experiment: Experiment) -> dict[str, Any]:
    """Return what must be equal for a resumed run to be equal to the bit."""
    run = experiment.run
    return {
        "configuration": experiment.config_hash(),
        "versions": versions_of(experiment),
        "threads": run.threads or torch.get_num_threads(),
        "processes": f"{run.nodes} x {run.devices} {run.accelerator}",
    }


def differences(checkpoint: Path, now: dict[str, Any]) -> Iterator[str]:
    """Yield one line for each thing that differs from when a checkpoint was made."""
    then = read_json(manifest_of(checkpoint))
    for what, value in now.items():
        if then.get(what) != value:
            yield f"{what} was {then.get(what)} when the checkpoint was made and is {value} now"
