"""What an experiment file says of the paper that it follows: its table `[reproduce]`.

    [reproduce]
    paper = "Hochreiter and Schmidhuber 1997, experiment 1"
    claim = "embedded Reber grammar: 100 % of trials succeed, after 8,440 sequences"
    seeds = 10                       # of the run's own seed and those after it
    minutes = 20                     # of one core, for all seeds
    success = {variant = "test", score = "legal_share", above = 0.99}    # without it: the run is solved

    [[reproduce.numbers]]
    what = "sequences until success"
    published = 8440
    status = "V"                     # V seen in the paper, N quoted by others, M from memory, C computed
    ours = "outcome.sequences"       # or scores.VARIANT.SCORE, metrics.NAME (the last value), success
    statistic = "mean"               # over the seeds that succeeded; median, min and max as well

`recurra train -c` leaves the table out.
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
    """A score of the final evaluation that says whether a run succeeded."""

    variant: str
    score: str
    below: float | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Success:
        if (self.below is None) == (self.above is None):
            raise ValueError("success needs one of below and above")
        return self

    @property
    def goal(self) -> Goal:
        """The bound as a goal."""
        return Goal(self.score, self.below, self.above)


class Number(_Strict):
    """One published number and where ours is found."""

    what: str
    published: float | str
    status: Status
    ours: Annotated[str, Field(pattern=r"^(outcome\.\w+|scores\.[^.]+\.\w+|metrics\..+|success)$")]
    statistic: Statistic = "mean"


class Published(_Strict):
    """What a paper reports of an experiment, and how often we try it."""

    paper: str
    claim: str
    seeds: Annotated[int, Field(gt=0)] = 10
    minutes: Annotated[float, Field(gt=0)]
    success: Success | None = None
    numbers: tuple[Number, ...] = ()


def published(path: Path) -> Published:
    """Read the table `[reproduce]` of an experiment file.

    Raises:
        InvalidOption: It has none, or something in it is wrong; one line for each mistake.
        MissingFile: There is no such file.
        DamagedFile: It is not TOML.
    """
    table = read_table(path).get(REPORTED)
    if table is None:
        raise InvalidOption(f"{path} has no table [{REPORTED}], which says what its paper reports")
    try:
        return Published.model_validate(table)
    except ValidationError as error:
        raise InvalidOption("\n".join(_mistake(path, e) for e in error.errors())) from None


def _mistake(path: Path, error: Any) -> str:
    where = ".".join(map(str, (REPORTED, *error["loc"])))
    said = error["msg"].removeprefix("Value error, ")
    return f"{path}: {where}: {said[:1].lower()}{said[1:]}"
