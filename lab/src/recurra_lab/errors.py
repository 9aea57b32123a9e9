"""Exceptions of the lab: runs that fail, and names and folders that cannot be used."""

from __future__ import annotations

from recurra import RecurraError

FAILURE = 1
"""The exit code of a run that failed."""


class InvalidName(RecurraError, ValueError):
    """A new plugin cannot have that name: it is malformed or taken."""


class UnwritableFolder(RecurraError, OSError):
    """A folder to write to is not empty, or cannot be created."""


class RunFailed(RecurraError, RuntimeError):
    """A run ended without a result, for a reason other than the command."""

    exit_code = FAILURE


class NonFinite(RunFailed, ArithmeticError):
    """The loss or a parameter became NaN or infinite."""
