"""The signals that ask a run to leave, and how its data-loading processes treat them."""

from __future__ import annotations

import signal
from types import FrameType

NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
STOP_SIGNALS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
"""Also those of a closed terminal and of used-up processor time, and the two that clusters send before a limit."""


def ignore_in_worker(worker: int) -> None:
    """Ignore interruptions, since the main process ends its workers after saving.

    The first SIGTERM may be to the whole group of processes; the main process ends a worker by another one.
    """
    for signum in STOP_SIGNALS:
        signal.signal(signum, _ignore_once if signum == signal.SIGTERM else signal.SIG_IGN)


def _ignore_once(signum: int, frame: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_DFL)
