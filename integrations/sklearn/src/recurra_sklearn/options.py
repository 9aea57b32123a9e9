"""Parameters of an estimator as options of an experiment, and back in messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

PARAMETERS = {
    "run.max_steps": "max_updates",
    "run.batch_size": "batch_size",
    "run.validate_every": "validate_every",
    "run.early_stop_patience": "patience",
    "trainer.optimizer.lr": "learning_rate",
}
"""Option -> the parameter that sets it."""
EXAMPLES = {"cell_options": {"hidden_size": 32}, "options": {"model": {"layers": 2}}}


def check_nested(name: str, value: Any) -> None:
    """Check that a parameter is a dictionary of options, or None.

    Raises:
        ValueError: It is not.
    """
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"{name} = {value!r}: expected a dictionary of options, such as {EXAMPLES[name]}")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested options, of which those above take precedence; a bare name keeps the options below."""
    result = {name: _plain(value) for name, value in below.items()}
    for name, value in above.items():
        inner = result.get(name)
        if isinstance(inner, dict) and isinstance(value, Mapping | str):
            named = {"name": value} if isinstance(value, str) else value
            result[name] = merged(inner, named)
        else:
            result[name] = _plain(value)
    return result


def in_words(error: Exception) -> str:
    """Return the message of an error with the names of parameters in place of those of options."""
    message = str(error)
    for option, parameter in PARAMETERS.items():
        message = message.replace(option, parameter)
    return message


def _plain(value: Any) -> Any:
    """Return a value without the scalars of numpy, which searches over parameters draw."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return value.item() if isinstance(value, np.generic) else value
