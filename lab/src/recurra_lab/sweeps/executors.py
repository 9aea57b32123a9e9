"""Executors of a sweep's runs: in local processes, or on a Ray cluster."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Literal

from recurra.errors import InvalidOption

Cluster = Literal["local", "ray"]
Place = Callable[..., Any]
"""Calls a function with arguments, possibly on another machine."""


def here(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function in this process."""
    return function(*arguments, **options)


def on_ray(gpus: float) -> Place:
    """Return an executor on the Ray cluster at RAY_ADDRESS, or on one started on this machine.

    All nodes must see the sweep folder under the same path and have the same plugins installed.

    Args:
        gpus: GPUs per trial; each trial also takes one CPU.

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
    """Return an executor by name."""
    return on_ray(gpus) if cluster == "ray" else here
