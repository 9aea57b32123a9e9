"""Where the runs of a sweep are done: in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Literal

from recurra.errors import InvalidOption

Cluster = Literal["local", "ray"]
Place = Callable[..., Any]
"""Calls a function with arguments, there."""


def here(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function in this process."""
    return function(*arguments, **options)


def on_ray(gpus: float) -> Place:
    """Return a place on a Ray cluster: that of RAY_ADDRESS, or one that is started on this machine.

    Its nodes must see the folder of the sweep under the same path, and have the same plugins installed.

    Args:
        gpus: GPUs that a trial takes; one CPU is always taken.

    Raises:
        InvalidOption: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise InvalidOption("--cluster ray needs Ray: pip install 'ray[default]'")
    import ray

    ray.init(ignore_reinit_error=True, log_to_driver=False)

    def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        there = ray.remote(num_cpus=1, num_gpus=gpus)(function)
        return ray.get(there.remote(*arguments, **options))

    return call


def place(cluster: Cluster, gpus: float) -> Place:
    """Return a place by its name."""
    return on_ray(gpus) if cluster == "ray" else here
