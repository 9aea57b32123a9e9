"""Lightning callbacks that a run takes by name, with their options."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from recurra.errors import InvalidOption, nearest

if TYPE_CHECKING:
    from pytorch_lightning import Callback

CALLBACKS = (
    "DeviceStatsMonitor",
    "LearningRateMonitor",
    "ModelSummary",
    "RichModelSummary",
    "Timer",
)
"""Those that fit a run, which has a single epoch and validates, saves and stops by itself."""
INSTEAD = {
    "BatchSizeFinder": "set run.batch_size",
    "EarlyStopping": "set run.early_stop_patience",
    "GradientAccumulationScheduler": "set run.accumulate",
    "LearningRateFinder": "use recurra find-lr",
    "ModelCheckpoint": "set run.checkpoint_every",
    "OnExceptionCheckpoint": "set run.checkpoint_every",
    "RichProgressBar": "set run.progress",
    "TQDMProgressBar": "set run.progress",
}
"""Those that do what a run does, and its option."""
NEEDS = {"DeviceStatsMonitor": "psutil"}
"""Callback -> the package that it imports while it runs."""
Choice = str | Mapping[str, Any]
"""A name, or a table of `name` and options."""


def make_callback(choice: Choice) -> Callback:
    """Return the Lightning callback of a choice.

    Raises:
        InvalidOption: There is no such callback, or an option is unknown, missing or has a wrong value.
    """
    import pytorch_lightning.callbacks as lightning

    name, options = _parts(choice)
    make = getattr(lightning, _known(name))
    parameters = inspect.signature(make).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for option in options:
        if option not in parameters and not open_ended:
            known = f"it has {', '.join(parameters) or 'none'}"
            raise InvalidOption(
                f"callback '{name}' has no option '{option}'; {known}{nearest(option, parameters)}"
            )
    try:
        made: Callback = make(**options)
    except Exception as error:
        raise InvalidOption(f"callback '{name}' cannot be created: {str(error).splitlines()[0]}") from None
    return made


def _parts(choice: Choice) -> tuple[str, dict[str, Any]]:
    if isinstance(choice, str):
        return choice, {}
    options = dict(choice)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise InvalidOption(
            f'expected a table with a name, such as {{name = "{CALLBACKS[1]}"}}, got {choice}'
        )
    return name, options


def _known(name: str) -> str:
    if name in INSTEAD:
        raise InvalidOption(f"callback '{name}' would do what the run does itself; {INSTEAD[name]} instead")
    if name not in CALLBACKS:
        expected = f"expected one of {', '.join(CALLBACKS)}"
        raise InvalidOption(f"there is no callback '{name}' for runs; {expected}{nearest(name, CALLBACKS)}")
    package = NEEDS.get(name)
    if package and find_spec(package) is None:
        message = f"callback '{name}' requires {package}, which is not installed"
        raise InvalidOption(f"{message}; install it with: pip install {package}")
    return name
