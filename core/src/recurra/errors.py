"""Every error that recurra raises on purpose: one sentence, with what was expected and the nearest choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MISTAKE, FAILURE = 2, 1
"""Exit codes: the user's mistake, and a run that failed."""


class RecurraError(Exception):
    """Base of all errors raised on purpose; the shell prints the message and leaves with `exit_code`."""

    exit_code = MISTAKE


class UnknownComponent(RecurraError, LookupError):
    """No installed plugin offers a component of that name."""


class AmbiguousComponent(RecurraError, LookupError):
    """Two plugins offer the same name; `dist:name` chooses."""


class BrokenComponent(RecurraError, ImportError):
    """A component was found, but its module or class cannot be loaded."""


class InvalidOption(RecurraError, ValueError):
    """An option is unknown, of the wrong type or out of its range."""


class InvalidInput(RecurraError, ValueError):
    """A tensor has the wrong shape, dtype or device, or lengths reach beyond the tensor."""


class IncompatibleParts(RecurraError, TypeError):
    """A cell, task and trainer that cannot work together."""


class MissingFile(RecurraError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class DamagedFile(RecurraError, OSError):
    """A file exists but cannot be read as what it should be."""


class InvalidName(RecurraError, ValueError):
    """A new plugin cannot have that name: it is malformed or taken."""


class UnwritableFolder(RecurraError, OSError):
    """A folder to write to holds files already, or cannot be made."""


class RunFailed(RecurraError, RuntimeError):
    """A run ended without its result, for a reason that is not in the command."""

    exit_code = FAILURE


class NonFinite(RunFailed, ArithmeticError):
    """The loss or a parameter became NaN or infinite."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest choice, or an empty string when none is close."""
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
