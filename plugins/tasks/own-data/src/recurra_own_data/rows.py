"""The rows of a table as sequences: a row is a whole sequence, or one step of the sequence that it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from recurra import InvalidInput
from recurra_own_data.table import Table


class Sequences(NamedTuple):
    """Values of N sequences, as they are in the file.

    Args:
        where: The file, as messages name it.
        cells: Column -> what each sequence has in it: a value; or a list, one value for each step.
        numbers: The rows of the file that each sequence was read from, counted from 1: one, or one per step.
        names: What the file calls each sequence; its row, where the file does not name it.
    """

    where: str
    cells: Mapping[str, Sequence[Any]]
    numbers: Sequence[Sequence[int]]
    names: Sequence[Any]

    def place(self, column: str, sequence: int, step: int = 0) -> str:
        """Return where a value is, for messages."""
        rows = self.numbers[sequence]
        row = f"row {rows[min(step, len(rows) - 1)]:,}"
        if len(rows) == 1 and step:
            row += f", element {step + 1:,}"
        return f"column '{column}' of {self.where}, {row}"


def sequences_of(table: Table, columns: Sequence[str], sequence: str | None) -> Sequences:
    """Return the sequences of a table.

    Args:
        table: The table.
        columns: Which columns to keep.
        sequence: The column whose equal values make rows the steps of one sequence; if None, each row is one.

    Raises:
        InvalidInput: A row does not say of which sequence it is a step.
    """
    if sequence is None:
        numbers = [(row,) for row in range(1, table.rows + 1)]
        cells = {name: table.columns[name] for name in columns}
        return Sequences(table.where, cells, numbers, [row for (row,) in numbers])
    steps = _grouped(table, sequence)
    cells = {
        name: [[table.columns[name][row] for row in rows] for rows in steps.values()] for name in columns
    }
    return Sequences(table.where, cells, [[row + 1 for row in rows] for rows in steps.values()], list(steps))


def _grouped(table: Table, sequence: str) -> Mapping[Any, list[int]]:
    """Return name -> the rows of each sequence, in their order."""
    steps: dict[Any, list[int]] = {}
    for row, name in enumerate(table.columns[sequence]):
        if name is None or isinstance(name, list | dict):
            message = f"column '{sequence}' of {table.where}, row {row + 1:,}, names no sequence"
            raise InvalidInput(f"{message}; write a number or a name in it")
        steps.setdefault(name, []).append(row)
    return steps


def values_of(found: Sequences, column: str) -> list[Any]:
    """Return the one value that each sequence has in a column.

    Raises:
        InvalidInput: A value is missing or a list, or the steps of a sequence disagree.
    """
    values = []
    for number, cell in enumerate(found.cells[column]):
        by_step = len(found.numbers[number]) > 1 or isinstance(cell, list)
        steps = cell if by_step and isinstance(cell, list) else [cell]
        first = _present(steps[0] if steps else None, found, column, number)
        other = next((step for step, value in enumerate(steps) if value != first), None)
        if other is not None:
            message = f"{found.place(column, number, other)}: {steps[other]!r} after {first!r}"
            raise InvalidInput(f"{message} in the same sequence; a sequence has one target")
        values.append(first)
    return values


def steps_of(found: Sequences, column: str) -> list[list[Any]]:
    """Return the values that each sequence has in a column, one for each step.

    Raises:
        InvalidInput: A value is missing, or there is no list.
    """
    for number, cell in enumerate(found.cells[column]):
        if not isinstance(cell, list):
            message = f"{found.place(column, number)}: expected a list, one value for each step"
            raise InvalidInput(
                f"{message}; if rows are steps, name the column that tells sequences apart:"
                " task.sequence=COLUMN"
            )
        for step, value in enumerate(cell):
            _present(value, found, column, number, step)
    return list(found.cells[column])


def _present(value: Any, found: Sequences, column: str, number: int, step: int = 0) -> Any:
    if value is None or value == "" or value != value:
        raise InvalidInput(f"{found.place(column, number, step)}: no value; fill in or remove the row")
    if isinstance(value, list | dict):
        raise InvalidInput(
            f"{found.place(column, number, step)}: expected one value, got {type(value).__name__}"
        )
    return value
