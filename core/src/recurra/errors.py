"""The exceptions of recurra: one sentence, with what was expected and the nearest choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class RecurraError(Exception):
    """Base class of all errors of recurra; the command line prints the message and exits with `exit_code`."""

    exit_code = 2


class UnknownComponent(RecurraError, LookupError):
    """No installed plugin offers a component of that name."""


class AmbiguousComponent(RecurraError, LookupError):
    """Two plugins offer the same name; `dist:name` chooses."""


class BrokenComponent(RecurraError, ImportError):
    """A component was found, but its module or class cannot be loaded."""


class InvalidOption(RecurraError, ValueError):
    """An option is unknown, of the wrong type or out of its range."""


class InvalidInput(RecurraError, ValueError):
    """A tensor has the wrong shape, dtype or device, or a length exceeds T."""


class IncompatibleParts(RecurraError, TypeError):
    """A cell, task and trainer that cannot work together."""


class MissingFile(RecurraError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class DamagedFile(RecurraError, OSError):
    """A file exists but cannot be read in the expected format."""


def nearest(name: str, choices: Iterable[str], under: Sequence[str] = ()) -> str:
    """Return `; did you mean 'x'?` for the closest choice, or an empty string if none is close.

    Args:
        name: What was given.
        choices: What would have been valid.
        under: The key of the section that contains the choices; the suggestion is the whole key.
    """
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f"; did you mean '{'.'.join((*under, close[0]))}'?" if close else ""
