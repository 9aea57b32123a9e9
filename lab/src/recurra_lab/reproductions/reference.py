"""The claim of a paper in an experiment file: its table `[reproduce]`, which `recurra train -c` ignores.

[reproduce]
paper = "Hochreiter and Schmidhuber 1997, experiment 1"
claim = "LSTM learns the embedded Reber grammar in all trials, after 8,440 sequences on average"
protocol = "reduced"             # same, reduced or analogue
departs = ["Adam replaces plain gradient descent."]    # every difference from the paper
seeds = 10                       # number of seeds, starting at the seed of the experiment
minutes = 20                     # on one core, for all seeds
sequence_size = 1                # sequences as the paper counts them in one of ours

[reproduce.success]              # the claim as a test of every run, and of all seeds together
measure = "scores.test.legal_share"
above = 0.99                     # or below; a number, or the name of a baseline of that variant
within = 100000                  # the paper's budget in its own sequences, if it states one
runs = "all"                     # or "none", for a claim that something fails; or "13 of 17"
trust = "N"                      # V read in the paper, N second-hand, M from memory, C computed
source = "table 2"

[[reproduce.numbers]]
what = "sequences until success"
ours = "outcome.sequences"       # or scores.VARIANT.SCORE, metrics.NAME (the last value)
statistic = "mean"               # or median, over all seeds
published = 8440                 # together with trust, source and better
trust = "N"
source = "table 2"
better = "smaller"               # or larger
law = "bootstrap"                # or geometric, for waiting times of independent trials
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from recurra.errors import InvalidOption
from recurra_lab.experiments.overrides import REPORTED
from recurra_lab.reproductions.laws import Statistic
from recurra_lab.toml_files import read_table

Trust = Literal["V", "N", "M", "C"]
Protocol = Literal["same", "reduced", "analogue"]
TRUST: Mapping[Trust, str] = {
    "V": "read in the paper",
    "N": "second-hand",
    "M": "from memory",
    "C": "computed",
}
"""How a claim or a number of a paper is known."""
Measure = Annotated[str, Field(pattern=r"^(outcome\.\w+|scores\.[^.]+\.\w+|metrics\..+)$")]
Sentence = Annotated[str, Field(pattern=r"^\S.*[.]$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Success(_Strict):
    """The claim as a test: what a run must show, and in how many runs the paper says it does."""

    measure: Measure
    below: float | str | None = None
    above: float | str | None = None
    within: Annotated[int, Field(gt=0)] | None = None
    runs: Annotated[str, Field(pattern=r"^(all|none|[1-9]\d* of [1-9]\d*)$")]
    trust: Trust | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Success:
        if (self.below is None) == (self.above is None):
            raise ValueError("success needs exactly one of below and above")
        if isinstance(self.bound, str) and not self.measure.startswith("scores."):
            raise ValueError("a baseline as a bound needs a measure of the form scores.VARIANT.SCORE")
        if self.counted and self.counted[0] > self.counted[1]:
            raise ValueError(f"runs = '{self.runs}' counts more successes than runs")
        return self

    @property
    def bound(self) -> float | str:
        """The bound, or the name of the baseline that is one."""
        bound = self.below if self.above is None else self.above
        assert bound is not None  # `_one_bound` has checked it
        return bound

    @property
    def counted(self) -> tuple[int, int] | None:
        """In how many runs of how many the paper saw it; None if it says all or none."""
        found = re.fullmatch(r"(\d+) of (\d+)", self.runs)
        return (int(found[1]), int(found[2])) if found else None


class Number(_Strict):
    """One number: where to find ours, and what the paper reports, if it does."""

    what: str
    ours: Measure
    statistic: Statistic = "mean"
    published: float | str | None = None
    trust: Trust | None = None
    source: str | None = None
    better: Literal["smaller", "larger"] | None = None
    law: Literal["bootstrap", "geometric"] = "bootstrap"

    @model_validator(mode="after")
    def _complete(self) -> Number:
        if (self.published is None) != (self.trust is None) or (self.published is None) != (not self.source):
            raise ValueError("published, trust and source come together")
        if isinstance(self.published, float) != (self.better is not None):
            raise ValueError("a published number needs better, smaller or larger, and nothing else has it")
        return self

    @property
    def is_wait(self) -> bool:
        """Whether it counts how long a run took, which a run without success has only a lower bound of."""
        return self.law == "geometric" or self.ours in ("outcome.sequences", "outcome.steps")


class Claim(_Strict):
    """What a paper claims, how our protocol differs from it, and how many seeds to run."""

    paper: str
    claim: str
    protocol: Protocol
    departs: tuple[Sentence, ...] = ()
    seeds: Annotated[int, Field(gt=0)] = 10
    minutes: Annotated[float, Field(gt=0)]
    sequence_size: Annotated[int, Field(gt=0)] = 1
    success: Success
    numbers: tuple[Number, ...] = ()
    _budget: int | None = PrivateAttr(None)

    @property
    def budget(self) -> int | None:
        """Most training sequences that a run of the experiment file can see; None if it does not say."""
        return self._budget

    @model_validator(mode="after")
    def _fair(self) -> Claim:
        if (self.protocol == "same") == bool(self.departs):
            raise ValueError(
                f"protocol '{self.protocol}' and {len(self.departs)} sentences in departs contradict each"
                " other; the protocol is 'same' exactly if nothing departs from the paper"
            )
        if self.protocol == "analogue":
            self._refuse_published()
        elif not (self.success.trust and self.success.source):
            raise ValueError("success needs trust and source, which say how the claim is known")
        return self

    def _refuse_published(self) -> None:
        given = [number.what for number in self.numbers if number.published is not None]
        if given or self.success.counted or self.success.within or re.search(r"\d", self.claim):
            what = f"the published number of '{given[0]}'" if given else "a number of the paper in its claim"
            raise ValueError(f"an analogue is no repetition of the paper: leave out {what}")


def claim_of(path: Path) -> Claim:
    """Read the table `[reproduce]` of an experiment file.

    Raises:
        InvalidOption: It is missing or invalid; the message has one line per error.
        MissingFile: There is no such file.
        DamagedFile: It is not TOML.
    """
    file = read_table(path)
    if REPORTED not in file:
        raise InvalidOption(f"{path} has no table [{REPORTED}] with the claim of the paper")
    try:
        claim = Claim.model_validate(file[REPORTED])
    except ValidationError as error:
        raise InvalidOption("\n".join(_mistake(path, e) for e in error.errors())) from None
    run = file.get("run", {})
    if "max_steps" in run and "batch_size" in run:
        claim._budget = run["max_steps"] * run["batch_size"]
    return claim


def _mistake(path: Path, error: Any) -> str:
    where = ".".join(map(str, (REPORTED, *error["loc"])))
    if error["loc"] == ("success",) and error["type"] == "missing":
        return f"{path}: {where} is missing; it states the claim as a test, in the direction of the claim"
    said = error["msg"].removeprefix("Value error, ")
    return f"{path}: {where}: {said[:1].lower()}{said[1:]}"
