"""Predictions for the sequences of a file, as rows in the words of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import torch
from pydantic import Field
from torch import Tensor

from recurra import Configurable, Predictor
from recurra_own_data.inputs import Encoder
from recurra_own_data.rows import Sequences
from recurra_own_data.table import Table, read_table

Row = Mapping[str, Any]
MOST = 65_536


class Sequential(Protocol):
    """What predictions need of their task."""

    target: tuple[str, ...]
    sequence: str | None
    longest: int | None
    texts: frozenset[str]
    encoder: Encoder
    read: Mapping[Any, Sequences]

    def sequences(self, table: Table, targets: Sequence[str] = ()) -> Sequences:
        """Return the sequences of a table."""
        ...

    def described(self, y: Tensor) -> list[Row]:
        """Return the predictions of one sequence."""
        ...

    def actual(self, found: Sequences) -> list[list[Row]]:
        """Return the targets of sequences."""
        ...


class Labelled(Configurable):
    """A prediction for each sequence of a file, or for each of its steps.

    The first column says which sequence it is: the name that the column `task.sequence` gives it, or its row,
    counted from 1; an underscore is added to its name if another column has the same. Where the file has the
    target, the column `actual` repeats it (in regression `TARGET_actual`). Classification and tagging give
    the likeliest label, `prediction`, and the probability of each, `p_LABEL`; regression gives the estimates
    in the units of training.

    Raises:
        MissingFile: There is no such file; for other errors see `OwnData`.
    """

    def __init__(
        self,
        task: Sequential,
        *,
        input: Annotated[
            Path | None, Field(description="file with the input columns of training; none: the test split")
        ] = None,
        batch_size: Annotated[
            int, Field(gt=0, le=MOST, description="number of sequences to compute at once")
        ] = 256,
    ) -> None:
        self.task, self.batch_size = task, batch_size
        self.found, self.actual = self._test() if input is None else self._of(read_table(input, task.texts))

    def _test(self) -> tuple[Sequences, list[list[Row]] | None]:
        found = self.task.read["test"]
        return found, self.task.actual(found)

    def _of(self, table: Table) -> tuple[Sequences, list[list[Row]] | None]:
        if not set(self.task.target) <= set(table.columns):
            return self.task.sequences(table), None
        found = self.task.sequences(table, self.task.target)
        return found, self.task.actual(found)

    def rows(self, network: Predictor) -> Iterator[Row]:
        """Yield the rows."""
        name = self.task.sequence or "row"
        for number, y in enumerate(outputs_of(self.task, self.found, network, self.batch_size)):
            for step, row in enumerate(self.task.described(y)):
                actual = self.actual[number][step] if self.actual else {}
                yield _named(name, self.found.names[number], {**row, **actual})


def outputs_of(task: Sequential, found: Sequences, network: Predictor, batch_size: int) -> Iterator[Tensor]:
    """Yield the outputs (T, O) of each sequence."""
    x = task.encoder.encoded(found, task.longest)
    for rows in torch.split(torch.arange(len(x.counts)), batch_size):
        lengths = x.counts[rows]
        y, _ = network(x.padded(rows, int(lengths.max()), 0), None, lengths=lengths)
        for outputs, length in zip(y.cpu(), lengths.tolist(), strict=True):
            yield outputs[:length]


def _named(column: str, name: Any, row: Row) -> Row:
    """Return a row with the name of its sequence first."""
    while column in row:
        column += "_"
    return {column: name, **row}
