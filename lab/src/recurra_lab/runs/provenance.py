"""The provenance of a result: versions, threads, devices."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import torch
from pydantic import BaseModel

from recurra.config.describe import alternative_name
from recurra.config.ref import Ref, instances
from recurra.plugins import registry
from recurra.plugins.inventory import inventory
from recurra.task import Task
from recurra_lab.experiments import Experiment
from recurra_lab.extensions.offers import find
from recurra_lab.training.optim import OptimizerOptions, ScheduleOptions


def versions_of(experiment: Experiment) -> dict[str, Any]:
    """Return the versions of everything that an experiment uses."""
    task: type[Task] = registry.load("task", experiment.task.name)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pytorch-lightning": version("pytorch-lightning"),
        "recurra-core": version("recurra-core"),
        "engines": {s.dist: s.version for s in inventory().engines if not s.blocked},
        "plugins": _dists(experiment),
        "task": {experiment.task.name: task.version},
    }


def _dists(experiment: Experiment) -> dict[str, str]:
    """Return distribution -> version of all components of an experiment."""
    offers = [registry.find(ref.kind, ref.name) for ref in instances(vars(experiment), Ref)]
    offers += [find("optimizer", name) for name in _foreign(experiment, OptimizerOptions)]
    offers += [find("schedule", name) for name in _foreign(experiment, ScheduleOptions)]
    return dict(sorted((offer.dist, offer.version) for offer in offers))


def _foreign(experiment: Experiment, base: type[BaseModel]) -> Iterator[str]:
    """Yield the names of choices of a type that plugins provide."""
    own = __name__.partition(".")[0]
    for part in instances(vars(experiment), base):
        if type(part).__module__.partition(".")[0] != own:
            yield alternative_name(type(part))


def provenance(experiment: Experiment) -> dict[str, Any]:
    """Return what must match, other than the options, for a resumed run to be bit-identical."""
    run = experiment.run
    return {
        "versions": versions_of(experiment),
        "threads": run.threads or torch.get_num_threads(),
        "processes": f"{run.nodes} x {run.devices} {run.accelerator}",
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line for each difference from the manifest of a checkpoint."""
    for what, value in now.items():
        if then.get(what) != value:
            yield f"{what} was {then.get(what)} when the checkpoint was saved and is now {value}"
