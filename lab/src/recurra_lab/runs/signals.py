"""Interruption: a signal only sets a flag; the run saves a checkpoint at the next batch and exits."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

from recurra_lab.errors import RunFailed

WATCHED = (signal.SIGTERM, signal.SIGINT)


class Interrupted(RunFailed):
    """A signal ended the run, after its state was saved."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


class SignalFlag:
    """Context that records the first SIGTERM or SIGINT; a second SIGINT interrupts immediately."""

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> SignalFlag:
        self._before = {signum: signal.getsignal(signum) for signum in WATCHED}
        self.install()
        return self

    def install(self) -> None:
        """Install the handlers, replacing that of Lightning, which would exit without saving."""
        for signum in WATCHED:
            signal.signal(signum, self._remember)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        if self.received and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = self.received or signum
