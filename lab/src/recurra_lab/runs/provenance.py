"""The provenance of a result: versions, threads, devices, machine, commit and date."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
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


def origin() -> dict[str, str | None]:
    """Return the date, the machine and the commit of the source; None where it is not in a repository."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores",
        "commit": _commit(),
    }


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    name = re.search(r"model name\s*: (.*)", told.read_text("utf-8")) if told.is_file() else None
    return name[1] if name else platform.processor() or "unknown processor"


def _commit() -> str | None:
    """Return the commit, with `-dirty` after it where tracked files differ from it."""
    if not _git("ls-files", Path(__file__).name):  # installed into a folder of another repository, or of none
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or None


def _git(*words: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
