"""The published results in an experiment file: its table `[reproduce]`.

    [reproduce]
    paper = "Hochreiter and Schmidhuber 1997, experiment 1"
    claim = "embedded Reber grammar: 100 % of trials succeed, after 8,440 sequences"
    seeds = 10                       # number of seeds, starting at the seed of the experiment
    minutes = 20                     # on one core, for all seeds
    success = {variant = "test", score = "legal_share", above = 0.99}    # default: the run is solved

    [[reproduce.numbers]]
    what = "sequences until success"
    published = 8440
    status = "V"                     # V read in the paper, N quoted elsewhere, M from memory, C computed
    ours = "outcome.sequences"       # or scores.VARIANT.SCORE, metrics.NAME (the last value), success
    statistic = "mean"               # over the successful seeds; or median, min, max

`recurra train -c` ignores the table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from recurra.errors import InvalidOption
from recurra.task import Goal
from recurra_lab.experiments.overrides import REPORTED, read_table

Status = Literal["V", "N", "M", "C"]
Statistic = Literal["mean", "median", "min", "max"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Success(_Strict):
    """The success criterion: a bound on a score of the final evaluation."""

    variant: str
    score: str
    below: float | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Success:
        if (self.below is None) == (self.above is None):
            raise ValueError("success needs exactly one of below and above")
        return self

    @property
    def goal(self) -> Goal:
        """The bound as a goal."""
        return Goal(self.score, self.below, self.above)


class Number(_Strict):
    """One published number and where to find ours."""

    what: str
    published: float | str
    status: Status
    ours: Annotated[str, Field(pattern=r"^(outcome\.\w+|scores\.[^.]+\.\w+|metrics\..+|success)$")]
    statistic: Statistic = "mean"


class Published(_Strict):
    """The published results of an experiment, and how many seeds to run."""

    paper: str
    claim: str
    seeds: Annotated[int, Field(gt=0)] = 10
    minutes: Annotated[float, Field(gt=0)]
    success: Success | None = None
    numbers: tuple[Number, ...] = ()


def published(path: Path) -> Published:
    """Read the table `[reproduce]` of an experiment file.

    Raises:
        InvalidOption: It is missing or invalid; the message has one line per error.
        MissingFile: There is no such file.
        DamagedFile: It is not TOML.
    """
    table = read_table(path).get(REPORTED)
    if table is None:
        raise InvalidOption(f"{path} has no table [{REPORTED}] with the published results")
    try:
        return Published.model_validate(table)
    except ValidationError as error:
        raise InvalidOption("\n".join(_mistake(path, e) for e in error.errors())) from None


def _mistake(path: Path, error: Any) -> str:
    where = ".".join(map(str, (REPORTED, *error["loc"])))
    said = error["msg"].removeprefix("Value error, ")
    return f"{path}: {where}: {said[:1].lower()}{said[1:]}"
