"""Failures of training, each as one sentence that says how to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import SIGTERM

from pytorch_lightning.utilities.exceptions import SIGTERMException

from recurra.errors import RecurraError
from recurra_lab.artifacts.checkpoint import newest_intact
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.errors import NonFinite, RunFailed
from recurra_lab.experiments import Experiment
from recurra_lab.runs.signals import Interrupted


@contextmanager
def resumable(folder: RunFolder) -> Iterator[None]:
    """Say how to resume a run that ends with an error but keeps its work, or that a signal interrupts."""
    command = f"recurra resume {folder.path}"
    try:
        yield
    except RecurraError as error:
        interrupted = isinstance(error, Interrupted) and folder.experiment.exists()
        if (folder.has_work or interrupted) and command not in str(error):
            error.args = (f"{error}; resume with: {command}",)
        raise


@contextmanager
def explained(folder: RunFolder, experiment: Experiment, tell: Callable[[str], None]) -> Iterator[None]:
    """Convert errors of training into sentences; others are raised as they are.

    Raises:
        NonFinite: The loss or a parameter became NaN or infinite; the last good checkpoint is named.
        RunFailed: A data-loading process was killed.
        Interrupted: A signal came before the first step.
    """
    try:
        yield
    except NonFinite as error:
        raise NonFinite(f"{error}; {way_on(folder, experiment, tell)}") from None
    except SIGTERMException:
        raise Interrupted("interrupted before the first step", SIGTERM) from None
    except RecurraError:
        raise
    except (RuntimeError, ConnectionError, EOFError) as error:
        said = str(error)
        if "without overflow" in said:  # torch converts the step size to the type of the weights
            way = way_on(folder, experiment, tell)
            raise NonFinite(f"an update became infinite ({said}); {way}") from error
        # Whether torch notices that a loader was killed, or its queue breaks first, is a matter of chance.
        broken = experiment.run.workers > 0 and not isinstance(error, RuntimeError)
        if broken or "DataLoader worker" in said:
            message = f"a data-loading process ended ({(said.splitlines() or ['no message'])[0]})"
            raise RunFailed(f"{message}; go on with: recurra resume {folder.path} run.workers=0") from error
        raise


def way_on(folder: RunFolder, experiment: Experiment, tell: Callable[[str], None]) -> str:
    """Return how to go on with a run whose numbers became non-finite."""
    option = "trainer.optimizer.lr" if "optimizer" in experiment.trainer.options else "trainer.KEY"
    good = newest_intact(folder.checkpoints, tell)
    if good is None:
        return f"no earlier checkpoint exists; start again with another {option}"
    command = f"recurra resume {folder.path} {option}=..."
    return f"the last good checkpoint is {good.path}; go on from it with other options: {command}"
