"""Interruption: a signal only sets a flag; the run saves a checkpoint at the next batch and exits."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from recurra_lab.errors import RunFailed
from recurra_lab.training.stop_signals import STOP_SIGNALS


class Interrupted(RunFailed):
    """A signal ended the run, after its state was saved."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


class SignalFlag:
    """Context that records the first signal; a second SIGINT interrupts immediately.

    Signals that the process ignores, such as SIGHUP under `nohup`, stay ignored. Python delivers signals to
    the main thread only, so a run in another thread is not interrupted by any.
    """

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> SignalFlag:
        if threading.current_thread() is threading.main_thread():
            found = {signum: signal.getsignal(signum) for signum in STOP_SIGNALS}
            self._before = {n: handler for n, handler in found.items() if handler is not signal.SIG_IGN}
        self.install()
        return self

    def install(self) -> None:
        """Install the handlers, replacing that of Lightning, which would exit without saving."""
        for signum in self._before:
            signal.signal(signum, self._remember)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def check(self) -> None:
        """Leave the evaluation of a trained model, which a resumed run repeats.

        Raises:
            Interrupted: A signal was received.
        """
        if self.received:
            raise Interrupted("interrupted during the evaluation; the trained model was saved", self.received)

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        if self.received and signum == signal.SIGINT:
            raise Interrupted("interrupted again; only the earlier checkpoints are kept", signum)
        self.received = self.received or signum
