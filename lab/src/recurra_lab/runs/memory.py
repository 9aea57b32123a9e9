"""Whether an experiment fits into memory, checked before its tensors are allocated.

Systems grant more memory than there is, and kill the process that uses it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from recurra.errors import InvalidOption, RecurraError
from recurra.task import Task
from recurra_lab.experiments import Experiment
from recurra_lab.experiments.overrides import dotted, values_in

LARGE_BATCH = 10_000
"""Only larger batches are estimated, which takes drawing a sequence."""
REFUSED = ("can't allocate memory", "not enough memory", "out of memory", "overflow")
"""What torch says when a tensor is too large."""
FACTORIES: set[Callable[..., Tensor]] = {
    *(torch.empty, torch.zeros, torch.ones, torch.full, torch.eye, torch.arange),
    *(torch.rand, torch.randn, torch.randint, torch.randperm),
    *(Tensor.new_empty, Tensor.new_zeros, Tensor.new_ones, Tensor.new_full),
}


class Bounded(TorchFunctionMode):
    """Context that refuses to create tensors which together need more than the memory of the machine.

    Raises:
        MemoryError: They do; nothing has been allocated for the last of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.most, self.created = physical_bytes(), 0.0

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if func in FACTORIES:
            self.created += _requested(func, args, options)
            if self.created > self.most:
                raise MemoryError(f"{_in_words(self.created)}, and this machine has {_in_words(self.most)}")
        return func(*args, **options)


def _requested(func: Callable[..., Tensor], args: Any, options: dict[str, Any]) -> float:
    """Return the bytes that a call would allocate: infinite if they overflow, 0 if the call is wrong."""
    options = {name: value for name, value in options.items() if name != "generator"}
    try:
        tensor = func(*args, **options | {"device": "meta"})
    except (RuntimeError, TypeError) as error:
        return math.inf if "overflow" in str(error).lower() else 0
    return tensor.numel() * tensor.element_size()


@contextmanager
def memory_errors_named(experiment: Experiment, *parts: str) -> Iterator[None]:
    """Convert the error of an allocation that fails.

    Args:
        experiment: The experiment.
        parts: Sections of the experiment, the largest integer of which the message names.

    Raises:
        InvalidOption: A tensor is too large for the memory.
    """
    try:
        yield
    except RecurraError:
        raise
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(said in str(error) for said in REFUSED):
            raise
        known = values_in(experiment.as_dict()).items()
        sizes = {dotted(key): value for key, value in known if key[0] in parts and isinstance(value, int)}
        sizes["run.batch_size"] = experiment.run.batch_size
        raise _refusal(sizes, str(error) if isinstance(error, MemoryError) else "") from error


def check_batches(experiment: Experiment, task: Task) -> None:
    """Check that a batch fits into memory.

    Raises:
        InvalidOption: It does not; the message names its size.
    """
    for name in ("batch_size", "evaluation_batch_size"):
        count = getattr(experiment.run, name)
        if count > LARGE_BATCH:
            batch = task.batch(0, batch_size=1, seed=experiment.seed, split="train")
            needed = count * sum(part.numel() * part.element_size() for part in batch)
            if needed > (known := physical_bytes()):
                told = f"{_in_words(needed)}, and this machine has {_in_words(known)}"
                raise _refusal({f"run.{name}": count}, told)


def _refusal(sizes: Mapping[str, int], needed: str) -> InvalidOption:
    largest = max(sizes, key=lambda key: sizes[key])
    message = f"out of memory{f': the experiment needs at least {needed}' if needed else ''}"
    return InvalidOption(f"{message}; the largest option is {largest} = {sizes[largest]}; make it smaller")


def physical_bytes() -> float:
    """Return the size of the main memory; infinite where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return math.inf


def _in_words(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB" if math.isfinite(count) else "2^33 GiB"
