"""The search space of a sweep, as written on the command line.

cell.hidden_size=32,64,128           one of these values
trainer.optimizer.lr=log:1e-4..1e-2  a number in this range, log-uniform
cell.hidden_size=16..64              an integer, because both bounds are
run.batch_size=16                    fixed in all trials
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optuna import Trial

from recurra.errors import InvalidOption


@dataclass(frozen=True)
class Choices:
    """One of several values, as typed."""

    values: tuple[str, ...]

    def chosen(self, trial: Trial, key: str) -> str:
        """Return the value of a trial."""
        return str(trial.suggest_categorical(key, self.values))

    def ends(self) -> tuple[str, ...]:
        """Return the values to validate: if they are valid, the whole choice is."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included."""

    low: float
    high: float
    log: bool
    whole: bool

    def chosen(self, trial: Trial, key: str) -> float:
        """Return the value of a trial."""
        if self.whole:
            return trial.suggest_int(key, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(key, self.low, self.high, log=self.log)

    def ends(self) -> tuple[str, ...]:
        """Return the values to validate: if they are valid, the whole choice is."""
        return tuple(f"{int(end)}" if self.whole else f"{end!r}" for end in (self.low, self.high))


Space = dict[str, Choices | Range]


def split(words: Sequence[str]) -> tuple[Space, list[str]]:
    """Return the search space by key, and the overrides that are fixed in all trials.

    Raises:
        InvalidOption: A range is malformed, or nothing is varied.
    """
    space: Space = {}
    fixed = []
    for word in words:
        key, _, value = word.partition("=")
        varied = _varied(word, value)
        if varied is None:
            fixed.append(word)
        else:
            space[key.strip()] = varied
    if not space:
        message = "no option is varied; give several values, such as cell.hidden_size=32,64"
        raise InvalidOption(f"{message} or trainer.optimizer.lr=log:1e-4..1e-2")
    return space, fixed


def _varied(word: str, value: str) -> Choices | Range | None:
    if ".." in value:
        return _range(word, value)
    parts = _parts(value)
    return Choices(tuple(parts)) if len(parts) > 1 else None


def _range(word: str, value: str) -> Range:
    log, ends = value.startswith("log:"), value.removeprefix("log:").split("..")
    try:
        low, high = (float(end) for end in ends)
    except ValueError:
        raise InvalidOption(f"{word}: expected two numbers, such as 1e-4..1e-2 or log:1e-4..1e-2") from None
    if not low < high or (log and low <= 0):
        wanted = "positive numbers, the first" if log else "numbers, the first"
        raise InvalidOption(f"{word}: expected two {wanted} less than the second")
    return Range(low, high, log, whole=all(end.strip().lstrip("+-").isdigit() for end in ends))


def _parts(value: str) -> list[str]:
    """Split at commas outside brackets and quotes, so that lists and tables are not split."""
    depth, quoted, parts = 0, "", [""]
    for letter in value:
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "\"'":
            quoted = letter
        depth += (letter in "[{") - (letter in "]}") if not quoted else 0
        if letter == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
