"""Run experiments again: one over its seeds, one seed of a record, or all within a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recurra.errors import InvalidOption, RecurraError
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.errors import RunFailed
from recurra_lab.experiments import Experiment
from recurra_lab.reproductions.archive import Known, load, save, unrecorded
from recurra_lab.reproductions.catalogue import Shipped, shipped
from recurra_lab.reproductions.check import stands
from recurra_lab.reproductions.record import record_of, seed_run
from recurra_lab.reproductions.reference import claim_of
from recurra_lab.runs.seed_runs import run_seeds
from recurra_lab.time_left import Countdown

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Rerun:
    """Where and how experiments are run.

    Args:
        out: Folder of the runs, which are reused if they are of the same experiment.
        records: Folder of the records.
        at_once: Number of parallel runs.
        tell: Receives lines for the user.
    """

    out: Path
    records: Path
    at_once: int
    tell: Tell

    def run(self, experiment: Shipped, count: int | None = None, words: Sequence[str] = ()) -> Known:
        """Run an experiment over `count` seeds, by default as many as its file states.

        With overrides it is another experiment, of which nothing but the runs is written.

        Args:
            experiment: The experiment.
            count: Number of seeds.
            words: Overrides, as `key=value`.
        """
        claim = claim_of(experiment.path)
        first = Experiment.compose(file=experiment.path, overrides=words).seed
        known = Known(
            claim, record_of(experiment, self._runs(experiment, first, count or claim.seeds, words))
        )
        if not words:
            save(*known, (self.out / experiment.name).parent)
        return known

    def record(self, experiment: Shipped, count: int | None = None) -> Known:
        """Run an experiment as it is shipped and record it.

        Raises:
            InvalidOption: There are fewer seeds than its file states, which would be a selection.
        """
        wanted = claim_of(experiment.path).seeds
        if count is not None and count < wanted:
            raise InvalidOption(f"a record of {experiment.name} needs {wanted} seeds; got --seeds {count}")
        known = self.run(experiment, count)
        save(*known, self.records)
        self.tell(f"{experiment.name}: recorded in {self.records}")
        return known

    def check(self, experiment: Shipped) -> str:
        """Run the first recorded seed again and return one sentence, that the record stands.

        Raises:
            RunFailed: It does not.
        """
        claim, record = load(experiment, self.records)
        (run,) = self._runs(experiment, record.seeds[0], 1, ())
        holds, sentence = stands(claim, record, seed_run(run))
        if not holds:
            raise RunFailed(sentence)
        return sentence

    def all(self, *, missing: bool, minutes: float | None) -> None:
        """Run and record experiments, each if the minutes that its file states still fit.

        Args:
            missing: Leave out those with a record.
            minutes: The time for all of them; None for no bound.

        Raises:
            RunFailed: An experiment could not be recorded; all others are.
        """
        began, failed = time.monotonic(), []
        for one in self.chosen(missing=missing):
            left = None if minutes is None else minutes - (time.monotonic() - began) / 60
            try:
                self._record_in_time(one, left)
            except RecurraError as error:
                failed.append(one.name)
                self.tell(f"{one.name}: {error}")
        if failed:
            raise RunFailed(f"no record of {', '.join(failed)}")

    def chosen(self, *, missing: bool) -> Sequence[Shipped]:
        """Return all experiments, or those without a record."""
        return list(unrecorded(self.records) if missing else shipped())

    def _record_in_time(self, experiment: Shipped, left: float | None) -> None:
        takes = claim_of(experiment.path).minutes
        if left is None or takes <= left:
            self.record(experiment)
        else:
            rest = max(left, 0)
            self.tell(f"{experiment.name}: skipped; it takes {takes:g} minutes of {rest:.1f} left")

    def _runs(self, experiment: Shipped, first: int, count: int, words: Sequence[str]) -> list[RunFolder]:
        seeds, folder = range(first, first + count), self.out / experiment.name
        redrawn = claim_of(experiment.path).redrawn
        if not redrawn:
            told: dict[str, Tell] = {"tell": Countdown(self.tell, count), "note": self.tell}
            return run_seeds(experiment.path, seeds, folder, words=words, at_once=self.at_once, **told)
        runs = []
        for seed in seeds:
            own = [*words, *(f"{option}={seed}" for option in redrawn)]
            runs += run_seeds(experiment.path, [seed], folder, words=own, at_once=1, tell=self.tell)
        return runs
