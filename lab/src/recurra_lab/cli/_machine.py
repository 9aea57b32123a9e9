"""What `recurra doctor` says of the machine and of the user's defaults."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

from recurra_lab.defaults import COMMANDS, Defaults, defaults


def machine() -> dict[str, str]:
    """Return the system, the processors, the C compiler, the threads and the GPUs."""
    import torch

    return {
        "system": platform.platform(),
        "processor": f"{platform.machine()}, {_processors()} CPUs{_memory()}",
        "compiler": _compiler(),
        "threads": f"{torch.get_num_threads()} of torch; a run takes 1 unless run.threads says otherwise",
        "gpu": ", ".join(map(torch.cuda.get_device_name, range(torch.cuda.device_count()))) or "none",
    }


def values_of_defaults() -> dict[str, dict[str, object]]:
    """Return the user's defaults in every file, by key; raises the errors of reading them."""
    return {str(found.file): dict(_values(found)) for found in defaults()}


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return ""
    return f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB memory"


def _compiler() -> str:
    from recurra_engine.cpu.compiler import NoCompiler, installed

    try:
        found = installed()
    except NoCompiler as error:
        return f"none: {error}; cells run as a Python loop"
    return f"{' '.join(found.command)}: {found.version.splitlines()[0]}"


def _values(found: Defaults) -> Iterator[tuple[str, object]]:
    from recurra_lab.experiments.overrides import dotted, values_in

    commands = {COMMANDS: found.commands} if found.commands else {}
    for key, value in values_in({**found.options, **commands}).items():
        yield dotted(key), value
